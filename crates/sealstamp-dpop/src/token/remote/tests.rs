//! A real issuer on loopback, and the keeper's schedule under a clock that the test moves.

use std::error::Error;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{advance, sleep, timeout};

use super::*;
use crate::token::fetch::MAX_DOCUMENT_BYTES;
use crate::token::keeper::{KEEP_S, MIN_INTERVAL_S, REFRESH_AFTER_S};

const NOW: UnixMillis = UnixMillis::new(1_790_000_000_000);
const ONE_KEY: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const OTHER_KEY: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// `{"alg":"EdDSA","kid":"2"}`, `{}`, and 64 zero bytes.
const UNDER_KEY_2: &str = concat!(
    "eyJhbGciOiJFZERTQSIsImtpZCI6IjIifQ.e30.",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
);
/// `{"alg":"EdDSA","kid":"1"}`.
const UNDER_KEY_1: &str = concat!(
    "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.e30.",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
);

/// An issuer that is asked by a function instead of HTTP: what it says and after how long, and how often it was asked.
#[derive(Clone)]
struct Fake {
    says: Arc<Mutex<Option<&'static str>>>,
    after: Arc<Mutex<Duration>>,
    asked: Arc<AtomicUsize>,
}

impl Fake {
    fn new(says: Option<&'static str>) -> Self {
        Self { says: Arc::new(Mutex::new(says)), after: Arc::default(), asked: Arc::default() }
    }

    fn say(&self, says: Option<&'static str>) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }

    fn validator(&self) -> RemoteJwtValidator {
        let this = self.clone();
        let fetch: Fetch = Box::new(move || {
            let this = this.clone();
            Box::pin(async move {
                this.asked.fetch_add(1, SeqCst);
                let after = *this.after.lock().unwrap();
                sleep(after).await;
                let says = *this.says.lock().unwrap();
                match says {
                    Some("panic") => panic!("for the test"),
                    Some(set) => Jwks::parse(set.as_bytes()).map_err(FetchError::Jwks),
                    None => Err(FetchError::TooLong),
                }
            })
        });
        let tokens = JwtValidator::new("i", "a", Jwks::none());
        RemoteJwtValidator {
            keeper: Arc::new(Keeper::start(tokens.clone(), fetch)),
            tokens,
            source: Arc::new(KeySource::jwks_uri("https://issuer.example/jwks").unwrap()),
        }
    }
}

async fn seconds(seconds: u64) {
    // In steps, so that what becomes due on the way happens on the way.
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
}

async fn defect(tokens: &RemoteJwtValidator, token: &str) -> TokenDefect {
    tokens.validate(token, NOW).await.unwrap_err()
}

/// The case that was seen: an issuer that takes three seconds, and clients that give up after one.
#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_takes_nothing_with_it() {
    let issuer = Fake::new(Some(ONE_KEY));
    let tokens = issuer.validator();
    tokens.keeper.first_attempt().await;
    seconds(MIN_INTERVAL_S).await;
    issuer.say(Some(OTHER_KEY));
    *issuer.after.lock().unwrap() = Duration::from_secs(3);
    let impatient = (0..200).map(|_| {
        let tokens = tokens.clone();
        tokio::spawn(async move { timeout(Duration::from_secs(1), tokens.validate(UNDER_KEY_2, NOW)).await.is_err() })
    });
    for gave_up in impatient.collect::<Vec<_>>() {
        assert!(gave_up.await.unwrap());
    }
    // The fetch that they wanted goes on. Whoever waits for it finds the key, though not a signature of its.
    assert_eq!(defect(&tokens, UNDER_KEY_2).await, TokenDefect::BadSignature);
    assert_eq!(issuer.asked(), 2);
    assert_eq!(tokens.status().keys, 1);
}

#[tokio::test(start_paused = true)]
async fn the_issuer_is_not_asked_more_often_than_agreed() {
    let issuer = Fake::new(Some(ONE_KEY));
    let tokens = issuer.validator();
    tokens.keeper.first_attempt().await;
    // Unknown keys and bad signatures alike.
    for (wait, expected) in [(0, 1), (29, 1), (1, 2), (1, 2), (28, 2), (1, 3)] {
        seconds(wait).await;
        for _ in 0..3 {
            assert_eq!(defect(&tokens, UNDER_KEY_2).await, TokenDefect::UnknownKey);
            assert_eq!(defect(&tokens, UNDER_KEY_1).await, TokenDefect::BadSignature);
        }
        assert_eq!(issuer.asked(), expected, "{wait} s later");
    }
}

/// Keys that were made anew under an old name are noticed by their signatures.
#[tokio::test(start_paused = true)]
async fn a_bad_signature_under_a_known_key_asks_again() {
    let issuer = Fake::new(Some(ONE_KEY));
    let tokens = issuer.validator();
    tokens.keeper.first_attempt().await;
    seconds(MIN_INTERVAL_S).await;
    assert_eq!(defect(&tokens, UNDER_KEY_1).await, TokenDefect::BadSignature);
    assert_eq!(issuer.asked(), 2);
}

/// An hour without the issuer: known keys serve, the status says so, and it is found again without a restart.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_for_an_hour() {
    let issuer = Fake::new(Some(ONE_KEY));
    let tokens = issuer.validator();
    tokens.keeper.first_attempt().await;
    issuer.say(None);
    seconds(3600).await;
    let status = tokens.status();
    assert!(status.ready && status.failing && status.age_s.is_some_and(|age| age >= 3599), "{status:?}");
    assert_eq!(status.last_error.as_ref().unwrap().error, FetchError::TooLong.to_string());
    assert!(status.last_error.unwrap().ago_s <= REFRESH_AFTER_S && status.next_in_s <= REFRESH_AFTER_S);
    // 480 s at the earliest until the first, then back-off: not once a second.
    assert!((5..=14).contains(&issuer.asked()), "{}", issuer.asked());
    assert_eq!(defect(&tokens, UNDER_KEY_1).await, TokenDefect::BadSignature);
    // Nobody knows whether an unknown key is a new one.
    assert_eq!(defect(&tokens, UNDER_KEY_2).await, TokenDefect::Unavailable);
    issuer.say(Some(OTHER_KEY));
    seconds(REFRESH_AFTER_S).await;
    assert!(!tokens.status().failing);
    assert_eq!(defect(&tokens, UNDER_KEY_2).await, TokenDefect::BadSignature);
}

#[tokio::test(start_paused = true)]
async fn keys_are_given_up_after_a_day() {
    let issuer = Fake::new(Some(ONE_KEY));
    let tokens = issuer.validator();
    tokens.keeper.first_attempt().await;
    issuer.say(None);
    seconds(KEEP_S - 10).await;
    assert_eq!(defect(&tokens, "x").await, TokenDefect::Malformed);
    assert!(tokens.is_ready());
    seconds(11).await;
    assert_eq!(defect(&tokens, "x").await, TokenDefect::Unavailable);
    assert!(!tokens.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_server_may_start_before_its_issuer() {
    let issuer = Fake::new(None);
    let tokens = issuer.validator();
    assert_eq!(defect(&tokens, UNDER_KEY_1).await, TokenDefect::Unavailable);
    assert!(!tokens.is_ready());
    issuer.say(Some(ONE_KEY));
    seconds(MIN_INTERVAL_S + 1).await;
    assert!(tokens.is_ready());
    assert_eq!(defect(&tokens, UNDER_KEY_1).await, TokenDefect::BadSignature);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_panics_or_hangs_is_one_that_failed() {
    let issuer = Fake::new(Some("panic"));
    let tokens = issuer.validator();
    tokens.keeper.first_attempt().await;
    assert_eq!(tokens.status().last_error.unwrap().error, FetchError::Died.to_string());
    issuer.say(Some(ONE_KEY));
    *issuer.after.lock().unwrap() = Duration::from_secs(3600);
    seconds(MIN_INTERVAL_S + 6).await;
    assert_eq!(tokens.status().last_error.unwrap().error, FetchError::TimedOut.to_string());
    *issuer.after.lock().unwrap() = Duration::ZERO;
    seconds(REFRESH_AFTER_S).await;
    assert!(tokens.is_ready());
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_handle() {
    let issuer = Fake::new(Some(ONE_KEY));
    let tokens = issuer.validator();
    tokens.keeper.first_attempt().await;
    drop(tokens.clone());
    seconds(2 * REFRESH_AFTER_S).await;
    let asked = issuer.asked();
    assert!(asked >= 2);
    drop(tokens);
    seconds(2 * REFRESH_AFTER_S).await;
    assert_eq!(issuer.asked(), asked);
}

/// An issuer over HTTP: answers by path, and how often it was asked.
async fn issuer(answers: Vec<(&'static str, String)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (paths, base) = (Arc::clone(&asked), url.clone());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let found = answers.iter().find(|(at, _)| *at == path).map(|(_, answer)| answer.replace("ISSUER", &base));
            paths.lock().unwrap().push(path);
            let answer = found.unwrap_or_else(|| answer("404 Not Found", ""));
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, asked)
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}")
}

async fn connect(answer: String) -> Result<RemoteJwtValidator, FetchError> {
    let (url, _) = issuer(vec![("/jwks", answer)]).await;
    RemoteJwtValidator::connect("i", "a", &format!("{url}/jwks")).await
}

#[tokio::test]
async fn what_is_no_jwk_set_is_refused() {
    let long = " ".repeat(MAX_DOCUMENT_BYTES);
    for (answer, expected) in [
        (answer("404 Not Found", ONE_KEY), "Status(404)"),
        (answer("200 OK", "{}"), "Jwks"),
        (answer("200 OK", r#"{"keys":[]}"#), "Jwks"),
        (answer("200 OK", &format!("{ONE_KEY}{long}")), "TooLong"),
        (answer("302 Found\r\nlocation: http://127.0.0.1/", ONE_KEY), "Status(302)"),
    ] {
        let error = connect(answer).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
    }
    for url in ["http://issuer.example/jwks", "http://10.0.0.1/jwks", "file:///jwks", "jwks", ""] {
        assert!(matches!(RemoteJwtValidator::connect("i", "a", url).await.unwrap_err(), FetchError::Url), "{url}");
        assert!(matches!(RemoteJwtValidator::discover(url, "a").await.unwrap_err(), FetchError::Url), "{url}");
    }
    let longest = answer("200 OK", &format!("{ONE_KEY}{}", &long[ONE_KEY.len()..]));
    assert!(connect(longest).await.is_ok());
}

/// RFC 8414 section 3.3: the issuer is compared exactly.
#[tokio::test]
async fn keys_are_found_by_the_issuers_metadata() {
    const OAUTH: &str = "/.well-known/oauth-authorization-server";
    const OPENID: &str = "/.well-known/openid-configuration";
    let metadata = |issuer: &str| answer("200 OK", &format!(r#"{{"issuer":"{issuer}","jwks_uri":"ISSUER/keys"}}"#));
    let keys = || ("/keys", answer("200 OK", ONE_KEY));
    for (answers, expected) in [
        (vec![(OAUTH, metadata("ISSUER")), keys()], "Ok"),
        (vec![(OPENID, metadata("ISSUER")), keys()], "Ok"),
        (vec![(OAUTH, metadata("ISSUER/")), (OPENID, metadata("ISSUER")), keys()], "WrongIssuer"),
        (vec![(OAUTH, metadata("https://other.example")), keys()], "WrongIssuer"),
        (vec![(OAUTH, answer("200 OK", r#"{"issuer":"ISSUER"}"#)), keys()], "Metadata"),
        (vec![(OAUTH, answer("200 OK", "<html>")), keys()], "Metadata"),
        (vec![(OAUTH, answer("200 OK", r#"{"issuer":"ISSUER","jwks_uri":"http://h/"}"#)), keys()], "Url"),
        (vec![(OAUTH, answer("500 Oops", "")), (OPENID, metadata("ISSUER")), keys()], "Status(500)"),
        (vec![(OAUTH, metadata("ISSUER"))], "Status(404)"),
        (vec![keys()], "Status(404)"),
    ] {
        let (url, asked) = issuer(answers).await;
        let found = RemoteJwtValidator::discover(&url, "a").await;
        let shown = format!("{:?}", found.as_ref().map(|tokens| tokens.status().keys));
        assert!(
            shown.starts_with(&expected.replace("Ok", "Ok(1)")) || shown.starts_with(&format!("Err({expected}")),
            "{shown}"
        );
        assert!(asked.lock().unwrap().iter().all(|path| [OAUTH, OPENID, "/keys"].contains(&path.as_str())));
    }
}

#[tokio::test]
async fn messages_name_the_fault_and_its_source() {
    let jwks = connect(answer("200 OK", "{}")).await.unwrap_err();
    let away = RemoteJwtValidator::connect("i", "a", "http://127.0.0.1:1/jwks").await.unwrap_err();
    let absent = connect(answer("404 Not Found", "")).await.unwrap_err();
    for (error, message, source) in [
        (FetchError::Url, "an issuer is asked over https, or over http on loopback", false),
        (away, "the issuer could not be asked", true),
        (absent, "the issuer answered with status 404", false),
        (FetchError::TimedOut, "the issuer did not answer within 5 seconds", false),
        (FetchError::TooLong, "the issuer's answer is longer than 256 KiB", false),
        (FetchError::Metadata, "the issuer's metadata cannot be used", false),
        (FetchError::WrongIssuer, "the metadata found is that of another issuer", false),
        (jwks, "the issuer's JWK set cannot be used", true),
        (FetchError::Died, "the task that asked the issuer has died", false),
    ] {
        assert_eq!((error.to_string().as_str(), error.source().is_some()), (message, source));
    }
}

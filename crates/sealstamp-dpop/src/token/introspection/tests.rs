//! An issuer on loopback that answers what the test says, to see what is made of each answer. A real one is asked in
//! the end-to-end tests.

use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::token::TokenBinding;
use crate::token::fetch::MAX_DOCUMENT_BYTES;

const AUDIENCE: &str = "https://mcp.example.com/mcp";
const NOW: UnixMillis = UnixMillis::new(1_790_000_000_000);
const NOW_S: u64 = 1_790_000_000;

struct Issuer {
    url: String,
    answer: Arc<Mutex<(String, Duration)>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    async fn new(status: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/introspect", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((http(status, body), Duration::ZERO)));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (answers, ears) = (Arc::clone(&answer), Arc::clone(&heard));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (answers, ears) = (Arc::clone(&answers), Arc::clone(&ears));
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    // The head, and a body that ends with the hint.
                    while !request.ends_with(b"token_type_hint=access_token") {
                        let mut part = [0; 4096];
                        let length = stream.read(&mut part).await.unwrap();
                        assert_ne!(length, 0, "{}", String::from_utf8_lossy(&request));
                        request.extend_from_slice(&part[..length]);
                    }
                    ears.lock().unwrap().push(String::from_utf8(request).unwrap());
                    let (answer, after) = answers.lock().unwrap().clone();
                    tokio::time::sleep(after).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { url, answer, heard }
    }

    fn validator(&self) -> IntrospectionValidator {
        let credentials = IntrospectionCredentials::basic("mcp server", "s:cret+/ä").unwrap();
        IntrospectionValidator::new(&self.url, credentials, AUDIENCE).unwrap()
    }

    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}")
}

async fn says(status: &str, body: &str) -> Result<TokenFacts, TokenDefect> {
    Issuer::new(status, body).await.validator().validate("t", NOW).await
}

#[tokio::test]
async fn what_an_answer_must_say() {
    let jkt = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    let late = NOW_S - DEFAULT_LEEWAY_S;
    let active = |members: &str| format!(r#"{{"active":true,"aud":"{AUDIENCE}"{members}}}"#);
    for (body, expected) in [
        (active(""), Ok(TokenBinding::None)),
        (active(&format!(r#","cnf":{{"jkt":"{jkt}"}}"#)), Ok(TokenBinding::Thumbprint(jkt.parse().unwrap()))),
        (active(r#","cnf":{"x5t#S256":"x"}"#), Ok(TokenBinding::Unknown)),
        (active(&format!(r#","exp":{}"#, late + 1)), Ok(TokenBinding::None)),
        (active(&format!(r#","exp":{late}"#)), Err(TokenDefect::Expired)),
        (active(&format!(r#","nbf":{}"#, NOW_S + DEFAULT_LEEWAY_S)), Ok(TokenBinding::None)),
        (active(&format!(r#","nbf":{}"#, NOW_S + DEFAULT_LEEWAY_S + 1)), Err(TokenDefect::NotYetValid)),
        (active(r#","exp":"soon""#), Err(TokenDefect::Malformed)),
        (format!(r#"{{"active":true,"aud":["x","{AUDIENCE}"]}}"#), Ok(TokenBinding::None)),
        (r#"{"active":true,"aud":"https://other.example"}"#.into(), Err(TokenDefect::WrongAudience)),
        (r#"{"active":true,"aud":[]}"#.into(), Err(TokenDefect::WrongAudience)),
        (r#"{"active":true,"aud":7}"#.into(), Err(TokenDefect::WrongAudience)),
        (r#"{"active":true}"#.into(), Err(TokenDefect::WrongAudience)),
        (r#"{"active":false}"#.into(), Err(TokenDefect::Inactive)),
        (format!(r#"{{"active":false,"aud":"{AUDIENCE}"}}"#), Err(TokenDefect::Inactive)),
        // No answer to the question.
        (format!(r#"{{"aud":"{AUDIENCE}"}}"#), Err(TokenDefect::Unavailable)),
        (format!(r#"{{"active":"true","aud":"{AUDIENCE}"}}"#), Err(TokenDefect::Unavailable)),
        (format!(r#"{{"active":1,"aud":"{AUDIENCE}"}}"#), Err(TokenDefect::Unavailable)),
        ("[]".into(), Err(TokenDefect::Unavailable)),
        ("null".into(), Err(TokenDefect::Unavailable)),
        (String::new(), Err(TokenDefect::Unavailable)),
        (format!("{}{}", active(""), " ".repeat(MAX_DOCUMENT_BYTES)), Err(TokenDefect::Unavailable)),
    ] {
        assert_eq!(says("200 OK", &body).await.map(|facts| facts.binding()), expected, "{body:.99}");
    }
    for status in ["401 Unauthorized", "403 Forbidden", "302 Found", "500 Oops"] {
        assert_eq!(says(status, &active("")).await.map(drop), Err(TokenDefect::Unavailable), "{status}");
    }
}

/// RFC 7662 section 2.2 makes `aud` optional; doing without is a choice, and one that is named is compared still.
#[tokio::test]
async fn answers_without_audience_are_a_choice() {
    let lenient = |issuer: &Issuer| issuer.validator().dangerously_accept_answers_without_audience();
    let silent = Issuer::new("200 OK", r#"{"active":true}"#).await;
    assert!(lenient(&silent).validate("t", NOW).await.is_ok());
    let other = Issuer::new("200 OK", r#"{"active":true,"aud":"x"}"#).await;
    assert_eq!(lenient(&other).validate("t", NOW).await.unwrap_err(), TokenDefect::WrongAudience);
    assert!(lenient(&other).or_audience("x").validate("t", NOW).await.is_ok());
}

/// RFC 7662 section 2.1, RFC 6749 section 2.3.1: each half of the credentials is form-encoded first.
#[tokio::test]
async fn the_question_is_authenticated_and_encoded() {
    let issuer = Issuer::new("200 OK", &format!(r#"{{"active":true,"aud":"{AUDIENCE}"}}"#)).await;
    issuer.validator().validate("a+b/c==", NOW).await.unwrap();
    let heard = issuer.heard.lock().unwrap().remove(0);
    let credentials = STANDARD.encode("mcp+server:s%3Acret%2B%2F%C3%A4");
    assert!(heard.to_lowercase().contains(&format!("authorization: basic {credentials}").to_lowercase()), "{heard}");
    assert!(heard.contains(&credentials) && heard.contains("\r\n\r\ntoken=a%2Bb%2Fc%3D%3D&"), "{heard}");
    let bearer = IntrospectionCredentials::bearer("abc").unwrap();
    assert_eq!(format!("{bearer:?}"), "IntrospectionCredentials(..)");
    IntrospectionValidator::new(&issuer.url, bearer, AUDIENCE).unwrap().validate("t", NOW).await.unwrap();
    assert!(issuer.heard.lock().unwrap()[0].to_lowercase().contains("authorization: bearer abc"));
    let error = IntrospectionCredentials::bearer("a\nb").unwrap_err();
    assert_eq!(error.to_string(), "the credentials hold characters that no header can");
    let shown = format!("{:?}", issuer.validator());
    assert!(!shown.contains("cret"), "{shown}");
    let away =
        IntrospectionValidator::new("http://issuer.example/i", IntrospectionCredentials::bearer("a").unwrap(), "a");
    assert!(matches!(away.unwrap_err(), FetchError::Url));
}

/// Those who come together share one question, and one that is given up goes on.
#[tokio::test]
async fn one_question_for_all() {
    let issuer = Issuer::new("200 OK", &format!(r#"{{"active":true,"aud":"{AUDIENCE}","sub":"alice"}}"#)).await;
    issuer.answer.lock().unwrap().1 = Duration::from_millis(300);
    let tokens = issuer.validator();
    let impatient = tokio::time::timeout(Duration::from_millis(100), tokens.validate("t", NOW));
    let clone = tokens.clone();
    let (impatient, one, two) = tokio::join!(impatient, tokens.validate("t", NOW), clone.validate("t", NOW));
    assert!(impatient.is_err());
    assert_eq!((one.unwrap().subject(), two.unwrap().subject(), issuer.heard()), (Some("alice"), Some("alice"), 1));
    // Nothing is remembered: a token that is revoked is refused at once.
    *issuer.answer.lock().unwrap() = (http("200 OK", r#"{"active":false}"#), Duration::ZERO);
    assert_eq!(tokens.validate("t", NOW).await.unwrap_err(), TokenDefect::Inactive);
    assert_eq!((tokens.asked(), tokens.failed(), issuer.heard()), (2, 0, 2));
    *issuer.answer.lock().unwrap() = (http("500 Oops", ""), Duration::ZERO);
    assert_eq!(tokens.validate("t", NOW).await.unwrap_err(), TokenDefect::Unavailable);
    assert_eq!((tokens.asked(), tokens.failed()), (3, 1));
}

#[tokio::test]
async fn different_questions_are_bounded() {
    let issuer = Issuer::new("200 OK", &format!(r#"{{"active":true,"aud":"{AUDIENCE}"}}"#)).await;
    issuer.answer.lock().unwrap().1 = Duration::from_millis(300);
    let tokens = issuer.validator();
    let ask = |n: usize| {
        let tokens = tokens.clone();
        tokio::spawn(async move { tokens.validate(&format!("t{n}"), NOW).await.map(drop) })
    };
    let asked: Vec<_> = (0..=MAX_QUESTIONS).map(ask).collect();
    let mut refused = 0;
    for answer in asked {
        refused += usize::from(answer.await.unwrap() == Err(TokenDefect::Unavailable));
    }
    assert_eq!((refused, issuer.heard()), (1, MAX_QUESTIONS));
}

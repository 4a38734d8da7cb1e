//! Keeps an issuer's keys current over HTTPS (feature `jwks-http`).
//!
//! A token names its key. Anybody can send tokens that name unknown keys, as many as they like. Whatever tokens name,
//! one process asks the issuer at most once in [`MIN_INTERVAL_S`].

use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use reqwest::{Client, redirect};
use sealstamp::UnixMillis;
use tokio::sync::{Mutex, MutexGuard};
use url::{Host, Url};

use crate::token::defect::TokenDefect;
use crate::token::facts::TokenFacts;
use crate::token::jwks::{Jwks, JwksError};
use crate::token::jwt::JwtValidator;
use crate::token::validator::TokenValidator;

/// Keys older than this, in seconds, are fetched again when the next token arrives.
pub const REFRESH_AFTER_S: u64 = 600;

/// The issuer is asked at most once in this many seconds, whether it answered or not.
pub const MIN_INTERVAL_S: u64 = 30;

/// Keys this old, in seconds, are used no more: at the latest then, a key that the issuer has withdrawn is gone.
pub const KEEP_S: u64 = 24 * 3600;

/// The longest JWK set that is read, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A [`JwtValidator`] whose keys come from the issuer's `jwks_uri`, over HTTPS, or plain HTTP on loopback.
///
/// They are fetched again when they are [ten minutes](REFRESH_AFTER_S) old, or when a token names a key that is not
/// among them. While the issuer does not answer, the last keys serve for [a day](KEEP_S). Needs a tokio runtime.
#[derive(Debug)]
pub struct RemoteJwtValidator {
    tokens: JwtValidator,
    client: Client,
    url: Url,
    /// When the present keys were fetched, in milliseconds since the Unix epoch.
    fetched: AtomicU64,
    /// When the issuer was last asked. Locked while asking, so that one request asks on behalf of all.
    asked: Mutex<UnixMillis>,
}

impl RemoteJwtValidator {
    /// Fetches the keys for the first time. Issuer and audience are as in [`JwtValidator::new`].
    ///
    /// # Errors
    ///
    /// [`FetchError`] if the URL is neither HTTPS nor on loopback, or no JWK set came from it.
    pub async fn connect(issuer: &str, audience: &str, jwks_uri: &str, now: UnixMillis) -> Result<Self, FetchError> {
        let url = Url::parse(jwks_uri).ok().filter(is_safe).ok_or(FetchError::Url)?;
        // A redirect could lead from HTTPS to anywhere.
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        let client = client.build().map_err(FetchError::Http)?;
        let keys = fetch(&client, &url).await?;
        Ok(Self {
            tokens: JwtValidator::new(issuer, audience, keys),
            client,
            url,
            fetched: AtomicU64::new(now.get()),
            asked: Mutex::new(now),
        })
    }

    async fn refresh(&self, mut asked: MutexGuard<'_, UnixMillis>, now: UnixMillis) {
        // A clock that was set back must not silence refreshing until it has caught up.
        if now >= *asked && now.since(*asked) < MIN_INTERVAL_S.saturating_mul(1000) {
            return;
        }
        *asked = now;
        if let Ok(keys) = fetch(&self.client, &self.url).await {
            self.tokens.reload(keys);
            self.fetched.store(now.get(), Relaxed);
        }
    }

    fn age_s(&self, now: UnixMillis) -> u64 {
        now.since(UnixMillis::new(self.fetched.load(Relaxed))) / 1000
    }
}

impl TokenValidator for RemoteJwtValidator {
    async fn validate(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        if self.age_s(now) >= REFRESH_AFTER_S {
            // While one request asks, the others go on with the keys that are there.
            if let Ok(asked) = self.asked.try_lock() {
                self.refresh(asked, now).await;
            }
        }
        let mut found = self.tokens.validate_now(token, now);
        if matches!(found, Err(TokenDefect::UnknownKey)) {
            self.refresh(self.asked.lock().await, now).await;
            found = self.tokens.validate_now(token, now);
        }
        if self.age_s(now) >= KEEP_S { Err(TokenDefect::Unavailable) } else { found }
    }

    fn generation(&self) -> u64 {
        self.tokens.generation()
    }
}

/// A JWK set could not be fetched.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL is neither HTTPS nor plain HTTP on loopback.
    Url,
    /// The request failed, or its response was not a success.
    Http(reqwest::Error),
    /// The response was longer than [`MAX_JWKS_BYTES`].
    TooLong,
    /// The response was not a JWK set that can be used.
    Jwks(JwksError),
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Url => "a JWK set is fetched over https, or http on loopback",
            Self::Http(_) => "the JWK set could not be fetched",
            Self::TooLong => "the JWK set is longer than 256 KiB",
            Self::Jwks(_) => "the issuer's JWK set cannot be used",
        })
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Http(error) => Some(error),
            Self::Jwks(error) => Some(error),
            Self::Url | Self::TooLong => None,
        }
    }
}

fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

async fn fetch(client: &Client, url: &Url) -> Result<Jwks, FetchError> {
    let mut response = client.get(url.clone()).send().await.map_err(FetchError::Http)?;
    response = response.error_for_status().map_err(FetchError::Http)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(FetchError::Http)? {
        if body.len().saturating_add(chunk.len()) > MAX_JWKS_BYTES {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Jwks::parse(&body).map_err(FetchError::Jwks)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const ONE_KEY: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// `{"alg":"EdDSA","kid":"2"}`, `{}`, and four zero bytes.
    const UNKNOWN_KEY: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6IjIifQ.e30.AAAAAA";

    /// An issuer that gives each answer once and then the last one; and how often it was asked.
    async fn issuer(answers: Vec<String>) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let place = count.fetch_add(1, SeqCst).min(answers.len().saturating_sub(1));
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answers[place].as_bytes()).await;
            }
        });
        (url, asked)
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis::new(1_790_000_000_000).saturating_add(seconds.saturating_mul(1000))
    }

    #[tokio::test]
    async fn the_issuer_is_not_asked_more_often_than_agreed() {
        let (url, asked) = issuer(vec![answer("200 OK", ONE_KEY)]).await;
        let tokens = RemoteJwtValidator::connect("i", "a", &url, at(0)).await.unwrap();
        for (second, expected) in [(0, 1), (29, 1), (30, 2), (31, 2), (59, 2), (60, 3), (0, 4)] {
            for _ in 0..3 {
                assert_eq!(tokens.validate(UNKNOWN_KEY, at(second)).await.unwrap_err(), TokenDefect::UnknownKey);
            }
            assert_eq!(asked.load(SeqCst), expected, "at second {second}");
        }
    }

    #[tokio::test]
    async fn keys_are_refreshed_kept_and_given_up() {
        let (url, asked) = issuer(vec![answer("200 OK", ONE_KEY), answer("500 Oops", "")]).await;
        let tokens = RemoteJwtValidator::connect("i", "a", &url, at(0)).await.unwrap();
        let malformed = |at| tokens.validate("x", at);
        assert_eq!(malformed(at(REFRESH_AFTER_S - 1)).await.unwrap_err(), TokenDefect::Malformed);
        assert_eq!(asked.load(SeqCst), 1);
        assert_eq!(malformed(at(REFRESH_AFTER_S)).await.unwrap_err(), TokenDefect::Malformed);
        assert_eq!(asked.load(SeqCst), 2);
        assert_eq!(malformed(at(KEEP_S - 1)).await.unwrap_err(), TokenDefect::Malformed);
        assert_eq!(malformed(at(KEEP_S)).await.unwrap_err(), TokenDefect::Unavailable);
    }

    #[tokio::test]
    async fn what_is_no_jwk_set_is_refused() {
        let long = " ".repeat(MAX_JWKS_BYTES);
        for (answer, expected) in [
            (answer("404 Not Found", ONE_KEY), "Http"),
            (answer("200 OK", "{}"), "Jwks"),
            (answer("200 OK", r#"{"keys":[]}"#), "Jwks"),
            (answer("200 OK", &format!("{ONE_KEY}{long}")), "TooLong"),
            (answer("302 Found\r\nlocation: http://127.0.0.1/", ""), "Jwks"),
        ] {
            let (url, _) = issuer(vec![answer]).await;
            let error = RemoteJwtValidator::connect("i", "a", &url, at(0)).await.unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        }
        for url in ["http://issuer.example/jwks", "http://10.0.0.1/jwks", "file:///jwks", "jwks", ""] {
            let error = RemoteJwtValidator::connect("i", "a", url, at(0)).await.unwrap_err();
            assert!(matches!(error, FetchError::Url), "{url}");
        }
        let longest = answer("200 OK", &format!("{ONE_KEY}{}", &long[ONE_KEY.len()..]));
        assert!(RemoteJwtValidator::connect("i", "a", &issuer(vec![longest]).await.0, at(0)).await.is_ok());
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (url, safe) in [
            ("https://issuer.example/jwks", true),
            ("https://10.0.0.1/jwks", true),
            ("http://localhost:8080/jwks", true),
            ("http://127.8.8.8/jwks", true),
            ("http://[::1]/jwks", true),
            ("http://[::2]/jwks", false),
            ("http://localhost.example/jwks", false),
            ("ftp://localhost/jwks", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), safe, "{url}");
        }
    }

    /// The documentation gives these in words.
    #[test]
    fn bounds() {
        assert_eq!((REFRESH_AFTER_S, MIN_INTERVAL_S, KEEP_S, MAX_JWKS_BYTES), (600, 30, 86_400, 262_144));
    }

    #[tokio::test]
    async fn messages_name_the_fault_and_its_source() {
        use std::error::Error;
        let (url, _) = issuer(vec![answer("200 OK", "{}")]).await;
        let jwks = RemoteJwtValidator::connect("i", "a", &url, at(0)).await.unwrap_err();
        let (url, _) = issuer(vec![answer("404 Not Found", "")]).await;
        let http = RemoteJwtValidator::connect("i", "a", &url, at(0)).await.unwrap_err();
        for (error, message, source) in [
            (FetchError::Url, "a JWK set is fetched over https, or http on loopback", false),
            (http, "the JWK set could not be fetched", true),
            (FetchError::TooLong, "the JWK set is longer than 256 KiB", false),
            (jwks, "the issuer's JWK set cannot be used", true),
        ] {
            assert_eq!((error.to_string().as_str(), error.source().is_some()), (message, source));
        }
    }
}

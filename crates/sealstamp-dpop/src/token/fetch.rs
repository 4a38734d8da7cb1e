//! Asking an issuer over HTTP: with a time limit, a size limit, and no redirects.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, redirect};
use url::{Host, Url};

use crate::token::jwks::JwksError;

/// The longest document of an issuer's that is read, in bytes: a JWK set, metadata, or an introspection response.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// How long an issuer may take to answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// An issuer could not be asked, or its answer cannot be used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FetchError {
    /// A URL is neither HTTPS nor plain HTTP on loopback.
    Url,
    /// No request can be made from here at all. Usually the system has no certificates of authorities, as small images
    /// of containers have none.
    Client(Arc<reqwest::Error>),
    /// The request failed.
    Http(Arc<reqwest::Error>),
    /// The response was not a success: its status, a redirect's among them.
    Status(u16),
    /// The answer was not there within 5 seconds.
    TimedOut,
    /// The answer was longer than [`MAX_DOCUMENT_BYTES`].
    TooLong,
    /// The answer is no authorization server metadata (RFC 8414 section 2) with a `jwks_uri`.
    Metadata,
    /// The metadata is another issuer's: its `issuer` is not exactly the configured one (RFC 8414 section 3.3).
    WrongIssuer,
    /// The answer was no JWK set that can be used.
    Jwks(JwksError),
    /// The task that asked has died. That is a fault of this program, and the next attempt is made all the same.
    Died,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "an issuer is asked over https, or over http on loopback",
            Self::Client(_) => "no issuer can be asked from here: this system may have no certificates of authorities",
            Self::Http(_) => "the issuer could not be asked",
            Self::Status(status) => return write!(f, "the issuer answered with status {status}"),
            Self::TimedOut => "the issuer did not answer within 5 seconds",
            Self::TooLong => "the issuer's answer is longer than 256 KiB",
            Self::Metadata => "the issuer's metadata cannot be used",
            Self::WrongIssuer => "the metadata found is that of another issuer",
            Self::Jwks(_) => "the issuer's JWK set cannot be used",
            Self::Died => "the task that asked the issuer has died",
        })
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Client(error) | Self::Http(error) => Some(&**error),
            Self::Jwks(error) => Some(error),
            Self::Url
            | Self::Status(_)
            | Self::TimedOut
            | Self::TooLong
            | Self::Metadata
            | Self::WrongIssuer
            | Self::Died => None,
        }
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Http(Arc::new(error)) }
    }
}

/// A redirect could lead from HTTPS to anywhere, so none is followed.
pub(super) fn client() -> Result<Client, FetchError> {
    let built = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none()).build();
    built.map_err(|error| FetchError::Client(Arc::new(error)))
}

/// A URL that an issuer may be asked at.
pub(super) fn safe_url(text: &str) -> Result<Url, FetchError> {
    Url::parse(text).ok().filter(is_safe).ok_or(FetchError::Url)
}

/// The body of a successful response.
pub(super) async fn body(request: RequestBuilder) -> Result<Vec<u8>, FetchError> {
    let mut response = request.send().await?;
    if !response.status().is_success() {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > MAX_DOCUMENT_BYTES {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (url, safe) in [
            ("https://issuer.example/jwks", true),
            ("https://10.0.0.1/jwks", true),
            ("http://localhost:8080/jwks", true),
            ("http://127.8.8.8/jwks", true),
            ("http://[::1]/jwks", true),
            ("http://[::2]/jwks", false),
            ("http://10.0.0.1/jwks", false),
            ("http://issuer.example/jwks", false),
            ("http://localhost.example/jwks", false),
            ("ftp://localhost/jwks", false),
            ("file:///jwks", false),
            ("jwks", false),
            ("", false),
        ] {
            assert_eq!(safe_url(url).is_ok(), safe, "{url}");
        }
    }

    /// The documentation gives it in words.
    #[test]
    fn bound() {
        assert_eq!((MAX_DOCUMENT_BYTES, TIMEOUT), (262_144, Duration::from_secs(5)));
    }
}

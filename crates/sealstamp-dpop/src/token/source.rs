//! Where an issuer's keys are: at a `jwks_uri` that is known, or at the one that its metadata names.

use std::sync::Mutex;
use std::sync::PoisonError;

use reqwest::Client;
use serde::Deserialize;
use url::Url;

use crate::token::fetch::{FetchError, body, safe_url};
use crate::token::jwks::Jwks;

/// Where a JWK set comes from.
#[derive(Debug)]
pub(super) struct KeySource {
    kind: Kind,
    /// The `jwks_uri` in use.
    found: Mutex<Option<Url>>,
}

#[derive(Debug)]
enum Kind {
    Known,
    Discovered { issuer: String, places: Vec<Url> },
}

impl KeySource {
    pub(super) fn jwks_uri(uri: &str) -> Result<Self, FetchError> {
        Ok(Self { kind: Kind::Known, found: Mutex::new(Some(safe_url(uri)?)) })
    }

    pub(super) fn discovered(issuer: &str) -> Result<Self, FetchError> {
        let places = places(&safe_url(issuer)?);
        Ok(Self { kind: Kind::Discovered { issuer: issuer.to_owned(), places }, found: Mutex::new(None) })
    }

    /// The URL that keys are fetched from, once it is known.
    pub(super) fn found(&self) -> Option<Url> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn fetch(&self, client: &Client) -> Result<Jwks, FetchError> {
        let url = match self.found() {
            Some(url) => url,
            None => self.discover(client).await?,
        };
        let fetched = match body(client.get(url)).await {
            Ok(set) => Jwks::parse(&set).map_err(FetchError::Jwks),
            Err(error) => Err(error),
        };
        if fetched.is_err() && matches!(self.kind, Kind::Discovered { .. }) {
            // The issuer may have moved its keys: the next attempt asks its metadata again.
            self.remember(None);
        }
        fetched
    }

    /// RFC 8414 section 3, then OpenID Connect Discovery section 4. The first place that has anything decides.
    async fn discover(&self, client: &Client) -> Result<Url, FetchError> {
        let Kind::Discovered { issuer, places } = &self.kind else { return Err(FetchError::Metadata) };
        let mut last = FetchError::Metadata;
        for place in places {
            match body(client.get(place.clone())).await {
                Ok(metadata) => {
                    let metadata: Metadata = serde_json::from_slice(&metadata).map_err(|_| FetchError::Metadata)?;
                    // "The "issuer" value returned MUST be identical to the authorization server's issuer identifier".
                    if metadata.issuer != *issuer {
                        return Err(FetchError::WrongIssuer);
                    }
                    let url = safe_url(&metadata.jwks_uri)?;
                    self.remember(Some(url.clone()));
                    return Ok(url);
                }
                Err(FetchError::Status(status @ 400..500)) => last = FetchError::Status(status),
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn remember(&self, url: Option<Url>) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Where the metadata of an issuer may be: before its path (RFC 8414 section 3.1, for both names), and after it (OpenID
/// Connect Discovery section 4.1).
fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut places = Vec::new();
    for place in [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("{path}/.well-known/openid-configuration"),
        format!("/.well-known/openid-configuration{path}"),
    ] {
        let mut url = issuer.clone();
        url.set_path(&place);
        url.set_query(None);
        url.set_fragment(None);
        if !places.contains(&url) {
            places.push(url);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_in_the_standard_places() {
        for (issuer, expected) in [
            (
                "https://issuer.example",
                &[
                    "https://issuer.example/.well-known/oauth-authorization-server",
                    "https://issuer.example/.well-known/openid-configuration",
                ][..],
            ),
            (
                "https://issuer.example/tenant/",
                &[
                    "https://issuer.example/.well-known/oauth-authorization-server/tenant",
                    "https://issuer.example/tenant/.well-known/openid-configuration",
                    "https://issuer.example/.well-known/openid-configuration/tenant",
                ],
            ),
        ] {
            let found: Vec<_> = places(&Url::parse(issuer).unwrap()).into_iter().map(String::from).collect();
            assert_eq!(found, expected);
        }
    }
}

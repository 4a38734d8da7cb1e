//! Opaque access tokens: the issuer is asked about each (RFC 7662; feature `jwks-http`).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};
use reqwest::Client;
use sealstamp::UnixMillis;
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::token::audience::spellings;
use crate::token::binding::binding_of;
use crate::token::defect::TokenDefect;
use crate::token::facts::TokenFacts;
use crate::token::fetch::{FetchError, body, client, safe_url};
use crate::token::flight::Flights;
use crate::token::presented::PresentedToken;
use crate::token::times::{DEFAULT_LEEWAY_S, LeewayError, Times};
use crate::token::validator::TokenValidator;

/// How many different tokens the issuer is asked about at once. A token beyond that gets 503.
pub const MAX_QUESTIONS: usize = 64;

/// Validates tokens by asking their issuer's introspection endpoint (RFC 7662), over HTTPS or plain HTTP on loopback.
///
/// Each validation is one request to the issuer, so that a revoked token is refused at once. Requests that come with
/// the same token at the same time share one. The issuer's answer must say `active`, name the audience, and be in
/// force; `cnf.jkt` binds the token to its key as in a JWT (RFC 9449 section 6.2).
///
/// Needs a tokio runtime. Clones share everything.
///
/// ```no_run
/// use sealstamp_dpop::{IntrospectionCredentials, IntrospectionValidator};
///
/// # fn start(secret: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = IntrospectionValidator::new(
///     "https://issuer.example.com/introspect",
///     IntrospectionCredentials::basic("mcp-server", secret)?,
///     "https://mcp.example.com/mcp",
/// )?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct IntrospectionValidator {
    endpoint: Arc<Endpoint>,
    audiences: Arc<[String]>,
    any_audience: bool,
    times: Times,
    flights: Arc<Flights<Answer>>,
    shared: Arc<Counts>,
}

struct Endpoint {
    url: Url,
    client: Client,
    credentials: IntrospectionCredentials,
}

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    failed: AtomicU64,
}

/// The issuer's answer, for all who asked together: the members of an active token, none of an inactive one.
type Answer = Result<Option<Arc<Map<String, Value>>>, TokenDefect>;

/// How this server shows the issuer who it is (RFC 7662 section 2.1). Its `Debug` shows nothing.
#[derive(Clone)]
pub struct IntrospectionCredentials(HeaderValue);

impl IntrospectionCredentials {
    /// `client_secret_basic` (RFC 6749 section 2.3.1).
    ///
    /// # Errors
    ///
    /// [`CredentialsError`], which does not happen: whatever the two are, their encoding fits a header.
    pub fn basic(client_id: &str, secret: &str) -> Result<Self, CredentialsError> {
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        Self::header(&format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret)))))
    }

    /// An access token of this server's own (RFC 6750 section 2.1).
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] if the token holds characters that no header can.
    pub fn bearer(token: &str) -> Result<Self, CredentialsError> {
        Self::header(&format!("Bearer {token}"))
    }

    fn header(text: &str) -> Result<Self, CredentialsError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| CredentialsError(()))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for IntrospectionCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntrospectionCredentials(..)")
    }
}

/// The credentials hold characters that no header can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialsError(());

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the credentials hold characters that no header can")
    }
}

impl std::error::Error for CredentialsError {}

impl IntrospectionValidator {
    /// Asks this endpoint, for tokens to this audience.
    ///
    /// # Errors
    ///
    /// [`FetchError`] if the URL is neither HTTPS nor on loopback.
    pub fn new(endpoint: &str, credentials: IntrospectionCredentials, audience: &str) -> Result<Self, FetchError> {
        Ok(Self {
            endpoint: Arc::new(Endpoint { url: safe_url(endpoint)?, client: client()?, credentials }),
            audiences: spellings(audience).collect(),
            any_audience: false,
            times: Times::new(DEFAULT_LEEWAY_S),
            flights: Flights::new(MAX_QUESTIONS),
            shared: Arc::default(),
        })
    }

    /// Takes tokens for this audience too.
    #[must_use]
    pub fn or_audience(mut self, audience: &str) -> Self {
        self.audiences = self.audiences.iter().cloned().chain(spellings(audience)).collect();
        self
    }

    /// Takes answers that name no audience. `aud` is optional in an answer (RFC 7662 section 2.2), and some issuers
    /// leave it out.
    ///
    /// Dangerous: unless the issuer itself answers `active` to each server for that server's tokens alone, a token that
    /// was issued for another server is accepted here (SEP-1932 forbids that). An audience that is named is compared
    /// all the same.
    #[must_use]
    pub fn dangerously_accept_answers_without_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// How far the issuer's clock may be from ours, in seconds, 0 to 120, as for JWTs.
    ///
    /// # Errors
    ///
    /// [`LeewayError`] above 120.
    pub fn leeway_s(mut self, seconds: u64) -> Result<Self, LeewayError> {
        self.times = Times::checked(seconds)?;
        Ok(self)
    }

    /// How often the issuer was asked.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Relaxed)
    }

    /// How often it gave no answer that can be used.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.shared.failed.load(Relaxed)
    }

    async fn ask(&self, token: &PresentedToken<'_>) -> Answer {
        let question = || {
            let token = token.as_str().to_owned();
            let (endpoint, shared) = (Arc::clone(&self.endpoint), Arc::clone(&self.shared));
            async move {
                shared.asked.fetch_add(1, Relaxed);
                endpoint.ask(&token).await.ok_or(TokenDefect::Unavailable).inspect_err(|_| {
                    shared.failed.fetch_add(1, Relaxed);
                })
            }
        };
        self.flights.join(*token.hash(), question).await.unwrap_or(Err(TokenDefect::Unavailable))
    }

    fn check_audience(&self, members: &Map<String, Value>) -> Result<(), TokenDefect> {
        let ours = |named: &Value| self.audiences.iter().any(|audience| named == audience.as_str());
        match members.get("aud") {
            None if self.any_audience => Ok(()),
            Some(Value::Array(all)) if all.iter().any(ours) => Ok(()),
            Some(one) if ours(one) => Ok(()),
            _ => Err(TokenDefect::WrongAudience),
        }
    }
}

impl Endpoint {
    async fn ask(&self, token: &str) -> Option<Option<Arc<Map<String, Value>>>> {
        let form = Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        let request = self
            .client
            .post(self.url.clone())
            .header(AUTHORIZATION, self.credentials.0.clone())
            .header(ACCEPT, "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer: Map<String, Value> = serde_json::from_slice(&body(request).await.ok()?).ok()?;
        match answer.get("active")?.as_bool()? {
            true => Some(Some(Arc::new(answer))),
            false => Some(None),
        }
    }
}

impl TokenValidator for IntrospectionValidator {
    async fn validate(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        self.validate_presented(&PresentedToken::new(token), now).await
    }

    async fn validate_presented(&self, token: &PresentedToken<'_>, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        let members = self.ask(token).await?.ok_or(TokenDefect::Inactive)?;
        self.check_audience(&members)?;
        // "active" says that the token is in force by the issuer's clock; an `exp` or `nbf` beside it is held to.
        let in_force = self.times.check_those_there(&members, now)?;
        Ok(TokenFacts::new(binding_of(&members)).with_shared_claims(members).until(in_force.until()))
    }
}

impl fmt::Debug for IntrospectionValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionValidator")
            .field("endpoint", &self.endpoint.url.as_str())
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! JWT access tokens under keys that the issuer publishes (feature `jwks-http`).

use std::sync::Arc;

use sealstamp::UnixMillis;
use serde::Serialize;

use crate::token::defect::TokenDefect;
use crate::token::facts::TokenFacts;
use crate::token::fetch::{FetchError, client};
use crate::token::jwks::Jwks;
use crate::token::jwt::JwtValidator;
use crate::token::keeper::{Fetch, Keeper};
use crate::token::source::KeySource;
use crate::token::validator::TokenValidator;

/// A [`JwtValidator`] whose keys come from the issuer, over HTTPS, or plain HTTP on loopback.
///
/// A task of its own fetches them: every ten minutes ([`REFRESH_AFTER_S`](crate::REFRESH_AFTER_S)), and when a token
/// comes under a key that is not there or whose signature does not fit, but for that at most once in 30 s
/// ([`MIN_INTERVAL_S`](crate::MIN_INTERVAL_S)). The request that came with such a token waits for the answer, up to five
/// seconds; that it waits no longer, or goes away, changes nothing for others. While the issuer does not answer, the
/// last keys serve for a day ([`KEEP_S`](crate::KEEP_S)).
///
/// Needs a tokio runtime, and lives as long as that. Clones share the task; it ends with the last of them.
///
/// ```no_run
/// use sealstamp_dpop::{Jwks, JwtValidator, RemoteJwtValidator};
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// // The keys' place is found by the issuer's metadata, and the first keys are waited for.
/// let tokens = RemoteJwtValidator::discover("https://issuer.example.com", "https://mcp.example.com/mcp").await?;
/// assert!(tokens.is_ready());
///
/// // Or: start without the issuer, with more audiences and another leeway. Tokens are refused with 503 until it answers.
/// let expected = JwtValidator::new("https://issuer.example.com", "https://mcp.example.com/mcp", Jwks::none());
/// let tokens = RemoteJwtValidator::start_discovering(expected.or_audience("api://mcp").leeway_s(5)?)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RemoteJwtValidator {
    tokens: JwtValidator,
    keeper: Arc<Keeper>,
    source: Arc<KeySource>,
}

impl RemoteJwtValidator {
    /// Finds the keys by the issuer's metadata and waits for them. Issuer and audience are as in [`JwtValidator::new`].
    ///
    /// The metadata is looked for where RFC 8414 section 3.1 puts it, then where OpenID Connect Discovery does. Its
    /// `issuer` must be exactly the one given here.
    ///
    /// # Errors
    ///
    /// [`FetchError`] if the issuer is no URL that is asked, or if no JWK set came of it.
    pub async fn discover(issuer: &str, audience: &str) -> Result<Self, FetchError> {
        let tokens = JwtValidator::new(issuer, audience, Jwks::none());
        Self::start_discovering(tokens)?.or_first_error().await
    }

    /// Fetches the keys from a known `jwks_uri` and waits for them. Issuer and audience are as in [`JwtValidator::new`].
    ///
    /// # Errors
    ///
    /// [`FetchError`] if the URL is neither HTTPS nor on loopback, or no JWK set came from it.
    pub async fn connect(issuer: &str, audience: &str, jwks_uri: &str) -> Result<Self, FetchError> {
        let tokens = JwtValidator::new(issuer, audience, Jwks::none());
        Self::start(tokens, jwks_uri)?.or_first_error().await
    }

    /// Starts without waiting for the issuer, whose metadata is looked for as by [`discover`](Self::discover). Until
    /// there are keys, every token gets 503 ([`TokenDefect::Unavailable`]).
    ///
    /// # Errors
    ///
    /// [`FetchError`] if the issuer is no URL that is asked.
    pub fn start_discovering(tokens: JwtValidator) -> Result<Self, FetchError> {
        let source = KeySource::discovered(tokens.issuer())?;
        Self::keep(tokens, source)
    }

    /// Starts without waiting for the `jwks_uri`. Until there are keys, every token gets 503
    /// ([`TokenDefect::Unavailable`]).
    ///
    /// # Errors
    ///
    /// [`FetchError`] if the URL is neither HTTPS nor on loopback.
    pub fn start(tokens: JwtValidator, jwks_uri: &str) -> Result<Self, FetchError> {
        Self::keep(tokens, KeySource::jwks_uri(jwks_uri)?)
    }

    fn keep(tokens: JwtValidator, source: KeySource) -> Result<Self, FetchError> {
        let (client, source) = (client()?, Arc::new(source));
        let fetch: Fetch = {
            let source = Arc::clone(&source);
            Box::new(move || {
                let (client, source) = (client.clone(), Arc::clone(&source));
                Box::pin(async move { source.fetch(&client).await })
            })
        };
        Ok(Self { keeper: Arc::new(Keeper::start(tokens.clone(), fetch)), tokens, source })
    }

    async fn or_first_error(self) -> Result<Self, FetchError> {
        self.keeper.first_attempt().await;
        let progress = self.keeper.progress();
        if progress.is_ready() {
            return Ok(self);
        }
        Err(progress.error().map_or(FetchError::Died, |(error, _)| error.clone()))
    }

    /// Whether there are keys, none of them more than a day old. A server that is not ready refuses every token.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.keeper.progress().is_ready()
    }

    /// What an operator asks: how old the keys are, what went wrong last, and when the issuer is asked next.
    #[must_use]
    pub fn status(&self) -> RemoteStatus {
        let progress = self.keeper.progress();
        let tokens = self.tokens.status();
        RemoteStatus {
            issuer: self.tokens.issuer().to_owned(),
            jwks_uri: self.source.found().map(String::from),
            ready: progress.is_ready(),
            keys: tokens.keys().len(),
            left_out: tokens.keys().left_out().iter().map(ToString::to_string).collect(),
            age_s: progress.age().map(|age| age.as_secs()),
            attempts: progress.attempts,
            succeeded: progress.finished.saturating_sub(progress.failed),
            failed: progress.failed,
            last_error: progress
                .error()
                .map(|(error, ago)| RemoteFault { error: error.to_string(), ago_s: ago.as_secs() }),
            failing: progress.has_failed(),
            next_in_s: progress.next_in().as_secs(),
            signature_checks: tokens.signature_checks(),
            leeway_used: tokens.leeway_used(),
        }
    }
}

impl TokenValidator for RemoteJwtValidator {
    async fn validate(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        let mut found = self.tokens.validate_now(token, now);
        // An unknown key may be a new one; and an issuer that was set up again may use an old name for a new key.
        let perhaps_new = matches!(found, Err(TokenDefect::UnknownKey | TokenDefect::BadSignature));
        if perhaps_new && self.keeper.newer_keys().await {
            found = self.tokens.validate_now(token, now);
        }
        let progress = self.keeper.progress();
        match found {
            _ if !progress.is_ready() => Err(TokenDefect::Unavailable),
            // While the issuer cannot be asked, nobody knows whether the key is one of its.
            Err(TokenDefect::UnknownKey) if progress.has_failed() => Err(TokenDefect::Unavailable),
            found => found,
        }
    }

    fn generation(&self) -> u64 {
        self.tokens.generation()
    }
}

/// Where an issuer's keys stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RemoteStatus {
    /// The issuer, as configured.
    pub issuer: String,
    /// Where the keys come from, once that is known.
    pub jwks_uri: Option<String>,
    /// Whether tokens can be validated.
    pub ready: bool,
    /// How many keys are in use.
    pub keys: usize,
    /// The entries of the issuer's set that are not used, and why.
    pub left_out: Vec<String>,
    /// How old the keys are, in seconds.
    pub age_s: Option<u64>,
    /// How often the issuer was asked.
    pub attempts: u64,
    /// How many of those attempts brought keys.
    pub succeeded: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The last error there was. It stays when later attempts succeed.
    pub last_error: Option<RemoteFault>,
    /// Whether the last attempt failed.
    pub failing: bool,
    /// When the issuer is asked next, in seconds from now, unless a token demands it sooner.
    pub next_in_s: u64,
    /// How many signatures of tokens were verified.
    pub signature_checks: u64,
    /// How many tokens were taken only because of the leeway.
    pub leeway_used: u64,
}

/// An error, and how long ago it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RemoteFault {
    /// What went wrong.
    pub error: String,
    /// How long ago, in seconds.
    pub ago_s: u64,
}

#[cfg(test)]
mod tests;

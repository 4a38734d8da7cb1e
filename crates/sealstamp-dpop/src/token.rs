//! Rule 10: what an access token says, and the trait for whoever finds that out.

use std::{fmt, future::Future, sync::Arc};

use sealstamp::{Thumbprint, UnixMillis};
use serde_json::{Map, Value};

use crate::Reason;

/// Validates access tokens: by keys ([`JwtValidator`](crate::JwtValidator)), by asking the issuer (RFC 7662), or in any other way.
///
/// It runs last, after the proof's signature, and is asked about the token alone: whether the issuer made it, for this
/// server, and whether it is in force. That the token belongs to the proof's key is the verifier's to compare.
///
/// ```
/// use sealstamp_dpop::{TokenBinding, TokenDefect, TokenFacts, TokenValidator};
/// use sealstamp::UnixMillis;
///
/// struct OneToken;
///
/// impl TokenValidator for OneToken {
///     async fn validate(&self, token: &str, _now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
///         if token == "opaque" { Ok(TokenFacts::new(TokenBinding::None)) } else { Err(TokenDefect::Inactive) }
///     }
/// }
/// ```
pub trait TokenValidator: Send + Sync {
    /// What the token says, if it is valid here and now.
    ///
    /// # Errors
    ///
    /// The [`TokenDefect`], for the operator; a client learns `invalid_token` whatever it is.
    fn validate(&self, token: &str, now: UnixMillis) -> impl Future<Output = Result<TokenFacts, TokenDefect>> + Send;
}

impl<V: TokenValidator + ?Sized> TokenValidator for Arc<V> {
    fn validate(&self, token: &str, now: UnixMillis) -> impl Future<Output = Result<TokenFacts, TokenDefect>> + Send {
        (**self).validate(token, now)
    }
}

/// How a token is bound to a key: its `cnf` claim (RFC 7800, RFC 9449 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenBinding {
    /// No `cnf`: whoever holds the token may use it.
    None,
    /// `cnf.jkt`: bound to the key of this thumbprint.
    Thumbprint(Thumbprint),
    /// A `cnf` of another kind, or a malformed one. Bound, but to nothing this crate can check: never accepted.
    Unknown,
}

/// What a valid token says. Cheap to clone.
#[derive(Clone)]
pub struct TokenFacts {
    binding: TokenBinding,
    claims: Arc<Map<String, Value>>,
}

impl TokenFacts {
    /// Facts about a token without claims.
    #[must_use]
    pub fn new(binding: TokenBinding) -> Self {
        Self { binding, claims: Arc::default() }
    }

    /// The same, with the token's claims or the members of an introspection response.
    #[must_use]
    pub fn with_claims(self, claims: Map<String, Value>) -> Self {
        Self { claims: Arc::new(claims), ..self }
    }

    /// How the token is bound to a key.
    #[must_use]
    pub fn binding(&self) -> TokenBinding {
        self.binding
    }

    /// The claims as the issuer made them.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// `sub`: whom the token speaks for.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str)
    }

    /// `client_id`: the client the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.claims.get("client_id").and_then(Value::as_str)
    }

    /// The values of `scope` (RFC 9068 section 2.2.3).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.claims.get("scope").and_then(Value::as_str).unwrap_or_default().split_ascii_whitespace()
    }
}

/// Claims are personal data; they stay out of logs.
impl fmt::Debug for TokenFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts").field("binding", &self.binding).finish_non_exhaustive()
    }
}

/// Why a token is not valid here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenDefect {
    /// Not a token of the expected form.
    Malformed,
    /// A type or algorithm that is not acceptable, unsigned ones among them.
    Unacceptable,
    /// No key of the issuer's fits it.
    UnknownKey,
    /// The signature does not verify.
    BadSignature,
    /// From another issuer.
    WrongIssuer,
    /// For another audience (SEP-1932: MUST be refused).
    WrongAudience,
    /// Expired.
    Expired,
    /// Not valid yet.
    NotYetValid,
    /// The issuer says that it is not, or no longer, active.
    Inactive,
    /// It could not be found out now. The client gets 503 and keeps its token.
    Unavailable,
}

impl From<TokenDefect> for Reason {
    fn from(defect: TokenDefect) -> Self {
        match defect {
            TokenDefect::Malformed => Self::TokenMalformed,
            TokenDefect::Unacceptable => Self::TokenUnacceptable,
            TokenDefect::UnknownKey => Self::TokenUnknownKey,
            TokenDefect::BadSignature => Self::TokenBadSignature,
            TokenDefect::WrongIssuer => Self::TokenWrongIssuer,
            TokenDefect::WrongAudience => Self::TokenWrongAudience,
            TokenDefect::Expired => Self::TokenExpired,
            TokenDefect::NotYetValid => Self::TokenNotYetValid,
            TokenDefect::Inactive => Self::TokenInactive,
            TokenDefect::Unavailable => Self::TokenUnavailable,
        }
    }
}

impl fmt::Display for TokenDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Reason::from(*self).as_str())
    }
}

impl std::error::Error for TokenDefect {}

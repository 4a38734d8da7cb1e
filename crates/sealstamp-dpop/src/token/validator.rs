//! The trait of those who can say what an access token is worth.

use std::future::Future;
use std::sync::Arc;

use sealstamp::UnixMillis;

use crate::token::defect::TokenDefect;
use crate::token::facts::TokenFacts;
use crate::token::presented::PresentedToken;

/// Validates access tokens: by keys ([`JwtValidator`](crate::JwtValidator)), by asking the issuer (RFC 7662), or in any
/// other way.
///
/// It runs last, after the proof's signature. It is asked about the token alone: whether the issuer made it, for this
/// server, and whether it is in force. The verifier itself compares the token's key with the proof's, so a validator
/// cannot leave that out.
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

    /// The same, for a token whose hash may be known already. The verifier calls this one. Only a cache needs to
    /// implement it.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    fn validate_presented(
        &self,
        token: &PresentedToken<'_>,
        now: UnixMillis,
    ) -> impl Future<Output = Result<TokenFacts, TokenDefect>> + Send {
        self.validate(token.as_str(), now)
    }

    /// A number that changes whenever tokens that were valid may be so no more, as when a key of the issuer's has gone. A
    /// cache then forgets what it knows. A validator that knows of no such moment leaves it at 0.
    fn generation(&self) -> u64 {
        0
    }
}

impl<V: TokenValidator + ?Sized> TokenValidator for Arc<V> {
    fn validate(&self, token: &str, now: UnixMillis) -> impl Future<Output = Result<TokenFacts, TokenDefect>> + Send {
        (**self).validate(token, now)
    }

    fn validate_presented(
        &self,
        token: &PresentedToken<'_>,
        now: UnixMillis,
    ) -> impl Future<Output = Result<TokenFacts, TokenDefect>> + Send {
        (**self).validate_presented(token, now)
    }

    fn generation(&self) -> u64 {
        (**self).generation()
    }
}

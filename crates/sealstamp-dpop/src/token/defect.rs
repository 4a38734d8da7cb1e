//! Why an access token is not valid here and now.

use std::fmt;

use crate::verdict::Reason;

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

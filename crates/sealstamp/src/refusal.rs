//! Why a nonce was not opened.

use std::fmt;

use crate::window::Untimely;

/// Why a nonce was refused. This is for metrics and logs.
///
/// Whatever the reason, a client is told only to use a fresh nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Not exactly 60 characters of base64url.
    Malformed,
    /// A version byte that is neither 1 nor 2.
    UnknownVersion,
    /// No key of the ring has the kid. The nonce is from another fleet, its key was pruned, or this replica has not
    /// loaded the ring that has the key.
    UnknownKey,
    /// The key was revoked.
    RevokedKey,
    /// The epoch is neither the current one nor next to it. The nonce is more than an hour old, or from a clock that is
    /// far ahead.
    OutsideWindow,
    /// The seal does not hold. The nonce is forged or damaged, or it is for another audience or another client key, or
    /// no correct minter would have made it.
    NotAuthentic,
    /// The seal holds, but the key's successor had taken over when the nonce was minted. A replica that has not loaded
    /// the ring minted it, or somebody who has a leaked key.
    KeyRetired,
    /// The seal holds, and the nonce is too old.
    Expired {
        /// Milliseconds since the last moment at which it was good.
        by_ms: u64,
    },
    /// The seal holds, and the nonce was minted in the future.
    InFuture {
        /// Milliseconds until the first moment at which it will be good.
        by_ms: u64,
    },
    /// The server does not open nonces at the moment: it has not seen its ring file for too long, and was told to refuse
    /// service then. A fresh nonce is no help. Answer 503 (RFC 9110 section 15.6.4).
    Unconfirmed,
}

impl Refusal {
    /// The reason as a label for metrics: `not_authentic` for example.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKey => "unknown_key",
            Self::RevokedKey => "revoked_key",
            Self::OutsideWindow => "outside_window",
            Self::NotAuthentic => "not_authentic",
            Self::KeyRetired => "key_retired",
            Self::Expired { .. } => "expired",
            Self::InFuture { .. } => "in_future",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

impl From<Untimely> for Refusal {
    fn from(verdict: Untimely) -> Self {
        match verdict {
            Untimely::TooOld { by_ms } => Self::Expired { by_ms },
            Untimely::TooNew { by_ms } => Self::InFuture { by_ms },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the nonce is not 60 characters of base64url"),
            Self::UnknownVersion => f.write_str("the nonce has an unknown version"),
            Self::UnknownKey => f.write_str("no key has the nonce's kid"),
            Self::RevokedKey => f.write_str("the nonce's key was revoked"),
            Self::OutsideWindow => f.write_str("the nonce is from another hour"),
            Self::NotAuthentic => f.write_str("the nonce is not authentic"),
            Self::KeyRetired => f.write_str("the nonce was minted after its key had retired"),
            Self::Expired { by_ms } => write!(f, "the nonce expired {by_ms} ms ago"),
            Self::InFuture { by_ms } => write!(f, "the nonce is {by_ms} ms too far in the future"),
            Self::Unconfirmed => f.write_str("the ring has not been confirmed for too long"),
        }
    }
}

impl std::error::Error for Refusal {}

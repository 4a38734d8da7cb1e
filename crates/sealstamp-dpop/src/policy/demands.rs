//! What a policy can demand of a nonce and of a body, from nothing to everything.

use sealstamp::Opened;

use crate::verdict::Reason;

/// Whether a proof needs a nonce (rule 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NonceDemand {
    /// It needs none, and a `nonce` claim is ignored.
    Never,
    /// It needs one that opens, of any age up to a nonce's lifetime.
    Always,
    /// It needs one that opens and is not older than this, by the clock of the replica that opens it.
    ///
    /// A client whose nonce is older is told to use the fresh one that comes with the refusal, and passes with it. So
    /// guarded requests cost most clients one more round trip. Leave room for the way there and back, and for one skew.
    Within {
        /// The greatest age, in whole seconds.
        seconds: u32,
    },
}

impl NonceDemand {
    /// Of two demands the one that more nonces fail.
    pub(super) fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Within { seconds: one }, Self::Within { seconds: two }) => Self::Within { seconds: one.min(two) },
            (within @ Self::Within { .. }, _) | (_, within @ Self::Within { .. }) => within,
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Never, Self::Never) => Self::Never,
        }
    }

    /// Fails if the nonce that opened is too old for this demand.
    pub(crate) fn check_age(self, opened: &Opened) -> Result<(), Reason> {
        match self {
            Self::Within { seconds } if opened.age_ms() > milliseconds(seconds) => Err(Reason::NonceTooOldHere),
            Self::Within { .. } | Self::Always | Self::Never => Ok(()),
        }
    }
}

fn milliseconds(seconds: u32) -> u64 {
    u64::from(seconds).saturating_mul(1_000)
}

/// Whether a proof has to say what the body is (rule 11).
///
/// It says so by its `content_digest` claim: `sha-256=:…:`, as the field `Content-Digest` of RFC 9530 has it. The
/// digest is over the bytes of the body as they were received, before any content coding is undone. An empty body has
/// the digest of the empty string, and so has a request without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DigestDemand {
    /// It has not, and a `content_digest` claim is ignored.
    Off,
    /// If it does, the body must have that digest. A proof without the claim passes: that protects the clients which
    /// send it.
    IfPresent,
    /// It has to, and the body must have that digest.
    Required,
}

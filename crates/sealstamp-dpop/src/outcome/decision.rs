//! What an operator may see of one decision, and who is shown it.

use std::fmt;

use sealstamp::{Thumbprint, UnixMillis};

use crate::proof::VerifiedProof;
use crate::verdict::Reason;

/// One decision, for logs and metrics. It holds no token, no proof, no nonce and nothing else that a client wrote as
/// text.
///
/// A verifier shows it to whom [`VerifierBuilder::on_decision`](crate::VerifierBuilder::on_decision) names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    refused: Option<Reason>,
    thumbprint: Option<Thumbprint>,
    nonce_age_ms: Option<u64>,
    clock_s: Option<i64>,
    at: UnixMillis,
}

impl Decision {
    /// Why the request was refused; `None` if it was accepted.
    #[must_use]
    pub const fn refused(&self) -> Option<Reason> {
        self.refused
    }

    /// The thumbprint of the client's key (RFC 7638), once the proof's signature was verified. Before that anybody may
    /// have sent the key.
    #[must_use]
    pub const fn thumbprint(&self) -> Option<&Thumbprint> {
        self.thumbprint.as_ref()
    }

    /// How old the proof's nonce is, in milliseconds, if its seal holds and it is not from the future. An expired nonce
    /// has an age too.
    #[must_use]
    pub const fn nonce_age_ms(&self) -> Option<u64> {
        self.nonce_age_ms
    }

    /// How far the client's clock is ahead of ours, in seconds: the proof's `iat` less our time. It is negative if the
    /// client's clock is behind, or the proof took its time. `None` if there was no `iat` to read.
    #[must_use]
    pub const fn client_clock_s(&self) -> Option<i64> {
        self.clock_s
    }

    /// When it was decided, by the clock that the verifier was given. For a refusal by
    /// [`Accepted::require_scopes`](crate::Accepted::require_scopes): when the request had been accepted.
    #[must_use]
    pub const fn at(&self) -> UnixMillis {
        self.at
    }
}

/// What the rules have seen of a proof before they came to an end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) iat: Option<i64>,
    pub(crate) thumbprint: Option<Thumbprint>,
    pub(crate) nonce_age_ms: Option<u64>,
}

impl Seen {
    /// All of it, from a proof that has passed its rules.
    pub(crate) fn of(proof: Option<&VerifiedProof>) -> Self {
        Self {
            iat: proof.map(VerifiedProof::issued_at),
            thumbprint: proof.map(|proof| *proof.thumbprint()),
            nonce_age_ms: proof.and_then(VerifiedProof::nonce).map(|opened| opened.age_ms()),
        }
    }

    pub(crate) fn decided(self, refused: Option<Reason>, at: UnixMillis) -> Decision {
        let Self { iat, thumbprint, nonce_age_ms } = self;
        let now = i64::try_from(at.get() / 1000).unwrap_or(i64::MAX);
        Decision { refused, thumbprint, nonce_age_ms, clock_s: iat.map(|iat| iat.saturating_sub(now)), at }
    }
}

/// What is called with each decision.
type Hook = Box<dyn Fn(&Decision) + Send + Sync>;

/// Who is shown decisions, if anybody is.
#[derive(Default)]
pub(crate) struct Observer(pub(crate) Option<Hook>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer(..)" } else { "Observer(None)" })
    }
}

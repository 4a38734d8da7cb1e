//! What is left of a proof once it has passed its rules.

use std::sync::Arc;

use sealstamp::{Nonce, Opened, Refusal, Thumbprint, UnixMillis};

use crate::proof::algorithm::Algorithm;
use crate::proof::content_digest::ContentDigest;

/// How far `iat` may be from the server's clock, in seconds (SEP-1932: MUST).
pub const IAT_WINDOW_S: i64 = 300;

/// A proof that has passed its rules: the sender of the request held this key at the time.
#[derive(Debug, Clone)]
pub struct VerifiedProof {
    pub(crate) thumbprint: Thumbprint,
    pub(crate) jti: Arc<str>,
    pub(crate) iat: i64,
    pub(crate) algorithm: Algorithm,
    pub(crate) opened: Option<Opened>,
    /// Why its nonce did not open, where none was demanded at first, and one still may be.
    pub(crate) unopened: Option<Refusal>,
    pub(crate) content_digest: ContentDigest,
    pub(crate) next_nonce: Option<Nonce>,
}

impl VerifiedProof {
    /// The key's thumbprint (RFC 7638, SHA-256, 32 bytes).
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// `jti`, 1 to 256 characters that the client chose: hash it before storing it (RFC 9449 section 11.1).
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// `iat`, in seconds since the Unix epoch by the client's clock.
    #[must_use]
    pub fn issued_at(&self) -> i64 {
        self.iat
    }

    /// The last millisecond at which `iat` is within [`IAT_WINDOW_S`] of a clock.
    pub(crate) fn iat_window_end(&self) -> UnixMillis {
        let after = self.iat.saturating_add(IAT_WINDOW_S).saturating_add(1);
        UnixMillis::new(u64::try_from(after).unwrap_or_default().saturating_mul(1_000)).saturating_sub(1)
    }

    /// What it was signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What its nonce said; `None` if the policy demanded none. Where the policy may still be tightened, a good nonce is
    /// opened that was not demanded.
    #[must_use]
    pub fn nonce(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// The nonce to hand out with the response, if it is time for a new one (RFC 9449 section 8.2). It is minted when
    /// the request is accepted, and `None` until then.
    #[must_use]
    pub fn next_nonce(&self) -> Option<&Nonce> {
        self.next_nonce.as_ref()
    }
}

//! How often each thing happened: one counter per outcome and reason.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::outcome::emit;
use crate::verdict::Reason;

/// Counts since the verifier was built, for a metrics endpoint.
#[derive(Debug)]
pub struct Counters {
    accepted: AtomicU64,
    accepted_without_store: AtomicU64,
    signature_checks: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            accepted_without_store: AtomicU64::new(0),
            signature_checks: AtomicU64::new(0),
            refused: [const { AtomicU64::new(0) }; Reason::ALL.len()],
        }
    }

    /// Requests accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Requests accepted although the store of used proofs gave no answer, as
    /// [`WhenAway::GoOnWithNonce`](crate::WhenAway::GoOnWithNonce) has it. They are among the [`accepted`](Self::accepted).
    /// While this grows, a proof can be replayed as long as its nonce lives.
    #[must_use]
    pub fn accepted_without_store(&self) -> u64 {
        self.accepted_without_store.load(Relaxed)
    }

    /// Requests refused for this reason.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refused.get(reason as usize).map_or(0, |count| count.load(Relaxed))
    }

    /// How often a proof got as far as its signature. Nothing else in a verifier costs much.
    #[must_use]
    pub fn signature_checks(&self) -> u64 {
        self.signature_checks.load(Relaxed)
    }

    pub(crate) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_accepted_without_store(&self) {
        self.accepted_without_store.fetch_add(1, Relaxed);
        emit::accepted_without_store();
    }

    pub(crate) fn count_refused(&self, reason: Reason) {
        if let Some(count) = self.refused.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn count_signature_check(&self) {
        self.signature_checks.fetch_add(1, Relaxed);
        emit::signature_check();
    }
}

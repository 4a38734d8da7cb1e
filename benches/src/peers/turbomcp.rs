//! `turbomcp-dpop`: proofs without nonces of the server's; what it calls a nonce tracker remembers each `jti`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use turbomcp_dpop::{
    DpopKeyManager, DpopProofGenerator, MemoryNonceTracker, NonceTracker, ProofContext, RedisNonceTracker, Result,
};

use crate::inputs::{METHOD, PUBLIC_URL};
use crate::ready;

/// The validator, which the crate calls a generator.
pub struct Turbomcp(DpopProofGenerator);

/// Every `jti` is new.
#[derive(Debug)]
struct NoTracker;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl NonceTracker for NoTracker {
    fn track_nonce(&self, _nonce: &str, _issued_at: i64) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn is_nonce_used(&self, _nonce: &str) -> Answer<'_, bool> {
        Box::pin(async { Ok(false) })
    }

    fn cleanup_expired_nonces(&self) -> Answer<'_, usize> {
        Box::pin(async { Ok(0) })
    }
}

impl Turbomcp {
    /// Without a memory for `jti`.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Arc::new(NoTracker))
    }

    /// With this memory for `jti`.
    #[must_use]
    pub fn with(tracker: Arc<dyn NonceTracker>) -> Self {
        let keys = ready(DpopKeyManager::new_memory()).expect("a key manager");
        Self(DpopProofGenerator::with_nonce_tracker(Arc::new(keys), tracker))
    }

    /// The thumbprint of the key of a good proof, its `ath` checked, as at a resource server. The nonce in it is not
    /// looked at.
    pub fn verify(&self, token: &str, proof: &str) -> String {
        ready(self.verify_once(token, proof))
    }

    /// The same, with a memory that one may have to wait for.
    pub async fn verify_once(&self, token: &str, proof: &str) -> String {
        let context = ProofContext::ResourceServer;
        let checked = self.0.parse_and_validate_jwt(proof, METHOD.as_str(), PUBLIC_URL, Some(token), context);
        let checked = checked.await.expect("a good proof");
        assert!(checked.valid);
        checked.thumbprint
    }
}

impl Default for Turbomcp {
    fn default() -> Self {
        Self::new()
    }
}

/// Its own memories for `jti`.
#[derive(Clone)]
pub struct Tracker(Arc<dyn NonceTracker>);

impl Tracker {
    /// In memory, with room for as many as it has by default: a million. When it is full it drops the oldest.
    #[must_use]
    pub fn in_memory() -> Self {
        Self(Arc::new(MemoryNonceTracker::new()))
    }

    /// In Redis.
    pub async fn in_redis(address: &str) -> Self {
        Self(Arc::new(RedisNonceTracker::new(address).await.expect("a server")))
    }

    /// The validator with this memory.
    #[must_use]
    pub fn validator(&self) -> Turbomcp {
        Turbomcp::with(Arc::clone(&self.0))
    }

    /// What its validator does with a new `jti`: asks for it, and then stores it.
    pub async fn claim(&self, jti: &str) {
        assert!(!self.0.is_nonce_used(jti).await.expect("an answer"), "it is new");
        self.0.track_nonce(jti, crate::inputs::seconds().cast_signed()).await.expect("it is new");
    }
}

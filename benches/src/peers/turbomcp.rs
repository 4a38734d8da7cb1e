//! `turbomcp-dpop`: proofs without nonces of the server's; what it calls a nonce tracker remembers each `jti`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use turbomcp_dpop::{DpopKeyManager, DpopProofGenerator, NonceTracker, ProofContext, Result};

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
        let keys = ready(DpopKeyManager::new_memory()).expect("a key manager");
        Self(DpopProofGenerator::with_nonce_tracker(Arc::new(keys), Arc::new(NoTracker)))
    }

    /// The thumbprint of the key of a good proof, its `ath` checked, as at a resource server. The nonce in it is not
    /// looked at.
    pub fn verify(&self, token: &str, proof: &str) -> String {
        let context = ProofContext::ResourceServer;
        let checked = self.0.parse_and_validate_jwt(proof, METHOD.as_str(), PUBLIC_URL, Some(token), context);
        let checked = ready(checked).expect("a good proof");
        assert!(checked.valid);
        checked.thumbprint
    }
}

impl Default for Turbomcp {
    fn default() -> Self {
        Self::new()
    }
}

//! What a request is decided with, shared by all services of one layer.

use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;
use sealstamp::UnixMillis;

use crate::verifier::Verifier;

/// The verifier, the validator of tokens, the clock, and how to tell who is at the other end.
pub(super) struct Gate<V> {
    pub(super) verifier: Verifier,
    pub(super) tokens: Arc<V>,
    pub(super) clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    pub(super) peer: fn(&Extensions) -> Option<IpAddr>,
}

impl<V> Clone for Gate<V> {
    fn clone(&self) -> Self {
        let Self { verifier, tokens, clock, peer } = self;
        Self { verifier: verifier.clone(), tokens: Arc::clone(tokens), clock: Arc::clone(clock), peer: *peer }
    }
}

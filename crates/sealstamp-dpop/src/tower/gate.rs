//! What a request is decided with, shared by all services of one layer.

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, Uri};
use sealstamp::UnixMillis;

use crate::request::RequestHead;
use crate::stages::Accepted;
use crate::token::TokenValidator;
use crate::tower::refusals::Refusals;
use crate::verdict::Rejection;

/// The scopes that a request needs.
pub(super) type Needed = dyn Fn(&Parts) -> &'static [&'static str] + Send + Sync;

/// The verifier, the validator of tokens, the clock, and what the server has to say about a request.
pub(super) struct Gate<V> {
    pub(super) refusals: Refusals,
    pub(super) tokens: Arc<V>,
    pub(super) clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    pub(super) peer: fn(&Extensions) -> Option<IpAddr>,
    pub(super) uri: fn(&Extensions) -> Option<&Uri>,
    pub(super) scopes: Option<Arc<Needed>>,
}

impl<V: TokenValidator> Gate<V> {
    pub(super) async fn decide(&self, parts: &Parts, now: UnixMillis) -> Result<Accepted, Rejection> {
        let uri = (self.uri)(&parts.extensions).unwrap_or(&parts.uri);
        let head = RequestHead { peer: (self.peer)(&parts.extensions), uri, ..RequestHead::of(parts) };
        let proven = self.refusals.verifier.check(head, now)?;
        let facts = self.tokens.validate_presented(proven.presented(), now).await;
        let mut bound = proven.bind(facts, now)?;
        if let Some(needed) = &self.scopes {
            bound = bound.require_scopes(needed(parts), now)?;
        }
        bound.accept_once(now).await
    }
}

impl<V> Clone for Gate<V> {
    fn clone(&self) -> Self {
        Self {
            refusals: self.refusals.clone(),
            tokens: Arc::clone(&self.tokens),
            clock: Arc::clone(&self.clock),
            peer: self.peer,
            uri: self.uri,
            scopes: self.scopes.clone(),
        }
    }
}

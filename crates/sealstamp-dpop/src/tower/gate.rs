//! What a request is decided with, shared by all services of one layer.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Request, Uri};
use sealstamp::UnixMillis;

use crate::outcome::emit;
use crate::request::RequestHead;
use crate::response::JsonRpcId;
use crate::stages::{Accepted, Bound};
use crate::token::TokenValidator;
use crate::tower::bodies::Bodies;
use crate::tower::refusals::Refusals;
use crate::verdict::Rejection;

/// The verifier, the validator of tokens, the clock, and what the server has to say about a request.
pub(super) struct Gate<V, R> {
    pub(super) refusals: Refusals,
    pub(super) tokens: Arc<V>,
    pub(super) clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    pub(super) peer: fn(&Extensions) -> Option<IpAddr>,
    pub(super) uri: fn(&Extensions) -> Option<&Uri>,
    pub(super) bodies: R,
    pub(super) max_body_bytes: usize,
}

/// A request that may go on, or one that may not, of which no more is left than its answer needs.
pub(super) type Decided<B> = Result<(Request<B>, Accepted), (Extensions, Rejection)>;

impl<V: TokenValidator, R> Gate<V, R> {
    pub(super) async fn decide<B>(&self, mut parts: Parts, body: B, now: UnixMillis) -> Decided<B>
    where
        R: Bodies<B>,
    {
        let mut id = None;
        match emit::in_span(self.judge(&parts, body, &mut id, now)).await {
            Ok((accepted, body)) => Ok((Request::from_parts(parts, body), accepted)),
            Err(rejection) => {
                if let Some(id) = id {
                    parts.extensions.insert(id);
                }
                Err((parts.extensions, rejection))
            }
        }
    }

    /// Leaves the id of the JSON-RPC request, if the body was read and the request is refused after all.
    async fn judge<B>(
        &self,
        parts: &Parts,
        body: B,
        id: &mut Option<JsonRpcId>,
        now: UnixMillis,
    ) -> Result<(Accepted, B), Rejection>
    where
        R: Bodies<B>,
    {
        let uri = (self.uri)(&parts.extensions).unwrap_or(&parts.uri);
        let head = RequestHead { peer: (self.peer)(&parts.extensions), uri, ..RequestHead::of(parts) };
        let proven = self.refusals.verifier.check(head, now)?;
        let facts = self.tokens.validate_presented(proven.presented(), now).await;
        let bound = proven.bind(facts, now)?;
        if !bound.needs_body() {
            return Ok((bound.accept_once(now).await?, body));
        }
        let read = self.bodies.read(body, &parts.headers, self.max_body_bytes).await;
        // It may have taken its time.
        let now = (self.clock)();
        let (pieces, body) = read.map_err(|reason| bound.reject(reason, now))?;
        match complete(bound, &pieces, now).await {
            Ok(accepted) => Ok((accepted, body)),
            Err(rejection) => {
                *id = match pieces.as_slice() {
                    [whole] => JsonRpcId::of(whole),
                    _ => None,
                };
                Err(rejection)
            }
        }
    }
}

async fn complete(bound: Bound<'_>, pieces: &[Bytes], now: UnixMillis) -> Result<Accepted, Rejection> {
    bound.check_body_parts(pieces, now)?.accept_once(now).await
}

impl<V, R: Clone> Clone for Gate<V, R> {
    fn clone(&self) -> Self {
        Self {
            refusals: self.refusals.clone(),
            tokens: Arc::clone(&self.tokens),
            clock: Arc::clone(&self.clock),
            peer: self.peer,
            uri: self.uri,
            bodies: self.bodies.clone(),
            max_body_bytes: self.max_body_bytes,
        }
    }
}

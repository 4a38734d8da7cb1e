//! The service: the verifier decides, and this acts on it.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::token::TokenValidator;
use crate::tower::bodies::{Bodies, Untouched};
use crate::tower::future::ResponseFuture;
use crate::tower::gate::Gate;
use crate::tower::response::ResponseBody;

/// A service behind a [`DpopLayer`](super::DpopLayer). Only accepted requests reach it.
pub struct DpopService<S, V, R = Untouched> {
    inner: S,
    gate: Gate<V, R>,
}

impl<S, V, R> DpopService<S, V, R> {
    pub(super) fn new(inner: S, gate: Gate<V, R>) -> Self {
        Self { inner, gate }
    }
}

impl<S, V, R, ReqBody, ResBody> Service<Request<ReqBody>> for DpopService<S, V, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    V: TokenValidator + 'static,
    R: Bodies<ReqBody>,
    ReqBody: Send + 'static,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let now = (self.gate.clock)();
        let refusals = self.gate.refusals.clone();
        let gate = self.gate.clone();
        let deciding = Box::pin(async move {
            let (parts, body) = request.into_parts();
            gate.decide(parts, body, now).await
        });
        // Readiness belongs to the instance that was polled: that one is called, and its clone is polled the next time.
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        ResponseFuture::new(deciding, refusals, ready)
    }
}

impl<S: Clone, V, R: Clone> Clone for DpopService<S, V, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), gate: self.gate.clone() }
    }
}

impl<S, V, R> fmt::Debug for DpopService<S, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopService").field("verifier", &self.gate.refusals.verifier).finish_non_exhaustive()
    }
}

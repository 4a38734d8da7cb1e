//! The metadata of the protected resource as a service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use crate::tower::response::TextBody;
use crate::verifier::ProtectedResource;

/// [`ProtectedResource::respond`]: the metadata at its own path, 404 elsewhere.
impl<B> Service<Request<B>> for ProtectedResource {
    type Response = Response<TextBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(&request).map(|text| TextBody::new(Bytes::from(text)))))
    }
}

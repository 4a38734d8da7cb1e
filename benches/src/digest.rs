//! The digest of a body: the layer in front of a service that takes bodies, with the option and without.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use sealstamp::{Binding, Fleet};
use sealstamp_dpop::tower::{DpopLayer, DpopService, ReadBodies};
use sealstamp_dpop::{CacheBounds, Cached, DigestDemand, JwtValidator, Verifier};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::clock;
use crate::inputs::{Client, Issuer, request};
use crate::ours::{validator, verifier_builder};

type Make = fn(sealstamp_dpop::tower::BufferedBody) -> Body;

/// A body of so many bytes.
#[must_use]
pub fn body(bytes: usize) -> Bytes {
    Bytes::from(vec![b'x'; bytes])
}

/// SHA-256 of it, by the fastest library: what nobody can do without.
#[must_use]
pub fn sha_256(body: &[u8]) -> aws_lc_rs::digest::Digest {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body)
}

/// A member for the claims of a proof, with a comma before it: the body's digest.
#[must_use]
pub fn claim(body: &[u8]) -> String {
    format!(r#","content_digest":"sha-256=:{}:""#, STANDARD.encode(sha_256(body)))
}

/// The verifier of a server with nonces that demands a digest of each body.
#[must_use]
pub fn verifier(fleet: &Fleet) -> Verifier {
    verifier_builder(fleet).body_digest(DigestDemand::Required).build().expect("a verifier")
}

/// A layer that reads the bodies which its verifier needs.
pub fn layer<V: sealstamp_dpop::TokenValidator>(verifier: Verifier, tokens: V) -> DpopLayer<V, ReadBodies<Make>> {
    DpopLayer::new(verifier, tokens).read_bodies(Body::new as Make)
}

/// The layer, and one request with a body, sent over and over.
pub struct WithBody {
    service: DpopService<Nothing, Cached<JwtValidator>, ReadBodies<Make>>,
    head: Request<()>,
    body: Bytes,
}

impl WithBody {
    /// Behind this verifier, with a token that is known, and a body whose digest is in the proof.
    #[must_use]
    pub fn warm(verifier: Verifier, fleet: &Fleet, client: &Client, body: Bytes) -> Self {
        let issuer = Issuer::new();
        let cached = Cached::new(validator(&issuer.jwks()), CacheBounds::default());
        let token = issuer.token(Some(client.thumbprint()));
        let proof = client.proof_with(&token, &fleet.mint(clock(), &Binding::None), &claim(&body));
        let head = Request::from_parts(request(&token, &proof), ());
        let with_body = Self { service: layer(verifier, cached).layer(Nothing), head, body };
        (0..2).for_each(|_| drop(with_body.call()));
        with_body
    }

    /// One request from its arrival to its response.
    pub fn call(&self) -> Response<()> {
        let request = self.head.clone().map(|()| Body::from(self.body.clone()));
        let response = crate::ready(self.service.clone().call(request)).expect("no error");
        assert_eq!(response.status(), 200);
        response.map(drop)
    }
}

/// A service that answers 200, and does not look at the body.
#[derive(Clone)]
struct Nothing;

impl Service<Request<Body>> for Nothing {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::empty())))
    }
}

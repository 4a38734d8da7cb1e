//! What a server author configures.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Extensions, HeaderValue, Uri};
use sealstamp::UnixMillis;
use tower_layer::Layer;

use crate::response::JsonRpcId;
use crate::token::TokenValidator;
use crate::tower::bodies::{BufferedBody, DEFAULT_MAX_BODY_BYTES, ReadBodies, Untouched};
use crate::tower::gate::Gate;
use crate::tower::refusals::Refusals;
use crate::tower::service::DpopService;
use crate::verdict::Rejection;
use crate::verifier::Verifier;

/// Puts a [`Verifier`] and a [`TokenValidator`] in front of a service.
///
/// See the [module's documentation](super) for what it lets through and for an example.
///
/// `R` says what becomes of bodies. [`new`](Self::new) leaves them untouched, and [`read_bodies`](Self::read_bodies)
/// reads those that the policy needs.
pub struct DpopLayer<V, R = Untouched> {
    gate: Gate<V, R>,
}

impl<V: TokenValidator> DpopLayer<V> {
    /// A layer that asks `verifier` about the proof and `tokens` about the access token.
    ///
    /// The verifier is a handle: keep a clone of it to read its counters.
    #[must_use]
    pub fn new(verifier: Verifier, tokens: V) -> Self {
        let clock = Arc::new(|| UnixMillis::from_system_time(SystemTime::now()));
        let refusals = Refusals { verifier, body: None };
        let tokens = Arc::new(tokens);
        let (bodies, max_body_bytes) = (Untouched(()), DEFAULT_MAX_BODY_BYTES);
        Self { gate: Gate { refusals, tokens, clock, peer: |_| None, uri: |_| None, bodies, max_body_bytes } }
    }

    /// Reads bodies where the policy of a request needs them: to compare them with the digest in the proof
    /// ([`VerifierBuilder::body_digest`](crate::VerifierBuilder::body_digest)), or with `Mcp-Method` and `Mcp-Name`
    /// ([`VerifierBuilder::mcp_policy`](crate::VerifierBuilder::mcp_policy)). Without this, such requests are refused
    /// ([`Reason::BodyNotSeen`](crate::Reason::BodyNotSeen)).
    ///
    /// `make` turns what was read into a body of the inner service's type. With axum:
    ///
    /// ```
    /// # use sealstamp_dpop::{TokenValidator, Verifier, tower::DpopLayer};
    /// use axum::Router;
    /// use axum::body::Body;
    ///
    /// # fn guarded<V: TokenValidator + 'static>(router: Router, verifier: Verifier, tokens: V) -> Router {
    /// router.route_layer(DpopLayer::new(verifier, tokens).read_bodies(Body::new))
    /// # }
    /// ```
    ///
    /// Only requests that have passed everything else are read, up to [`max_body_bytes`](Self::max_body_bytes). The bytes
    /// and trailers that were received are handed on. Every other body passes untouched. The layer has no time limit of its
    /// own: a body that never ends is held until the server or a layer further out gives up.
    #[must_use]
    pub fn read_bodies<B, F>(self, make: F) -> DpopLayer<V, ReadBodies<F>>
    where
        F: Fn(BufferedBody) -> B + Clone + Send + Sync + 'static,
    {
        let Gate { refusals, tokens, clock, peer, uri, max_body_bytes, .. } = self.gate;
        DpopLayer { gate: Gate { refusals, tokens, clock, peer, uri, bodies: ReadBodies(make), max_body_bytes } }
    }
}

impl<V, R> DpopLayer<V, R> {
    /// The longest body that is read, in bytes: [`DEFAULT_MAX_BODY_BYTES`] unless set. A longer one is answered with 413:
    /// at once if its length is announced, and else as soon as one byte more has come.
    #[must_use]
    pub fn max_body_bytes(mut self, max_body_bytes: usize) -> Self {
        self.gate.max_body_bytes = max_body_bytes;
        self
    }

    /// How to tell who is at the other end of the connection, from what the server has put into a request's extensions.
    ///
    /// Needed only with [`VerifierBuilder::trust_proxy`](crate::VerifierBuilder::trust_proxy): unless this is set, no
    /// request comes from a trusted proxy. In axum, behind `into_make_service_with_connect_info::<SocketAddr>()`:
    ///
    /// ```
    /// # use sealstamp_dpop::{TokenValidator, tower::DpopLayer};
    /// use std::net::SocketAddr;
    /// use axum::extract::ConnectInfo;
    ///
    /// # fn with_peer<V: TokenValidator>(layer: DpopLayer<V>) -> DpopLayer<V> {
    /// layer.peer_address(|extensions| {
    ///     extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn peer_address(mut self, peer: fn(&Extensions) -> Option<IpAddr>) -> Self {
        self.gate.peer = peer;
        self
    }

    /// Where the server has put the URI that the client asked for, if the layer gets to see another one.
    ///
    /// axum's `nest` strips the prefix from the URI, and `htu` names all of it. This finds the whole:
    ///
    /// ```
    /// # use sealstamp_dpop::{TokenValidator, tower::DpopLayer};
    /// use axum::extract::OriginalUri;
    ///
    /// # fn nested<V: TokenValidator>(layer: DpopLayer<V>) -> DpopLayer<V> {
    /// layer.original_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0))
    /// # }
    /// ```
    ///
    /// A proxy that strips a prefix leaves no such trace: there,
    /// [`mounted_at`](crate::VerifierBuilder::mounted_at) says what it was.
    #[must_use]
    pub fn original_uri(mut self, uri: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.gate.uri = uri;
        self
    }

    /// A body of your own for refusals, in place of the JSON-RPC error: its content type and its bytes. Status and
    /// header fields stay as they are. The id is there if somebody put it into the request's extensions.
    ///
    /// ```
    /// # use sealstamp_dpop::{TokenValidator, tower::DpopLayer};
    /// use http::HeaderValue;
    ///
    /// # fn plain<V: TokenValidator>(layer: DpopLayer<V>) -> DpopLayer<V> {
    /// layer.refusal_body(|rejection, _id| {
    ///     let error = rejection.answer().error().unwrap_or("no credentials");
    ///     (HeaderValue::from_static("text/plain"), error.into())
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn refusal_body(
        mut self,
        make: impl Fn(&Rejection, Option<&JsonRpcId>) -> (HeaderValue, Bytes) + Send + Sync + 'static,
    ) -> Self {
        self.gate.refusals.body = Some(Arc::new(make));
        self
    }

    /// Another clock than the system's, for tests. It is read once for each request.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        self.gate.clock = Arc::new(clock);
        self
    }
}

impl<S, V, R: Clone> Layer<S> for DpopLayer<V, R> {
    type Service = DpopService<S, V, R>;

    fn layer(&self, inner: S) -> Self::Service {
        DpopService::new(inner, self.gate.clone())
    }
}

impl<V, R: Clone> Clone for DpopLayer<V, R> {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone() }
    }
}

impl<V, R> fmt::Debug for DpopLayer<V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopLayer").field("verifier", &self.gate.refusals.verifier).finish_non_exhaustive()
    }
}

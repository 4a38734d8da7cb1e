//! What a server author configures.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderValue, Uri};
use sealstamp::UnixMillis;
use tower_layer::Layer;

use crate::response::JsonRpcId;
use crate::token::TokenValidator;
use crate::tower::gate::Gate;
use crate::tower::refusals::Refusals;
use crate::tower::service::DpopService;
use crate::verdict::Rejection;
use crate::verifier::Verifier;

/// Puts a [`Verifier`] and a [`TokenValidator`] in front of a service.
///
/// See the [module's documentation](super) for what it lets through and for an example.
pub struct DpopLayer<V> {
    gate: Gate<V>,
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
        Self { gate: Gate { refusals, tokens, clock, peer: |_| None, uri: |_| None, scopes: None } }
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

    /// The scopes that a request's token needs, found from the request's head. A token that lacks one gets 403
    /// `insufficient_scope` with all of them, which makes an MCP client step up.
    ///
    /// For one route: `|_| &["files:read"]`. For each tool, by the headers of MCP revision 2026-07-28:
    ///
    /// ```
    /// # use sealstamp_dpop::{TokenValidator, tower::DpopLayer};
    /// # fn scoped<V: TokenValidator>(layer: DpopLayer<V>) -> DpopLayer<V> {
    /// layer.require_scopes(|request| match request.headers.get("mcp-name").map(|name| name.as_bytes()) {
    ///     Some(b"delete_file") => &["files:read", "files:write"],
    ///     _ => &["files:read"],
    /// })
    /// # }
    /// ```
    ///
    /// Clients of earlier revisions send no such headers, and the body is not read here. So a tool that needs more than
    /// its route asks again, with [`Accepted::require_scopes`](crate::Accepted::require_scopes). That is what protects
    /// it; this gives the client a status that it understands.
    #[must_use]
    pub fn require_scopes(
        mut self,
        needed: impl Fn(&Parts) -> &'static [&'static str] + Send + Sync + 'static,
    ) -> Self {
        self.gate.scopes = Some(Arc::new(needed));
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

impl<S, V> Layer<S> for DpopLayer<V> {
    type Service = DpopService<S, V>;

    fn layer(&self, inner: S) -> Self::Service {
        DpopService::new(inner, self.gate.clone())
    }
}

impl<V> Clone for DpopLayer<V> {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone() }
    }
}

impl<V> fmt::Debug for DpopLayer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopLayer").field("verifier", &self.gate.refusals.verifier).finish_non_exhaustive()
    }
}

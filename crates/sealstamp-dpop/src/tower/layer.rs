//! What a server author configures.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::Extensions;
use sealstamp::UnixMillis;
use tower_layer::Layer;

use crate::token::TokenValidator;
use crate::tower::gate::Gate;
use crate::tower::service::DpopService;
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
        Self { gate: Gate { verifier, tokens: Arc::new(tokens), clock, peer: |_| None } }
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
        f.debug_struct("DpopLayer").field("verifier", &self.gate.verifier).finish_non_exhaustive()
    }
}

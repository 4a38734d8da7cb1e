//! The head of a request, borrowed from whatever framework holds it.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, Method, Uri};

/// What the rules read of a request. Borrowed, so that a verifier fits any framework.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) peer: Option<IpAddr>,
}

impl<'r> RequestHead<'r> {
    /// A request by its parts. Only the URI's path counts: scheme and host are configured, not taken from the request.
    #[must_use]
    pub const fn new(method: &'r Method, uri: &'r Uri, headers: &'r HeaderMap) -> Self {
        Self { method, uri, headers, peer: None }
    }

    /// The same, from a request's parts.
    #[must_use]
    pub const fn of(parts: &'r Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers)
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &'r Method {
        self.method
    }

    /// The URI. Only its path counts.
    #[must_use]
    pub const fn uri(&self) -> &'r Uri {
        self.uri
    }

    /// The header fields. Nothing in them is signed but the `DPoP` field itself.
    #[must_use]
    pub const fn headers(&self) -> &'r HeaderMap {
        self.headers
    }

    /// Says who is at the other end of the connection. Needed only with
    /// [`trust_proxy`](crate::VerifierBuilder::trust_proxy).
    #[must_use]
    pub const fn from_peer(self, peer: IpAddr) -> Self {
        Self { peer: Some(peer), ..self }
    }
}

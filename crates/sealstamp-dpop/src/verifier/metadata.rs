//! What this server publishes about itself as a protected resource (RFC 9728), for any framework.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{Extensions, HeaderValue, Method, Request, Response, StatusCode};

use crate::request::{RequestHead, normal_path};
use crate::verifier::decide::Verifier;

/// The methods that the metadata answers.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// This server's metadata as a protected resource (RFC 9728): where clients get tokens, and that they need proofs.
/// [`Verifier::protected_resource`] makes it from what the verifier enforces, so the two agree.
///
/// With the feature `tower` it is a service. Give it to a router as the fallback: it answers at its own path, with a
/// trailing slash and without, and everything else is 404. Or give it the two paths as routes.
///
/// ```
/// use sealstamp_dpop::{Nonces, Verifier};
///
/// let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off)
///     .authorization_servers(["https://issuer.example.com"])
///     .scopes(["files:read", "files:write"])
///     .build()?;
/// let metadata = verifier.protected_resource();
/// assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/mcp");
/// assert_eq!(
///     metadata.json(),
///     concat!(
///         r#"{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://issuer.example.com"],"#,
///         r#""scopes_supported":["files:read","files:write"],"bearer_methods_supported":["header"],"#,
///         r#""dpop_bound_access_tokens_required":true,"#,
///         r#""dpop_signing_alg_values_supported":["ES256","ES384","EdDSA","Ed25519","PS256","RS256"]}"#,
///     )
/// );
/// # Ok::<(), sealstamp_dpop::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ProtectedResource {
    verifier: Verifier,
    peer: Arc<PeerAddress>,
}

/// Who is at the other end of a connection, from what the server put into a request's extensions.
type PeerAddress = dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync;

impl Verifier {
    /// The metadata of the resource that this verifier protects.
    #[must_use]
    pub fn protected_resource(&self) -> ProtectedResource {
        ProtectedResource { verifier: self.clone(), peer: Arc::new(|_| None) }
    }
}

impl ProtectedResource {
    /// The path at which clients look for it: the resource's own, behind `/.well-known/oauth-protected-resource`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.verifier.rules().resource.path
    }

    /// The document, under the public URL's name.
    #[must_use]
    pub fn json(&self) -> &str {
        self.verifier.rules().resource.documents.first().map_or("{}", String::as_str)
    }

    /// How to tell who is at the other end of the connection, as for the layer. Needed only with
    /// [`trust_proxy`](crate::VerifierBuilder::trust_proxy): the document then names the resource as this client knows
    /// it.
    #[must_use]
    pub fn peer_address(self, peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        Self { peer: Arc::new(peer), ..self }
    }

    /// The response to a request, for any framework: the document for GET and HEAD, a preflight's answer for OPTIONS, 405
    /// for other methods, and 404 for other paths. Scripts of any origin may read it.
    pub fn respond<B>(&self, request: &Request<B>) -> Response<String> {
        let mut response = Response::new(String::new());
        let asked = normal_path(request.uri().path());
        if asked.is_none_or(|asked| asked.trim_end_matches('/') != self.path().trim_end_matches('/')) {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        match *request.method() {
            Method::GET | Method::HEAD => {
                let document = self.document(request);
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(CONTENT_LENGTH, document.len().into());
                // Long enough to save requests, and short enough for a change to be seen.
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
                if request.method() == Method::GET {
                    document.clone_into(response.body_mut());
                }
            }
            Method::OPTIONS => {
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
                headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
                headers.insert(ALLOW, METHODS);
                *response.status_mut() = StatusCode::NO_CONTENT;
            }
            _ => {
                headers.insert(ALLOW, METHODS);
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
        }
        response
    }

    fn document<B>(&self, request: &Request<B>) -> &str {
        let peer = (self.peer)(request.extensions());
        let head = RequestHead { peer, ..RequestHead::new(request.method(), request.uri(), request.headers()) };
        let rules = self.verifier.rules();
        rules.name(&head).pick(&rules.resource.documents).map_or_else(|| self.json(), String::as_str)
    }
}

impl fmt::Debug for ProtectedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResource").field("path", &self.path()).field("json", &self.json()).finish()
    }
}

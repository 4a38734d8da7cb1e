//! The layer: puts a [`Verifier`](crate::Verifier) in front of any HTTP service.
//!
//! A request reaches the service only if all of this holds. It is tried in this order; what costs little comes first:
//!
//! 1. it has one `Authorization` field, `DPoP` and a token;
//! 2. it has one `DPoP` field, one compact JWS of at most 8 KiB;
//! 3. the JWS is a `dpop+jwt`, signed with an algorithm on the server's list by a public key that fits it;
//! 4. its claims `jti`, `htm`, `htu`, `iat` and `ath` are there and of their types;
//! 5. `htm` and `htu` name this method and this server's public URL;
//! 6. `iat` is within 300 s of the clock;
//! 7. `nonce` was minted by this fleet, and is still fresh (unless nonces are off);
//! 8. `ath` is the hash of the token;
//! 9. the signature verifies;
//! 10. the token is valid, for this server, and bound to the proof's key, and has the scopes that the policy demands;
//! 11. if the policy demands it, the body has the digest that the proof names;
//! 12. if the policy demands it, the proof was not accepted before.
//!
//! Then the service finds an [`Accepted`](crate::Accepted) in the request's extensions, and the response carries the
//! next nonce if it is time for one. Otherwise the service does not see the request, and the client gets a 401 that
//! says what to do. A 401 to a request without any credentials carries a nonce as well. A client that uses it saves a
//! round trip.
//!
//! The layer reads the head of a request, and its body only where the policy needs it and the layer
//! [may](DpopLayer::read_bodies). Response bodies pass frame by frame as they come. The clock is read once for each
//! request, and once more when a body has been read.
//!
//! ```
//! # use sealstamp_dpop::{TokenValidator, Verifier};
//! use axum::Router;
//! use axum::routing::post;
//! use sealstamp_dpop::Accepted;
//! use sealstamp_dpop::tower::DpopLayer;
//!
//! async fn hello(axum::Extension(caller): axum::Extension<Accepted>) -> String {
//!     format!("hello {}", caller.token().subject().unwrap_or("somebody"))
//! }
//!
//! # fn app<V: TokenValidator + 'static>(verifier: Verifier, tokens: V) -> Router {
//! let metadata = verifier.protected_resource();
//! Router::new()
//!     .route("/mcp", post(hello))
//!     .route_layer(DpopLayer::new(verifier, tokens))
//!     .fallback_service(metadata)
//! # }
//! ```
//!
//! # In an MCP server
//!
//! A tool of an `rmcp` server reads the caller through `Extension<http::request::Parts>`, whose own extensions are
//! those of the HTTP request. `docs/mcp.md` shows it step by step.
//!
//! # Deployment
//!
//! - **CORS outside.** A browser's preflight carries no credentials (Fetch standard), and this layer lets nothing pass
//!   without credentials. Put the CORS layer *around* this one. It then answers preflights itself, and adds its headers
//!   to the 401s as well: a script cannot read the nonce of a 401 that has no `Access-Control-Allow-Origin`.
//! - **The public URL is what clients see.** Behind a proxy it is not what this process hears. If the proxy changes the
//!   path, say so with [`mounted_at`](crate::VerifierBuilder::mounted_at).
//! - **Only what is inside the layer is protected.** Routes added to a router after `route_layer` was called are not.
//! - **Nothing else should be.** Clients look for metadata and browsers for icons. With axum's `layer` instead of
//!   `route_layer`, each path that nobody serves would answer 401, and be counted as a request without credentials.
//! - **A nested router strips its prefix.** Say where the whole URI is with [`DpopLayer::original_uri`].
//! - **Layers that change bodies go inside.** A digest is over the bytes as they were received, so what undoes a
//!   content coding stands between this layer and the service.
//! - **It does not limit rates, times or bodies** that it does not read. A nonce is free to get, so anybody can make
//!   the server check signatures.

mod bodies;
mod future;
mod gate;
mod layer;
mod metadata;
mod refusals;
mod response;
mod service;

pub use bodies::{BufferedBody, DEFAULT_MAX_BODY_BYTES, ReadBodies, Untouched};
pub use future::ResponseFuture;
pub use layer::DpopLayer;
pub use response::{ResponseBody, TextBody};
pub use service::DpopService;

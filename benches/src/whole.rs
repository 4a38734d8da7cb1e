//! What a whole server has around a verifier: a tool, the check of a Bearer token, and requests as bytes.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::inputs::{ISSUER, PUBLIC_URL};

const BODY: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}"#;

/// The tool, behind nothing.
pub fn router() -> Router {
    Router::new().route("/mcp", post(tool))
}

/// The tool behind a check of Bearer tokens of the issuer with this JWK set.
pub fn router_with_bearer(jwks: &str) -> Router {
    router().layer(from_fn_with_state(Arc::new(Bearer::new(jwks)), bearer))
}

async fn tool(body: Bytes) -> &'static str {
    assert_eq!(body.len(), BODY.len());
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}"#
}

/// A tool that takes any body, behind nothing.
pub fn router_for_any_body() -> Router {
    Router::new().route("/mcp", post(async |_: Bytes| "{}"))
}

/// A request as it stands on the wire.
#[must_use]
pub fn raw(scheme: &str, token: &str, proof: Option<&str>) -> Vec<u8> {
    raw_with_body(scheme, token, proof, BODY.as_bytes())
}

/// The same, with another body.
#[must_use]
pub fn raw_with_body(scheme: &str, token: &str, proof: Option<&str>, body: &[u8]) -> Vec<u8> {
    let proof = proof.map_or_else(String::new, |proof| format!("dpop: {proof}\r\n"));
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: mcp.example.com\r\ncontent-type: application/json\r\naccept: application/json, \
         text/event-stream\r\nauthorization: {scheme} {token}\r\n{proof}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Whether what was read is a whole response. Insists that it is a 200.
#[must_use]
pub fn is_whole(read: &[u8]) -> bool {
    let text = std::str::from_utf8(read).expect("text");
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    body.len() == length.parse::<usize>().expect("a number")
}

/// Nanoseconds that a thread has been on a processor; the thread as its folder in `/proc`.
#[must_use]
pub fn processor_ns(thread: &Path) -> f64 {
    let text = std::fs::read_to_string(thread.join("schedstat")).expect("Linux");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

/// A JWT check as one writes it with `jsonwebtoken`: signature, issuer, audience, expiry.
pub struct Bearer {
    key: DecodingKey,
    validation: Validation,
}

impl Bearer {
    /// For tokens of the issuer with this JWK set.
    #[must_use]
    pub fn new(jwks: &str) -> Self {
        let set: JwkSet = serde_json::from_str(jwks).expect("a JWK set");
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[PUBLIC_URL]);
        Self { key: DecodingKey::from_jwk(&set.keys[0]).expect("a key"), validation }
    }

    /// The claims of a good token.
    #[must_use]
    pub fn claims(&self, token: &str) -> Option<Value> {
        jsonwebtoken::decode::<Value>(token, &self.key, &self.validation).ok().map(|decoded| decoded.claims)
    }
}

/// A header field's text.
#[must_use]
pub fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

/// 401.
#[must_use]
pub fn unauthorized() -> Response {
    StatusCode::UNAUTHORIZED.into_response()
}

async fn bearer(State(tokens): State<Arc<Bearer>>, request: Request, next: Next) -> Response {
    let token = header(&request, "authorization").and_then(|field| field.strip_prefix("Bearer "));
    match token.and_then(|token| tokens.claims(token)) {
        Some(_) => next.run(request).await,
        None => unauthorized(),
    }
}

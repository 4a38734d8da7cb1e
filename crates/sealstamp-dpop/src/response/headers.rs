//! The headers that carry a nonce, and let a script in a browser read it.

use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use sealstamp::Nonce;

/// `DPoP-Nonce` (RFC 9449 section 8).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What a browser's script has to be allowed to send to an MCP server that wants DPoP: a list for the CORS layer that
/// stands around this crate's (RFC 9449, and the transports of MCP 2025-11-25 and 2026-07-28).
pub const CORS_ALLOW_HEADERS: [HeaderName; 8] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("dpop"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-session-id"),
];

/// What a browser's script has to be allowed to read of the responses. A CORS layer further out that exposes headers of
/// its own replaces the list that this crate writes, so it has to name these too.
///
/// ```
/// use http::Method;
/// use sealstamp_dpop::{CORS_ALLOW_HEADERS, CORS_EXPOSE_HEADERS};
/// use tower_http::cors::CorsLayer;
///
/// # fn cors() -> Result<CorsLayer, http::header::InvalidHeaderValue> {
/// # Ok(
/// CorsLayer::new()
///     .allow_origin(["https://app.example.com".parse()?])
///     .allow_methods([Method::GET, Method::POST, Method::DELETE])
///     .allow_headers(CORS_ALLOW_HEADERS)
///     .expose_headers(CORS_EXPOSE_HEADERS)
/// # )
/// # }
/// ```
pub const CORS_EXPOSE_HEADERS: [HeaderName; 3] =
    [DPOP_NONCE, HeaderName::from_static("mcp-session-id"), WWW_AUTHENTICATE];

/// What a script in a browser may read of a response (RFC 9449 sections 8 and 9; the Fetch standard hides the rest).
pub(crate) const EXPOSED: HeaderValue = HeaderValue::from_static("DPoP-Nonce, WWW-Authenticate");

/// Writes the nonce, and forbids caches to keep the response: a nonce in a cached response would be handed to many
/// clients, and late.
pub(crate) fn write_nonce(nonce: &Nonce, headers: &mut HeaderMap) {
    // A nonce is 60 characters of base64url, so this cannot fail; without it, the client would just ask again.
    if let Ok(value) = HeaderValue::from_str(nonce.as_str()) {
        headers.insert(DPOP_NONCE, value);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A CORS layer may have listed headers of its own; a list may be split over several fields.
    headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

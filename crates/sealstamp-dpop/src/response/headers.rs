//! The headers that carry a nonce, and let a script in a browser read it.

use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL};
use http::{HeaderMap, HeaderName, HeaderValue};
use sealstamp::Nonce;

/// `DPoP-Nonce` (RFC 9449 section 8).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

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

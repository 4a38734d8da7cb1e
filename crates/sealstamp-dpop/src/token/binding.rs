//! To which key a token is bound: its `cnf` claim.

use sealstamp::Thumbprint;
#[cfg(feature = "jwt")]
use serde_json::{Map, Value};

/// How a token is bound to a key: its `cnf` claim (RFC 7800, RFC 9449 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenBinding {
    /// No `cnf`: anybody who holds the token may use it.
    None,
    /// `cnf.jkt`: bound to the key of this thumbprint.
    Thumbprint(Thumbprint),
    /// A `cnf` of another kind, or a malformed one. The token is bound, but to nothing that this crate can check. It is
    /// never accepted.
    Unknown,
}

/// What the claims of a token, or the members of an introspection response, say about its key.
#[cfg(feature = "jwt")]
pub(super) fn binding_of(claims: &Map<String, Value>) -> TokenBinding {
    match claims.get("cnf") {
        None => TokenBinding::None,
        Some(cnf) => match cnf.get("jkt").and_then(Value::as_str).map(str::parse) {
            Some(Ok(thumbprint)) => TokenBinding::Thumbprint(thumbprint),
            _ => TokenBinding::Unknown,
        },
    }
}

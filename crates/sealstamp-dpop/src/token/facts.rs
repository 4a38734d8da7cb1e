//! What a valid access token says.

use std::fmt;
use std::sync::Arc;

use sealstamp::{Thumbprint, UnixMillis};
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

/// What a valid token says. Cheap to clone.
#[derive(Clone)]
pub struct TokenFacts {
    binding: TokenBinding,
    claims: Arc<Map<String, Value>>,
    valid_until: Option<UnixMillis>,
}

impl TokenFacts {
    /// Facts about a token without claims.
    #[must_use]
    pub fn new(binding: TokenBinding) -> Self {
        Self { binding, claims: Arc::default(), valid_until: None }
    }

    /// The same, with the token's claims or the members of an introspection response.
    #[must_use]
    pub fn with_claims(self, claims: Map<String, Value>) -> Self {
        Self { claims: Arc::new(claims), ..self }
    }

    /// The same, good until this time and not at it. A validator says so where the token or its issuer does, and gives
    /// `u64::MAX` if they name no end. Nothing keeps facts whose end was not said.
    #[must_use]
    pub fn until(self, end: UnixMillis) -> Self {
        Self { valid_until: Some(end), ..self }
    }

    /// From when on the facts hold no more, if the validator has said so.
    #[must_use]
    pub fn valid_until(&self) -> Option<UnixMillis> {
        self.valid_until
    }

    /// How the token is bound to a key.
    #[must_use]
    pub fn binding(&self) -> TokenBinding {
        self.binding
    }

    /// The claims as the issuer made them.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// `sub`: whom the token speaks for.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str)
    }

    /// `client_id`: the client the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.claims.get("client_id").and_then(Value::as_str)
    }

    /// The values of `scope` (RFC 9068 section 2.2.3).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.claims.get("scope").and_then(Value::as_str).unwrap_or_default().split_ascii_whitespace()
    }
}

/// Claims are personal data; they stay out of logs.
impl fmt::Debug for TokenFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts").field("binding", &self.binding).finish_non_exhaustive()
    }
}

//! What a valid access token says.

use std::fmt;
use std::sync::Arc;

use sealstamp::UnixMillis;
use serde_json::{Map, Value};

use crate::token::binding::TokenBinding;

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

    /// The same, with claims that others hold as well.
    #[cfg(feature = "jwks-http")]
    pub(super) fn with_shared_claims(self, claims: Arc<Map<String, Value>>) -> Self {
        Self { claims, ..self }
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

    /// The scopes: the values of `scope` (RFC 9068 section 2.2.3) and of `scp`, each a string of values with spaces
    /// between them, or a list of strings. Issuers write all four.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        ["scope", "scp"].into_iter().filter_map(|name| self.claims.get(name)).flat_map(|value| {
            let listed = value.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str);
            value.as_str().into_iter().chain(listed).flat_map(str::split_ascii_whitespace)
        })
    }
}

/// Claims are personal data; they stay out of logs.
impl fmt::Debug for TokenFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts").field("binding", &self.binding).finish_non_exhaustive()
    }
}

//! Whether a token has the scopes that a request needs.

use crate::token::TokenFacts;

/// Whether the token has each of these scopes. They are compared exactly (RFC 6749 section 3.3: case-sensitive).
pub(super) fn has_scopes(token: &TokenFacts, scopes: &[&str]) -> bool {
    scopes.iter().all(|needed| token.scopes().any(|has| has == *needed))
}

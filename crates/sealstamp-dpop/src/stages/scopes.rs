//! Whether a token has the scopes that a request needs.

use crate::token::TokenFacts;

/// Whether the token has each of these scopes. They are compared exactly (RFC 6749 section 3.3: case-sensitive).
pub(super) fn has_scopes<'s>(token: &TokenFacts, mut scopes: impl Iterator<Item = &'s str>) -> bool {
    scopes.all(|needed| token.scopes().any(|has| has == needed))
}

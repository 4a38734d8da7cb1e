//! An access token as a request presents it, and its hash.

use std::fmt;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// An access token that a request presents, with its SHA-256. The hash is computed once, when it is first asked for.
///
/// Rule 8 needs the hash to compare it with `ath` (RFC 9449 section 4.3), and a cache of tokens needs it to look the
/// token up. Text and hash cannot be set apart from each other, so no token is ever taken for another.
///
/// ```
/// let token = sealstamp_dpop::PresentedToken::new("opaque");
/// assert_eq!(token.as_str(), "opaque");
/// assert_eq!(token.hash()[..2], [0x6d, 0x22]);
/// ```
#[derive(Clone)]
pub struct PresentedToken<'t> {
    text: &'t str,
    hash: OnceLock<[u8; 32]>,
}

impl<'t> PresentedToken<'t> {
    /// A token by its text.
    #[must_use]
    pub const fn new(text: &'t str) -> Self {
        Self { text, hash: OnceLock::new() }
    }

    /// A token whose hash was computed before, by another value of this type.
    #[cfg(feature = "token-cache")]
    pub(super) fn with_hash(text: &'t str, hash: [u8; 32]) -> Self {
        Self { text, hash: OnceLock::from(hash) }
    }

    /// The token.
    #[must_use]
    pub const fn as_str(&self) -> &'t str {
        self.text
    }

    /// The SHA-256 of the token, 32 bytes.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        self.hash.get_or_init(|| Sha256::digest(self.text).into())
    }
}

/// A token is a secret; it stays out of logs.
impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let token = PresentedToken::new("secret");
        assert_eq!(token.hash().len(), 32);
        assert_eq!(format!("{token:?}"), "PresentedToken(..)");
    }
}

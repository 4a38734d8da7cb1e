//! Which server a nonce is for.

use std::fmt;
use std::sync::Arc;

/// The server's own name for itself: 1 to 1,024 bytes of UTF-8.
///
/// Use the origin of the URL that clients use, `https://mcp.example.com` for example: they keep one nonce for each
/// origin (RFC 9449 section 8.2). Two servers of one origin that share a ring and have audiences of their own refuse
/// each other's nonces.
///
/// The keys are derived from it, and it is never on the wire. So one server cannot open the nonces of another, even if
/// both hold the same ring. RFC 9449 section 9 wants that: a nonce of the authorization server is not one of the
/// resource server.
///
/// ```
/// use sealstamp::Audience;
///
/// let audience = Audience::new("https://mcp.example.com/mcp")?;
/// assert_eq!(audience.as_str(), "https://mcp.example.com/mcp");
/// assert!(Audience::new("").is_err());
/// # Ok::<(), sealstamp::AudienceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Audience(Arc<str>);

impl Audience {
    /// The most bytes that an audience may have.
    pub const MAX_LEN: usize = 1_024;

    /// An audience from its text.
    ///
    /// # Errors
    /// [`AudienceError`] if the text is empty or longer than 1,024 bytes.
    pub fn new(text: &str) -> Result<Self, AudienceError> {
        if (1..=Self::MAX_LEN).contains(&text.len()) { Ok(Self(text.into())) } else { Err(AudienceError(())) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An audience was empty or longer than 1,024 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudienceError(());

impl fmt::Display for AudienceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an audience is 1 to 1,024 bytes")
    }
}

impl std::error::Error for AudienceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audience_bounds_from_both_sides() {
        assert!(Audience::new("").is_err());
        assert!(Audience::new("a").is_ok());
        assert!(Audience::new(&"a".repeat(1_024)).is_ok());
        assert!(Audience::new(&"a".repeat(1_025)).is_err());
    }
}

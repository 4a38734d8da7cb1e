//! What a nonce is for: the server that may open it, and the client key that may use it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::encoding;

/// The server's own name for itself: 1 to 1,024 bytes of UTF-8.
///
/// Use the resource identifier that clients use, `https://mcp.example.com/mcp` for example. It goes into the derivation
/// of the keys and is never on the wire, so a nonce of one server is noise to another even if both hold the same ring
/// (RFC 9449 section 9: an authorization server's nonce is not a resource server's).
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
    /// [`AudienceError`] if it is empty or longer than 1,024 bytes.
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

/// The SHA-256 thumbprint of a client's public key (RFC 7638): 32 bytes, 43 characters of base64url as text.
///
/// ```
/// use sealstamp::Thumbprint;
///
/// let text = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
/// let thumbprint: Thumbprint = text.parse()?;
/// assert_eq!(thumbprint.to_string(), text);
/// # Ok::<(), sealstamp::ThumbprintError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// A thumbprint from its 32 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Thumbprint {
    type Err = ThumbprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        if encoding::decode_32(text, &mut bytes) { Ok(Self(bytes)) } else { Err(ThumbprintError(())) }
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::encode_32(&self.0))
    }
}

/// A text was not 43 characters of base64url without padding and with zero spare bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThumbprintError(());

impl fmt::Display for ThumbprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a thumbprint is 43 characters of base64url without padding")
    }
}

impl std::error::Error for ThumbprintError {}

/// The client key that a nonce is bound to. It is authenticated and not on the wire: whoever opens the nonce must know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Binding {
    /// Any client may use the nonce. The one choice for a challenge to a client whose key is not known yet.
    #[default]
    None,
    /// Only proofs by the key with this thumbprint may use the nonce.
    Thumbprint(Thumbprint),
}

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

    #[test]
    fn thumbprints_have_one_spelling() {
        let good = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(good.parse::<Thumbprint>().unwrap().to_string(), good);
        for bad in ["", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9X", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xt"] {
            assert_eq!(bad.parse::<Thumbprint>(), Err(ThumbprintError(())), "{bad}");
        }
    }
}

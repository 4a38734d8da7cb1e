//! Which client key may use a nonce.

use std::fmt;
use std::str::FromStr;

use crate::encoding;

/// The SHA-256 thumbprint of a client's public key (RFC 7638): 32 bytes. As text, 43 characters of base64url.
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

/// A text was not 43 characters of base64url without padding, or its spare bits were not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThumbprintError(());

impl fmt::Display for ThumbprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a thumbprint is 43 characters of base64url without padding")
    }
}

impl std::error::Error for ThumbprintError {}

/// The client key that a nonce is bound to.
///
/// The seal covers it, and it is not on the wire: whoever opens the nonce must know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Binding {
    /// Any client may use the nonce. A challenge to a client whose key is not known yet has no other choice.
    #[default]
    None,
    /// Only proofs by the key with this thumbprint may use the nonce.
    Thumbprint(Thumbprint),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_have_one_spelling() {
        let good = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(good.parse::<Thumbprint>().unwrap().to_string(), good);
        for bad in ["", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9X", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xt"] {
            assert_eq!(bad.parse::<Thumbprint>(), Err(ThumbprintError(())), "{bad}");
        }
    }
}

//! The name of a key on the wire.

use std::fmt;
use std::str::FromStr;

/// The name of a key on the wire: the first 4 bytes of its fingerprint. As text, 8 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(pub(crate) [u8; 4]);

impl Kid {
    /// The 4 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:08x}", u32::from_be_bytes(self.0)))
    }
}

impl FromStr for Kid {
    type Err = KidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 8 || !text.bytes().all(lower_hex) {
            return Err(KidError(()));
        }
        u32::from_str_radix(text, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| KidError(()))
    }
}

/// A text was not 8 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KidError(());

impl fmt::Display for KidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kid is 8 lower-case hexadecimal digits")
    }
}

impl std::error::Error for KidError {}

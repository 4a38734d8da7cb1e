//! The AEADs, and the version bytes that stand for them.

use std::fmt;
use std::str::FromStr;

/// The AEAD of a key. It decides the version byte of the nonces that the key seals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-256-GCM (NIST SP 800-38D), version `0x01`. It is the faster one on processors with AES instructions.
    #[default]
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439), version `0x02`. For processors without AES instructions.
    ChaCha20Poly1305,
}

impl Suite {
    /// The name in a ring file: `aes-256-gcm` or `chacha20-poly1305`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
        }
    }

    /// The first byte of a nonce.
    pub(crate) const fn version(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Suite {
    type Err = SuiteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Aes256Gcm, Self::ChaCha20Poly1305].into_iter().find(|s| s.as_str() == text).ok_or(SuiteError(()))
    }
}

/// A text named no suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteError(());

impl fmt::Display for SuiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a suite is aes-256-gcm or chacha20-poly1305")
    }
}

impl std::error::Error for SuiteError {}

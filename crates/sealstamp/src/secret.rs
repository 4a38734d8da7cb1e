//! The secrets of a ring: 32 random bytes each. They are made, held and wiped here.
//!
//! Invariant: a secret is in one heap allocation, which is wiped when its last owner is dropped. It is never moved
//! through the stack, never cloned and never printed.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::encoding;

const SALT: &[u8] = b"sealstamp v1";
const FINGERPRINT_INFO: &[u8] = b"sealstamp v1 fingerprint";

/// The operating system gave no random bytes.
///
/// Nothing in this crate goes on without them. There is no weaker source to fall back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError(());

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gave no random bytes")
    }
}

impl std::error::Error for EntropyError {}

/// Fills `bytes` from the operating system.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), EntropyError> {
    getrandom::fill(bytes).map_err(|_| EntropyError(()))
}

/// Two secrets that no key has used yet. A transition of the ring needs two at most.
///
/// A transition is a pure function of the ring, the time and these secrets. A secret that it does not use is wiped.
///
/// ```
/// # fn main() -> Result<(), sealstamp::EntropyError> {
/// let fresh = sealstamp::Fresh::from_os()?;
/// assert_eq!(format!("{fresh:?}"), "Fresh(..)");
/// # Ok(())
/// # }
/// ```
pub struct Fresh(pub(crate) [Secret; 2]);

impl Fresh {
    /// Two secrets of 32 bytes from the operating system's generator.
    ///
    /// # Errors
    /// [`EntropyError`] if the operating system gives no random bytes.
    pub fn from_os() -> Result<Self, EntropyError> {
        let make = || {
            let mut secret = Secret::zeroed();
            random(&mut secret.0[..])?;
            Ok(secret)
        };
        Ok(Self([make()?, make()?]))
    }

    /// Two secrets that follow from a seed: whoever knows the seed knows the secrets. For tests and models that must
    /// run the same way each time. Never use it for a ring that protects anything.
    #[must_use]
    pub fn insecure_from_seed(seed: u64) -> Self {
        let make = |which: u8| {
            let mut secret = Secret::zeroed();
            let hkdf = Hkdf::<Sha256>::new(Some(&seed.to_be_bytes()), &[which]);
            #[expect(clippy::expect_used, reason = "32 bytes are below HKDF's limit of 8,160")]
            hkdf.expand(b"insecure", &mut secret.0[..]).expect("32 bytes can be expanded");
            secret
        };
        Self([make(0), make(1)])
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh(..)")
    }
}

/// The 32 secret bytes of one ring key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret(Box<[u8; 32]>);

impl Secret {
    fn zeroed() -> Self {
        Self(Box::new([0; 32]))
    }

    /// Reads 43 characters of base64url.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut secret = Self::zeroed();
        encoding::decode_32(text, &mut secret.0).then_some(secret)
    }

    /// Writes 43 characters of base64url.
    pub(crate) fn encode(&self) -> Zeroizing<String> {
        Zeroizing::new(encoding::encode_32(&self.0))
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.iter().fold(0, |all, byte| all | byte) == 0
    }

    /// `prk = HKDF-Extract("sealstamp v1", secret)` (RFC 5869 section 2.2).
    pub(crate) fn extract(&self) -> Prk {
        Prk(Hkdf::new(Some(SALT), &self.0[..]))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret after extraction. Everything else is expanded from it. Its hash states are wiped on drop.
pub(crate) struct Prk(Hkdf<Sha256>);

impl Prk {
    /// `HKDF-Expand(prk, info, N)` (RFC 5869 section 2.3).
    pub(crate) fn expand<const N: usize>(&self, info: &[u8]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= 255 * 32, "HKDF's limit") };
        let mut out = Zeroizing::new([0; N]);
        #[expect(clippy::expect_used, reason = "the length is checked against HKDF's limit at compile time")]
        self.0.expand(info, &mut out[..]).expect("N is within HKDF's limit");
        out
    }

    /// 32 bytes that name the secret and tell nothing of it.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        *self.expand(FINGERPRINT_INFO)
    }
}

impl fmt::Debug for Prk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prk(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_says_nothing() {
        let fresh = Fresh::insecure_from_seed(1);
        assert_eq!(format!("{fresh:?}"), "Fresh(..)");
        assert_eq!(format!("{:?}", fresh.0[0]), "Secret(..)");
        assert_eq!(format!("{:?}", fresh.0[0].extract()), "Prk(..)");
    }

    #[test]
    fn secrets_from_the_system_differ() {
        let (a, b) = (Fresh::from_os().unwrap(), Fresh::from_os().unwrap());
        let all = [&a.0[0], &a.0[1], &b.0[0], &b.0[1]].map(|s| *s.0);
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one), "two secrets are equal");
            assert_ne!(one, &[0; 32]);
        }
    }

    #[test]
    fn zero_is_seen() {
        assert!(Secret::zeroed().is_zero());
        let mut one = Secret::zeroed();
        one.0[31] = 0x80;
        assert!(!one.is_zero());
        one.0[0] = 0x80;
        assert!(!one.is_zero(), "equal bytes do not cancel out");
    }

    #[test]
    fn no_entropy_is_said_plainly() {
        assert_eq!(EntropyError(()).to_string(), "the operating system gave no random bytes");
    }
}

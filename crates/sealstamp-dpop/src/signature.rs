//! Rule 9: does the key of the proof's header verify its signature?
//!
//! Two backends, one answer: [`PublicKey`] has already refused every key on which libraries disagree, and [`verify`]
//! every signature that is not in its one encoding. Both backends are held to the same tests.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(all(feature = "rust-crypto", any(test, not(feature = "aws-lc-rs"))))]
mod rust_crypto;

#[cfg(feature = "aws-lc-rs")]
use aws_lc as backend;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
use rust_crypto as backend;

use crate::{Algorithm, jwk::PublicKey};

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
compile_error!("sealstamp-dpop needs a signature backend: enable the feature `aws-lc-rs` or `rust-crypto`");

/// Whether `signature` is the key's over `message`. False also for a key that is none, such as a point off its curve.
pub(crate) fn verify(algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    has_one_encoding(key, signature) && backend::verify(algorithm, key, message, signature)
}

/// Fixed-length forms only: no DER for ECDSA (RFC 7518 section 3.4), and an RSA signature is a number below the modulus.
fn has_one_encoding(key: &PublicKey, signature: &[u8]) -> bool {
    match key {
        PublicKey::Ec(curve, _) => signature.len() == curve.coordinate().saturating_mul(2),
        PublicKey::Ed25519(_) => signature.len() == 64,
        PublicKey::Rsa(n, _) => signature.len() == n.len() && signature < n.as_slice(),
    }
}

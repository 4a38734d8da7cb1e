//! Signatures in pure Rust, by the RustCrypto crates: for targets that AWS-LC does not build on.

use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::signature::Verifier;
use rsa::{BigUint, RsaPublicKey, pkcs1v15, pss};

use crate::proof::algorithm::Algorithm;
use crate::proof::key::{Curve, PublicKey};

pub(super) fn verify(algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    match key {
        PublicKey::Ec(curve, point) => ecdsa(*curve, PublicKey::point(*curve, point), message, signature),
        PublicKey::Ed25519(key) => ed25519(key, message, signature),
        PublicKey::Rsa(n, e) => rsa(algorithm, n, e, message, signature).unwrap_or(false),
    }
}

/// The hash follows from the curve (RFC 7518 section 3.4).
fn ecdsa(curve: Curve, point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    macro_rules! verify {
        ($curve:ident) => {
            match ($curve::ecdsa::VerifyingKey::from_sec1_bytes(point), $curve::ecdsa::Signature::from_slice(signature))
            {
                (Ok(key), Ok(signature)) => key.verify(message, &signature).is_ok(),
                _ => false,
            }
        };
    }
    match curve {
        Curve::P256 => verify!(p256),
        Curve::P384 => verify!(p384),
        Curve::P521 => verify!(p521),
    }
}

fn ed25519(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    match (ed25519_dalek::VerifyingKey::from_bytes(key), ed25519_dalek::Signature::from_slice(signature)) {
        (Ok(key), Ok(signature)) => key.verify(message, &signature).is_ok(),
        _ => false,
    }
}

fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
    let key = RsaPublicKey::new(BigUint::from_bytes_be(n), BigUint::from_bytes_be(e)).ok()?;
    macro_rules! verify {
        ($scheme:ident, $hash:ident) => {{
            let signature = $scheme::Signature::try_from(signature).ok()?;
            $scheme::VerifyingKey::<$hash>::new(key).verify(message, &signature).is_ok()
        }};
    }
    Some(match algorithm {
        Algorithm::PS256 => verify!(pss, Sha256),
        Algorithm::PS384 => verify!(pss, Sha384),
        Algorithm::PS512 => verify!(pss, Sha512),
        Algorithm::RS256 => verify!(pkcs1v15, Sha256),
        Algorithm::RS384 => verify!(pkcs1v15, Sha384),
        Algorithm::RS512 => verify!(pkcs1v15, Sha512),
        _ => return None,
    })
}

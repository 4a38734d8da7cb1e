//! Rule 9: does the key of the proof's header verify its signature?
//!
//! There are two backends, and both give the same answer. Keys on which libraries disagree were refused when the
//! [`PublicKey`] was made. [`verify`] refuses every signature that is not in its one encoding. The same tests run on
//! both.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(all(feature = "rust-crypto", any(test, not(feature = "aws-lc-rs"))))]
mod rust_crypto;

#[cfg(feature = "aws-lc-rs")]
use aws_lc as backend;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
use rust_crypto as backend;

use crate::proof::algorithm::Algorithm;
use crate::proof::key::PublicKey;

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
compile_error!("sealstamp-dpop needs a signature backend: enable the feature `aws-lc-rs` or `rust-crypto`");

/// Whether `signature` is the key's over `message`. False also if the key is not valid, such as a point off its curve.
pub(crate) fn verify(algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    has_one_encoding(key, signature) && backend::verify(algorithm, key, message, signature)
}

/// Fixed lengths only. An ECDSA signature is two numbers, never DER. RFC 7518 section 3.4, of ES256: "The JWS
/// Signature value MUST be a 64-octet sequence." An RSA signature is a number below the modulus.
fn has_one_encoding(key: &PublicKey, signature: &[u8]) -> bool {
    match key {
        PublicKey::Ec(curve, _) => signature.len() == curve.coordinate().saturating_mul(2),
        PublicKey::Ed25519(_) => signature.len() == 64,
        PublicKey::Rsa(n, _) => signature.len() == n.len() && signature < n.as_slice(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::key::Curve;

    #[test]
    fn signatures_have_one_length_and_rsas_a_bound() {
        let ec = |curve| PublicKey::Ec(curve, [0; 133]);
        for (key, length) in [
            (ec(Curve::P256), 64),
            (ec(Curve::P384), 96),
            (ec(Curve::P521), 132),
            (PublicKey::Ed25519([0; 32]), 64),
            (PublicKey::Rsa(vec![0xff; 256], vec![3]), 256),
        ] {
            for wrong in [0, 1, length - 1, length + 1, 2 * length] {
                assert!(!has_one_encoding(&key, &vec![7; wrong]), "{wrong} bytes");
            }
            assert!(has_one_encoding(&key, &vec![7; length]), "{length} bytes");
        }
        let key = PublicKey::Rsa(vec![2, 5], vec![3]);
        assert!(has_one_encoding(&key, &[2, 4]));
        assert!(!has_one_encoding(&key, &[2, 5]));
        assert!(!has_one_encoding(&key, &[3, 0]));
    }
}

#[cfg(test)]
#[cfg(all(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod vectors;

#[cfg(test)]
#[cfg(all(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod agreement {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
    use aws_lc_rs::signature::{self as aws, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

    use super::{aws_lc, has_one_encoding, rust_crypto};
    use crate::proof::algorithm::Algorithm;
    use crate::proof::key::{Curve, PublicKey};

    const MESSAGE: &[u8] = b"header.claims";

    /// Both backends' answer, which is one.
    pub(super) fn verify(algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        if !has_one_encoding(key, signature) {
            return false;
        }
        let aws_lc = aws_lc::verify(algorithm, key, message, signature);
        let rust_crypto = rust_crypto::verify(algorithm, key, message, signature);
        assert_eq!(aws_lc, rust_crypto, "{algorithm}: {key:?}, {signature:?}");
        aws_lc
    }

    fn ec_key(curve: Curve, point: &[u8]) -> PublicKey {
        let mut buffer = [0; 133];
        buffer[..point.len()].copy_from_slice(point);
        PublicKey::Ec(curve, buffer)
    }

    fn ecdsa(algorithm: Algorithm) -> (PublicKey, Vec<u8>) {
        let (curve, signing) = match algorithm {
            Algorithm::ES256 => (Curve::P256, &aws::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::ES384 => (Curve::P384, &aws::ECDSA_P384_SHA384_FIXED_SIGNING),
            _ => (Curve::P521, &aws::ECDSA_P521_SHA512_FIXED_SIGNING),
        };
        let key = EcdsaKeyPair::generate(signing).unwrap();
        let signature = key.sign(&SystemRandom::new(), MESSAGE).unwrap().as_ref().to_vec();
        (ec_key(curve, key.public_key().as_ref()), signature)
    }

    fn rsa(algorithm: Algorithm, key: &RsaKeyPair) -> (PublicKey, Vec<u8>) {
        let encoding: &dyn aws::RsaEncoding = match algorithm {
            Algorithm::PS256 => &aws::RSA_PSS_SHA256,
            Algorithm::PS384 => &aws::RSA_PSS_SHA384,
            Algorithm::PS512 => &aws::RSA_PSS_SHA512,
            Algorithm::RS256 => &aws::RSA_PKCS1_SHA256,
            Algorithm::RS384 => &aws::RSA_PKCS1_SHA384,
            _ => &aws::RSA_PKCS1_SHA512,
        };
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(encoding, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
        let n = key.public_key().modulus().big_endian_without_leading_zero().to_vec();
        let e = key.public_key().exponent().big_endian_without_leading_zero().to_vec();
        (PublicKey::Rsa(n, e), signature)
    }

    fn ed25519() -> (PublicKey, Vec<u8>) {
        let key = Ed25519KeyPair::generate().unwrap();
        let signature = key.sign(MESSAGE).as_ref().to_vec();
        (PublicKey::Ed25519(key.public_key().as_ref().try_into().unwrap()), signature)
    }

    #[test]
    fn backends_agree_on_good_and_damaged_signatures() {
        let rsa_keys = [KeySize::Rsa2048, KeySize::Rsa3072].map(|size| RsaKeyPair::generate(size).unwrap());
        for algorithm in Algorithm::ALL {
            let pairs = match algorithm {
                Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => vec![ecdsa(algorithm)],
                Algorithm::EdDSA | Algorithm::Ed25519 => vec![ed25519()],
                _ => rsa_keys.iter().map(|key| rsa(algorithm, key)).collect(),
            };
            for (key, signature) in pairs {
                assert!(verify(algorithm, &key, MESSAGE, &signature), "{algorithm}");
                assert!(!verify(algorithm, &key, b"header.claimz", &signature));
                assert!(!verify(algorithm, &key, b"", &signature));
                // A pure-Rust RSA check is slow without optimisation, and its bits are all alike.
                let step = if signature.len() < 200 { 5 } else { 64 };
                for byte in (0..signature.len()).step_by(step).chain([signature.len() - 1]) {
                    for bit in [0, 7] {
                        let mut damaged = signature.clone();
                        damaged[byte] ^= 1 << bit;
                        assert!(!verify(algorithm, &key, MESSAGE, &damaged), "{algorithm}, byte {byte}, bit {bit}");
                    }
                }
                for filled in [0, 1, 0x7f, 0xff] {
                    assert!(!verify(algorithm, &key, MESSAGE, &vec![filled; signature.len()]));
                }
                assert!(!verify(algorithm, &key, MESSAGE, &signature[1..]));
                assert!(!verify(algorithm, &key, MESSAGE, &[&signature[..], &[0]].concat()));
                assert!(!verify(algorithm, &key, MESSAGE, &[]));
            }
        }
    }

    /// A signature of one RSA padding and hash is none of another.
    #[test]
    fn rsa_schemes_do_not_mix() {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let all =
            Algorithm::ALL.into_iter().filter(|algorithm| matches!(algorithm.as_str().as_bytes(), [b'R' | b'P', ..]));
        for signed in all.clone() {
            let (public, signature) = rsa(signed, &key);
            for checked in all.clone() {
                assert_eq!(verify(checked, &public, MESSAGE, &signature), signed == checked, "{signed} as {checked}");
            }
        }
    }

    #[test]
    fn backends_agree_on_odd_keys() {
        let (_, signature) = ecdsa(Algorithm::ES256);
        let point = |x: u8, y: u8| {
            let mut point = [4; 65];
            point[1..33].fill(x);
            point[33..].fill(y);
            point
        };
        for odd in [point(0, 0), point(0xff, 0xff), point(7, 7), point(0, 1), point(0xff, 0)] {
            assert!(!verify(Algorithm::ES256, &ec_key(Curve::P256, &odd), MESSAGE, &signature));
        }
        // What these decode to, if to a point at all, is nobody's key.
        let (_, signature) = ed25519();
        for first in 2..=255 {
            let mut key = [0; 32];
            key[0] = first;
            assert!(!verify(Algorithm::EdDSA, &PublicKey::Ed25519(key), MESSAGE, &signature));
        }
        // Moduli of every number of bits around a byte's border.
        for bits in 2048_usize..=2064 {
            let mut n = vec![0xc5; bits.div_ceil(8)];
            n[0] = u8::try_from(0xff_usize >> (bits.next_multiple_of(8) - bits)).unwrap();
            let signature = vec![1; n.len()];
            assert!(!verify(Algorithm::RS256, &PublicKey::Rsa(n.clone(), vec![1, 0, 1]), MESSAGE, &signature));
            assert!(!verify(Algorithm::PS256, &PublicKey::Rsa(n, vec![1, 0, 1]), MESSAGE, &signature));
        }
    }

    /// JWS has no rule against the greater of the two `s`, and clients send it: both backends take either.
    #[test]
    fn both_values_of_s_are_taken() {
        let order: [u8; 32] = {
            let hex = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
            std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        };
        let (key, mut signature) = ecdsa(Algorithm::ES256);
        let mut borrow = 0;
        for i in (0..32).rev() {
            let difference = i16::from(order[i]) - i16::from(signature[32 + i]) - borrow;
            borrow = i16::from(difference < 0);
            signature[32 + i] = u8::try_from(difference + 256 * borrow).unwrap();
        }
        assert!(verify(Algorithm::ES256, &key, MESSAGE, &signature));
        // s = order is 0 again, and out of range.
        signature[32..].copy_from_slice(&order);
        assert!(!verify(Algorithm::ES256, &key, MESSAGE, &signature));
    }
}

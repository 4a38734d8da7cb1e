//! The one signer: a key pair for any algorithm that a proof may use (RFC 7518 section 3.1, RFC 8037, RFC 9864).

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self as aws, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

use crate::members::Members;
use crate::text::{b64, quoted, sha256};

enum Secret {
    /// The same key for fixed-length and for DER signatures.
    Ecdsa(EcdsaKeyPair, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn aws::RsaEncoding),
}

/// A key pair for one algorithm. Clones share the pair.
#[derive(Clone)]
pub struct Key {
    algorithm: &'static str,
    secret: Arc<Secret>,
}

impl Key {
    /// A new key for the algorithm of this registered name, such as `ES256`. RSA keys have 2048 bits.
    ///
    /// # Panics
    ///
    /// If there is no such algorithm.
    #[must_use]
    pub fn generate(algorithm: &'static str) -> Self {
        let ecdsa = |fixed, der| {
            let pair = EcdsaKeyPair::generate(fixed).expect("the system has randomness");
            let pkcs8 = pair.to_pkcs8v1().expect("a new key can be written");
            let read = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).expect("it was just written");
            Secret::Ecdsa(read(fixed), read(der))
        };
        let ed25519 = || Secret::Ed25519(Ed25519KeyPair::generate().expect("the system has randomness"));
        let rsa = |encoding| {
            Secret::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("the system has randomness"), encoding)
        };
        let secret = match algorithm {
            "ES256" => ecdsa(&aws::ECDSA_P256_SHA256_FIXED_SIGNING, &aws::ECDSA_P256_SHA256_ASN1_SIGNING),
            "ES384" => ecdsa(&aws::ECDSA_P384_SHA384_FIXED_SIGNING, &aws::ECDSA_P384_SHA384_ASN1_SIGNING),
            "ES512" => ecdsa(&aws::ECDSA_P521_SHA512_FIXED_SIGNING, &aws::ECDSA_P521_SHA512_ASN1_SIGNING),
            "EdDSA" | "Ed25519" => ed25519(),
            "PS256" => rsa(&aws::RSA_PSS_SHA256),
            "PS384" => rsa(&aws::RSA_PSS_SHA384),
            "PS512" => rsa(&aws::RSA_PSS_SHA512),
            "RS256" => rsa(&aws::RSA_PKCS1_SHA256),
            "RS384" => rsa(&aws::RSA_PKCS1_SHA384),
            "RS512" => rsa(&aws::RSA_PKCS1_SHA512),
            other => panic!("no key for {other}"),
        };
        Self { algorithm, secret: Arc::new(secret) }
    }

    /// An Ed25519 key that is the same in every run, and whose signatures are too: a request that it signs can stand in a
    /// corpus.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes are a seed");
        Self { algorithm: "EdDSA", secret: Arc::new(Secret::Ed25519(pair)) }
    }

    /// The algorithm's registered name.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// A signature as JWS has it: for ECDSA, both numbers at their fixed length (RFC 7518 section 3.4).
    #[must_use]
    pub fn sign(&self, message: &str) -> Vec<u8> {
        let (random, message) = (SystemRandom::new(), message.as_bytes());
        match &*self.secret {
            Secret::Ecdsa(fixed, _) => fixed.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Secret::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Secret::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).expect("a signature");
                signature
            }
        }
    }

    /// An ASN.1 DER signature, as JWS does not have it.
    ///
    /// # Panics
    ///
    /// If the algorithm is not ECDSA.
    #[must_use]
    pub fn sign_der(&self, message: &str) -> Vec<u8> {
        let Secret::Ecdsa(_, der) = &*self.secret else { panic!("only ECDSA has signatures in DER") };
        der.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature").as_ref().to_vec()
    }

    /// The public key as it stands in a certificate or a library's arguments: for ECDSA the uncompressed point (65, 97 or
    /// 133 bytes), for Ed25519 32 bytes, for RSA a DER structure.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        match &*self.secret {
            Secret::Ecdsa(pair, _) => pair.public_key().as_ref(),
            Secret::Ed25519(pair) => pair.public_key().as_ref(),
            Secret::Rsa(pair, _) => pair.public_key().as_ref(),
        }
    }

    /// The public key as a JWK (RFC 7517), with the members that it must have and no more.
    #[must_use]
    pub fn jwk(&self) -> Members {
        match &*self.secret {
            Secret::Ecdsa(pair, _) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let curve = match point.len() {
                    65 => "P-256",
                    97 => "P-384",
                    _ => "P-521",
                };
                let (x, y) = (quoted(b64(x)), quoted(b64(y)));
                Members::new([("kty", quoted("EC")), ("crv", quoted(curve)), ("x", x), ("y", y)])
            }
            Secret::Ed25519(pair) => {
                let x = quoted(b64(pair.public_key()));
                Members::new([("kty", quoted("OKP")), ("crv", quoted("Ed25519")), ("x", x)])
            }
            Secret::Rsa(pair, _) => {
                let n = quoted(b64(pair.public_key().modulus().big_endian_without_leading_zero()));
                let e = quoted(b64(pair.public_key().exponent().big_endian_without_leading_zero()));
                Members::new([("kty", quoted("RSA")), ("n", n), ("e", e)])
            }
        }
    }

    /// The JWK as RFC 7638 section 3 hashes it: members sorted by name.
    #[must_use]
    pub fn canonical_jwk(&self) -> String {
        let mut members = self.jwk();
        members.0.sort();
        members.json()
    }

    /// The thumbprint (RFC 7638), 43 characters.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        sha256(self.canonical_jwk())
    }

    /// A compact JWS (RFC 7515 section 7.1) over these texts as they stand.
    #[must_use]
    pub fn jws(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = b64(self.sign(&signed));
        format!("{signed}.{signature}")
    }
}

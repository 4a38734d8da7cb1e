//! Both backends against the vectors of Project Wycheproof, which collect what signature code has got wrong before.
//!
//! A key comes in as a JWK, by the rules for proofs. A signature that is valid by the vectors is accepted if it is what
//! JWS asks for: of the one encoding, and for PSS with the salt and hashes of the algorithm (RFC 7518 section 3.5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wycheproof::{HashFunction, Mgf, TestResult, ecdsa, eddsa, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

use super::agreement::verify;
use super::has_one_encoding;
use crate::proof::algorithm::Algorithm;
use crate::proof::jwk::{Jwk, RawJwk};
use crate::verdict::Reason;

/// What became of vectors.
#[derive(Debug, Default, PartialEq)]
struct Count {
    accepted: usize,
    refused: usize,
    /// Under keys that are never used.
    weak: usize,
}

impl Count {
    fn run(
        &mut self,
        algorithm: Algorithm,
        key: &[(&str, &str)],
        ours: bool,
        message: &[u8],
        signature: &[u8],
        result: TestResult,
    ) {
        let raw = RawJwk::of(|name| key.iter().find(|(known, _)| *known == name).map(|(_, value)| *value), false);
        let key = match Jwk::new(raw, algorithm) {
            Ok(jwk) => jwk.key,
            Err(reason) => {
                assert_eq!(reason, Reason::WeakKey);
                self.weak += 1;
                return;
            }
        };
        let found = verify(algorithm, &key, message, signature);
        // The one kind that is neither valid nor invalid leaves a NULL out of PKCS #1's padding.
        let valid = result == TestResult::Valid && has_one_encoding(&key, signature);
        // A verdict under parameters that JWS does not have is none on ours: there the backends only have to agree, which
        // `verify` asserts.
        if ours {
            assert_eq!(found, valid, "{algorithm}: {result:?}, {key:?}, {message:?}, {signature:?}");
        }
        *if found { &mut self.accepted } else { &mut self.refused } += 1;
    }
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Vectors write some numbers with a zero in front.
fn number(bytes: &[u8]) -> String {
    b64(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..])
}

/// At least so many: fewer would mean that vectors were not run.
fn at_least(found: &Count, accepted: usize, refused: usize) -> bool {
    found.accepted >= accepted && found.refused >= refused
}

#[test]
fn ecdsa_vectors() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363, EcdsaSecp521r1Sha512P1363};
    for (algorithm, crv, name, (accepted, refused)) in [
        (Algorithm::ES256, "P-256", EcdsaSecp256r1Sha256P1363, (173, 89)),
        (Algorithm::ES384, "P-384", EcdsaSecp384r1Sha384P1363, (193, 87)),
        (Algorithm::ES512, "P-521", EcdsaSecp521r1Sha512P1363, (231, 87)),
    ] {
        let mut found = Count::default();
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
            let (x, y) = (b64(x), b64(y));
            for test in group.tests {
                let key = [("kty", "EC"), ("crv", crv), ("x", &*x), ("y", &*y)];
                found.run(algorithm, &key, true, &test.msg, &test.sig, test.result);
            }
        }
        assert!(at_least(&found, accepted, refused), "{algorithm}: {found:?}");
    }
}

#[test]
fn ed25519_vectors() {
    let mut found = Count::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let x = b64(&group.key.pk);
        for test in group.tests {
            let key = [("kty", "OKP"), ("crv", "Ed25519"), ("x", &*x)];
            found.run(Algorithm::EdDSA, &key, true, &test.msg, &test.sig, test.result);
        }
    }
    assert!(at_least(&found, 88, 63), "{found:?}");
}

#[test]
fn rsa_pkcs1_vectors() {
    use pkcs1::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512, Rsa4096Sha256,
        Rsa4096Sha384, Rsa4096Sha512, Rsa8192Sha256, Rsa8192Sha384, Rsa8192Sha512,
    };
    // Weak are those with the exponent 3 and those of 8,192 bits.
    for (algorithm, names, (accepted, refused)) in [
        (Algorithm::RS256, [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256], (21, 752)),
        (Algorithm::RS384, [Rsa2048Sha384, Rsa3072Sha384, Rsa4096Sha384, Rsa8192Sha384], (21, 752)),
        (Algorithm::RS512, [Rsa2048Sha512, Rsa3072Sha512, Rsa4096Sha512, Rsa8192Sha512], (21, 752)),
    ] {
        let mut found = Count::default();
        for group in names.into_iter().flat_map(|name| pkcs1::TestSet::load(name).unwrap().test_groups) {
            let (n, e) = (number(&group.key.n), number(&group.key.e));
            for test in group.tests {
                let key = [("kty", "RSA"), ("n", &*n), ("e", &*e)];
                found.run(algorithm, &key, true, &test.msg, &test.sig, test.result);
            }
        }
        assert!(at_least(&found, accepted, refused), "{algorithm}: {found:?}");
    }
}

#[test]
fn rsa_pss_vectors() {
    use pss::TestName::{
        RsaPss2048Sha256Mgf1SaltLen0, RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha256Mgf1Sha1_20,
        RsaPss2048Sha384Mgf1SaltLen48, RsaPss3072Sha256Mgf1SaltLen32, RsaPss4096Sha256Mgf1SaltLen32,
        RsaPss4096Sha384Mgf1SaltLen48, RsaPss4096Sha512Mgf1SaltLen32, RsaPss4096Sha512Mgf1SaltLen64, RsaPssmisc,
    };
    let mut found = [(); 3].map(|()| Count::default());
    for name in [
        RsaPss2048Sha256Mgf1SaltLen0,
        RsaPss2048Sha256Mgf1SaltLen32,
        RsaPss2048Sha256Mgf1Sha1_20,
        RsaPss2048Sha384Mgf1SaltLen48,
        RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32,
        RsaPss4096Sha384Mgf1SaltLen48,
        RsaPss4096Sha512Mgf1SaltLen32,
        RsaPss4096Sha512Mgf1SaltLen64,
        RsaPssmisc,
    ] {
        for group in pss::TestSet::load(name).unwrap().test_groups {
            let (algorithm, salt, found) = match (group.hash, &mut found) {
                (HashFunction::Sha2_256, [found, _, _]) => (Algorithm::PS256, 32, found),
                (HashFunction::Sha2_384, [_, found, _]) => (Algorithm::PS384, 48, found),
                (HashFunction::Sha2_512, [_, _, found]) => (Algorithm::PS512, 64, found),
                // No algorithm of JWS.
                _ => continue,
            };
            let ours = group.mgf == Mgf::Mgf1 && group.mgf_hash == Some(group.hash) && group.salt_size == salt;
            let (n, e) = (number(&group.key.n), number(&group.key.e));
            for test in group.tests {
                let key = [("kty", "RSA"), ("n", &*n), ("e", &*e)];
                found.run(algorithm, &key, ours, &test.msg, &test.sig, test.result);
            }
        }
    }
    for (found, algorithm) in found.iter().zip(["PS256", "PS384", "PS512"]) {
        assert!(at_least(found, 20, 20), "{algorithm}: {found:?}");
    }
}

//! An issuer's public keys (RFC 7517).

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};

use crate::token::defect::TokenDefect;

/// More keys than any issuer publishes.
const MAX_KEYS: usize = 64;

/// An issuer's public keys (RFC 7517 section 5). Symmetric keys, keys for encryption and keys of unknown types are left
/// out.
pub struct Jwks {
    keys: Vec<VerifyingKey>,
    /// As the issuer publishes it.
    set: JwkSet,
}

/// A key of an issuer's, and what it may be used for.
pub(crate) struct VerifyingKey {
    kid: Option<String>,
    algorithms: &'static [Algorithm],
    pub(crate) key: DecodingKey,
}

impl Jwks {
    /// Reads a JWK set.
    ///
    /// # Errors
    ///
    /// [`JwksError`] if the text is not a JWK set, or if the set holds more than 64 keys or none that could verify a
    /// token.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        let set: JwkSet = serde_json::from_slice(json).map_err(|_| JwksError(JwksErrorKind::Json))?;
        if set.keys.len() > MAX_KEYS {
            return Err(JwksError(JwksErrorKind::TooMany));
        }
        let keys: Vec<_> = set.keys.iter().filter_map(VerifyingKey::new).collect();
        if keys.is_empty() { Err(JwksError(JwksErrorKind::NoKey)) } else { Ok(Self { keys, set }) }
    }

    /// The key that the header names; without a name, the one key that fits. Keys are not tried one after the other.
    pub(crate) fn find(&self, header: &Header) -> Result<&VerifyingKey, TokenDefect> {
        let named = |key: &&VerifyingKey| header.kid.is_none() || key.kid == header.kid;
        let mut fitting = self.keys.iter().filter(named).filter(|key| key.algorithms.contains(&header.alg));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(TokenDefect::UnknownKey),
        }
    }
}

impl VerifyingKey {
    fn new(jwk: &Jwk) -> Option<Self> {
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let fitting: &'static [Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[Algorithm::ES384],
            // 32 bytes are 43 characters; one backend takes as many from the front, and panics if there are fewer.
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 && key.x.len() == 43 => {
                &[Algorithm::EdDSA]
            }
            // 2048 bits are 342 characters; backends differ on what lies below.
            AlgorithmParameters::RSA(key) if key.n.len() >= 342 => &RSA,
            _ => return None,
        };
        // A key that names its algorithm is for no other (RFC 8725 section 3.1).
        let algorithms = match jwk.common.key_algorithm {
            None => fitting,
            Some(named) => {
                let place = fitting.iter().position(|fit| KeyAlgorithm::from(*fit) == named)?;
                fitting.get(place..=place)?
            }
        };
        let key = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { kid: jwk.common.key_id.clone(), algorithms, key })
    }
}

const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

impl PartialEq for Jwks {
    fn eq(&self, other: &Self) -> bool {
        self.set == other.set
    }
}

impl Eq for Jwks {}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

/// A JWK set cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwksError(JwksErrorKind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JwksErrorKind {
    Json,
    NoKey,
    TooMany,
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            JwksErrorKind::Json => "not a JWK set",
            JwksErrorKind::NoKey => "the JWK set holds no public key that verifies signatures",
            JwksErrorKind::TooMany => "the JWK set holds more than 64 keys",
        })
    }
}

impl std::error::Error for JwksError {}

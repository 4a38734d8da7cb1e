//! The signed token for upstreams that want proof: a JWT with the facts, good for seconds.

use std::fmt;

use http::HeaderValue;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use sealstamp::UnixMillis;
use serde::Serialize;

use crate::answer::facts::Caller;

/// Signs what is told to upstreams.
pub(crate) struct Signer {
    key: EncodingKey,
    header: Header,
    jwks: String,
    issuer: String,
    lifetime_s: u64,
}

/// The key file holds no key that can be used.
#[derive(Debug)]
pub(crate) struct UnfitKey;

impl fmt::Display for UnfitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this must be a file with one private key in PEM (PKCS #8): P-256 or Ed25519")
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation<'a>>,
}

#[derive(Serialize)]
struct Confirmation<'a> {
    jkt: &'a str,
}

impl Signer {
    pub(crate) fn new(pem: &[u8], issuer: &str, lifetime_s: u64) -> Result<Self, UnfitKey> {
        let es256 = || signing(EncodingKey::from_ec_pem(pem).ok()?, Algorithm::ES256);
        let ed25519 = || signing(EncodingKey::from_ed_pem(pem).ok()?, Algorithm::EdDSA);
        let (key, algorithm, mut jwk) = es256().or_else(ed25519).ok_or(UnfitKey)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| UnfitKey)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let jwks = serde_json::to_string(&JwkSet { keys: vec![jwk] }).map_err(|_| UnfitKey)?;
        let header = Header { typ: Some("JWT".to_owned()), kid: Some(kid), ..Header::new(algorithm) };
        Ok(Self { key, header, jwks, issuer: issuer.to_owned(), lifetime_s })
    }

    /// The JWK set (RFC 7517) to check tokens with, as JSON.
    pub(crate) fn jwks(&self) -> &str {
        &self.jwks
    }

    /// A token about this caller. `None` if it cannot be signed or does not fit a header, which does not happen.
    pub(crate) fn sign(&self, caller: &Caller<'_>, audience: &str, now: UnixMillis) -> Option<HeaderValue> {
        let iat = now.get() / 1000;
        let claims = Claims {
            iss: &self.issuer,
            aud: audience,
            iat,
            exp: iat.saturating_add(self.lifetime_s),
            sub: caller.subject,
            token_issuer: caller.issuer,
            client_id: caller.client_id,
            scope: caller.scopes.join(" "),
            cnf: caller.thumbprint.as_deref().map(|jkt| Confirmation { jkt }),
        };
        let token = encode(&self.header, &claims, &self.key).ok()?;
        HeaderValue::try_from(token).ok()
    }
}

/// The key with its public half, if it is one for this algorithm.
fn signing(key: EncodingKey, algorithm: Algorithm) -> Option<(EncodingKey, Algorithm, Jwk)> {
    encode(&Header::new(algorithm), &(), &key).ok()?;
    let jwk = Jwk::from_encoding_key(&key, algorithm).ok()?;
    Some((key, algorithm, jwk))
}

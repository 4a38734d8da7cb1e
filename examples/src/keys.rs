//! The two sides that a server never sees the inside of: a client's proof key, and a test issuer of access tokens.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// An ES256 key that signs JWTs.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    x: String,
    y: String,
}

impl SigningKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        // An uncompressed point: 0x04, then 32 bytes each of x and y.
        let point = pair.public_key().as_ref();
        let coordinate = |range| point.get(range).map(encode).ok_or("not an uncompressed point");
        let (x, y) = (coordinate(1..33)?, coordinate(33..65)?);
        Ok(Self { pair, x, y })
    }

    /// The public key, as a JWK (RFC 7517).
    pub fn jwk(&self) -> Value {
        json!({ "kty": "EC", "crv": "P-256", "x": self.x, "y": self.y })
    }

    /// The key's RFC 7638 thumbprint: SHA-256 over the required members in lexical order, 43 characters.
    pub fn thumbprint(&self) -> String {
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, self.x, self.y);
        encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    }

    /// A compact JWS over `claims`.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness for the signature.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, Box<dyn Error + Send + Sync>> {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", encode(signature)))
    }
}

/// A DPoP proof (RFC 9449 section 4.2) for one request with one token.
///
/// # Errors
///
/// When the system gives no randomness.
pub fn proof(
    key: &SigningKey,
    method: &str,
    url: &str,
    token: &str,
    nonce: Option<&str>,
    issued_at: u64,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut jti = [0; 16];
    rand::fill(&mut jti)?;
    let mut claims = json!({
        "jti": encode(jti),
        "htm": method,
        "htu": url,
        "iat": issued_at,
        "ath": encode(digest::digest(&digest::SHA256, token.as_bytes())),
    });
    if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
        claims.insert("nonce".to_owned(), nonce.into());
    }
    key.sign(&json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk() }), &claims)
}

/// A test issuer: signs access tokens, and publishes its key as a JWK set.
pub struct Issuer {
    key: SigningKey,
    url: String,
}

impl Issuer {
    /// An issuer with a new key.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn new(url: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self { key: SigningKey::generate()?, url: url.to_owned() })
    }

    /// The issuer's name, the `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The JWK set (RFC 7517 section 5) that a resource server checks tokens with.
    pub fn jwks(&self) -> Value {
        let mut jwk = self.key.jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), "issuer-1".into());
            members.insert("alg".to_owned(), "ES256".into());
            members.insert("use".to_owned(), "sig".into());
        }
        json!({ "keys": [jwk] })
    }

    /// An RFC 9068 access token for `audience`, good for ten minutes, bound to `thumbprint` (RFC 9449 section 6.1).
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn token(
        &self,
        subject: &str,
        audience: &str,
        thumbprint: &str,
    ) -> Result<String, Box<dyn Error + Send + Sync>> {
        let now = unix_seconds();
        let claims = json!({
            "iss": self.url,
            "aud": audience,
            "sub": subject,
            "client_id": "fleet-example",
            "jti": thumbprint,
            "iat": now,
            "exp": now.saturating_add(600),
            "cnf": { "jkt": thumbprint },
        });
        self.key.sign(&json!({ "typ": "at+jwt", "alg": "ES256", "kid": "issuer-1" }), &claims)
    }
}

/// The wall clock in whole seconds since the Unix epoch, as JWTs count.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

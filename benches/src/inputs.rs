//! What all of them are given: one client with a P-256 key, one issuer, one access token, one request.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{Method, Request};

use crate::clock;

/// The server, as clients name it. It is the audience of tokens and nonces too.
pub const PUBLIC_URL: &str = "https://mcp.example.com/mcp";
/// Who issues access tokens.
pub const ISSUER: &str = "https://issuer.example.com";
/// The method of the request.
pub const METHOD: Method = Method::POST;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(text: &str) -> String {
    b64(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

/// Now, in whole seconds since the Unix epoch.
#[must_use]
pub fn seconds() -> u64 {
    clock().get() / 1000
}

/// A P-256 key that signs JWSs: a client's, or an issuer's.
pub struct Key {
    pair: EcdsaKeyPair,
    jwk: String,
    thumbprint: String,
}

impl Key {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        // The members of RFC 7638, in its order: the thumbprint is the hash of this very text.
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, b64(x), b64(y));
        Self { thumbprint: sha256(&jwk), pair, jwk }
    }

    /// The public key, 65 bytes, uncompressed.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The JWK's thumbprint, 43 characters (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// A JWK set of this key, named `1`.
    #[must_use]
    pub fn jwks(&self) -> String {
        let jwk = self.jwk.strip_suffix('}').expect("an object");
        format!(r#"{{"keys":[{jwk},"kid":"1","alg":"ES256","use":"sig"}}]}}"#)
    }

    fn jws(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", b64(signature.as_ref()))
    }

    /// A proof for the request, made now (RFC 9449 section 4.2).
    #[must_use]
    pub fn proof(&self, token: &str, nonce: &str) -> String {
        self.proof_with(token, nonce, "")
    }

    /// A proof with more members in its claims: JSON text that starts with a comma, or nothing.
    #[must_use]
    pub fn proof_with(&self, token: &str, nonce: &str, more: &str) -> String {
        let mut jti = [0; 16];
        aws_lc_rs::rand::fill(&mut jti).expect("random bytes");
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, self.jwk);
        let claims = format!(
            r#"{{"jti":"{}","htm":"{METHOD}","htu":"{PUBLIC_URL}","iat":{},"ath":"{}","nonce":"{nonce}"{more}}}"#,
            b64(jti),
            seconds(),
            sha256(token),
        );
        self.jws(&header, &claims)
    }

    /// An access token of this issuer for the server (RFC 9068), good for an hour; bound to a client's key, or to none.
    #[must_use]
    pub fn token(&self, thumbprint: Option<&str>) -> String {
        let now = seconds();
        let cnf = thumbprint.map_or_else(String::new, |jkt| format!(r#","cnf":{{"jkt":"{jkt}"}}"#));
        let claims = format!(
            r#"{{"iss":"{ISSUER}","sub":"user-4711","aud":"{PUBLIC_URL}","client_id":"mcp-client-1","iat":{now},"exp":{},"jti":"{}","scope":"tools:read tools:call"{cnf}}}"#,
            now + 3600,
            sha256("a token's name"),
        );
        self.jws(r#"{"typ":"at+jwt","alg":"ES256","kid":"1"}"#, &claims)
    }
}

/// The request's head with these credentials.
#[must_use]
pub fn request(token: &str, proof: &str) -> Parts {
    let request = Request::builder()
        .method(METHOD)
        .uri(PUBLIC_URL)
        .header("host", "mcp.example.com")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof)
        .body(())
        .expect("a request");
    request.into_parts().0
}

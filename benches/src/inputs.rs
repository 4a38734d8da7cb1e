//! What all of them are given: one client with a P-256 key, one issuer, one access token, one request.

use http::request::Parts;
use http::{Method, Request};
pub use sealstamp_testkit::{ISSUER, PUBLIC_URL};
use sealstamp_testkit::{Key, random_id, sha256};

use crate::clock;

/// The method of the request.
pub const METHOD: Method = Method::POST;

/// Now, in whole seconds since the Unix epoch.
#[must_use]
pub fn seconds() -> u64 {
    clock().get() / 1000
}

/// A client with a P-256 key.
pub struct Client {
    key: Key,
    jwk: String,
    thumbprint: String,
}

impl Client {
    /// A client with a new key.
    #[must_use]
    pub fn new() -> Self {
        let key = Key::generate("ES256");
        Self { jwk: key.canonical_jwk(), thumbprint: key.thumbprint(), key }
    }

    /// The public key, 65 bytes, uncompressed.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        self.key.public_key()
    }

    /// The JWK's thumbprint, 43 characters (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// A proof for the request, made now (RFC 9449 section 4.2).
    #[must_use]
    pub fn proof(&self, token: &str, nonce: &str) -> String {
        self.proof_with(token, nonce, "")
    }

    /// A proof with more members in its claims: JSON text that starts with a comma, or nothing.
    #[must_use]
    pub fn proof_with(&self, token: &str, nonce: &str, more: &str) -> String {
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, self.jwk);
        let claims = format!(
            r#"{{"jti":"{}","htm":"{METHOD}","htu":"{PUBLIC_URL}","iat":{},"ath":"{}","nonce":"{nonce}"{more}}}"#,
            random_id(),
            seconds(),
            sha256(token),
        );
        self.key.jws(header, claims)
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// An issuer with a P-256 key. Its tokens have claims of one length, whoever they are for: figures of one day can be
/// compared with those of another.
pub struct Issuer(Key);

impl Issuer {
    /// An issuer with a new key.
    #[must_use]
    pub fn new() -> Self {
        Self(Key::generate("ES256"))
    }

    /// A JWK set of its key, named `1`.
    #[must_use]
    pub fn jwks(&self) -> String {
        let jwk = self.0.canonical_jwk();
        let jwk = jwk.strip_suffix('}').expect("an object");
        format!(r#"{{"keys":[{jwk},"kid":"1","alg":"ES256","use":"sig"}}]}}"#)
    }

    /// An access token for the server (RFC 9068), good for an hour; bound to a client's key, or to none.
    #[must_use]
    pub fn token(&self, thumbprint: Option<&str>) -> String {
        let now = seconds();
        let cnf = thumbprint.map_or_else(String::new, |jkt| format!(r#","cnf":{{"jkt":"{jkt}"}}"#));
        let claims = format!(
            r#"{{"iss":"{ISSUER}","sub":"user-4711","aud":"{PUBLIC_URL}","client_id":"mcp-client-1","iat":{now},"exp":{},"jti":"{}","scope":"tools:read tools:call"{cnf}}}"#,
            now + 3600,
            sha256("a token's name"),
        );
        self.0.jws(r#"{"typ":"at+jwt","alg":"ES256","kid":"1"}"#, claims)
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
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

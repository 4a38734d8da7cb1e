//! An issuer of access tokens: JWTs as RFC 9068 has them, and the JWK set to check them with.

use crate::key::Key;
use crate::members::Members;
use crate::text::{quoted, random_id};

/// An issuer with one ES256 key.
#[derive(Clone)]
pub struct Issuer {
    /// The key that signs its tokens.
    pub key: Key,
    url: String,
}

impl Issuer {
    /// The name of its key.
    pub const KID: &str = "issuer-1";

    /// An issuer with a new key. The URL is the `iss` of its tokens.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { key: Key::generate("ES256"), url: url.to_owned() }
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key as it stands in the JWK set, with `kid`, `alg` and `use`.
    #[must_use]
    pub fn jwk(&self) -> Members {
        let mut jwk = self.key.jwk();
        jwk.add("kid", quoted(Self::KID));
        jwk.add("alg", quoted(self.key.algorithm()));
        jwk.add("use", quoted("sig"));
        jwk
    }

    /// The JWK set (RFC 7517 section 5), as JSON.
    #[must_use]
    pub fn jwks(&self) -> String {
        format!("{{\"keys\":[{}]}}", self.jwk().json())
    }

    /// The header of its tokens.
    #[must_use]
    pub fn header(&self) -> Members {
        let (alg, kid) = (quoted(self.key.algorithm()), quoted(Self::KID));
        Members::new([("typ", quoted("at+jwt")), ("alg", alg), ("kid", kid)])
    }

    /// The claims of a token for `audience`, issued at `now_s` (seconds since the Unix epoch), good for ten minutes and
    /// bound to the key of this thumbprint (RFC 9449 section 6.1).
    #[must_use]
    pub fn claims(&self, subject: &str, audience: &str, thumbprint: &str, now_s: u64) -> Members {
        Members::new([
            ("iss", quoted(&self.url)),
            ("aud", quoted(audience)),
            ("sub", quoted(subject)),
            ("client_id", quoted("an-agent")),
            ("scope", quoted("tools:read tools:call")),
            ("jti", quoted(random_id())),
            ("iat", now_s.to_string()),
            ("exp", (now_s + 600).to_string()),
            ("cnf", format!("{{\"jkt\":\"{thumbprint}\"}}")),
        ])
    }

    /// A token with these claims.
    #[must_use]
    pub fn sign(&self, claims: &Members) -> String {
        self.key.jws(self.header().json(), claims.json())
    }

    /// A good token: [`claims`](Self::claims), signed.
    #[must_use]
    pub fn token(&self, subject: &str, audience: &str, thumbprint: &str, now_s: u64) -> String {
        self.sign(&self.claims(subject, audience, thumbprint, now_s))
    }
}

//! A client's key and its proofs, which can be spoiled in any member before they are signed.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

pub const PUBLIC_URL: &str = "https://mcp.example.com/mcp";

pub fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn sha256(text: &str) -> String {
    encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// An ES256 key: a client's or the issuer's.
pub struct Key(EcdsaKeyPair);

impl Key {
    pub fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..65]) })
    }

    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        sha256(&format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]))
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature))
    }
}

/// A proof before it is signed: any member can be spoiled.
pub struct Draft {
    pub header: Value,
    pub claims: Value,
}

impl Draft {
    pub fn without(mut self, member: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(member);
        self.claims.as_object_mut().unwrap().remove(member);
        self
    }

    pub fn header(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.header[member] = value.into();
        self
    }

    pub fn claim(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.claims[member] = value.into();
        self
    }
}

/// Whoever sends requests.
pub struct Client {
    pub key: Key,
    pub token: String,
}

impl Client {
    /// A good proof for a request that has `method` and carries `nonce`.
    pub fn draft(&self, method: &str, nonce: &str) -> Draft {
        let mut jti = [0; 16];
        rand::fill(&mut jti).unwrap();
        Draft {
            header: json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.jwk() }),
            claims: json!({
                "jti": encode(jti),
                "htm": method,
                "htu": PUBLIC_URL,
                "iat": now_s(),
                "ath": sha256(&self.token),
                "nonce": nonce,
            }),
        }
    }

    pub fn sign(&self, draft: &Draft) -> String {
        self.key.sign(&draft.header, &draft.claims)
    }

    pub fn headers(&self, draft: &Draft) -> HeaderMap {
        headers("DPoP", &self.token, [self.sign(draft).as_str()])
    }
}

pub fn headers<'p>(scheme: &str, token: &str, proofs: impl IntoIterator<Item = &'p str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("{scheme} {token}").parse().unwrap());
    for proof in proofs {
        headers.append("dpop", proof.parse().unwrap());
    }
    headers
}

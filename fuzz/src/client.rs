//! A client whose key and signatures are the same in every run, so that a request can stand in a corpus.

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sealstamp::{Thumbprint, UnixMillis};
use sha2::{Digest, Sha256};

pub(crate) const PUBLIC_URL: &str = "https://mcp.example.com/mcp";

/// A whole second.
pub(crate) const NOW: UnixMillis = UnixMillis::new(1_795_361_400_000);

/// The access token, which is bound to the client's key.
pub(crate) const TOKEN: &str = "a-bound-token";

pub(crate) struct Client {
    key: Ed25519KeyPair,
}

pub(crate) static CLIENT: LazyLock<Client> = LazyLock::new(|| Client::new([7; 32]));
pub(crate) static OTHER: LazyLock<Client> = LazyLock::new(|| Client::new([8; 32]));

impl Client {
    fn new(seed: [u8; 32]) -> Self {
        Self { key: Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes are a seed") }
    }

    /// The public key's one coordinate, as it stands in a `jwk`.
    pub(crate) fn x(&self) -> String {
        b64(self.key.public_key())
    }

    pub(crate) fn jwk(&self) -> String {
        format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x())
    }

    /// RFC 7638: `jwk` has its members in order and no more.
    pub(crate) fn thumbprint(&self) -> Thumbprint {
        Thumbprint::new(Sha256::digest(self.jwk()).into())
    }

    pub(crate) fn header(&self) -> String {
        format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{}}}"#, self.jwk())
    }

    pub(crate) fn sign(&self, message: &str) -> Vec<u8> {
        self.key.sign(message.as_bytes()).as_ref().to_vec()
    }

    /// A compact JWS.
    pub(crate) fn jws(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = b64(self.sign(&signed));
        format!("{signed}.{signature}")
    }
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `ath` of a token.
pub(crate) fn ath(token: &str) -> String {
    b64(Sha256::digest(token))
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

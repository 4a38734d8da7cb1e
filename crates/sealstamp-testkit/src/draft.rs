//! A request that would be accepted, in parts that a test can break.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};

use crate::key::Key;
use crate::members::Members;
use crate::shared::issuer;
use crate::text::{b64, quoted, random_id, sha256};

/// The server that drafts are for, as clients name it. It is the audience of their tokens too.
pub const PUBLIC_URL: &str = "https://mcp.example.com/mcp";

/// From the key, the text to sign and the signature to the one that is sent.
type OnSignature = dyn Fn(&Key, &str, Vec<u8>) -> Vec<u8> + Send + Sync;
/// From what would be sent to the fields that are.
type OnField = dyn Fn(String) -> Vec<Vec<u8>> + Send + Sync;

/// A request with a proof and a token, before anything is signed.
///
/// `POST` to [`PUBLIC_URL`], with a token of the shared issuer for that URL. Nothing is wrong with it until a test
/// changes it: `ath` follows from the token, and signatures from what is signed.
#[derive(Clone)]
pub struct Draft {
    /// Signs the proof.
    pub key: Key,
    /// The proof's header but for the `jwk`, which is added unless it stands here.
    pub header: Members,
    /// The `jwk` in the proof's header.
    pub jwk: Members,
    /// The proof's claims but for `ath`.
    pub claims: Members,
    /// The token's header.
    pub token_header: Members,
    /// The token's claims.
    pub token_claims: Members,
    /// Signs the token.
    pub token_key: Key,
    /// Replaces the token that header and claims make.
    pub token: Option<String>,
    /// Replaces the JSON text of the `ath` that follows from the token. `Some(None)` leaves it out.
    pub ath: Option<Option<String>>,
    /// Replaces the whole header of the proof.
    pub header_text: Option<String>,
    /// Replaces the whole claims of the proof.
    pub claims_text: Option<String>,
    /// The method of the request.
    pub method: Method,
    /// The target of the request, as the server sees it.
    pub path: String,
    signature: Arc<OnSignature>,
    proof: Arc<OnField>,
    authorization: Arc<OnField>,
}

impl Draft {
    /// A good request whose proof this key signs at `now_s`, seconds since the Unix epoch.
    #[must_use]
    pub fn new(key: &Key, nonce: &str, now_s: u64) -> Self {
        Self {
            header: Members::new([("typ", quoted("dpop+jwt")), ("alg", quoted(key.algorithm()))]),
            jwk: key.jwk(),
            claims: Members::new([
                ("jti", quoted(random_id())),
                ("htm", quoted("POST")),
                ("htu", quoted(PUBLIC_URL)),
                ("iat", now_s.to_string()),
                ("nonce", quoted(nonce)),
            ]),
            token_header: issuer().header(),
            token_claims: issuer().claims("alice", PUBLIC_URL, &key.thumbprint(), now_s),
            token_key: issuer().key.clone(),
            key: key.clone(),
            token: None,
            ath: None,
            header_text: None,
            claims_text: None,
            method: Method::POST,
            path: "/mcp".into(),
            signature: Arc::new(|_, _, signature| signature),
            proof: Arc::new(|proof| vec![proof.into_bytes()]),
            authorization: Arc::new(|token| vec![format!("DPoP {token}").into_bytes()]),
        }
    }

    /// Applies a change and returns the draft.
    #[must_use]
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Changes the proof's signature, given the key and the text that was signed.
    pub fn on_signature(&mut self, change: impl Fn(&Key, &str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) {
        self.signature = Arc::new(change);
    }

    /// Makes the `DPoP` fields of the whole proof.
    pub fn on_proof(&mut self, change: impl Fn(String) -> Vec<String> + Send + Sync + 'static) {
        self.on_proof_bytes(move |proof| change(proof).into_iter().map(String::into_bytes).collect());
    }

    /// Makes the `DPoP` fields of the whole proof, of any bytes.
    pub fn on_proof_bytes(&mut self, change: impl Fn(String) -> Vec<Vec<u8>> + Send + Sync + 'static) {
        self.proof = Arc::new(change);
    }

    /// Makes the `Authorization` fields of the token.
    pub fn on_authorization(&mut self, change: impl Fn(String) -> Vec<String> + Send + Sync + 'static) {
        self.on_authorization_bytes(move |token| change(token).into_iter().map(String::into_bytes).collect());
    }

    /// Makes the `Authorization` fields of the token, of any bytes.
    pub fn on_authorization_bytes(&mut self, change: impl Fn(String) -> Vec<Vec<u8>> + Send + Sync + 'static) {
        self.authorization = Arc::new(change);
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> String {
        let made = || self.token_key.jws(self.token_header.json(), self.token_claims.json());
        self.token.clone().unwrap_or_else(made)
    }

    /// The proof's header.
    #[must_use]
    pub fn header(&self) -> String {
        let mut header = self.header.clone();
        if header.find("jwk").is_none() {
            header.add("jwk", self.jwk.json());
        }
        self.header_text.clone().unwrap_or_else(|| header.json())
    }

    /// The proof's claims with an `ath` for this token.
    #[must_use]
    pub fn claims_for(&self, token: &str) -> String {
        let mut claims = self.claims.clone();
        if let Some(ath) = self.ath.clone().unwrap_or_else(|| Some(quoted(sha256(token)))) {
            claims.add("ath", ath);
        }
        self.claims_text.clone().unwrap_or_else(|| claims.json())
    }

    /// The proof for this token.
    #[must_use]
    pub fn proof_for(&self, token: &str) -> String {
        let signed = format!("{}.{}", b64(self.header()), b64(self.claims_for(token)));
        let signature = (self.signature)(&self.key, &signed, self.key.sign(&signed));
        format!("{signed}.{}", b64(signature))
    }

    /// The proof for the draft's own token.
    #[must_use]
    pub fn proof(&self) -> String {
        self.proof_for(&self.token())
    }

    /// The fields `Authorization` and `DPoP`.
    ///
    /// # Panics
    ///
    /// If one of them cannot stand in a header field.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let field = |bytes: Vec<u8>| HeaderValue::from_bytes(&bytes).expect("a field's value");
        let token = self.token();
        let mut headers = HeaderMap::new();
        for value in (self.authorization)(token.clone()) {
            headers.append(AUTHORIZATION, field(value));
        }
        for value in (self.proof)(self.proof_for(&token)) {
            headers.append("dpop", field(value));
        }
        headers
    }

    /// The head of the request.
    ///
    /// # Panics
    ///
    /// If the path or a field cannot stand in a request.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method.clone();
        parts.uri = self.path.parse::<Uri>().expect("a path");
        parts.headers = self.headers();
        parts
    }
}

//! A client, an issuer, and a request that can be broken in one place.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::{Arc, LazyLock, OnceLock};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{self as aws, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, Uri, request::Parts};
use sealstamp::{Audience, Binding, Fleet, Force, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::{Accepted, Algorithm, Jwks, JwtValidator, Nonces, Rejection, RequestHead, Verifier};
use sha2::{Digest, Sha256};

pub(crate) const PUBLIC_URL: &str = "https://mcp.example.com/mcp";
pub(crate) const ISSUER: &str = "https://issuer.example.com";

/// A Sunday afternoon, on a whole second.
pub(crate) const NOW: UnixMillis = UnixMillis::new(1_795_361_400_000);

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn ath(token: &str) -> String {
    b64(Sha256::digest(token))
}

/// An object's members, each as a name and the JSON text of its value, in order. Names may repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Members(pub(crate) Vec<(String, String)>);

impl Members {
    pub(crate) fn new<const N: usize>(members: [(&str, String); N]) -> Self {
        Self(members.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    /// Sets a member to a JSON text, in its place or at the end.
    pub(crate) fn set(&mut self, name: &str, json: impl Into<String>) {
        match self.0.iter_mut().find(|(existing, _)| existing == name) {
            Some((_, value)) => *value = json.into(),
            None => self.add(name, json),
        }
    }

    /// Adds a member at the end, even if there is one of that name.
    pub(crate) fn add(&mut self, name: &str, json: impl Into<String>) {
        self.0.push((name.to_owned(), json.into()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        let before = self.0.len();
        self.0.retain(|(existing, _)| existing != name);
        assert_ne!(self.0.len(), before, "no member {name}");
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        &self.0.iter().find(|(existing, _)| existing == name).unwrap().1
    }

    /// As an object. Names are written as they are, so they may hold escapes.
    pub(crate) fn json(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

pub(crate) fn quoted(text: impl std::fmt::Display) -> String {
    format!("\"{text}\"")
}

enum Secret {
    /// The same key for fixed-length and for DER signatures.
    Ecdsa(EcdsaKeyPair, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn aws::RsaEncoding),
}

/// A key pair for one algorithm.
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    secret: Secret,
}

impl Key {
    pub(crate) fn generate(algorithm: Algorithm) -> Self {
        let ecdsa = |fixed, der| {
            let pkcs8 = EcdsaKeyPair::generate(fixed).unwrap().to_pkcs8v1().unwrap();
            let read = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap();
            Secret::Ecdsa(read(fixed), read(der))
        };
        let rsa = |encoding| Secret::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), encoding);
        let secret = match algorithm {
            Algorithm::ES256 => ecdsa(&aws::ECDSA_P256_SHA256_FIXED_SIGNING, &aws::ECDSA_P256_SHA256_ASN1_SIGNING),
            Algorithm::ES384 => ecdsa(&aws::ECDSA_P384_SHA384_FIXED_SIGNING, &aws::ECDSA_P384_SHA384_ASN1_SIGNING),
            Algorithm::ES512 => ecdsa(&aws::ECDSA_P521_SHA512_FIXED_SIGNING, &aws::ECDSA_P521_SHA512_ASN1_SIGNING),
            Algorithm::EdDSA | Algorithm::Ed25519 => Secret::Ed25519(Ed25519KeyPair::generate().unwrap()),
            Algorithm::PS256 => rsa(&aws::RSA_PSS_SHA256),
            Algorithm::PS384 => rsa(&aws::RSA_PSS_SHA384),
            Algorithm::PS512 => rsa(&aws::RSA_PSS_SHA512),
            Algorithm::RS256 => rsa(&aws::RSA_PKCS1_SHA256),
            Algorithm::RS384 => rsa(&aws::RSA_PKCS1_SHA384),
            Algorithm::RS512 => rsa(&aws::RSA_PKCS1_SHA512),
            _ => unreachable!("no such algorithm"),
        };
        Self { algorithm, secret }
    }

    pub(crate) fn sign(&self, message: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.secret {
            Secret::Ecdsa(fixed, _) => fixed.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Secret::Ed25519(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Secret::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        }
    }

    /// An ASN.1 DER signature, as JWS does not have it.
    pub(crate) fn sign_der(&self, message: &str) -> Vec<u8> {
        match &self.secret {
            Secret::Ecdsa(_, der) => der.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            _ => unreachable!("DER is ECDSA's"),
        }
    }

    pub(crate) fn jwk(&self) -> Members {
        match &self.secret {
            Secret::Ecdsa(key, _) => {
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let curve = match point.len() {
                    65 => "P-256",
                    97 => "P-384",
                    _ => "P-521",
                };
                let (x, y) = (quoted(b64(x)), quoted(b64(y)));
                Members::new([("kty", quoted("EC")), ("crv", quoted(curve)), ("x", x), ("y", y)])
            }
            Secret::Ed25519(key) => {
                let x = quoted(b64(key.public_key()));
                Members::new([("kty", quoted("OKP")), ("crv", quoted("Ed25519")), ("x", x)])
            }
            Secret::Rsa(key, _) => {
                let n = quoted(b64(key.public_key().modulus().big_endian_without_leading_zero()));
                let e = quoted(b64(key.public_key().exponent().big_endian_without_leading_zero()));
                Members::new([("kty", quoted("RSA")), ("n", n), ("e", e)])
            }
        }
    }

    /// RFC 7638, independently of the crate's: members sorted by name.
    pub(crate) fn thumbprint(&self) -> String {
        let mut members = self.jwk();
        members.0.sort();
        b64(Sha256::digest(members.json()))
    }

    pub(crate) fn jws(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = b64(self.sign(&signed));
        format!("{signed}.{signature}")
    }
}

static KEYS: [OnceLock<Key>; Algorithm::ALL.len()] = [const { OnceLock::new() }; Algorithm::ALL.len()];
static OTHER_KEY: LazyLock<Key> = LazyLock::new(|| Key::generate(Algorithm::ES256));
static ISSUER_KEY: LazyLock<Key> = LazyLock::new(|| Key::generate(Algorithm::ES256));

/// The client's key for an algorithm.
pub(crate) fn key(algorithm: Algorithm) -> &'static Key {
    let place = Algorithm::ALL.into_iter().position(|known| known == algorithm).unwrap();
    KEYS[place].get_or_init(|| Key::generate(algorithm))
}

/// Somebody else's key.
pub(crate) fn other_key() -> &'static Key {
    &OTHER_KEY
}

pub(crate) fn issuer_key() -> &'static Key {
    &ISSUER_KEY
}

/// One server, its fleet, and its issuer.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: UnixMillis,
    pub(crate) fleet: Fleet,
    pub(crate) verifier: Verifier,
    pub(crate) tokens: JwtValidator,
}

/// A ring that has lived: its first key has retired, its second was revoked an hour ago, its third mints.
pub(crate) fn ring(now: UnixMillis) -> Ring {
    let [.., last] = history(now);
    last
}

/// The ring as it was, from its making on. At `now` each mints with another key.
pub(crate) fn history(now: UnixMillis) -> [Ring; 3] {
    let [then, later] = [2, 1].map(|hours| now.saturating_sub(hours * 3_600_000));
    let made = Ring::init(Settings::default(), Suite::Aes256Gcm, then, Fresh::insecure_from_seed(1));
    let rotated = made.rotate(None, then, Fresh::insecure_from_seed(2), Force::No).unwrap().ring;
    let active = rotated.active(later).kid();
    let revoked = rotated.revoke(active, later, Fresh::insecure_from_seed(3), Force::No).unwrap().ring;
    [made, rotated, revoked]
}

pub(crate) fn fleet(ring: Ring, audience: &str) -> Fleet {
    Fleet::new(ring, Audience::new(audience).unwrap()).unwrap()
}

pub(crate) fn tokens() -> JwtValidator {
    let mut jwk = issuer_key().jwk();
    jwk.set("kid", quoted("issuer-1"));
    let jwks = Jwks::parse(format!("{{\"keys\":[{}]}}", jwk.json()).as_bytes()).unwrap();
    JwtValidator::new(ISSUER, PUBLIC_URL, jwks)
}

impl World {
    /// A server that wants nonces and takes every algorithm.
    pub(crate) fn new() -> Self {
        let fleet = fleet(ring(NOW), PUBLIC_URL);
        let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).algorithms(Algorithm::ALL);
        Self { now: NOW, fleet, verifier: verifier.build().unwrap(), tokens: tokens() }
    }

    pub(crate) fn with(self, verifier: Verifier) -> Self {
        Self { verifier, ..self }
    }

    /// The same server, which does not take this algorithm.
    pub(crate) fn without(self, refused: Algorithm) -> Self {
        let allowed = Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != refused);
        let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(self.fleet.clone())).algorithms(allowed);
        self.with(verifier.build().unwrap())
    }

    pub(crate) fn nonce(&self) -> String {
        self.nonce_at(self.now)
    }

    pub(crate) fn nonce_at(&self, at: UnixMillis) -> String {
        self.fleet.mint(at, &Binding::None).to_string()
    }

    pub(crate) fn decide(&self, parts: &Parts) -> Result<Accepted, Rejection> {
        let proven = self.verifier.check(RequestHead::of(parts), self.now)?;
        let facts = self.tokens.validate_now(proven.token(), self.now);
        proven.bind(facts, self.now)?.accept(self.now)
    }

    /// Decides on a draft as it stands.
    pub(crate) fn decide_draft(&self, draft: &Draft) -> Result<Accepted, Rejection> {
        self.decide(&draft.parts())
    }
}

/// From the key, the text to sign and the signature to the one that is sent.
type OnSignature = dyn Fn(&Key, &str, Vec<u8>) -> Vec<u8> + Send + Sync;

/// A request that would be accepted, in parts that a test can break.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) key: &'static Key,
    pub(crate) header: Members,
    pub(crate) jwk: Members,
    pub(crate) claims: Members,
    pub(crate) token_header: Members,
    pub(crate) token_claims: Members,
    pub(crate) token_key: &'static Key,
    /// Replaces the token that the two make.
    pub(crate) token: Option<String>,
    /// Replaces the `ath` that follows from the token. `None` leaves it out.
    pub(crate) ath: Option<Option<String>>,
    /// Replaces the whole header or claims of the proof.
    pub(crate) header_text: Option<String>,
    pub(crate) claims_text: Option<String>,
    /// Applied to the proof's signature, then to the whole proof.
    pub(crate) signature: Arc<OnSignature>,
    pub(crate) proof: Arc<dyn Fn(String) -> Vec<Vec<u8>> + Send + Sync>,
    pub(crate) authorization: Arc<dyn Fn(String) -> Vec<Vec<u8>> + Send + Sync>,
    pub(crate) method: Method,
    pub(crate) path: String,
}

impl Draft {
    pub(crate) fn new(world: &World) -> Self {
        Self::signed_by(key(Algorithm::ES256), world)
    }

    pub(crate) fn signed_by(key: &'static Key, world: &World) -> Self {
        let now = world.now.get() / 1000;
        Self {
            key,
            header: Members::new([("typ", quoted("dpop+jwt")), ("alg", quoted(key.algorithm))]),
            jwk: key.jwk(),
            claims: Members::new([
                ("jti", quoted("a0b1c2")),
                ("htm", quoted("POST")),
                ("htu", quoted(PUBLIC_URL)),
                ("iat", now.to_string()),
                ("nonce", quoted(world.nonce())),
            ]),
            token_header: Members::new([
                ("typ", quoted("at+jwt")),
                ("alg", quoted("ES256")),
                ("kid", quoted("issuer-1")),
            ]),
            token_claims: Members::new([
                ("iss", quoted(ISSUER)),
                ("aud", quoted(PUBLIC_URL)),
                ("sub", quoted("alice")),
                ("client_id", quoted("an-agent")),
                ("scope", quoted("tools:read tools:call")),
                ("iat", now.to_string()),
                ("exp", (now + 600).to_string()),
                ("cnf", format!("{{\"jkt\":\"{}\"}}", key.thumbprint())),
            ]),
            token_key: issuer_key(),
            token: None,
            ath: None,
            header_text: None,
            claims_text: None,
            signature: Arc::new(|_, _, signature| signature),
            proof: Arc::new(|proof| vec![proof.into_bytes()]),
            authorization: Arc::new(|token| vec![format!("DPoP {token}").into_bytes()]),
            method: Method::POST,
            path: "/mcp".into(),
        }
    }

    /// Applies a change and returns the draft.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn on_signature(&mut self, change: impl Fn(&Key, &str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) {
        self.signature = Arc::new(change);
    }

    pub(crate) fn on_proof(&mut self, change: impl Fn(String) -> Vec<String> + Send + Sync + 'static) {
        self.proof = Arc::new(move |proof| change(proof).into_iter().map(String::into_bytes).collect());
    }

    pub(crate) fn on_authorization(&mut self, change: impl Fn(String) -> Vec<String> + Send + Sync + 'static) {
        self.authorization = Arc::new(move |token| change(token).into_iter().map(String::into_bytes).collect());
    }

    pub(crate) fn token(&self) -> String {
        let made = || self.token_key.jws(&self.token_header.json(), &self.token_claims.json());
        self.token.clone().unwrap_or_else(made)
    }

    /// The proof's claims with an `ath` for this token.
    pub(crate) fn claims_for(&self, token: &str) -> String {
        let mut claims = self.claims.clone();
        if let Some(ath) = self.ath.clone().unwrap_or_else(|| Some(quoted(ath(token)))) {
            claims.add("ath", ath);
        }
        self.claims_text.clone().unwrap_or_else(|| claims.json())
    }

    pub(crate) fn header(&self) -> String {
        let mut header = self.header.clone();
        if !header.0.iter().any(|(name, _)| name == "jwk") {
            header.add("jwk", self.jwk.json());
        }
        self.header_text.clone().unwrap_or_else(|| header.json())
    }

    pub(crate) fn proof_for(&self, token: &str) -> String {
        let signed = format!("{}.{}", b64(self.header()), b64(self.claims_for(token)));
        let signature = (self.signature)(self.key, &signed, self.key.sign(&signed));
        format!("{signed}.{}", b64(signature))
    }

    pub(crate) fn parts(&self) -> Parts {
        let token = self.token();
        let mut headers = HeaderMap::new();
        for field in (self.authorization)(token.clone()) {
            headers.append("authorization", HeaderValue::from_bytes(&field).unwrap());
        }
        for field in (self.proof)(self.proof_for(&token)) {
            headers.append("dpop", HeaderValue::from_bytes(&field).unwrap());
        }
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = self.method.clone();
        parts.uri = self.path.parse::<Uri>().unwrap();
        parts.headers = headers;
        parts
    }
}

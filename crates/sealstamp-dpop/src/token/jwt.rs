//! Access tokens that are JWTs, checked against the issuer's keys (RFC 9068, and plain JWTs of the same content).
//!
//! `jsonwebtoken` reads them and verifies signatures. It would compare `exp` and `nbf` with the system's clock, so that
//! is switched off, and they are compared here with the `now` that the caller gave.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use arc_swap::ArcSwap;
use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use sealstamp::UnixMillis;
use serde_json::{Map, Value};

use crate::token::defect::TokenDefect;
use crate::token::facts::{TokenBinding, TokenFacts};
use crate::token::jwks::Jwks;
use crate::token::validator::TokenValidator;

/// How far the issuer's clock may be ahead of ours, in seconds, where `nbf` says from when on a token is valid. `exp`
/// gets no such allowance: a client can refresh early.
pub const NBF_LEEWAY_S: u64 = 5;

/// Validates JWT access tokens: issuer, audience, expiry, and a signature by one of the issuer's keys.
///
/// Every algorithm that `jsonwebtoken` verifies with a public key is accepted, if it is one that the key is for. ES512
/// is not among them. Clones share the keys.
///
/// `jsonwebtoken` keeps one cryptography provider for the whole process. The first validator installs the one of this
/// crate's signature backend, unless the program has installed another before.
///
/// ```
/// use sealstamp::UnixMillis;
/// use sealstamp_dpop::{Jwks, JwtValidator, TokenDefect};
///
/// let jwks = Jwks::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let tokens = JwtValidator::new("https://issuer.example.com", "https://mcp.example.com/mcp", jwks);
/// let validated = tokens.validate_now("not.a.token", UnixMillis::new(1_790_000_000_000));
/// assert_eq!(validated.unwrap_err(), TokenDefect::Malformed);
/// # Ok::<(), sealstamp_dpop::JwksError>(())
/// ```
#[derive(Clone)]
pub struct JwtValidator {
    inner: Arc<Inner>,
}

struct Inner {
    validation: Validation,
    keys: ArcSwap<Jwks>,
    /// How often the keys have changed.
    generation: AtomicU64,
}

impl JwtValidator {
    /// For tokens of this issuer (`iss`, compared exactly) to this audience (`aud`, or a member of it: the server's
    /// resource identifier, RFC 8707).
    #[must_use]
    pub fn new(issuer: &str, audience: &str, keys: Jwks) -> Self {
        install_provider();
        let mut validation = Validation::default();
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { inner: Arc::new(Inner { validation, keys: ArcSwap::from_pointee(keys), generation: AtomicU64::new(0) }) }
    }

    /// Replaces the keys, for every clone, at once. If they are not the same as before, caches forget their tokens.
    pub fn reload(&self, keys: Jwks) {
        let keys = Arc::new(keys);
        let before = self.inner.keys.swap(Arc::clone(&keys));
        if *before != *keys {
            // Only now: who reads the new number also sees the new keys.
            self.inner.generation.fetch_add(1, AcqRel);
        }
    }

    /// What the token says, if it is valid at `now`. Nothing here waits; [`TokenValidator::validate`] is the same.
    ///
    /// # Errors
    ///
    /// The first [`TokenDefect`] found: form, type and algorithm, key, signature, issuer, audience, time.
    pub fn validate_now(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        let header = decode_header(token).map_err(|error| match error.kind() {
            // An `alg` that has no value there, such as `none`.
            ErrorKind::Json(_) | ErrorKind::InvalidAlgorithmName => TokenDefect::Unacceptable,
            _ => TokenDefect::Malformed,
        })?;
        check_header(&header)?;
        let keys = self.inner.keys.load();
        let key = keys.find(&header)?;
        let mut validation = self.inner.validation.clone();
        validation.algorithms = vec![header.alg];
        let claims =
            decode::<Map<String, Value>>(token, &key.key, &validation).map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => TokenDefect::BadSignature,
                ErrorKind::InvalidIssuer => TokenDefect::WrongIssuer,
                ErrorKind::InvalidAudience => TokenDefect::WrongAudience,
                ErrorKind::InvalidAlgorithm => TokenDefect::Unacceptable,
                _ => TokenDefect::Malformed,
            })?;
        let claims = claims.claims;
        // The library takes a list of issuers as well; RFC 7519 section 4.1.1 wants one string.
        if !claims.get("iss").is_some_and(Value::is_string) {
            return Err(TokenDefect::Malformed);
        }
        let end = check_times(&claims, now)?;
        Ok(TokenFacts::new(binding(&claims)).with_claims(claims).until(end))
    }
}

impl TokenValidator for JwtValidator {
    async fn validate(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        self.validate_now(token, now)
    }

    fn generation(&self) -> u64 {
        self.inner.generation.load(Acquire)
    }
}

impl fmt::Debug for JwtValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtValidator")
            .field("iss", &self.inner.validation.iss)
            .field("aud", &self.inner.validation.aud)
            .field("keys", &self.inner.keys.load())
            .finish()
    }
}

/// RFC 9068 section 2.1: `at+jwt`; issuers that predate it say `JWT` or nothing. Other types, an ID token's among them
/// where the issuer types it, are no access tokens (RFC 8725 section 3.11).
fn check_header(header: &Header) -> Result<(), TokenDefect> {
    let typ = header.typ.as_deref().unwrap_or("JWT");
    let typed = ["at+jwt", "application/at+jwt", "JWT"].iter().any(|known| typ.eq_ignore_ascii_case(known));
    if typed && header.crit.is_none() { Ok(()) } else { Err(TokenDefect::Unacceptable) }
}

/// From when on the token is valid no more.
fn check_times(claims: &Map<String, Value>, now: UnixMillis) -> Result<UnixMillis, TokenDefect> {
    let now = now.get() / 1000;
    let exp = claims.get("exp").and_then(seconds).ok_or(TokenDefect::Malformed)?;
    if now >= exp {
        return Err(TokenDefect::Expired);
    }
    match claims.get("nbf").map(|nbf| seconds(nbf).ok_or(TokenDefect::Malformed)).transpose()? {
        Some(nbf) if nbf > now.saturating_add(NBF_LEEWAY_S) => Err(TokenDefect::NotYetValid),
        _ => Ok(UnixMillis::new(exp.saturating_mul(1000))),
    }
}

/// A NumericDate, fractions of a second dropped (RFC 7519 section 2).
fn seconds(value: &Value) -> Option<u64> {
    if let Some(seconds) = value.as_u64() {
        return Some(seconds);
    }
    let seconds = value.as_f64().filter(|seconds| (0.0..=9e15).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^53")]
    Some(seconds as u64)
}

fn binding(claims: &Map<String, Value>) -> TokenBinding {
    match claims.get("cnf") {
        None => TokenBinding::None,
        Some(cnf) => match cnf.get("jkt").and_then(Value::as_str).map(str::parse) {
            Some(Ok(thumbprint)) => TokenBinding::Thumbprint(thumbprint),
            _ => TokenBinding::Unknown,
        },
    }
}

/// Without a provider, `jsonwebtoken` panics where two of its backends are compiled in.
fn install_provider() {
    #[cfg(feature = "aws-lc-rs")]
    let provider: &'static CryptoProvider = &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
    #[cfg(not(feature = "aws-lc-rs"))]
    let provider: &'static CryptoProvider = &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
    // Refused if the program, or an earlier validator, has installed one: that one serves as well.
    let _ = provider.install_default();
}

//! Access tokens that are JWTs, checked against the issuer's keys (RFC 9068, and plain JWTs of the same content).
//!
//! Their signatures are verified by the same code as proofs, so a token may be signed with every algorithm that a proof
//! may. What time it is comes from the caller.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use arc_swap::ArcSwap;
use sealstamp::UnixMillis;
use serde::de::MapAccess;
use serde_json::{Map, Value};

use crate::proof::{Algorithm, Jws, Members, Value as Member, object};
use crate::token::audience::spellings;
use crate::token::binding::binding_of;
use crate::token::defect::TokenDefect;
use crate::token::facts::TokenFacts;
use crate::token::jwks::Jwks;
use crate::token::times::{DEFAULT_LEEWAY_S, LeewayError, Times};
use crate::token::validator::TokenValidator;

/// Validates JWT access tokens: issuer, audience, times, and a signature by one of the issuer's keys.
///
/// A token is taken under every [`Algorithm`] that a key of the issuer's is for. Keys are chosen by the `kid` that the
/// token names; if it names none, or several keys have that name, each that fits the algorithm is tried, up to four.
///
/// Clones share the keys and the counts.
///
/// ```
/// use sealstamp::UnixMillis;
/// use sealstamp_dpop::{Jwks, JwtValidator, TokenDefect};
///
/// let jwks = Jwks::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let tokens = JwtValidator::new("https://issuer.example.com", "https://mcp.example.com/mcp", jwks)
///     .or_audience("api://mcp")
///     .leeway_s(10)?;
/// let validated = tokens.validate_now("not.a.token", UnixMillis::new(1_790_000_000_000));
/// assert_eq!(validated.unwrap_err(), TokenDefect::Malformed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JwtValidator {
    issuer: Arc<str>,
    audiences: Arc<[String]>,
    times: Times,
    shared: Arc<Shared>,
}

struct Shared {
    keys: ArcSwap<Jwks>,
    /// How often a key has gone.
    generation: AtomicU64,
    signature_checks: AtomicU64,
    leeway_used: AtomicU64,
}

impl JwtValidator {
    /// For tokens of this issuer (`iss`, compared exactly) to this audience (`aud`, or a member of it). That is the
    /// server's resource identifier (RFC 8707), or whatever name the issuer has for it. A URL without a path is the same
    /// audience with a slash and without.
    #[must_use]
    pub fn new(issuer: &str, audience: &str, keys: Jwks) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: spellings(audience).collect(),
            times: Times::new(DEFAULT_LEEWAY_S),
            shared: Arc::new(Shared {
                keys: ArcSwap::from_pointee(keys),
                generation: AtomicU64::new(0),
                signature_checks: AtomicU64::new(0),
                leeway_used: AtomicU64::new(0),
            }),
        }
    }

    /// Takes tokens for this audience too. An issuer may have other names for a server than clients have: a GUID, say.
    #[must_use]
    pub fn or_audience(mut self, audience: &str) -> Self {
        self.audiences = self.audiences.iter().cloned().chain(spellings(audience)).collect();
        self
    }

    /// How far the issuer's clock may be from ours, in seconds, 0 to 120: `exp` may be this far in the past and `nbf`
    /// this far ahead. [`DEFAULT_LEEWAY_S`] unless set. How often it was needed is in the [status](Self::status).
    ///
    /// # Errors
    ///
    /// [`LeewayError`] above 120.
    pub fn leeway_s(mut self, seconds: u64) -> Result<Self, LeewayError> {
        self.times = Times::checked(seconds)?;
        Ok(self)
    }

    /// The issuer whose tokens are taken.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Replaces the keys, for every clone, at once. If one of those from before is not among them, caches forget their
    /// tokens. A key that is only added says nothing against a token that was valid under another.
    pub fn reload(&self, keys: Jwks) {
        let keys = Arc::new(keys);
        let before = self.shared.keys.swap(Arc::clone(&keys));
        if !keys.has_all_of(&before) {
            // Only now: who reads the new number also sees the new keys.
            self.shared.generation.fetch_add(1, AcqRel);
        }
    }

    /// The keys in use, and what they have cost.
    #[must_use]
    pub fn status(&self) -> JwtStatus {
        JwtStatus {
            keys: self.shared.keys.load_full(),
            signature_checks: self.shared.signature_checks.load(Relaxed),
            leeway_used: self.shared.leeway_used.load(Relaxed),
        }
    }

    /// What the token says, if it is valid at `now`. Nothing here waits; [`TokenValidator::validate`] is the same.
    ///
    /// # Errors
    ///
    /// The first [`TokenDefect`] found: form, type and algorithm, key, signature, issuer, audience, time.
    pub fn validate_now(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        let mut buffer = Vec::new();
        let jws = Jws::decode(token, &mut buffer).map_err(|_| TokenDefect::Malformed)?;
        let header: Header<'_> = object(jws.header_json()).map_err(|_| TokenDefect::Malformed)?;
        let algorithm = check_header(&header)?;
        self.check_signature(&jws, header.kid.as_deref(), algorithm)?;

        let claims: Map<String, Value> =
            serde_json::from_slice(jws.claims_json()).map_err(|_| TokenDefect::Malformed)?;
        self.check_issuer(&claims)?;
        self.check_audience(&claims)?;
        let in_force = self.times.check(&claims, now)?;
        if in_force.needed_leeway() {
            self.shared.leeway_used.fetch_add(1, Relaxed);
        }
        Ok(TokenFacts::new(binding_of(&claims)).with_claims(claims).until(in_force.until()))
    }

    /// Each key that fits is tried: issuers publish one key twice, two under one name, and leave names out.
    fn check_signature(&self, jws: &Jws<'_>, kid: Option<&str>, algorithm: Algorithm) -> Result<(), TokenDefect> {
        let keys = self.shared.keys.load();
        let mut defect = TokenDefect::UnknownKey;
        for key in keys.fitting(kid, algorithm) {
            self.shared.signature_checks.fetch_add(1, Relaxed);
            if jws.is_signed_by(algorithm, &key.key) {
                return Ok(());
            }
            defect = TokenDefect::BadSignature;
        }
        Err(defect)
    }

    /// A list of issuers is no issuer.
    fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), TokenDefect> {
        match claims.get("iss").and_then(Value::as_str) {
            Some(issuer) if issuer == &*self.issuer => Ok(()),
            Some(_) => Err(TokenDefect::WrongIssuer),
            None => Err(TokenDefect::Malformed),
        }
    }

    /// SEP-6: issued for this server.
    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), TokenDefect> {
        let audience = claims.get("aud").ok_or(TokenDefect::Malformed)?;
        let mut named = match audience {
            Value::Array(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        }
        .iter();
        if named.clone().any(|audience| !audience.is_string()) {
            return Err(TokenDefect::Malformed);
        }
        let is_ours = |named: &Value| self.audiences.iter().any(|audience| named == audience.as_str());
        if named.any(is_ours) { Ok(()) } else { Err(TokenDefect::WrongAudience) }
    }
}

impl TokenValidator for JwtValidator {
    async fn validate(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        self.validate_now(token, now)
    }

    fn generation(&self) -> u64 {
        self.shared.generation.load(Acquire)
    }
}

impl fmt::Debug for JwtValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtValidator")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("keys", &self.shared.keys.load())
            .finish_non_exhaustive()
    }
}

/// What a [`JwtValidator`] works with, and what it has done so far.
#[derive(Debug, Clone)]
pub struct JwtStatus {
    keys: Arc<Jwks>,
    signature_checks: u64,
    leeway_used: u64,
}

impl JwtStatus {
    /// The keys, and the entries of the issuer's set that are not used.
    #[must_use]
    pub fn keys(&self) -> &Jwks {
        &self.keys
    }

    /// How many signatures of tokens were verified: more than tokens, if keys have to be tried.
    #[must_use]
    pub fn signature_checks(&self) -> u64 {
        self.signature_checks
    }

    /// How many tokens were taken only because of the leeway.
    #[must_use]
    pub fn leeway_used(&self) -> u64 {
        self.leeway_used
    }
}

#[derive(Debug, Default)]
struct Header<'h> {
    typ: Option<Cow<'h, str>>,
    alg: Option<Cow<'h, str>>,
    kid: Option<Cow<'h, str>>,
    critical: bool,
}

impl<'h> Members<'h> for Header<'h> {
    fn take<A: MapAccess<'h>>(&mut self, name: &str, value: Member<'_, A>) -> Result<(), A::Error> {
        match name {
            "typ" => self.typ = Some(value.string()?),
            "alg" => self.alg = Some(value.string()?),
            "kid" => self.kid = Some(value.string()?),
            _ => {
                self.critical |= matches!(name, "crit" | "b64");
                value.skip()?;
            }
        }
        Ok(())
    }
}

/// RFC 9068 section 2.1: `at+jwt`; issuers that predate it say `JWT` or nothing. Other types, an ID token's among them
/// where the issuer types it, are no access tokens (RFC 8725 section 3.11).
fn check_header(header: &Header<'_>) -> Result<Algorithm, TokenDefect> {
    let typ = header.typ.as_deref().unwrap_or("JWT");
    let typed = ["at+jwt", "application/at+jwt", "JWT"].iter().any(|known| typ.eq_ignore_ascii_case(known));
    if !typed || header.critical {
        return Err(TokenDefect::Unacceptable);
    }
    header.alg.as_deref().and_then(Algorithm::from_name).ok_or(TokenDefect::Unacceptable)
}

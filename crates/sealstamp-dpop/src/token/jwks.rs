//! An issuer's JWK set (RFC 7517 section 5), one entry at a time.
//!
//! RFC 7517 section 5: "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" (key type) values that are
//! not understood by them, that are missing required members, or for which values are out of the supported ranges." So
//! one odd entry costs that entry. Each one left out is kept with its reason, for the operator.

use std::collections::HashMap;
use std::fmt;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::proof::{Algorithm, Curve, Jwk, PublicKey, RawJwk};
use crate::verdict::Reason;

/// More keys than any issuer publishes.
const MAX_KEYS: usize = 64;

/// How many keys are tried for one token. Each costs one verification.
pub(super) const MAX_TRIES: usize = 4;

/// An issuer's public keys, and what was left out of its set.
///
/// Kept is every key that could verify a token: EC on P-256, P-384 and P-521, Ed25519, RSA of 2,048 to 4,096 bits. Left
/// out, one by one, are keys of other types, symmetric and private ones, those for encryption, and those with members
/// that are missing or of a wrong JSON type.
///
/// ```
/// use sealstamp_dpop::Jwks;
///
/// let keys = Jwks::parse(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty":"EC","kid":7},
///     null
/// ]}"#)?;
/// assert_eq!(keys.len(), 1);
/// let left_out: Vec<_> = keys.left_out().iter().map(ToString::to_string).collect();
/// assert_eq!(left_out, ["entry 1: a member is of the wrong JSON type", "entry 2: not an object"]);
/// # Ok::<(), sealstamp_dpop::JwksError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Jwks {
    keys: Vec<IssuerKey>,
    left_out: Vec<LeftOut>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct IssuerKey {
    kid: Option<String>,
    /// The one algorithm that the key is for, if it names one (RFC 8725 section 3.1).
    named: Option<Algorithm>,
    pub(super) key: PublicKey,
}

/// An entry of a JWK set that is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    place: usize,
    why: Unfit,
}

impl LeftOut {
    /// The entry's place in the set, from 0.
    #[must_use]
    pub const fn place(&self) -> usize {
        self.place
    }

    /// Why it is not used.
    #[must_use]
    pub const fn why(&self) -> Unfit {
        self.why
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: {}", self.place, self.why)
    }
}

/// Why an entry of a JWK set is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// It is not a JSON object.
    NotAnObject,
    /// A member that is read is of the wrong JSON type.
    MemberType,
    /// `use` or `key_ops` say that it is not for signatures.
    Purpose,
    /// It is a private or symmetric key.
    Private,
    /// Its type, curve or algorithm is not one of those used here.
    Unsupported,
    /// A member is missing, or not in its one encoding.
    Malformed,
    /// An RSA key outside 2,048 to 4,096 bits, an unfit exponent, or a point of low order.
    Weak,
    /// The same key stands in the set before.
    Repeated,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnObject => "not an object",
            Self::MemberType => "a member is of the wrong JSON type",
            Self::Purpose => "not for signatures",
            Self::Private => "a private or symmetric key",
            Self::Unsupported => "a type, curve or algorithm that is not used here",
            Self::Malformed => "a member is missing or malformed",
            Self::Weak => "a weak key",
            Self::Repeated => "the same key as an entry before it",
        })
    }
}

impl Jwks {
    /// Reads a JWK set.
    ///
    /// # Errors
    ///
    /// [`JwksError`] if it is not an object with an array `keys`, if none of its keys could verify a token, or if more
    /// than 64 could.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        let entries = entries(json).ok_or(JwksError(JwksErrorKind::Json))?;
        let mut jwks = Self { keys: Vec::new(), left_out: Vec::new() };
        for (place, entry) in entries.into_iter().enumerate() {
            // Some JSON has no value here: a number beyond a float's range, half a surrogate pair, a hundred levels.
            let entry = serde_json::from_str(entry.get()).map_err(|_| Unfit::Malformed);
            match entry.and_then(|entry| IssuerKey::read(&entry)) {
                Ok(key) if jwks.keys.contains(&key) => jwks.left_out.push(LeftOut { place, why: Unfit::Repeated }),
                Ok(key) => jwks.keys.push(key),
                Err(why) => jwks.left_out.push(LeftOut { place, why }),
            }
        }
        match jwks.keys.len() {
            0 => Err(JwksError(JwksErrorKind::NoKey)),
            1..=MAX_KEYS => Ok(jwks),
            _ => Err(JwksError(JwksErrorKind::TooMany)),
        }
    }

    /// No keys: every token is under an unknown one. For a server that starts before its issuer.
    #[must_use]
    pub const fn none() -> Self {
        Self { keys: Vec::new(), left_out: Vec::new() }
    }

    /// How many keys are used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The entries of the set that are not used, and why.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Whether each key of `other` is in this set too, under the same name and for the same use.
    pub(super) fn has_all_of(&self, other: &Self) -> bool {
        other.keys.iter().all(|key| self.keys.contains(key))
    }

    /// The keys to try, at most [`MAX_TRIES`]: those of this kid, or all if the token names none, that fit the
    /// algorithm.
    pub(super) fn fitting(&self, kid: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &IssuerKey> {
        let named = move |key: &&IssuerKey| kid.is_none() || key.kid.as_deref() == kid;
        self.keys.iter().filter(named).filter(move |key| key.fits(algorithm)).take(MAX_TRIES)
    }
}

/// The entries as they stand in the text, so that each is read by itself. Of two members `keys`, the last counts.
fn entries(json: &[u8]) -> Option<Vec<&RawValue>> {
    let set: HashMap<String, &RawValue> = serde_json::from_slice(json).ok()?;
    serde_json::from_str(set.get("keys")?.get()).ok()
}

impl IssuerKey {
    fn read(entry: &Value) -> Result<Self, Unfit> {
        let entry = entry.as_object().ok_or(Unfit::NotAnObject)?;
        let kid = string(entry, "kid")?.map(str::to_owned);
        let alg = string(entry, "alg")?;
        let for_signatures = string(entry, "use")?.is_none_or(|purpose| purpose == "sig") && verifies(entry)?;
        // The other members that are read.
        for name in ["kty", "crv", "x", "y", "n", "e"] {
            string(entry, name)?;
        }
        let present = |(name, value): (&String, &Value)| !value.is_null() && RawJwk::is_private(name);
        let raw = RawJwk::of(|name| entry.get(name).and_then(Value::as_str), entry.iter().any(present));
        if !for_signatures {
            return Err(Unfit::Purpose);
        }
        let named = match alg {
            Some(name) => Some(Algorithm::from_name(name).ok_or(Unfit::Unsupported)?),
            None => None,
        };
        let text = |name| entry.get(name).and_then(Value::as_str);
        let family = match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => Algorithm::ES256,
            (Some("EC"), Some("P-384")) => Algorithm::ES384,
            (Some("EC"), Some("P-521")) => Algorithm::ES512,
            (Some("OKP"), Some("Ed25519")) => Algorithm::Ed25519,
            (Some("RSA"), _) => Algorithm::RS256,
            (None, _) => return Err(Unfit::Malformed),
            _ => return Err(if raw_is_private(entry) { Unfit::Private } else { Unfit::Unsupported }),
        };
        let key = Jwk::new(raw, family).map_err(|reason| match reason {
            Reason::PrivateKey => Unfit::Private,
            Reason::WeakKey => Unfit::Weak,
            _ => Unfit::Malformed,
        })?;
        let read = Self { kid, named: None, key: key.key };
        match named {
            // A key that names its algorithm is for no other.
            Some(algorithm) if !read.fits(algorithm) => Err(Unfit::Unsupported),
            named => Ok(Self { named, ..read }),
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let by_type = match (&self.key, algorithm) {
            (PublicKey::Ec(curve, _), algorithm) => match curve {
                Curve::P256 => algorithm == Algorithm::ES256,
                Curve::P384 => algorithm == Algorithm::ES384,
                Curve::P521 => algorithm == Algorithm::ES512,
            },
            (PublicKey::Ed25519(_), algorithm) => is_ed25519(algorithm),
            (PublicKey::Rsa(..), algorithm) => matches!(
                algorithm,
                Algorithm::RS256
                    | Algorithm::RS384
                    | Algorithm::RS512
                    | Algorithm::PS256
                    | Algorithm::PS384
                    | Algorithm::PS512
            ),
        };
        // RFC 9864 section 2.2: on this curve, `EdDSA` and `Ed25519` are two names of one algorithm.
        let by_name = self.named.is_none_or(|named| named == algorithm || (is_ed25519(named) && is_ed25519(algorithm)));
        by_type && by_name
    }
}

fn is_ed25519(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::EdDSA | Algorithm::Ed25519)
}

fn raw_is_private(entry: &Map<String, Value>) -> bool {
    entry.iter().any(|(name, value)| !value.is_null() && RawJwk::is_private(name))
}

/// A member that is a string, if it is there. Some issuers write `null` for what they leave out.
fn string<'v>(entry: &'v Map<String, Value>, name: &str) -> Result<Option<&'v str>, Unfit> {
    match entry.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Unfit::MemberType),
    }
}

/// `key_ops` (RFC 7517 section 4.3): absent, or with `verify` among it.
fn verifies(entry: &Map<String, Value>) -> Result<bool, Unfit> {
    match entry.get("key_ops") {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Array(operations)) => Ok(operations.iter().any(|operation| operation == "verify")),
        Some(_) => Err(Unfit::MemberType),
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

/// A JWK set cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwksError(JwksErrorKind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JwksErrorKind {
    Json,
    NoKey,
    TooMany,
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            JwksErrorKind::Json => "not a JWK set",
            JwksErrorKind::NoKey => "the JWK set holds no public key that verifies signatures",
            JwksErrorKind::TooMany => "the JWK set holds more than 64 keys",
        })
    }
}

impl std::error::Error for JwksError {}

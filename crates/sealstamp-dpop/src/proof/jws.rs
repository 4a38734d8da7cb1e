//! Rules 2 to 4: from the `DPoP` field's text to a header and claims of the right shape (RFC 9449 section 4.2).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::MapAccess;

use crate::proof::algorithm::Algorithm;
use crate::proof::content_digest::ContentDigest;
use crate::proof::json::{self, Members, Value};
use crate::proof::jwk::{Jwk, RawJwk};
use crate::proof::key::PublicKey;
use crate::proof::signature;
use crate::verdict::Reason;

/// The longest `jti`, in characters (RFC 9449 section 11.1).
const MAX_JTI: usize = 256;

/// A compact JWS, decoded but not understood.
#[derive(Debug)]
pub(crate) struct Jws<'f> {
    /// `header.claims` as received: what the signature covers.
    signed: &'f str,
    header: &'f [u8],
    claims: &'f [u8],
    signature: &'f [u8],
}

impl<'f> Jws<'f> {
    /// Rule 2: three parts of base64url, without padding or spare bits (RFC 7515 section 7.1). Decodes into `buffer`.
    pub(crate) fn decode(field: &'f str, buffer: &'f mut Vec<u8>) -> Result<Self, Reason> {
        let (signed, signature) = field.rsplit_once('.').ok_or(Reason::MalformedProof)?;
        let (header, claims) = signed.split_once('.').ok_or(Reason::MalformedProof)?;
        buffer.resize(field.len(), 0);
        let (header, rest) = decode(header, buffer)?;
        let (claims, rest) = decode(claims, rest)?;
        let (signature, _) = decode(signature, rest)?;
        Ok(Self { signed, header, claims, signature })
    }

    /// Rule 3.
    pub(crate) fn header(&self, allowed: &[Algorithm]) -> Result<Header<'f>, Reason> {
        let raw: RawHeader<'f> = json::object(self.header).map_err(|_| Reason::MalformedHeader)?;
        if raw.typ.as_deref() != Some("dpop+jwt") {
            return Err(Reason::WrongType);
        }
        if raw.critical {
            return Err(Reason::CriticalHeader);
        }
        let algorithm = raw.alg.as_deref().and_then(Algorithm::from_name);
        let algorithm = algorithm.filter(|algorithm| allowed.contains(algorithm)).ok_or(Reason::AlgorithmNotAllowed)?;
        let jwk = Jwk::new(raw.jwk.ok_or(Reason::NoKey)?, algorithm)?;
        Ok(Header { algorithm, jwk })
    }

    /// Rule 4.
    pub(crate) fn claims(&self) -> Result<Claims<'f>, Reason> {
        let raw: RawClaims<'f> = json::object(self.claims).map_err(|_| Reason::MalformedClaims)?;
        let jti = raw.jti.filter(|jti| !jti.is_empty() && jti.chars().nth(MAX_JTI).is_none()).ok_or(Reason::BadJti)?;
        Ok(Claims {
            jti,
            htm: raw.htm.ok_or(Reason::NoHtm)?,
            htu: raw.htu.ok_or(Reason::NoHtu)?,
            iat: raw.iat.ok_or(Reason::NoIat)?,
            exp: raw.exp,
            nbf: raw.nbf,
            ath: raw.ath,
            nonce: raw.nonce,
            content_digest: raw.content_digest,
        })
    }

    /// Rule 9: over the bytes as received, not over anything decoded and encoded again.
    pub(crate) fn verify(&self, header: &Header<'_>) -> Result<(), Reason> {
        if self.is_signed_by(header.algorithm, &header.jwk.key) { Ok(()) } else { Err(Reason::BadSignature) }
    }

    /// Whether the signature over the bytes as received is this key's.
    pub(crate) fn is_signed_by(&self, algorithm: Algorithm, key: &PublicKey) -> bool {
        signature::verify(algorithm, key, self.signed.as_bytes(), self.signature)
    }

    /// The header, decoded from base64url: JSON, if it is a JWS at all.
    #[cfg(feature = "jwt")]
    pub(crate) fn header_json(&self) -> &'f [u8] {
        self.header
    }

    /// The claims, decoded from base64url: JSON, if it is a JWT at all.
    #[cfg(feature = "jwt")]
    pub(crate) fn claims_json(&self) -> &'f [u8] {
        self.claims
    }
}

/// Decodes into the front of `buffer` and returns what is left of it.
fn decode<'f>(part: &str, buffer: &'f mut [u8]) -> Result<(&'f [u8], &'f mut [u8]), Reason> {
    let length = URL_SAFE_NO_PAD.decode_slice(part, buffer).map_err(|_| Reason::MalformedProof)?;
    let (decoded, rest) = buffer.split_at_mut_checked(length).ok_or(Reason::MalformedProof)?;
    Ok((decoded, rest))
}

/// A proof's header after rule 3.
#[derive(Debug)]
pub(crate) struct Header<'h> {
    pub(crate) algorithm: Algorithm,
    pub(crate) jwk: Jwk<'h>,
}

/// A proof's claims after rule 4.
#[derive(Debug)]
pub(crate) struct Claims<'c> {
    pub(crate) jti: Cow<'c, str>,
    pub(crate) htm: Cow<'c, str>,
    pub(crate) htu: Cow<'c, str>,
    /// Seconds since the Unix epoch, whatever the client made of them. So are the next two.
    pub(crate) iat: i64,
    pub(crate) exp: Option<i64>,
    pub(crate) nbf: Option<i64>,
    pub(crate) ath: Option<Cow<'c, str>>,
    pub(crate) nonce: Option<Cow<'c, str>>,
    pub(crate) content_digest: ContentDigest,
}

#[derive(Debug, Default)]
struct RawHeader<'h> {
    typ: Option<Cow<'h, str>>,
    alg: Option<Cow<'h, str>>,
    jwk: Option<RawJwk<'h>>,
    /// `crit` (RFC 7515 section 4.1.11) asks for extensions, of which a proof has none; `b64` is one of them (RFC
    /// 7797).
    critical: bool,
}

impl<'h> Members<'h> for RawHeader<'h> {
    fn take<A: MapAccess<'h>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match name {
            "typ" => self.typ = Some(value.string()?),
            "alg" => self.alg = Some(value.string()?),
            "jwk" => self.jwk = Some(value.object()?),
            _ => {
                self.critical |= matches!(name, "crit" | "b64");
                value.skip()?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct RawClaims<'c> {
    jti: Option<Cow<'c, str>>,
    htm: Option<Cow<'c, str>>,
    htu: Option<Cow<'c, str>>,
    iat: Option<i64>,
    exp: Option<i64>,
    nbf: Option<i64>,
    ath: Option<Cow<'c, str>>,
    nonce: Option<Cow<'c, str>>,
    content_digest: ContentDigest,
}

impl<'c> Members<'c> for RawClaims<'c> {
    fn take<A: MapAccess<'c>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match name {
            "jti" => self.jti = Some(value.string()?),
            "htm" => self.htm = Some(value.string()?),
            "htu" => self.htu = Some(value.string()?),
            "iat" => self.iat = Some(value.numeric_date()?),
            "exp" => self.exp = Some(value.numeric_date()?),
            "nbf" => self.nbf = Some(value.numeric_date()?),
            "ath" => self.ath = Some(value.string()?),
            // A client that has no nonce may say so: it is told how to get one, as if it had left the claim out. The
            // other claims are needed, so that `null` is as wrong as any other type.
            "nonce" => self.nonce = value.string_or_null()?,
            // Not a claim of RFC 9449: to a server that does not use it, it is a claim that it does not know.
            "content_digest" => {
                let text = value.string_or_other()?;
                self.content_digest = text.map_or(ContentDigest::Malformed, |text| ContentDigest::read(&text));
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}

//! The `jwk` in a proof's header: a public key that fits the algorithm, in its one encoding, and its thumbprint.
//!
//! RFC 7517, RFC 7518 section 6, RFC 8037 section 2. Whether a point lies on its curve is found out later, when the
//! signature is checked. It takes arithmetic, and nothing that costs much runs before the nonce has opened.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp::Thumbprint;
use serde::de::MapAccess;
use sha2::{Digest, Sha256};

use crate::proof::algorithm::Algorithm;
use crate::proof::json::{Members, Value};
use crate::proof::key::{Curve, PublicKey, is_unfit_edwards_point};
use crate::verdict::Reason;

/// RSA moduli that are accepted, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Members that make a key private or symmetric (RFC 7518 section 6, RFC 8037 section 2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The members of a `jwk` as they stand in the header.
#[derive(Debug, Default)]
pub(crate) struct RawJwk<'h> {
    kty: Option<Cow<'h, str>>,
    crv: Option<Cow<'h, str>>,
    x: Option<Cow<'h, str>>,
    y: Option<Cow<'h, str>>,
    n: Option<Cow<'h, str>>,
    e: Option<Cow<'h, str>>,
    private: bool,
}

impl<'h> RawJwk<'h> {
    /// The members of a JWK that was read elsewhere: `member` finds one that is a string.
    #[cfg(feature = "jwt")]
    pub(crate) fn of(member: impl Fn(&str) -> Option<&'h str>, private: bool) -> Self {
        let [kty, crv, x, y, n, e] = ["kty", "crv", "x", "y", "n", "e"].map(|name| member(name).map(Cow::Borrowed));
        Self { kty, crv, x, y, n, e, private }
    }

    /// Whether a member of this name makes a key private or symmetric.
    pub(crate) fn is_private(name: &str) -> bool {
        PRIVATE.contains(&name)
    }
}

impl<'h> Members<'h> for RawJwk<'h> {
    fn take<A: MapAccess<'h>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match name {
            "kty" => self.kty = Some(value.string()?),
            "crv" => self.crv = Some(value.string()?),
            "x" => self.x = Some(value.string()?),
            "y" => self.y = Some(value.string()?),
            "n" => self.n = Some(value.string()?),
            "e" => self.e = Some(value.string()?),
            _ => {
                self.private |= Self::is_private(name);
                value.skip()?;
            }
        }
        Ok(())
    }
}

/// A public key and the members that its thumbprint covers.
#[derive(Debug)]
pub(crate) struct Jwk<'h> {
    raw: RawJwk<'h>,
    pub(crate) key: PublicKey,
}

impl<'h> Jwk<'h> {
    /// Rule 3: no private member, and a key that fits `algorithm`.
    pub(crate) fn new(raw: RawJwk<'h>, algorithm: Algorithm) -> Result<Self, Reason> {
        if raw.private {
            return Err(Reason::PrivateKey);
        }
        let kty = raw.kty.as_deref().ok_or(Reason::MalformedKey)?;
        let key = match algorithm {
            Algorithm::ES256 => ec(&raw, kty, Curve::P256)?,
            Algorithm::ES384 => ec(&raw, kty, Curve::P384)?,
            Algorithm::ES512 => ec(&raw, kty, Curve::P521)?,
            Algorithm::EdDSA | Algorithm::Ed25519 => ed25519(&raw, kty)?,
            Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512
            | Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512 => rsa(&raw, kty)?,
        };
        Ok(Self { raw, key })
    }

    /// RFC 7638 section 3: SHA-256 over the required members in the order of their names. Every value has passed as
    /// strict base64url or as a fixed name by now, so none needs escaping and each has one spelling.
    pub(crate) fn thumbprint(&self) -> Thumbprint {
        let [x, y, n, e] =
            [&self.raw.x, &self.raw.y, &self.raw.n, &self.raw.e].map(|member| member.as_deref().unwrap_or_default());
        let pieces: &[&str] = match &self.key {
            PublicKey::Ec(curve, _) => {
                &[r#"{"crv":""#, curve.name(), r#"","kty":"EC","x":""#, x, r#"","y":""#, y, r#""}"#]
            }
            PublicKey::Ed25519(_) => &[r#"{"crv":"Ed25519","kty":"OKP","x":""#, x, r#""}"#],
            PublicKey::Rsa(..) => &[r#"{"e":""#, e, r#"","kty":"RSA","n":""#, n, r#""}"#],
        };
        let mut hash = Sha256::new();
        for piece in pieces {
            hash.update(piece);
        }
        Thumbprint::new(hash.finalize().into())
    }
}

fn ec(raw: &RawJwk<'_>, kty: &str, curve: Curve) -> Result<PublicKey, Reason> {
    if kty != "EC" || raw.crv.as_deref().ok_or(Reason::MalformedKey)? != curve.name() {
        return Err(Reason::KeyMismatch);
    }
    let mut point = [0; 133];
    let (form, coordinates) = point.split_first_mut().ok_or(Reason::MalformedKey)?;
    *form = 4;
    let (x, rest) = coordinates.split_at_mut_checked(curve.coordinate()).ok_or(Reason::MalformedKey)?;
    let y = rest.get_mut(..curve.coordinate()).ok_or(Reason::MalformedKey)?;
    decode_exact(raw.x.as_deref(), x)?;
    decode_exact(raw.y.as_deref(), y)?;
    Ok(PublicKey::Ec(curve, point))
}

fn ed25519(raw: &RawJwk<'_>, kty: &str) -> Result<PublicKey, Reason> {
    if kty != "OKP" || raw.crv.as_deref().ok_or(Reason::MalformedKey)? != "Ed25519" {
        return Err(Reason::KeyMismatch);
    }
    let mut key = [0; 32];
    decode_exact(raw.x.as_deref(), &mut key)?;
    if is_unfit_edwards_point(&key) { Err(Reason::WeakKey) } else { Ok(PublicKey::Ed25519(key)) }
}

fn rsa(raw: &RawJwk<'_>, kty: &str) -> Result<PublicKey, Reason> {
    if kty != "RSA" {
        return Err(Reason::KeyMismatch);
    }
    let n = decode_integer(raw.n.as_deref())?;
    let e = decode_integer(raw.e.as_deref())?;
    let spare_bits = n.first().map_or(0, |first| first.leading_zeros());
    let bits = (n.len().saturating_mul(8)).saturating_sub(usize::try_from(spare_bits).unwrap_or_default());
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    // FIPS 186-5 section 5.1 wants an odd exponent above 2^16; 32 bits are more than anybody uses.
    let exponent = e.iter().try_fold(0_u32, |sum, byte| Some(sum.checked_mul(256)? | u32::from(*byte)));
    let fit = RSA_BITS.contains(&bits) && odd(&n) && odd(&e) && exponent.is_some_and(|e| e > 0x1_0000);
    if fit { Ok(PublicKey::Rsa(n, e)) } else { Err(Reason::WeakKey) }
}

/// Exactly as many bytes as `out` has.
fn decode_exact(encoded: Option<&str>, out: &mut [u8]) -> Result<(), Reason> {
    match URL_SAFE_NO_PAD.decode_slice(encoded.ok_or(Reason::MalformedKey)?, out) {
        Ok(length) if length == out.len() => Ok(()),
        _ => Err(Reason::MalformedKey),
    }
}

/// RFC 7518 section 2, Base64urlUInt: the fewest bytes that hold the number, and it is positive.
fn decode_integer(encoded: Option<&str>) -> Result<Vec<u8>, Reason> {
    match URL_SAFE_NO_PAD.decode(encoded.ok_or(Reason::MalformedKey)?) {
        Ok(number) if number.first().is_some_and(|first| *first != 0) => Ok(number),
        _ => Err(Reason::MalformedKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::json;

    fn jwk(text: &str, algorithm: Algorithm) -> Result<Jwk<'_>, Reason> {
        Jwk::new(json::object(text.as_bytes()).map_err(|_| Reason::MalformedHeader)?, algorithm)
    }

    /// RFC 7638 section 3.1, RFC 8037 appendix A.3, and the key of RFC 9449 with its thumbprint from section 6.1.
    #[test]
    fn thumbprints_of_the_standards() {
        for (text, algorithm, expected) in [
            (
                r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
                Algorithm::RS256,
                "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            ),
            (
                r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                Algorithm::Ed25519,
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            ),
            (
                r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
                Algorithm::ES256,
                "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            ),
        ] {
            assert_eq!(jwk(text, algorithm).unwrap().thumbprint().to_string(), expected);
        }
    }
}

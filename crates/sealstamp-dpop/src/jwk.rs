//! The `jwk` in a proof's header: a public key that fits the algorithm, in its one encoding, and its thumbprint.
//!
//! RFC 7517, RFC 7518 section 6, RFC 8037 section 2. Whether a point lies on its curve is the signature's to find out:
//! that costs arithmetic, and nothing dear runs before the nonce has opened.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sealstamp::Thumbprint;
use serde::de::MapAccess;
use sha2::{Digest, Sha256};

use crate::{
    Algorithm, Reason,
    json::{Members, Value},
};

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
                self.private |= PRIVATE.contains(&name);
                value.skip()?;
            }
        }
        Ok(())
    }
}

/// A curve for ECDSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Length of a coordinate in bytes (RFC 7518 section 6.2.1.2).
    pub(crate) const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// A public key as the signature's backends want it.
#[derive(Debug)]
pub(crate) enum PublicKey {
    /// An uncompressed point, `0x04 || x || y`, at the front of the buffer.
    Ec(Curve, [u8; 133]),
    /// RFC 8032 section 5.1.5.
    Ed25519([u8; 32]),
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa(Vec<u8>, Vec<u8>),
}

impl PublicKey {
    /// The point of an elliptic-curve key, without what follows it in the buffer.
    pub(crate) fn point(curve: Curve, buffer: &[u8; 133]) -> &[u8] {
        let length = curve.coordinate().saturating_mul(2).saturating_add(1);
        buffer.get(..length).unwrap_or(buffer)
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

/// A point of order 1, 2, 4 or 8, under which anybody can sign some messages, or an encoding of `y` that is not below
/// 2^255 - 19. Backends differ on both (RFC 8032 leaves room), so they never see one.
fn is_unfit_edwards_point(encoded: &[u8; 32]) -> bool {
    const LOW_ORDER: [[u8; 32]; 5] = [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        {
            let mut minus_one = [0xff; 32];
            minus_one[0] = 0xec;
            minus_one[31] = 0x7f;
            minus_one
        },
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *encoded;
    let [first, middle @ .., last] = &mut y;
    // The highest bit is the sign of x.
    *last &= 0x7f;
    let not_reduced = *last == 0x7f && middle.iter().all(|byte| *byte == 0xff) && *first >= 0xed;
    not_reduced || LOW_ORDER.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

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

    /// What lies on either side of the exclusion, in bytes: all five values of `y`, both signs, and the border of the field.
    #[test]
    fn edwards_points_of_low_order_and_unreduced_ones() {
        let unfit = |mut y: [u8; 32], last_bits: u8| {
            y[31] |= last_bits;
            is_unfit_edwards_point(&y)
        };
        let from = |first: u8, middle: u8, last: u8| {
            let mut y = [middle; 32];
            (y[0], y[31]) = (first, last);
            y
        };
        for sign in [0, 0x80] {
            for first in 0..=255 {
                assert_eq!(unfit(from(first, 0, 0), sign), first <= 1, "{first}");
                // p - 1 = 0xec.., p = 0xed.. and all above it.
                assert_eq!(unfit(from(first, 0xff, 0x7f), sign), first >= 0xec, "{first}");
            }
            assert!(!unfit(from(0xed, 0xff, 0x7e), sign));
            let mut nearly = from(0xed, 0xff, 0x7f);
            nearly[17] = 0xfe;
            assert!(!unfit(nearly, sign));
        }
        let eighth = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
        let byte = |i: usize| u8::from_str_radix(&eighth[2 * i..2 * i + 2], 16).unwrap();
        let y: [u8; 32] = std::array::from_fn(byte);
        // p - y, byte by byte: p is 0xed, 0xff.., 0x7f.
        let p = from(0xed, 0xff, 0x7f);
        let minus_y: [u8; 32] = std::array::from_fn(|i| p[i] - y[i]);
        assert!(unfit(y, 0) && unfit(y, 0x80) && unfit(minus_y, 0) && unfit(minus_y, 0x80));
        assert!(!unfit(from(9, 0, 0), 0));
    }
}

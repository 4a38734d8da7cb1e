//! JWK sets: each entry is used or left out by itself, and no entry costs another one its use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp_dpop::{Algorithm, Jwks, JwtValidator, Unfit};
use sealstamp_testkit::{ISSUER, PUBLIC_URL};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::client::{CLIENT, NOW};
use crate::token;

/// The good key, under the name that the good token has for it.
pub(crate) fn good() -> String {
    CLIENT.canonical_jwk().replacen('{', r#"{"kid":"1","#, 1)
}

static GOOD: LazyLock<String> = LazyLock::new(good);

/// Input: `b` and entries, NUL between them, which stand beside a good key; or `r` and a whole set.
pub fn jwks(data: &[u8]) {
    let (kind, rest) = data.split_first().map_or((b'r', data), |(kind, rest)| (*kind, rest));
    match kind {
        b'b' => beside(rest),
        _ => whole(rest),
    }
}

fn whole(set: &[u8]) {
    let read = Jwks::parse(set);
    let Some(entries) = entries(set) else {
        assert!(read.is_err(), "not a set");
        return;
    };
    let (places, used) = used(&entries);
    assert_eq!(read.is_ok(), (1..=64).contains(&used), "{used} keys");
    let Ok(read) = read else { return };
    assert_eq!(read.len(), used);
    let left_out: Vec<_> = read.left_out().iter().map(|entry| entry.place()).collect();
    assert_eq!(left_out, places);
    assert_eq!(read.len() + read.left_out().len(), entries.len());
    // The same again, from the text and from its entries alone.
    assert_eq!(Jwks::parse(set).as_ref(), Ok(&read));
    assert_eq!(Jwks::parse(set_of(&entries).as_bytes()).as_ref(), Ok(&read));
}

/// Three at most: more keys of one name than are tried would hide the good one, and rightly.
fn beside(entries: &[u8]) {
    let entries: Vec<&str> = entries
        .split(|byte| *byte == 0)
        .filter_map(|entry| serde_json::from_slice::<&RawValue>(entry).ok().map(RawValue::get))
        .take(3)
        .collect();
    for place in 0..=entries.len() {
        let mut set = entries.clone();
        set.insert(place, &GOOD);
        let text = set_of(&set);
        whole(text.as_bytes());
        let keys = Jwks::parse(text.as_bytes()).expect("a good key is among them");
        let lost = keys.left_out().iter().find(|entry| entry.place() == place);
        assert!(lost.is_none_or(|entry| entry.why() == Unfit::Repeated), "{text}");
        let tokens = JwtValidator::new(ISSUER, PUBLIC_URL, keys);
        assert!(tokens.validate_now(&token::VALID, NOW).is_ok(), "the good key is lost: {text}");
    }
}

fn set_of(entries: &[&str]) -> String {
    format!("{{\"keys\":[{}]}}", entries.join(","))
}

/// The entries as they stand in the text; the last `keys` counts (RFC 7517 section 5).
fn entries(set: &[u8]) -> Option<Vec<&str>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(set).ok()?;
    let entries: Vec<&RawValue> = serde_json::from_str(members.get("keys")?.get()).ok()?;
    Some(entries.into_iter().map(RawValue::get).collect())
}

/// The algorithms that a key of these types may be for.
const ED25519: &[&str] = &["EdDSA", "Ed25519"];
const RSA: &[&str] = &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// What makes a key: its name, its algorithm, its type and its numbers.
type Identity = (Option<String>, Option<String>, String, Vec<Vec<u8>>);

/// The places of the entries that are not used, and how many are.
fn used(entries: &[&str]) -> (Vec<usize>, usize) {
    let mut keys = BTreeSet::new();
    let mut left_out = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let key = serde_json::from_str(entry).ok().as_ref().and_then(identity);
        if !key.is_some_and(|key| keys.insert(key)) {
            left_out.push(place);
        }
    }
    (left_out, keys.len())
}

/// `None` for an entry that is no public key for signatures of the kinds that are used.
fn identity(entry: &Value) -> Option<Identity> {
    let members: Map<String, Value> =
        entry.as_object()?.iter().filter(|(_, value)| !value.is_null()).map(|(n, v)| (n.clone(), v.clone())).collect();
    let read = ["kid", "alg", "use", "kty", "crv", "x", "y", "n", "e"];
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let typed = read.iter().all(|name| members.get(*name).is_none_or(Value::is_string));
    if !typed || private.iter().any(|name| members.contains_key(*name)) {
        return None;
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let for_signatures = members.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|operations| operations.contains(&Value::from("verify")))
    });
    if !for_signatures || !matches!(text("use"), None | Some("sig")) {
        return None;
    }
    let (families, numbers): (&[&str], Vec<Vec<u8>>) = match (text("kty")?, text("crv")) {
        ("EC", Some(curve)) => {
            let (length, family): (usize, &[&str]) = match curve {
                "P-256" => (32, &["ES256"]),
                "P-384" => (48, &["ES384"]),
                "P-521" => (66, &["ES512"]),
                _ => return None,
            };
            let numbers = vec![bytes("x")?, bytes("y")?];
            (numbers.iter().all(|number| number.len() == length)).then_some((family, numbers))?
        }
        ("OKP", Some("Ed25519")) => {
            let x = bytes("x")?;
            (x.len() == 32 && !is_small_or_large(&x)).then_some((ED25519, vec![x]))?
        }
        ("RSA", _) => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            let [minimal_n, minimal_e] = [&n, &e].map(|number| number.first().is_some_and(|first| *first > 0));
            let bits = n.len() * 8 - usize::try_from(n.first()?.leading_zeros()).ok()?;
            let exponent = e.iter().take(9).fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
            let fit = minimal_n && minimal_e && (2048..=4096).contains(&bits) && n.last()? % 2 == 1;
            let fit = fit && exponent % 2 == 1 && (0x1_0001..1 << 32).contains(&exponent);
            fit.then_some((RSA, vec![n, e]))?
        }
        _ => return None,
    };
    let known = |name: &str| Algorithm::ALL.iter().any(|algorithm| algorithm.as_str() == name);
    if text("alg").is_some_and(|alg| !known(alg) || !families.contains(&alg)) {
        return None;
    }
    // Elliptic curves by their algorithm, RSA by its first.
    Some((text("kid").map(str::to_owned), text("alg").map(str::to_owned), families[0].to_owned(), numbers))
}

/// Of the points on Curve25519, those of order 1, 2, 4 and 8 by their `y`, and each `y` that is not below the field's
/// order. Little-endian, the sign of `x` in the last bit.
fn is_small_or_large(point: &[u8]) -> bool {
    let mut digits: Vec<u8> = point.iter().rev().copied().collect();
    digits[0] &= 0x7f;
    let y: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
        "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7",
    ];
    small.contains(&&*y) || *y >= *"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"
}

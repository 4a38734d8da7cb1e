//! Access tokens: the verdict on each is the one that a second reader comes to.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp::UnixMillis;
use sealstamp_dpop::{Algorithm, Jwks, JwtValidator, TokenBinding, TokenDefect};
use sealstamp_testkit::{ISSUER, Key, PUBLIC_URL, b64};
use serde_json::{Map, Value};

use crate::client::{CLIENT, NOW, OTHER, quoted};
use crate::input::Input;
use crate::strict;

/// A second name of the server.
pub(crate) const GUID: &str = "a6b1f0c2-6f0f-4b64-9d3e-1f6d2f0a9b7e";

/// Leeways, in seconds.
const LEEWAYS: [u64; 3] = [30, 0, 120];

/// No key of any set.
static STRANGER: LazyLock<Key> = LazyLock::new(|| Key::from_seed([9; 32]));

/// A key as it stands in a set: who has it, its `kid`, its `alg`.
type Entry = (&'static LazyLock<Key>, Option<&'static str>, Option<&'static str>);

/// The issuer's keys, in their order: one; two of one name; more than are tried; some without a name.
const SETS: [&[Entry]; 4] = [
    &[(&CLIENT, Some("1"), None)],
    &[(&OTHER, Some("1"), Some("EdDSA")), (&CLIENT, Some("1"), Some("Ed25519"))],
    &[
        (&OTHER, Some("1"), None),
        (&OTHER, Some("1"), Some("EdDSA")),
        (&OTHER, Some("1"), Some("Ed25519")),
        (&OTHER, Some("2"), None),
        (&OTHER, Some("3"), None),
        (&CLIENT, Some("1"), None),
        (&CLIENT, Some("2"), None),
    ],
    &[(&OTHER, None, None), (&CLIENT, None, Some("EdDSA")), (&OTHER, Some(""), None)],
];

/// A validator for each set and each leeway.
static VALIDATORS: LazyLock<Vec<Vec<JwtValidator>>> = LazyLock::new(|| {
    let validators = |set: &&[Entry]| {
        let entries: Vec<_> = set.iter().map(entry).collect();
        let keys = format!("{{\"keys\":[null,{},{{\"kty\":7}}]}}", entries.join(","));
        let keys = Jwks::parse(keys.as_bytes()).expect("a good set");
        assert_eq!((keys.len(), keys.left_out().len()), (set.len(), 2));
        LEEWAYS
            .map(|leeway| {
                let validator = JwtValidator::new(ISSUER, PUBLIC_URL, keys.clone()).or_audience(GUID);
                validator.leeway_s(leeway).expect("a leeway within its bounds")
            })
            .to_vec()
    };
    SETS.iter().map(validators).collect()
});

fn entry((key, kid, alg): &Entry) -> String {
    let mut jwk: Map<String, Value> = serde_json::from_str(&key.canonical_jwk()).expect("an object");
    jwk.extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
    jwk.extend(alg.map(|alg| ("alg".to_owned(), alg.into())));
    Value::from(jwk).to_string()
}

/// The header of the token that stands whole in the corpus.
pub(crate) const HEADER: &str = r#"{"typ":"at+jwt","alg":"EdDSA","kid":"1"}"#;

/// Its claims.
pub(crate) fn claims() -> String {
    let exp = NOW.get() / 1_000 + 60;
    format!(r#"{{"iss":{},"aud":{},"sub":"alice","exp":{exp}}}"#, quoted(ISSUER), quoted(PUBLIC_URL))
}

/// The token.
pub(crate) static VALID: LazyLock<String> = LazyLock::new(|| CLIENT.jws(HEADER, claims()));

/// Input: `t` and a token; or `u` and header, claims and signature as decoded, NUL between them; or `s`, choices of
/// set, leeway, signer and clock (1 byte each), then header and claims, which are then signed.
pub fn token(data: &[u8]) {
    let (kind, rest) = data.split_first().map_or((b't', data), |(kind, rest)| (*kind, rest));
    match kind {
        b's' => signed(Input::new(rest)),
        b'u' => {
            let [header, claims, signature] = parts(rest);
            unsigned(&format!("{}.{}.{}", b64(header), b64(claims), b64(signature)));
        }
        _ => unsigned(&String::from_utf8_lossy(rest)),
    }
}

fn parts<const N: usize>(text: &[u8]) -> [&[u8]; N] {
    let mut parts = text.splitn(N, |byte| *byte == 0);
    [(); N].map(|()| parts.next().unwrap_or_default())
}

/// Nobody but the keys' holders makes a token.
fn unsigned(token: &str) {
    for (validator, set) in VALIDATORS.iter().map(|leeways| &leeways[0]).zip(SETS) {
        let expected = token == *VALID && tried(set, Some("1")).any(|(key, ..)| std::ptr::eq(*key, &CLIENT));
        assert_eq!(validator.validate_now(token, NOW).is_ok(), expected, "a forged token is accepted: {token}");
    }
}

fn signed(mut input: Input<'_>) {
    let set = usize::from(input.u8()) % SETS.len();
    let leeway = usize::from(input.u8()) % LEEWAYS.len();
    let signer = input.pick(&[&CLIENT, &CLIENT, &OTHER, &STRANGER]);
    let now = input.pick(&[NOW, NOW, NOW.saturating_add(999), UnixMillis::new(0), UnixMillis::new(u64::MAX)]);
    let [header, claims] = parts(input.rest());
    let token = signer.jws(header, claims);
    let expected = verdict(SETS[set], LEEWAYS[leeway], signer, now, header, claims);

    let validator = &VALIDATORS[set][leeway];
    let before = validator.status();
    let found = validator.validate_now(&token, now);
    let after = validator.status();
    let shown = || (String::from_utf8_lossy(header).into_owned(), String::from_utf8_lossy(claims).into_owned());
    assert_eq!(found.as_ref().err(), expected.as_ref().err(), "{:?}", shown());
    let checks = after.signature_checks() - before.signature_checks();
    assert!(checks <= 4, "{checks} signatures checked");
    let (facts, expected) = match (found, expected) {
        (Ok(facts), Ok(expected)) => (facts, expected),
        _ => {
            assert_eq!(after.leeway_used(), before.leeway_used());
            return;
        }
    };
    assert_eq!(after.leeway_used() - before.leeway_used(), u64::from(expected.needed_leeway), "{:?}", shown());
    assert_eq!(facts.valid_until().map(UnixMillis::get), Some(expected.until), "{:?}", shown());
    assert_eq!(facts.binding(), expected.binding, "{:?}", shown());
    assert_eq!(facts.claims().clone(), expected.claims);
}

struct Expected {
    claims: Map<String, Value>,
    binding: TokenBinding,
    /// Milliseconds.
    until: u64,
    needed_leeway: bool,
}

/// What is to come of a token that `signer` has signed.
fn verdict(
    set: &[Entry],
    leeway: u64,
    signer: &'static LazyLock<Key>,
    now: UnixMillis,
    header: &[u8],
    claims: &[u8],
) -> Result<Expected, TokenDefect> {
    let header = strict::object(header).ok_or(TokenDefect::Malformed)?;
    if ["typ", "alg", "kid"].iter().any(|name| header.get(*name).is_some_and(|value| !value.is_string())) {
        return Err(TokenDefect::Malformed);
    }
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let typ = text("typ").unwrap_or("jwt").to_ascii_lowercase();
    let known = |name: &str| Algorithm::ALL.iter().any(|algorithm| algorithm.as_str() == name);
    let extended = header.contains_key("crit") || header.contains_key("b64");
    if !matches!(&*typ, "jwt" | "at+jwt" | "application/at+jwt") || extended || !text("alg").is_some_and(known) {
        return Err(TokenDefect::Unacceptable);
    }
    if !matches!(text("alg"), Some("EdDSA" | "Ed25519")) || tried(set, text("kid")).count() == 0 {
        return Err(TokenDefect::UnknownKey);
    }
    if !tried(set, text("kid")).any(|(key, ..)| std::ptr::eq(*key, signer)) {
        return Err(TokenDefect::BadSignature);
    }

    // RFC 7519 section 4: of two claims of one name, the last counts.
    let claims: BTreeMap<String, Value> = serde_json::from_slice(claims).map_err(|_| TokenDefect::Malformed)?;
    match claims.get("iss") {
        Some(Value::String(issuer)) if issuer == ISSUER => {}
        Some(Value::String(_)) => return Err(TokenDefect::WrongIssuer),
        _ => return Err(TokenDefect::Malformed),
    }
    let audiences: Option<Vec<_>> = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().map(Value::as_str).collect(),
        Some(Value::String(audience)) => Some(vec![audience]),
        _ => None,
    };
    if !audiences.ok_or(TokenDefect::Malformed)?.iter().any(|audience| [PUBLIC_URL, GUID].contains(audience)) {
        return Err(TokenDefect::WrongAudience);
    }

    let exp = claims.get("exp").and_then(date).ok_or(TokenDefect::Malformed)?;
    let nbf = match claims.get("nbf") {
        Some(nbf) => date(nbf).ok_or(TokenDefect::Malformed)?,
        None => 0,
    };
    let (now, leeway) = (u128::from(now.get() / 1_000), u128::from(leeway));
    if exp + leeway <= now {
        return Err(TokenDefect::Expired);
    }
    if now + leeway < nbf {
        return Err(TokenDefect::NotYetValid);
    }
    Ok(Expected {
        binding: claims.get("cnf").map_or(TokenBinding::None, binding),
        claims: claims.into_iter().collect(),
        until: u64::try_from((exp + leeway) * 1_000).unwrap_or(u64::MAX),
        needed_leeway: exp <= now || now < nbf,
    })
}

/// The entries that are tried for a token of this `kid`, if any. All of them are for Ed25519.
fn tried<'s>(set: &'s [Entry], kid: Option<&str>) -> impl Iterator<Item = &'s Entry> {
    set.iter().filter(move |(_, named, _)| kid.is_none() || *named == kid).take(4)
}

/// Seconds, a fraction dropped.
fn date(value: &Value) -> Option<u128> {
    let Value::Number(number) = value else { return None };
    if let Some(whole) = number.as_u64() {
        return Some(whole.into());
    }
    let seconds = number.as_f64()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range of u128")]
    (0.0..=9e15).contains(&seconds).then(|| seconds.floor() as u128)
}

fn binding(cnf: &Value) -> TokenBinding {
    let jkt = cnf.as_object().and_then(|cnf| cnf.get("jkt")).and_then(Value::as_str);
    let bytes = jkt.and_then(|jkt| URL_SAFE_NO_PAD.decode(jkt).ok()).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(TokenBinding::Unknown, |bytes| TokenBinding::Thumbprint(sealstamp::Thumbprint::new(bytes)))
}

//! A proof, from the `DPoP` field's bytes to a verified one: what is accepted is what another reader finds in it.

use std::fmt;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, Method, Uri};
use sealstamp_dpop::{Algorithm, MAX_PROOF_BYTES, Nonces, RequestHead, Verifier};
use sealstamp_testkit::{PUBLIC_URL, b64};
use serde_json::Value;

use crate::client::{self, CLIENT, NOW, quoted};
use crate::{htu, strict};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let builder = Verifier::builder(PUBLIC_URL, Nonces::Off).algorithms(Algorithm::ALL);
    builder.build().expect("a good configuration")
});

/// The claims of the proof that stands whole in the corpus.
pub(crate) fn claims() -> String {
    let now = NOW.get() / 1_000;
    format!(r#"{{"jti":"a0b1c2","htm":"POST","htu":{},"iat":{now},"nonce":"ignored"}}"#, quoted(PUBLIC_URL))
}

static VALID: LazyLock<String> = LazyLock::new(|| CLIENT.jws(client::header(), claims()));

/// Input: `f` and the fields, a line each; or `u` and header, claims and signature as decoded, NUL between them; or
/// `s`, header and claims, which are then signed.
pub fn proof(data: &[u8]) {
    let (kind, rest) = data.split_first().map_or((b'f', data), |(kind, rest)| (*kind, rest));
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    let [header, claims, signature] = [(); 3].map(|()| parts.next().unwrap_or_default());
    match kind {
        b's' => {
            let field = CLIENT.jws(header, claims);
            let expected = field.len() <= MAX_PROOF_BYTES && is_good_header(header) && is_good_claims(claims);
            assert_eq!(
                accepted(&[field.as_bytes()]),
                expected,
                "{header:?} {claims:?}",
                header = text(header),
                claims = text(claims)
            );
        }
        b'u' => {
            let field = format!("{}.{}.{}", b64(header), b64(claims), b64(signature));
            assert_eq!(accepted(&[field.as_bytes()]), field == *VALID, "a forged proof is accepted");
        }
        _ => {
            let fields: Vec<_> = rest.split(|byte| *byte == b'\n').collect();
            assert_eq!(accepted(&fields), fields == [VALID.as_bytes()], "a forged proof is accepted");
        }
    }
}

fn text(bytes: &[u8]) -> impl fmt::Debug {
    String::from_utf8_lossy(bytes).into_owned()
}

fn accepted(fields: &[&[u8]]) -> bool {
    let mut headers = HeaderMap::new();
    for field in fields {
        // What no field can hold never gets here.
        let Ok(value) = HeaderValue::from_bytes(field) else { return false };
        headers.append("dpop", value);
    }
    let uri = Uri::from_static("/mcp");
    match VERIFIER.check_token_request(RequestHead::new(&Method::POST, &uri, &headers), NOW) {
        Ok(proof) => {
            assert_eq!(*proof.thumbprint(), client::thumbprint());
            assert!(proof.nonce().is_none() && proof.next_nonce().is_none());
            true
        }
        Err(refused) => {
            let response = VERIFIER.authorization_server_response(&refused);
            assert_eq!(response.status(), 400);
            assert!(serde_json::from_str::<Value>(response.body()).is_ok());
            false
        }
    }
}

/// Rule 3, for the one key that signs here.
fn is_good_header(header: &[u8]) -> bool {
    let Some(header) = strict::object(header) else { return false };
    let text = |name: &str| header.get(name).map(Value::as_str);
    let jwk = header.get("jwk").and_then(Value::as_object);
    let good_jwk = jwk.is_some_and(|jwk| {
        let strings = ["kty", "crv", "x", "y", "n", "e"].iter().all(|name| jwk.get(*name).is_none_or(Value::is_string));
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| jwk.contains_key(*name));
        let is = |name: &str, expected: &str| jwk.get(name).and_then(Value::as_str) == Some(expected);
        strings && !private && is("kty", "OKP") && is("crv", "Ed25519") && is("x", &b64(CLIENT.public_key()))
    });
    text("typ") == Some(Some("dpop+jwt"))
        && matches!(text("alg"), Some(Some("EdDSA" | "Ed25519")))
        && !header.contains_key("crit")
        && !header.contains_key("b64")
        && good_jwk
}

/// Rules 4 to 6, without a token.
fn is_good_claims(claims: &[u8]) -> bool {
    let dates = ["iat", "exp", "nbf"].map(|name| strict::date(claims, name));
    let Some(claims) = strict::object(claims) else { return false };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let now = i64::try_from(NOW.get() / 1_000).expect("a time in this age");
    let [Some(iat), exp, nbf] = dates else { return false };
    if ["exp", "nbf"].iter().zip([exp, nbf]).any(|(name, date)| claims.contains_key(*name) && date.is_none()) {
        return false;
    }
    text("jti").is_some_and(|jti| (1..=256).contains(&jti.chars().count()))
        && text("htm") == Some("POST")
        && text("htu").is_some_and(|htu| htu::names(htu, "/mcp", PUBLIC_URL, None))
        && now.abs_diff(iat) <= 300
        && exp.is_none_or(|exp| exp > now)
        && nbf.is_none_or(|nbf| nbf <= now.max(iat))
        && claims.get("ath").is_none_or(Value::is_string)
        && claims.get("nonce").is_none_or(|nonce| nonce.is_string() || nonce.is_null())
}

//! Access tokens that are JWTs: which key, which types, which times.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use sealstamp::UnixMillis;
use sealstamp_dpop::{Algorithm, Jwks, JwtValidator, NBF_LEEWAY_S, TokenBinding, TokenDefect, TokenValidator};
use sealstamp_testkit::{ISSUER, Key, Members, PUBLIC_URL, b64, other_key, quoted};
use support::{NOW, key};

fn jwks(keys: &[Members]) -> Jwks {
    Jwks::parse(json(keys).as_bytes()).unwrap()
}

fn json(keys: &[Members]) -> String {
    let keys: Vec<_> = keys.iter().map(Members::json).collect();
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

fn named(key: &Key, kid: &str) -> Members {
    let mut jwk = key.jwk();
    jwk.add("kid", quoted(kid));
    jwk
}

fn validator(keys: &[Members]) -> JwtValidator {
    JwtValidator::new(ISSUER, PUBLIC_URL, jwks(keys))
}

fn claims() -> Members {
    let now = NOW.get() / 1000;
    Members::new([("iss", quoted(ISSUER)), ("aud", quoted(PUBLIC_URL)), ("exp", (now + 60).to_string())])
}

fn header(algorithm: &str, kid: Option<&str>) -> Members {
    let mut header = Members::new([("alg", quoted(algorithm))]);
    if let Some(kid) = kid {
        header.add("kid", quoted(kid));
    }
    header
}

/// A token under the ES256 key `1`.
fn check(header: &Members, claims: &Members) -> Result<TokenBinding, TokenDefect> {
    let tokens = validator(&[named(&key(Algorithm::ES256), "1")]);
    let token = key(Algorithm::ES256).jws(header.json(), claims.json());
    tokens.validate_now(&token, NOW).map(|facts| facts.binding())
}

fn check_claims(change: impl FnOnce(&mut Members)) -> Result<TokenBinding, TokenDefect> {
    let mut claims = claims();
    change(&mut claims);
    check(&header("ES256", Some("1")), &claims)
}

#[test]
fn every_algorithm_of_the_library_works_with_its_own_key_only() {
    let supported: Vec<_> = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| !matches!(algorithm, Algorithm::ES512 | Algorithm::Ed25519))
        .collect();
    let keys: Vec<_> = supported.iter().map(|algorithm| named(&key(*algorithm), algorithm.as_str())).collect();
    let tokens = validator(&keys);
    for signed in &supported {
        for kid in &supported {
            let header = header(signed.as_str(), Some(kid.as_str()));
            let token = key(*signed).jws(header.json(), claims().json());
            let rsa = |algorithm: &Algorithm| algorithm.as_str().contains('S') && !algorithm.as_str().starts_with('E');
            let expected = match () {
                () if signed == kid => Ok(()),
                // An RSA key that names no algorithm may serve any of RSA's.
                () if rsa(signed) && rsa(kid) => Err(TokenDefect::BadSignature),
                () => Err(TokenDefect::UnknownKey),
            };
            assert_eq!(tokens.validate_now(&token, NOW).map(drop), expected, "{signed} under {kid}");
        }
    }
}

#[test]
fn a_key_is_named_or_the_only_one_that_fits() {
    let mine = key(Algorithm::ES256);
    let token = |kid| mine.jws(header("ES256", kid).json(), claims().json());
    for (keys, kid, expected) in [
        (vec![named(&mine, "1")], Some("1"), Ok(())),
        (vec![named(&mine, "1")], None, Ok(())),
        (vec![mine.jwk()], None, Ok(())),
        (vec![mine.jwk()], Some("1"), Err(TokenDefect::UnknownKey)),
        (vec![named(&mine, "1")], Some("2"), Err(TokenDefect::UnknownKey)),
        (vec![named(&mine, "1"), named(&key(Algorithm::EdDSA), "2")], None, Ok(())),
        // Never one after the other.
        (vec![named(&mine, "1"), named(&other_key(), "2")], None, Err(TokenDefect::UnknownKey)),
        (vec![named(&mine, "1"), named(&other_key(), "1")], Some("1"), Err(TokenDefect::UnknownKey)),
        (vec![named(&mine, "1"), named(&other_key(), "2")], Some("1"), Ok(())),
        (vec![named(&mine, "1"), named(&other_key(), "2")], Some("2"), Err(TokenDefect::BadSignature)),
    ] {
        let shown = json(&keys);
        assert_eq!(validator(&keys).validate_now(&token(kid), NOW).map(drop), expected, "{kid:?} of {shown}");
    }
}

#[test]
fn keys_can_be_replaced_under_every_clone() {
    let tokens = validator(&[named(&other_key(), "1")]);
    let clone = tokens.clone();
    let token = key(Algorithm::ES256).jws(header("ES256", Some("2")).json(), claims().json());
    assert_eq!(clone.validate_now(&token, NOW).unwrap_err(), TokenDefect::UnknownKey);
    tokens.reload(jwks(&[named(&key(Algorithm::ES256), "2")]));
    assert!(clone.validate_now(&token, NOW).is_ok());
}

#[test]
fn key_sets_that_cannot_be_used() {
    let mut encryption = key(Algorithm::ES256).jwk();
    encryption.add("use", quoted("enc"));
    let mut mismatched = key(Algorithm::ES256).jwk();
    mismatched.add("alg", quoted("ES384"));
    let symmetric = Members::new([("kty", quoted("oct")), ("k", quoted("AAAA"))]);
    let small_rsa = Members::new([("kty", quoted("RSA")), ("n", quoted(b64([0xc5; 128]))), ("e", quoted("AQAB"))]);
    let unknown = Members::new([("kty", quoted("AKP")), ("pub", quoted("AAAA"))]);
    // A backend reads the first 32 bytes of such a key, however many there are.
    let okp = |x: &[u8]| {
        Members::new([
            ("kty", quoted("OKP")),
            ("crv", quoted("Ed25519")),
            ("kid", quoted("short")),
            ("x", quoted(b64(x))),
        ])
    };
    let (short, long) = (okp(&[9; 31]), okp(&[9; 33]));
    let es512 = key(Algorithm::ES512).jwk();
    for useless in [&encryption, &mismatched, &symmetric, &small_rsa, &unknown, &short, &long, &es512] {
        assert!(Jwks::parse(json(std::slice::from_ref(useless)).as_bytes()).is_err(), "{useless:?}");
        // Beside a good key they do no harm.
        let tokens = validator(&[useless.clone(), other_key().jwk()]);
        let token = key(Algorithm::EdDSA).jws(header("EdDSA", Some("short")).json(), claims().json());
        assert_eq!(tokens.validate_now(&token, NOW).unwrap_err(), TokenDefect::UnknownKey, "{useless:?}");
    }
    for text in ["", "{}", "[]", "{\"keys\":[]}", "{\"keys\":{}}", "null"] {
        assert!(Jwks::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Jwks::parse(json(&vec![other_key().jwk(); 64]).as_bytes()).is_ok());
    assert!(Jwks::parse(json(&vec![other_key().jwk(); 65]).as_bytes()).is_err());
}

/// RFC 9068 section 2.1, RFC 8725 section 3.11.
#[test]
fn types_of_tokens() {
    for (typ, expected) in [
        (None, Ok(TokenBinding::None)),
        (Some("at+jwt"), Ok(TokenBinding::None)),
        (Some("AT+JWT"), Ok(TokenBinding::None)),
        (Some("application/at+jwt"), Ok(TokenBinding::None)),
        (Some("JWT"), Ok(TokenBinding::None)),
        (Some("dpop+jwt"), Err(TokenDefect::Unacceptable)),
        (Some("logout+jwt"), Err(TokenDefect::Unacceptable)),
        (Some(""), Err(TokenDefect::Unacceptable)),
    ] {
        let mut header = header("ES256", Some("1"));
        if let Some(typ) = typ {
            header.add("typ", quoted(typ));
        }
        assert_eq!(check(&header, &claims()), expected, "{typ:?}");
    }
    let mut critical = header("ES256", Some("1"));
    critical.add("crit", "[\"b64\"]");
    assert_eq!(check(&critical, &claims()), Err(TokenDefect::Unacceptable));
}

/// SEP-5: neither unsigned nor symmetric, even where the "secret" is the public key.
#[test]
fn unsigned_and_symmetric_tokens() {
    for (algorithm, expected) in [
        ("none", TokenDefect::Unacceptable),
        ("None", TokenDefect::Unacceptable),
        ("HS256", TokenDefect::UnknownKey),
        ("ES512", TokenDefect::Unacceptable),
        ("", TokenDefect::Unacceptable),
    ] {
        assert_eq!(check(&header(algorithm, Some("1")), &claims()), Err(expected), "{algorithm}");
    }
}

#[test]
fn times_from_both_sides() {
    let now = NOW.get() / 1000;
    let exp = |exp: String| check_claims(|claims| claims.set("exp", exp));
    assert_eq!(exp((now + 1).to_string()), Ok(TokenBinding::None));
    assert_eq!(exp(now.to_string()), Err(TokenDefect::Expired));
    assert_eq!(exp(format!("{}.5", now + 1)), Ok(TokenBinding::None));
    assert_eq!(exp(format!("{now}.5")), Err(TokenDefect::Expired));
    assert_eq!(exp("-1".into()), Err(TokenDefect::Malformed));
    assert_eq!(exp("0".into()), Err(TokenDefect::Expired));
    assert_eq!(exp(u64::MAX.to_string()), Ok(TokenBinding::None));
    for malformed in ["1e300", "null", "\"2000000000\"", "true", "[]", "1e400"] {
        assert_eq!(exp(malformed.into()), Err(TokenDefect::Malformed), "{malformed}");
    }
    assert_eq!(check_claims(|claims| claims.remove("exp")), Err(TokenDefect::Malformed));

    let nbf = |nbf: String| check_claims(|claims| claims.set("nbf", nbf));
    assert_eq!(nbf((now + NBF_LEEWAY_S).to_string()), Ok(TokenBinding::None));
    assert_eq!(nbf((now + NBF_LEEWAY_S + 1).to_string()), Err(TokenDefect::NotYetValid));
    assert_eq!(nbf(u64::MAX.to_string()), Err(TokenDefect::NotYetValid));
    assert_eq!(nbf("\"0\"".into()), Err(TokenDefect::Malformed));
    assert_eq!(nbf("null".into()), Err(TokenDefect::Malformed));
}

/// SEP-6.
#[test]
fn issuers_and_audiences() {
    let with = |name: &str, json: String| check_claims(|claims| claims.set(name, json));
    assert_eq!(with("aud", format!("[\"x\",{}]", quoted(PUBLIC_URL))), Ok(TokenBinding::None));
    assert_eq!(with("aud", quoted(format!("{PUBLIC_URL}/"))), Err(TokenDefect::WrongAudience));
    assert_eq!(with("aud", "[\"x\"]".into()), Err(TokenDefect::WrongAudience));
    assert_eq!(with("aud", "[]".into()), Err(TokenDefect::WrongAudience));
    for malformed in ["1", "null", "{}", "[1]"] {
        assert_eq!(with("aud", malformed.into()), Err(TokenDefect::Malformed), "{malformed}");
        assert_eq!(with("iss", malformed.into()), Err(TokenDefect::Malformed), "{malformed}");
    }
    assert_eq!(with("iss", quoted(format!("{ISSUER}/"))), Err(TokenDefect::WrongIssuer));
    assert_eq!(with("iss", format!("[{}]", quoted(ISSUER))), Err(TokenDefect::Malformed));
}

/// R43-12b: what `cnf` says, and that what it does not say is not taken for nothing.
#[test]
fn bindings() {
    let thumbprint = key(Algorithm::EdDSA).thumbprint();
    let cnf = |json: String| check_claims(|claims| claims.add("cnf", json)).unwrap();
    assert_eq!(check_claims(|_| {}), Ok(TokenBinding::None));
    let bound = TokenBinding::Thumbprint(thumbprint.parse().unwrap());
    assert_eq!(cnf(format!("{{\"jkt\":\"{thumbprint}\"}}")), bound);
    for unknown in ["null", "{}", "[]", "\"x\"", "{\"jkt\":1}", "{\"jkt\":\"x\"}", "{\"x5t#S256\":\"x\"}"] {
        assert_eq!(cnf(unknown.into()), TokenBinding::Unknown, "{unknown}");
    }
}

/// What a handler reads of a token: the claims as they are, and three of them by name (RFC 9068 section 2.2).
#[test]
fn a_handler_reads_the_claims() {
    let facts = |sub: &str, client_id: &str, scope: &str| {
        let mut claims = claims();
        for (name, json) in [("sub", sub), ("client_id", client_id), ("scope", scope)] {
            claims.add(name, json);
        }
        let token = key(Algorithm::ES256).jws(header("ES256", None).json(), claims.json());
        validator(&[named(&key(Algorithm::ES256), "1")]).validate_now(&token, NOW).unwrap()
    };
    let said = facts(r#""alice""#, r#""agent""#, r#""tools:read  tools:call""#);
    assert_eq!((said.subject(), said.client_id()), (Some("alice"), Some("agent")));
    assert_eq!(said.scopes().collect::<Vec<_>>(), ["tools:read", "tools:call"]);
    assert_eq!(said.claims()["iss"], ISSUER);
    assert_eq!(said.claims().len(), 6);
    let odd = facts("1", "null", r#"["tools:read"]"#);
    assert_eq!((odd.subject(), odd.client_id(), odd.scopes().count()), (None, None, 0));
    let shown = format!("{said:?}");
    assert!(shown.starts_with("TokenFacts {") && !shown.contains("alice"), "{shown}");
}

#[test]
fn messages_say_what_is_wrong() {
    for (set, message) in [
        ("[]".to_owned(), "not a JWK set"),
        (json(&[]), "the JWK set holds no public key that verifies signatures"),
        (json(&vec![other_key().jwk(); 65]), "the JWK set holds more than 64 keys"),
    ] {
        assert_eq!(Jwks::parse(set.as_bytes()).err().unwrap().to_string(), message);
    }
    assert_eq!(TokenDefect::Expired.to_string(), "token_expired");
}

#[test]
fn no_token_makes_it_panic() {
    let tokens = validator(&[named(&key(Algorithm::ES256), "1")]);
    let good = key(Algorithm::ES256).jws(header("ES256", Some("1")).json(), claims().json());
    assert!(tokens.validate_now(&good, NOW).is_ok());
    for end in 0..good.len() {
        assert!(tokens.validate_now(&good[..end], NOW).is_err());
    }
    for token in ["", ".", "..", "...", "a.b.c", "é.é.é", &format!("{good}.")] {
        assert!(tokens.validate_now(token, NOW).is_err(), "{token}");
    }
    for now in [0, u64::MAX] {
        let _ = tokens.validate_now(&good, UnixMillis::new(now));
    }
}

/// The trait's way and the direct one are one.
#[tokio::test]
async fn waiting_changes_nothing() {
    let tokens = validator(&[named(&key(Algorithm::ES256), "1")]);
    let token = key(Algorithm::ES256).jws(header("ES256", None).json(), claims().json());
    assert!(tokens.validate(&token, NOW).await.is_ok());
    assert_eq!(tokens.validate("x", NOW).await.unwrap_err(), TokenDefect::Malformed);
}

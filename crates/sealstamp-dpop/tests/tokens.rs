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
use sealstamp_dpop::{
    Algorithm, ByIssuer, DEFAULT_LEEWAY_S, Jwks, JwtValidator, MAX_LEEWAY_S, TokenBinding, TokenDefect, TokenValidator,
    Unfit,
};
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

/// Whatever a proof may be signed with, a token may be too: `Ed25519` (RFC 9864) and ES512 among them.
#[test]
fn every_algorithm_works_with_its_own_key_only() {
    let keys: Vec<_> = Algorithm::ALL.iter().map(|algorithm| named(&key(*algorithm), algorithm.as_str())).collect();
    let tokens = validator(&keys);
    for signed in Algorithm::ALL {
        for kid in Algorithm::ALL {
            let header = header(signed.as_str(), Some(kid.as_str()));
            let token = key(signed).jws(header.json(), claims().json());
            let family = |algorithm: Algorithm| match algorithm {
                Algorithm::EdDSA | Algorithm::Ed25519 => "Ed25519",
                other if other.as_str().starts_with('E') => other.as_str(),
                _ => "RSA",
            };
            let expected = match () {
                () if signed == kid => Ok(()),
                // A key that names no algorithm may serve any of its family.
                () if family(signed) == family(kid) => Err(TokenDefect::BadSignature),
                () => Err(TokenDefect::UnknownKey),
            };
            assert_eq!(tokens.validate_now(&token, NOW).map(drop), expected, "{signed} under {kid}");
        }
    }
}

/// RFC 8725 section 3.1. On Ed25519, `EdDSA` and `Ed25519` name one algorithm (RFC 9864 section 2.2).
#[test]
fn a_key_that_names_its_algorithm_is_for_no_other() {
    let check = |signer: Algorithm, said_by_key: &str, said_by_token: &str| {
        let mut jwk = key(signer).jwk();
        jwk.add("alg", quoted(said_by_key));
        let token = key(signer).jws(header(said_by_token, None).json(), claims().json());
        let mut other = other_key().jwk();
        other.add("alg", quoted("ES256"));
        validator(&[jwk, other]).validate_now(&token, NOW).map(drop)
    };
    assert_eq!(check(Algorithm::RS256, "RS256", "RS256"), Ok(()));
    assert_eq!(check(Algorithm::RS256, "RS384", "RS256"), Err(TokenDefect::UnknownKey));
    assert_eq!(check(Algorithm::RS256, "PS256", "RS256"), Err(TokenDefect::UnknownKey));
    assert_eq!(check(Algorithm::EdDSA, "EdDSA", "Ed25519"), Ok(()));
    assert_eq!(check(Algorithm::EdDSA, "Ed25519", "EdDSA"), Ok(()));
    assert_eq!(check(Algorithm::EdDSA, "Ed25519", "Ed25519"), Ok(()));
    assert_eq!(check(Algorithm::ES256, "ES384", "ES256"), Err(TokenDefect::BadSignature), "only the other key is left");
}

/// keycloak#15114: two keys of one kid; the same key twice; several keys, and a token that names none.
#[test]
fn each_key_that_fits_is_tried() {
    let mine = key(Algorithm::ES256);
    let token = |kid| mine.jws(header("ES256", kid).json(), claims().json());
    let others = |count: usize, kid: &str| -> Vec<Members> {
        let other = || named(&Key::generate("ES256"), kid);
        std::iter::repeat_with(other).take(count).collect()
    };
    let then_mine = |count, kid: &str| [others(count, kid), vec![named(&mine, kid)]].concat();
    for (keys, kid, expected, checks) in [
        (vec![named(&mine, "1")], Some("1"), Ok(()), 1),
        (vec![named(&mine, "1")], None, Ok(()), 1),
        (vec![mine.jwk()], None, Ok(()), 1),
        (vec![mine.jwk()], Some("1"), Err(TokenDefect::UnknownKey), 0),
        (vec![named(&mine, "1")], Some("2"), Err(TokenDefect::UnknownKey), 0),
        (vec![named(&mine, "1"), named(&key(Algorithm::EdDSA), "2")], None, Ok(()), 1),
        (vec![named(&mine, "1"), named(&mine, "1")], Some("1"), Ok(()), 1),
        (vec![named(&other_key(), "1"), named(&mine, "1")], Some("1"), Ok(()), 2),
        (vec![named(&other_key(), "1"), named(&mine, "2")], None, Ok(()), 2),
        (vec![named(&mine, "1"), named(&other_key(), "2")], Some("1"), Ok(()), 1),
        (vec![named(&mine, "1"), named(&other_key(), "2")], Some("2"), Err(TokenDefect::BadSignature), 1),
        // Four are tried and no more, whatever order the issuer has them in.
        (then_mine(3, "1"), Some("1"), Ok(()), 4),
        (then_mine(4, "1"), Some("1"), Err(TokenDefect::BadSignature), 4),
        (then_mine(3, "1"), None, Ok(()), 4),
        (then_mine(4, "1"), None, Err(TokenDefect::BadSignature), 4),
    ] {
        let (shown, tokens) = (json(&keys), validator(&keys));
        assert_eq!(tokens.validate_now(&token(kid), NOW).map(drop), expected, "{kid:?} of {shown}");
        assert_eq!(tokens.status().signature_checks(), checks, "{kid:?} of {shown}");
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
    for (useless, why) in [
        (&encryption, Unfit::Purpose),
        (&mismatched, Unfit::Unsupported),
        (&symmetric, Unfit::Private),
        (&small_rsa, Unfit::Weak),
        (&unknown, Unfit::Unsupported),
        (&short, Unfit::Malformed),
        (&long, Unfit::Malformed),
    ] {
        assert!(Jwks::parse(json(std::slice::from_ref(useless)).as_bytes()).is_err(), "{useless:?}");
        // Beside a good key they do no harm.
        let set = jwks(&[useless.clone(), other_key().jwk()]);
        let [left_out] = set.left_out() else { panic!("{:?}", set.left_out()) };
        assert_eq!((left_out.place(), left_out.why()), (0, why), "{useless:?}");
        let tokens = JwtValidator::new(ISSUER, PUBLIC_URL, set);
        let token = key(Algorithm::EdDSA).jws(header("EdDSA", Some("short")).json(), claims().json());
        assert_eq!(tokens.validate_now(&token, NOW).unwrap_err(), TokenDefect::UnknownKey, "{useless:?}");
    }
    for text in ["", "{}", "[]", "{\"keys\":[]}", "{\"keys\":{}}", "null"] {
        assert!(Jwks::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Jwks::parse(json(&many(64)).as_bytes()).is_ok());
    assert!(Jwks::parse(json(&many(65)).as_bytes()).is_err());
}

/// That many keys that differ by name.
fn many(count: usize) -> Vec<Members> {
    (0..count).map(|kid| named(&other_key(), &kid.to_string())).collect()
}

/// J-1: RFC 7517 section 5. One odd entry beside a good key was the end of the whole set (huskarl#139, go-jose#276,
/// jwkset#60).
#[test]
fn entries_that_cannot_be_used_are_ignored_one_by_one() {
    let good = named(&key(Algorithm::ES256), "1");
    let token = key(Algorithm::ES256).jws(header("ES256", Some("1")).json(), claims().json());
    let with = |name: &str, value: &str| {
        let mut jwk = named(&Key::generate("ES256"), "2");
        jwk.set(name, value);
        jwk.json()
    };
    for (entry, why) in [
        ("null".to_owned(), Some(Unfit::NotAnObject)),
        ("7".to_owned(), Some(Unfit::NotAnObject)),
        ("\"key\"".to_owned(), Some(Unfit::NotAnObject)),
        ("[]".to_owned(), Some(Unfit::NotAnObject)),
        ("{}".to_owned(), Some(Unfit::Malformed)),
        (with("kid", "7"), Some(Unfit::MemberType)),
        (with("kty", "7"), Some(Unfit::MemberType)),
        (with("kty", "null"), Some(Unfit::Malformed)),
        (with("kty", "\"\""), Some(Unfit::Unsupported)),
        (with("crv", "[]"), Some(Unfit::MemberType)),
        (with("crv", "\"secp256k1\""), Some(Unfit::Unsupported)),
        (with("x", "{}"), Some(Unfit::MemberType)),
        (with("x", "\"AA\""), Some(Unfit::Malformed)),
        (with("x", "null"), Some(Unfit::Malformed)),
        (with("y", "true"), Some(Unfit::MemberType)),
        (with("alg", "[\"ES256\"]"), Some(Unfit::MemberType)),
        (with("alg", "\"ES256K\""), Some(Unfit::Unsupported)),
        (with("alg", "\"none\""), Some(Unfit::Unsupported)),
        (with("use", "1"), Some(Unfit::MemberType)),
        (with("use", "\"enc\""), Some(Unfit::Purpose)),
        (with("key_ops", "\"verify\""), Some(Unfit::MemberType)),
        (with("key_ops", "[\"sign\"]"), Some(Unfit::Purpose)),
        (with("d", "\"AAAA\""), Some(Unfit::Private)),
        (good.json(), Some(Unfit::Repeated)),
        // What is not read may be of any type, and null is nothing.
        (with("x5c", "\"MIIB\""), None),
        (with("x5t", "7"), None),
        (with("kid", "null"), None),
        (with("n", "null"), None),
        (with("d", "null"), None),
        (with("key_ops", "[\"verify\",7]"), None),
        (with("exp", "1e300"), None),
        // JSON that a reader may have no value for.
        ("1e400".to_owned(), Some(Unfit::Malformed)),
        (with("exp", "1e400"), Some(Unfit::Malformed)),
        (with("x5c", "\"\\ud800\""), Some(Unfit::Malformed)),
        (with("x5c", &format!("{}{}", "[".repeat(200), "]".repeat(200))), Some(Unfit::Malformed)),
    ] {
        for set in [format!("[{},{entry}]", good.json()), format!("[{entry},{}]", good.json())] {
            let set = Jwks::parse(format!("{{\"keys\":{set},\"more\":null}}").as_bytes()).unwrap();
            let found: Vec<_> = set.left_out().iter().map(|left_out| left_out.why()).collect();
            assert_eq!(found, why.into_iter().collect::<Vec<_>>(), "{entry}");
            let tokens = JwtValidator::new(ISSUER, PUBLIC_URL, set);
            assert!(tokens.validate_now(&token, NOW).is_ok(), "{entry}");
        }
    }
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
        ("HS256", TokenDefect::Unacceptable),
        ("ES512", TokenDefect::UnknownKey),
        ("ES256K", TokenDefect::Unacceptable),
        ("", TokenDefect::Unacceptable),
    ] {
        assert_eq!(check(&header(algorithm, Some("1")), &claims()), Err(expected), "{algorithm}");
    }
}

#[test]
fn times_from_both_sides() {
    let now = NOW.get() / 1000;
    let late = now - DEFAULT_LEEWAY_S;
    let exp = |exp: String| check_claims(|claims| claims.set("exp", exp));
    assert_eq!(exp((late + 1).to_string()), Ok(TokenBinding::None));
    assert_eq!(exp(late.to_string()), Err(TokenDefect::Expired));
    assert_eq!(exp(format!("{}.5", late + 1)), Ok(TokenBinding::None));
    assert_eq!(exp(format!("{late}.5")), Err(TokenDefect::Expired));
    assert_eq!(exp("-1".into()), Err(TokenDefect::Malformed));
    assert_eq!(exp("0".into()), Err(TokenDefect::Expired));
    assert_eq!(exp(u64::MAX.to_string()), Ok(TokenBinding::None));
    for malformed in ["1e300", "null", "\"2000000000\"", "true", "[]", "1e400"] {
        assert_eq!(exp(malformed.into()), Err(TokenDefect::Malformed), "{malformed}");
    }
    assert_eq!(check_claims(|claims| claims.remove("exp")), Err(TokenDefect::Malformed));

    let nbf = |nbf: String| check_claims(|claims| claims.set("nbf", nbf));
    assert_eq!(nbf((now + DEFAULT_LEEWAY_S).to_string()), Ok(TokenBinding::None));
    assert_eq!(nbf((now + DEFAULT_LEEWAY_S + 1).to_string()), Err(TokenDefect::NotYetValid));
    assert_eq!(nbf(u64::MAX.to_string()), Err(TokenDefect::NotYetValid));
    assert_eq!(nbf("\"0\"".into()), Err(TokenDefect::Malformed));
    assert_eq!(nbf("null".into()), Err(TokenDefect::Malformed));
}

/// Issuers' clocks: `exp` a second ago and `nbf` half a minute ahead are everyday.
#[test]
fn the_leeway_is_a_choice_and_is_counted() {
    let now = NOW.get() / 1000;
    let tokens = validator(&[named(&key(Algorithm::ES256), "1")]);
    let with = |name: &str, time: u64| {
        let mut claims = claims();
        claims.set(name, time.to_string());
        key(Algorithm::ES256).jws(header("ES256", None).json(), claims.json())
    };
    assert_eq!(DEFAULT_LEEWAY_S, 30);
    assert!(tokens.validate_now(&with("nbf", now), NOW).is_ok());
    assert_eq!(tokens.status().leeway_used(), 0);
    assert!(tokens.validate_now(&with("exp", now - 1), NOW).is_ok());
    assert!(tokens.validate_now(&with("nbf", now + 30), NOW).is_ok());
    assert_eq!(tokens.status().leeway_used(), 2);
    let strict = tokens.clone().leeway_s(0).unwrap();
    assert!(strict.validate_now(&with("exp", now + 1), NOW).is_ok());
    assert_eq!(strict.validate_now(&with("exp", now), NOW).unwrap_err(), TokenDefect::Expired);
    assert_eq!(strict.validate_now(&with("nbf", now + 1), NOW).unwrap_err(), TokenDefect::NotYetValid);
    let loose = tokens.clone().leeway_s(MAX_LEEWAY_S).unwrap();
    assert!(loose.validate_now(&with("exp", now - 119), NOW).is_ok());
    assert_eq!(loose.validate_now(&with("exp", now - 120), NOW).unwrap_err(), TokenDefect::Expired);
    let error = tokens.leeway_s(MAX_LEEWAY_S + 1).unwrap_err();
    assert_eq!(error.to_string(), "the leeway for a token's times is 0 to 120 seconds");
}

/// csharp-sdk#1801: an issuer that knows the server by a GUID.
#[test]
fn a_server_may_have_several_audiences() {
    let guid = "a6b1f0c2-6f0f-4b64-9d3e-1f6d2f0a9b7e";
    let tokens = validator(&[named(&key(Algorithm::ES256), "1")]).or_audience(guid);
    let to = |audience: String| {
        let mut claims = claims();
        claims.set("aud", audience);
        tokens.validate_now(&key(Algorithm::ES256).jws(header("ES256", None).json(), claims.json()), NOW).map(drop)
    };
    assert_eq!(to(quoted(PUBLIC_URL)), Ok(()));
    assert_eq!(to(quoted(guid)), Ok(()));
    assert_eq!(to(format!("[\"x\",{}]", quoted(guid))), Ok(()));
    assert_eq!(to(quoted("x")), Err(TokenDefect::WrongAudience));
}

/// Each issuer has its own keys and audiences; what one signs in another's name is refused.
#[tokio::test]
async fn several_issuers_are_told_apart() {
    const OTHER: &str = "https://login.partner.example";
    let mine = || validator(&[named(&key(Algorithm::ES256), "1")]);
    let theirs = JwtValidator::new(OTHER, "api://mcp", jwks(&[named(&other_key(), "1")]));
    let tokens = ByIssuer::new().issuer(ISSUER, mine()).issuer(OTHER, theirs);
    let token = |signer: &Key, issuer: &str, audience: &str| {
        let mut claims = claims();
        claims.set("iss", quoted(issuer));
        claims.set("aud", quoted(audience));
        signer.jws(header("ES256", Some("1")).json(), claims.json())
    };
    let (ours, theirs) = (key(Algorithm::ES256), other_key());
    for (token, expected) in [
        (token(&ours, ISSUER, PUBLIC_URL), Ok(())),
        (token(&theirs, OTHER, "api://mcp"), Ok(())),
        (token(&theirs, ISSUER, PUBLIC_URL), Err(TokenDefect::BadSignature)),
        (token(&ours, OTHER, "api://mcp"), Err(TokenDefect::BadSignature)),
        (token(&ours, ISSUER, "api://mcp"), Err(TokenDefect::WrongAudience)),
        (token(&theirs, OTHER, PUBLIC_URL), Err(TokenDefect::WrongAudience)),
        (token(&ours, "https://nobody.example", PUBLIC_URL), Err(TokenDefect::WrongIssuer)),
        (ours.jws(header("ES256", None).json(), "{\"iss\":[1]}"), Err(TokenDefect::Malformed)),
        (ours.jws(header("ES256", None).json(), "{}"), Err(TokenDefect::Malformed)),
        ("opaque".to_owned(), Err(TokenDefect::Malformed)),
    ] {
        assert_eq!(tokens.validate(&token, NOW).await.map(drop), expected);
    }
    assert_eq!(
        format!("{tokens:?}"),
        format!("ByIssuer {{ issuers: [{ISSUER:?}, {OTHER:?}], .. }}"),
        "and nothing of a key"
    );
    struct Any;
    impl TokenValidator for Any {
        async fn validate(&self, _: &str, _: UnixMillis) -> Result<sealstamp_dpop::TokenFacts, TokenDefect> {
            Ok(sealstamp_dpop::TokenFacts::new(TokenBinding::None))
        }
    }
    let tokens = tokens.opaque(Any);
    assert!(tokens.validate("opaque", NOW).await.is_ok());
    let forged = token(&theirs, ISSUER, PUBLIC_URL);
    assert_eq!(tokens.validate(&forged, NOW).await.unwrap_err(), TokenDefect::BadSignature, "a JWT is never opaque");
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
    let odd = facts("1", "null", r#"{"tools:read":1}"#);
    assert_eq!((odd.subject(), odd.client_id(), odd.scopes().count()), (None, None, 0));
    let shown = format!("{said:?}");
    assert!(shown.starts_with("TokenFacts {") && !shown.contains("alice"), "{shown}");
}

/// `scope` and `scp`, each as a string or as a list.
#[test]
fn scopes_in_the_four_ways_that_issuers_write_them() {
    let scopes = |members: &[(&str, &str)]| {
        let mut claims = claims();
        for (name, json) in members {
            claims.add(name, *json);
        }
        let token = key(Algorithm::ES256).jws(header("ES256", None).json(), claims.json());
        let facts = validator(&[named(&key(Algorithm::ES256), "1")]).validate_now(&token, NOW).unwrap();
        facts.scopes().map(str::to_owned).collect::<Vec<_>>()
    };
    for name in ["scope", "scp"] {
        for json in [r#""a b""#, r#"["a","b"]"#, r#"["a b"]"#, r#"["a",7,"b"]"#] {
            assert_eq!(scopes(&[(name, json)]), ["a", "b"], "{name}: {json}");
        }
    }
    assert_eq!(scopes(&[("scope", r#""a""#), ("scp", r#"["b"]"#)]), ["a", "b"]);
    assert!(scopes(&[]).is_empty() && scopes(&[("scope", "null"), ("scp", "7")]).is_empty());
}

#[test]
fn messages_say_what_is_wrong() {
    for (set, message) in [
        ("[]".to_owned(), "not a JWK set"),
        (json(&[]), "the JWK set holds no public key that verifies signatures"),
        (json(&many(65)), "the JWK set holds more than 64 keys"),
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

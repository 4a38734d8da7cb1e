//! Rule 4: the claims.

use sealstamp_dpop::Reason;
use sealstamp_testkit::{PUBLIC_URL, b64, quoted, sha256};

use crate::cases::case::{Case, proof};
use crate::cases::defects::{limit, part, rename};

pub(super) const CASES: &[Case] = &[
    proof("R43-2", "claims that are no object", Reason::MalformedClaims, |d, _| {
        d.claims_text = Some("\"claims\"".into())
    }),
    proof("R43-2", "claims nested 500 deep", Reason::MalformedClaims, |d, _| {
        d.claims.add("x", format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500)));
    }),
    proof("R43-2", "claims with something after them", Reason::MalformedClaims, |d, _| {
        d.claims_text = Some("{} x".into())
    }),
    proof("R43-2", "jti twice", Reason::MalformedClaims, |d, _| d.claims.add("jti", quoted("b"))),
    proof("R43-2", "iat twice", Reason::MalformedClaims, |d, _| d.claims.add("iat", d.claims.get("iat").to_owned())),
    proof("R43-2", "htu twice, once escaped", Reason::MalformedClaims, |d, _| {
        d.claims.add("ht\\u0075", quoted(PUBLIC_URL))
    }),
    proof("R43-2", "nonce twice", Reason::MalformedClaims, |d, w| d.claims.add("nonce", quoted(w.nonce()))),
    proof("R43-2", "a nested member twice", Reason::MalformedClaims, |d, _| d.claims.add("x", r#"{"a":1,"a":1}"#)),
    proof("R43-3", "no jti", Reason::BadJti, |d, _| d.claims.remove("jti")),
    proof("R43-3 R111-1", "jti empty", Reason::BadJti, |d, _| d.claims.set("jti", quoted(""))),
    proof("R111-1", "jti of 257 characters", Reason::BadJti, |d, _| d.claims.set("jti", quoted("a".repeat(257)))),
    proof("R43-3", "jti a number", Reason::MalformedClaims, |d, _| d.claims.set("jti", "1")),
    proof("R43-3", "jti null", Reason::MalformedClaims, |d, _| d.claims.set("jti", "null")),
    proof("R43-3", "no htm", Reason::NoHtm, |d, _| d.claims.remove("htm")),
    proof("R43-3", "htm a list", Reason::MalformedClaims, |d, _| d.claims.set("htm", "[\"POST\"]")),
    proof("R43-3", "no htu", Reason::NoHtu, |d, _| d.claims.remove("htu")),
    proof("R43-3", "htu an object", Reason::MalformedClaims, |d, _| d.claims.set("htu", "{}")),
    proof("R43-3", "no iat", Reason::NoIat, |d, _| d.claims.remove("iat")),
    proof("R43-3", "iat a string", Reason::MalformedClaims, |d, _| {
        d.claims.set("iat", quoted(d.claims.get("iat").to_owned()))
    }),
    proof("R43-3", "iat with an exponent", Reason::MalformedClaims, |d, _| d.claims.set("iat", "1795361400e0")),
    proof("R43-3", "iat 1e400", Reason::MalformedClaims, |d, _| d.claims.set("iat", "1e400")),
    proof("R43-3", "iat -1e400", Reason::MalformedClaims, |d, _| d.claims.set("iat", "-1e400")),
    proof("R43-3", "iat NaN", Reason::MalformedClaims, |d, _| d.claims.set("iat", "NaN")),
    proof("R43-3", "iat one above i64", Reason::MalformedClaims, |d, _| d.claims.set("iat", "9223372036854775808")),
    proof("R43-3", "iat one below i64", Reason::MalformedClaims, |d, _| d.claims.set("iat", "-9223372036854775809")),
    proof("R43-3", "iat with a leading zero", Reason::MalformedClaims, |d, _| {
        d.claims.set("iat", format!("0{}", d.claims.get("iat")))
    }),
    proof("R43-3", "iat true", Reason::MalformedClaims, |d, _| d.claims.set("iat", "true")),
    proof("R43-3", "iat null", Reason::MalformedClaims, |d, _| d.claims.set("iat", "null")),
    proof("R43-3 R43-12a", "no ath", Reason::NoAth, |d, _| d.ath = Some(None)),
    proof("R43-3 R43-12a", "ath null", Reason::MalformedClaims, |d, _| d.ath = Some(Some("null".into()))),
    proof("R43-10", "nonce a number", Reason::MalformedClaims, |d, _| d.claims.set("nonce", "1")),
    proof("R43-10", "nonce null, twice", Reason::MalformedClaims, |d, _| {
        d.claims.set("nonce", "null");
        d.claims.add("nonce", "null");
    }),
    proof("R43-2", "invalid UTF-8 in the claims", Reason::MalformedClaims, |d, _| {
        part(d, 1, |_| b64(b"{\"jti\":\"\xff\"}"));
    }),
    proof("R43-2", "a raw line break in a claim", Reason::MalformedClaims, |d, _| d.claims.set("jti", quoted("a\nb"))),
    proof("R43-2", "a lone surrogate in a claim's name", Reason::MalformedClaims, |d, _| d.claims.add("\\udc00", "1")),
    proof("R43-2", "ath twice, once escaped", Reason::MalformedClaims, |d, _| {
        d.claims.add("\\u0061th", quoted(sha256(d.token())));
    }),
    proof("R43-3", "JTI for jti", Reason::BadJti, |d, _| rename(&mut d.claims, "jti", "JTI")),
    proof("R43-3", "jti with a zero byte in its name", Reason::BadJti, |d, _| {
        rename(&mut d.claims, "jti", "jti\\u0000");
    }),
    proof("R43-3", "htm with a combining mark in its name", Reason::NoHtm, |d, _| {
        rename(&mut d.claims, "htm", "htm\\u0301");
    }),
    proof("R43-3", "htu with a zero-width space in its name", Reason::NoHtu, |d, _| {
        rename(&mut d.claims, "htu", "ht\\u200bu");
    }),
    proof("R43-3", "iat with a dotless i", Reason::NoIat, |d, _| rename(&mut d.claims, "iat", "ıat")),
    proof("R43-3", "jti true", Reason::MalformedClaims, |d, _| d.claims.set("jti", "true")),
    proof("R43-3", "jti a list", Reason::MalformedClaims, |d, _| d.claims.set("jti", "[\"a\"]")),
    proof("R43-3", "jti an object", Reason::MalformedClaims, |d, _| d.claims.set("jti", "{\"a\":1}")),
    proof("R43-3", "htm a number", Reason::MalformedClaims, |d, _| d.claims.set("htm", "0")),
    proof("R43-3", "htm null", Reason::MalformedClaims, |d, _| d.claims.set("htm", "null")),
    proof("R43-3", "htu a number", Reason::MalformedClaims, |d, _| d.claims.set("htu", "1")),
    proof("R43-3", "htu null", Reason::MalformedClaims, |d, _| d.claims.set("htu", "null")),
    proof("R43-3", "htu a list", Reason::MalformedClaims, |d, _| {
        d.claims.set("htu", format!("[\"{PUBLIC_URL}\"]"));
    }),
    proof("R43-3", "iat a list", Reason::MalformedClaims, |d, _| {
        d.claims.set("iat", format!("[{}]", d.claims.get("iat")));
    }),
    proof("R43-3", "iat an object", Reason::MalformedClaims, |d, _| d.claims.set("iat", "{}")),
    proof("R43-3 R43-12a", "ath a number", Reason::MalformedClaims, |d, _| d.ath = Some(Some("1".into()))),
    proof("R43-3 R43-12a", "ath a list", Reason::MalformedClaims, |d, _| {
        d.ath = Some(Some(format!("[\"{}\"]", sha256(d.token()))));
    }),
    proof("R43-10", "nonce a list", Reason::MalformedClaims, |d, w| {
        d.claims.set("nonce", format!("[\"{}\"]", w.nonce()));
    }),
    proof("R43-10", "nonce false", Reason::MalformedClaims, |d, _| d.claims.set("nonce", "false")),
    proof("R43-3", "iat with a fraction and an exponent", Reason::MalformedClaims, |d, _| {
        d.claims.set("iat", "1795361400.5e0")
    }),
    proof("R43-3", "iat that ends in a point", Reason::MalformedClaims, |d, _| d.claims.set("iat", "1795361400.")),
    proof("R43-3", "iat that begins with a point", Reason::MalformedClaims, |d, _| d.claims.set("iat", ".5")),
    proof("R43-3", "iat above i64, with a fraction", Reason::MalformedClaims, |d, _| {
        d.claims.set("iat", "9223372036854775808.5")
    }),
    proof("R43-3", "exp a string", Reason::MalformedClaims, |d, w| limit(d, w, "exp", "\"", 60, "\"")),
    proof("R43-3", "exp null", Reason::MalformedClaims, |d, _| d.claims.add("exp", "null")),
    proof("R43-3", "exp with an exponent", Reason::MalformedClaims, |d, w| limit(d, w, "exp", "", 60, "e0")),
    proof("R43-3", "nbf a string", Reason::MalformedClaims, |d, w| limit(d, w, "nbf", "\"", -60, "\"")),
    proof("R43-3", "nbf null", Reason::MalformedClaims, |d, _| d.claims.add("nbf", "null")),
    proof("R43-3", "iat with a plus", Reason::MalformedClaims, |d, _| {
        d.claims.set("iat", format!("+{}", d.claims.get("iat")));
    }),
    proof("R43-3", "iat in hexadecimal", Reason::MalformedClaims, |d, _| d.claims.set("iat", "0x6b0306f8")),
    proof("R43-3", "iat Infinity", Reason::MalformedClaims, |d, _| d.claims.set("iat", "Infinity")),
    proof("R43-3", "iat 2^64", Reason::MalformedClaims, |d, _| d.claims.set("iat", "18446744073709551616")),
    proof("R43-3", "iat 2^64 - 1", Reason::MalformedClaims, |d, _| d.claims.set("iat", "18446744073709551615")),
    proof("R43-3", "iat of 400 digits", Reason::MalformedClaims, |d, _| d.claims.set("iat", "9".repeat(400))),
    proof("R43-3", "iat 1e-400", Reason::MalformedClaims, |d, _| d.claims.set("iat", "1e-400")),
];

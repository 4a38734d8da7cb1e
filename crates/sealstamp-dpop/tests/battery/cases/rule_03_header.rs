//! Rule 3: the header.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp_dpop::Reason;
use sealstamp_testkit::{Members, b64, other_key, quoted};

use crate::cases::case::{Case, NOT_TAKEN, proof};
use crate::cases::defects::{marks_in_claims, marks_in_header, part, rename, sign_with};

pub(super) const CASES: &[Case] = &[
    proof("R43-2", "a header that is no object", Reason::MalformedHeader, |d, _| d.header_text = Some("[]".into())),
    proof("R43-2", "a header that is no JSON", Reason::MalformedHeader, |d, _| d.header_text = Some("{typ:1}".into())),
    proof("R43-2", "a header with something after it", Reason::MalformedHeader, |d, _| {
        d.header_text = Some(format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}{{}}"#, d.jwk.json()));
    }),
    proof("R43-2", "a header with a byte order mark", Reason::MalformedHeader, |d, _| {
        d.header_text = Some(format!("\u{feff}{{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{}}}", d.jwk.json()));
    }),
    proof("R43-2", "a header nested 9 deep", Reason::MalformedHeader, |d, _| {
        d.header.add("x", format!("{}{}", "[".repeat(8), "]".repeat(8)));
    }),
    proof("R43-2", "claims nested 9 deep", Reason::MalformedClaims, |d, _| {
        d.claims.add("x", format!("{}{}", "[".repeat(8), "]".repeat(8)));
    }),
    proof("R43-2", "a header nested 1,000 deep", Reason::MalformedHeader, |d, _| {
        d.header.add("x", format!("{}{}", "[".repeat(1000), "]".repeat(1000)));
    }),
    proof("R43-2", "a header of 40 members", Reason::MalformedHeader, |d, _| {
        (0..40).for_each(|i| d.header.add(&format!("m{i}"), "1"));
    }),
    proof("R43-2", "a header with 65 commas and escapes", Reason::MalformedHeader, |d, _| marks_in_header(d, 65)),
    proof("R43-2", "claims with 65 commas and escapes", Reason::MalformedClaims, |d, _| marks_in_claims(d, 65)),
    proof("R43-2", "claims with an array of 2,000 numbers", Reason::MalformedClaims, |d, _| {
        d.claims.add("x", format!("[{}0]", "0,".repeat(1999)));
    }),
    proof("R43-2", "claims with 500 escapes", Reason::MalformedClaims, |d, _| {
        d.claims.add("x", quoted("\\u0041".repeat(500)));
    }),
    proof("R43-2", "a lone surrogate in the header", Reason::MalformedHeader, |d, _| d.header.add("x", r#""\ud800""#)),
    proof("R43-2", "typ twice", Reason::MalformedHeader, |d, _| d.header.add("typ", quoted("dpop+jwt"))),
    proof("R43-2", "alg twice", Reason::MalformedHeader, |d, _| d.header.add("alg", quoted("none"))),
    proof("R43-2", "alg twice, once escaped", Reason::MalformedHeader, |d, _| {
        d.header.add("\\u0061lg", quoted("none"))
    }),
    proof("R43-2", "jwk twice", Reason::MalformedHeader, |d, _| {
        d.header.add("jwk", d.jwk.json());
        d.header.add("jwk", other_key().jwk().json());
    }),
    proof("R43-2", "an unknown header member twice", Reason::MalformedHeader, |d, _| {
        d.header.add("x", "1");
        d.header.add("x", "1");
    }),
    proof("R43-2", "typ twice, once in escapes alone", Reason::MalformedHeader, |d, _| {
        d.header.add("\\u0074\\u0079\\u0070", quoted("dpop+jwt"));
    }),
    proof("R43-2", "invalid UTF-8 in the header", Reason::MalformedHeader, |d, _| {
        part(d, 0, |_| b64(b"{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"x\":\"\xff\"}"));
    }),
    proof("R43-2", "an overlong encoding in the header", Reason::MalformedHeader, |d, _| {
        part(d, 0, |_| b64(b"{\"t\xc1\xb9p\":\"dpop+jwt\",\"alg\":\"ES256\"}"));
    }),
    proof("R43-2", "a header in UTF-16", Reason::MalformedHeader, |d, _| {
        part(d, 0, |p| {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(p).unwrap()).unwrap();
            b64(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
        });
    }),
    proof("R43-2", "a comment in the header", Reason::MalformedHeader, |d, _| {
        d.header_text = Some(format!(r#"{{"typ":"dpop+jwt",/**/"alg":"ES256","jwk":{}}}"#, d.jwk.json()));
    }),
    proof("R43-4", "Typ for typ", Reason::WrongType, |d, _| rename(&mut d.header, "typ", "Typ")),
    proof("R43-4", "typ in full-width letters", Reason::WrongType, |d, _| rename(&mut d.header, "typ", "ｔｙｐ")),
    proof("R43-4", "typ with a zero byte in its name", Reason::WrongType, |d, _| {
        rename(&mut d.header, "typ", "typ\\u0000");
    }),
    proof("R43-4", "a typ in full-width letters", Reason::WrongType, |d, _| {
        d.header.set("typ", quoted("ｄｐｏｐ+ｊｗｔ"));
    }),
    proof("R43-4", "typ with a space after it", Reason::WrongType, |d, _| d.header.set("typ", quoted("dpop+jwt "))),
    proof("R43-5", "ALG for alg", Reason::AlgorithmNotAllowed, |d, _| rename(&mut d.header, "alg", "ALG")),
    proof("R43-5", "alg with a zero byte in its name", Reason::AlgorithmNotAllowed, |d, _| {
        rename(&mut d.header, "alg", "alg\\u0000");
    }),
    proof("R43-5", "alg with a space before it", Reason::AlgorithmNotAllowed, |d, _| {
        d.header.set("alg", quoted(" ES256"));
    }),
    proof("R43-5", "alg in full-width letters", Reason::AlgorithmNotAllowed, |d, _| {
        d.header.set("alg", quoted("ＥＳ２５６"));
    }),
    proof("R43-5", "alg a list", Reason::MalformedHeader, |d, _| d.header.set("alg", "[\"ES256\"]")),
    proof("R43-3", "JWK for jwk", Reason::NoKey, |d, _| {
        d.header_text = Some(format!(r#"{{"typ":"dpop+jwt","alg":"ES256","JWK":{}}}"#, d.jwk.json()));
    }),
    proof("R43-2", "an escaped crit", Reason::CriticalHeader, |d, _| d.header.add("\\u0063rit", "[\"exp\"]")),
    proof("R43-4", "no typ", Reason::WrongType, |d, _| d.header.remove("typ")),
    proof("R43-4", "typ JWT", Reason::WrongType, |d, _| d.header.set("typ", quoted("JWT"))),
    proof("R43-4", "typ at+jwt", Reason::WrongType, |d, _| d.header.set("typ", quoted("at+jwt"))),
    proof("R43-4", "typ in upper case", Reason::WrongType, |d, _| d.header.set("typ", quoted("DPOP+JWT"))),
    proof("R43-4", "typ with application/", Reason::WrongType, |d, _| {
        d.header.set("typ", quoted("application/dpop+jwt"))
    }),
    proof("R43-4", "typ with a zero byte", Reason::WrongType, |d, _| d.header.set("typ", quoted("dpop+jwt\\u0000"))),
    proof("R43-4", "typ null", Reason::MalformedHeader, |d, _| d.header.set("typ", "null")),
    proof("R43-4", "typ in a list", Reason::MalformedHeader, |d, _| d.header.set("typ", "[\"dpop+jwt\"]")),
    proof("R43-5", "no alg", Reason::AlgorithmNotAllowed, |d, _| d.header.remove("alg")),
    proof("R43-5", "an algorithm that this server does not take", Reason::AlgorithmNotAllowed, |d, w| {
        sign_with(d, NOT_TAKEN, w);
    }),
    proof("R43-5 SEP-5 R116-1", "alg none", Reason::AlgorithmNotAllowed, |d, _| d.header.set("alg", quoted("none"))),
    proof("R43-5 SEP-5 R116-1", "alg none and no signature", Reason::AlgorithmNotAllowed, |d, _| {
        d.header.set("alg", quoted("none"));
        part(d, 2, |_| String::new());
    }),
    proof("R43-5 SEP-5 R116-1", "alg NONE", Reason::AlgorithmNotAllowed, |d, _| d.header.set("alg", quoted("NONE"))),
    proof("R43-5 SEP-5 R116-1", "alg HS256", Reason::AlgorithmNotAllowed, |d, _| d.header.set("alg", quoted("HS256"))),
    proof("R43-5 SEP-5 R116-1", "alg HS512 with an oct key", Reason::AlgorithmNotAllowed, |d, _| {
        d.header.set("alg", quoted("HS512"));
        d.jwk = Members::new([("kty", quoted("oct")), ("k", quoted("AAAA"))]);
    }),
    proof("R43-5", "alg es256", Reason::AlgorithmNotAllowed, |d, _| d.header.set("alg", quoted("es256"))),
    proof("R43-5", "alg ES256K", Reason::AlgorithmNotAllowed, |d, _| d.header.set("alg", quoted("ES256K"))),
    proof("R43-5", "alg RSA-OAEP", Reason::AlgorithmNotAllowed, |d, _| d.header.set("alg", quoted("RSA-OAEP"))),
    proof("R43-5", "alg empty", Reason::AlgorithmNotAllowed, |d, _| d.header.set("alg", quoted(""))),
    proof("R43-5", "alg null", Reason::MalformedHeader, |d, _| d.header.set("alg", "null")),
    proof("R43-5", "alg a number", Reason::MalformedHeader, |d, _| d.header.set("alg", "256")),
    proof("R43-2", "crit", Reason::CriticalHeader, |d, _| d.header.add("crit", "[\"exp\"]")),
    proof("R43-2", "an empty crit", Reason::CriticalHeader, |d, _| d.header.add("crit", "[]")),
    proof("R43-2", "b64 false", Reason::CriticalHeader, |d, _| d.header.add("b64", "false")),
    proof("R43-2", "b64 true", Reason::CriticalHeader, |d, _| d.header.add("b64", "true")),
];

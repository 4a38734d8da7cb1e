//! What must be accepted.

use http::Method;
use sealstamp_dpop::Algorithm;
use sealstamp_testkit::{Members, PUBLIC_URL, quoted};

use crate::cases::case::{Case, ok};
use crate::cases::defects::{htu, iat, limit, marks_in_claims, marks_in_header, nonce_of_age, sign_with};

pub(super) const CASES: &[Case] = &[
    ok("SEP-1 R43-1 R43-2 R43-3", "as it should be", |_, _| {}),
    ok("R43-5", "ES384", |d, w| sign_with(d, Algorithm::ES384, w)),
    ok("R43-5", "ES512", |d, w| sign_with(d, Algorithm::ES512, w)),
    ok("R43-5", "EdDSA", |d, w| sign_with(d, Algorithm::EdDSA, w)),
    ok("R43-5", "Ed25519", |d, w| sign_with(d, Algorithm::Ed25519, w)),
    ok("R43-5", "PS256", |d, w| sign_with(d, Algorithm::PS256, w)),
    ok("R43-5", "RS512", |d, w| sign_with(d, Algorithm::RS512, w)),
    ok("R72-1", "the scheme in lower case", |d, _| d.on_authorization(|t| vec![format!("dpop {t}")])),
    ok("R72-1", "the scheme in upper case", |d, _| d.on_authorization(|t| vec![format!("DPOP {t}")])),
    ok("R72-1", "two spaces after the scheme", |d, _| d.on_authorization(|t| vec![format!("DPoP  {t}")])),
    ok("R43-2", "members in another order", |d, _| {
        d.claims.0.reverse();
        d.header.0.reverse();
        d.jwk.0.reverse();
    }),
    ok("R43-2", "unknown header members, claims and jwk members", |d, _| {
        d.header.add("x", r#"{"a":[1,{"b":null}]}"#);
        d.claims.add("x", r#"[[[1.5e3,"\u00e9"]]]"#);
        d.jwk.add("kid", "\"1\"");
        d.jwk.add("use", "\"sig\"");
        d.jwk.add("x5c", "[\"MIIB\"]");
    }),
    ok("R43-2", "a header and claims nested 8 deep", |d, _| {
        d.header.add("x", format!("{}{}", "[".repeat(7), "]".repeat(7)));
        d.claims.add("x", format!("{}{}", "[".repeat(7), "]".repeat(7)));
    }),
    ok("R43-2", "claims with 64 commas and escapes", |d, _| marks_in_claims(d, 64)),
    ok("R43-2", "a header with 64 commas and escapes", |d, _| marks_in_header(d, 64)),
    ok("R43-2", "white space around JSON tokens", |d, _| {
        d.header_text =
            Some(format!(" {{ \"typ\" : \"dpop+jwt\",\r\n\t\"alg\":\"ES256\",\"jwk\": {} }} ", d.jwk.json()));
    }),
    ok("R43-2", "an escaped member name and value", |d, _| {
        d.header_text = Some(format!(r#"{{"t\u0079p":"dpop\u002bjwt","alg":"ES256","jwk":{}}}"#, d.jwk.json()));
    }),
    ok("R43-12b", "jwk members with escapes have the same thumbprint", |d, _| {
        let x = d.jwk.get("x").trim_matches('"').to_owned();
        let escaped: String = x.bytes().map(|b| format!("\\u00{b:02x}")).collect();
        d.jwk = Members::new([
            ("y", d.jwk.get("y").to_owned()),
            ("\\u0078", quoted(escaped)),
            ("crv", quoted("P\\u002d256")),
            ("kty", quoted("\\u0045C")),
        ]);
    }),
    ok("R43-2", "names of other keys beside the jwk", |d, _| {
        // Only `jwk` says which key it is; the others are hints to look somewhere, and nothing is looked up.
        d.header.add("kid", quoted("issuer-1"));
        d.header.add("jku", quoted("https://evil.example/jwks.json"));
        d.header.add("x5u", quoted("https://evil.example/cert.pem"));
        d.header.add("x5c", "[\"MIIB\"]");
    }),
    ok("R43-12b", "jwk members of other key types have no part in the thumbprint", |d, _| {
        d.jwk.add("n", quoted("AQAB"));
        d.jwk.add("e", quoted("AQAB"));
        d.jwk.add("alg", quoted("RS256"));
    }),
    ok("R43-2", "a surrogate pair, escaped, in an unknown name", |d, _| d.claims.add("\\ud83d\\udd11", "1")),
    ok("R43-11 SEP-2", "iat 300 s ago", |d, w| iat(d, w, -300)),
    ok("R43-11 SEP-2", "iat 300 s ahead", |d, w| iat(d, w, 300)),
    ok("J-2", "iat with a fraction of zero", |d, _| d.claims.set("iat", format!("{}.0", d.claims.get("iat")))),
    ok("J-2", "iat in microseconds", |d, _| d.claims.set("iat", format!("{}.123456", d.claims.get("iat")))),
    ok("J-2", "iat with 30 digits behind the point", |d, _| {
        d.claims.set("iat", format!("{}.{}", d.claims.get("iat"), "9".repeat(30)));
    }),
    ok("J-2", "iat 300.9 s ahead, which is 300 whole ones", |d, w| {
        iat(d, w, 300);
        d.claims.set("iat", format!("{}.9", d.claims.get("iat")));
    }),
    ok("R43-11", "exp in a second", |d, w| limit(d, w, "exp", "", 1, "")),
    ok("R43-11 J-2", "exp and nbf with fractions", |d, w| {
        limit(d, w, "exp", "", 60, ".5");
        limit(d, w, "nbf", "", -60, ".5");
    }),
    ok("R43-11", "nbf now", |d, w| limit(d, w, "nbf", "", 0, "")),
    ok("R43-11", "nbf at an iat ahead, by the same clock", |d, w| {
        iat(d, w, 60);
        limit(d, w, "nbf", "", 60, "");
    }),
    ok("R43-10", "a nonce of 125 s, lifetime and skew", |d, w| nonce_of_age(d, w, 125_000)),
    ok("R43-10", "a nonce from a clock 5 s ahead", |d, w| nonce_of_age(d, w, -5_000)),
    ok("R111-1", "jti of one character", |d, _| d.claims.set("jti", quoted("a"))),
    ok("R111-1", "jti of 256 characters", |d, _| d.claims.set("jti", quoted("a".repeat(256)))),
    ok("R111-1", "jti of 256 characters of several bytes", |d, _| d.claims.set("jti", quoted("é".repeat(256)))),
    ok("R43-9", "htu with the default port", |d, _| htu(d, "https://mcp.example.com:443/mcp")),
    ok("R43-9", "htu with host and scheme in upper case", |d, _| htu(d, "HTTPS://MCP.EXAMPLE.COM/mcp")),
    ok("R43-9", "htu with an escaped unreserved character", |d, _| htu(d, "https://mcp.example.com/%6dcp")),
    ok("R43-9", "htu with dot segments", |d, _| htu(d, "https://mcp.example.com/a/./../mcp")),
    ok("R43-9", "htu with a query", |d, _| htu(d, "https://mcp.example.com/mcp?x=y")),
    ok("R43-9", "htu with a fragment", |d, _| htu(d, "https://mcp.example.com/mcp#x")),
    ok("R43-9", "htu without the request's query", |d, _| d.path = "/mcp?session=1".into()),
    ok("R43-8", "DELETE, and htm says so", |d, _| {
        d.method = Method::DELETE;
        d.claims.set("htm", quoted("DELETE"));
    }),
    ok("SEP-6", "a token for several audiences", |d, _| {
        d.token_claims.set("aud", format!("[\"https://other.example\",\"{PUBLIC_URL}\"]"));
    }),
    ok("SEP-6", "a token of type JWT", |d, _| d.token_header.set("typ", quoted("JWT"))),
    ok("SEP-6", "a token without a type", |d, _| d.token_header.remove("typ")),
];

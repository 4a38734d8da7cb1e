//! Rule 10: the access token.

use sealstamp_dpop::{Algorithm, Reason};
use sealstamp_testkit::{b64, other_key, quoted};

use crate::cases::case::{Case, token};
use crate::cases::defects::{bound_to_hash_of, sign_with, token_time};

pub(super) const CASES: &[Case] = &[
    token("SEP-6", "a token for another audience", Reason::TokenWrongAudience, |d, _| {
        d.token_claims.set("aud", quoted("https://other.example/mcp"));
    }),
    token("SEP-6", "a token for this origin, not this resource", Reason::TokenWrongAudience, |d, _| {
        d.token_claims.set("aud", quoted("https://mcp.example.com"));
    }),
    token("SEP-6", "a token for no audience", Reason::TokenMalformed, |d, _| d.token_claims.remove("aud")),
    token("SEP-6", "a token for an empty list of audiences", Reason::TokenWrongAudience, |d, _| {
        d.token_claims.set("aud", "[]")
    }),
    token("SEP-3", "an expired token", Reason::TokenExpired, |d, w| token_time(d, w, "exp", -60)),
    token("SEP-3", "a token that expired as long ago as the leeway", Reason::TokenExpired, |d, w| {
        token_time(d, w, "exp", -30)
    }),
    token("SEP-3", "a token that does not expire", Reason::TokenMalformed, |d, _| d.token_claims.remove("exp")),
    token("SEP-3", "a token that is not valid yet", Reason::TokenNotYetValid, |d, w| token_time(d, w, "nbf", 60)),
    token("SEP-3", "a token of another issuer", Reason::TokenWrongIssuer, |d, _| {
        d.token_claims.set("iss", quoted("https://evil.example"));
    }),
    token("SEP-3", "a token of no issuer", Reason::TokenMalformed, |d, _| d.token_claims.remove("iss")),
    token("SEP-3", "an unsigned token", Reason::TokenUnacceptable, |d, _| {
        d.token_header.set("alg", quoted("none"));
        let unsigned = format!("{}.{}.", b64(d.token_header.json()), b64(d.token_claims.json()));
        d.token = Some(unsigned);
    }),
    token("SEP-3", "a token signed by somebody else", Reason::TokenBadSignature, |d, _| d.token_key = other_key()),
    token("SEP-3", "a token signed by the client", Reason::TokenBadSignature, |d, _| d.token_key = d.key.clone()),
    token("SEP-3", "a token under an unknown key", Reason::TokenUnknownKey, |d, _| {
        d.token_header.set("kid", quoted("issuer-2"))
    }),
    token(
        "SEP-3 SEP-5",
        "a token signed with HS256 under the issuer's public key",
        Reason::TokenUnacceptable,
        |d, _| {
            d.token_header.set("alg", quoted("HS256"));
        },
    ),
    token("SEP-3", "a token that is a proof", Reason::TokenUnacceptable, |d, _| {
        d.token_header.set("typ", quoted("dpop+jwt"))
    }),
    token("SEP-3", "a token that is no JWT", Reason::TokenMalformed, |d, _| d.token = Some("opaque".into())),
    token("R43-12b", "a token bound to another key", Reason::TokenOfAnotherKey, |d, _| {
        d.token_claims.set("cnf", format!("{{\"jkt\":\"{}\"}}", other_key().thumbprint()));
    }),
    token("R43-12b", "a token bound to no key", Reason::TokenNotBound, |d, _| d.token_claims.remove("cnf")),
    token("R43-12b", "a token bound to a certificate", Reason::TokenNotBound, |d, _| {
        d.token_claims.set("cnf", r#"{"x5t#S256":"AAAA"}"#);
    }),
    token("R43-12b", "a token bound to a malformed thumbprint", Reason::TokenNotBound, |d, _| {
        d.token_claims.set("cnf", r#"{"jkt":"AAAA"}"#);
    }),
    token("R43-12b", "a thumbprint over the members as they stand", Reason::TokenOfAnotherKey, |d, _| {
        // kty, crv, x, y: RFC 7638 wants them in the order of their names.
        let text = d.jwk.json();
        bound_to_hash_of(d, &text);
    }),
    token("R43-12b", "a thumbprint over all members, kid included", Reason::TokenOfAnotherKey, |d, _| {
        d.jwk.add("kid", quoted("1"));
        let mut members = d.jwk.clone();
        members.0.sort();
        bound_to_hash_of(d, &members.json());
    }),
    token("R43-12b", "a thumbprint over escaped members, sent escaped", Reason::TokenOfAnotherKey, |d, _| {
        d.jwk.set("crv", quoted("P\\u002d256"));
        let mut members = d.jwk.clone();
        members.0.sort();
        bound_to_hash_of(d, &members.json());
    }),
    token("R43-12b", "a thumbprint over members with white space", Reason::TokenOfAnotherKey, |d, _| {
        let mut members = d.jwk.clone();
        members.0.sort();
        bound_to_hash_of(d, &members.json().replace(',', ", "));
    }),
    token("R43-12b", "a thumbprint in upper case", Reason::TokenOfAnotherKey, |d, _| {
        let jkt = d.key.thumbprint();
        let other: String =
            jkt.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
        // The last character keeps its value, or it might have spare bits.
        let (all_but_last, last) = (&other[..42], &jkt[42..]);
        d.token_claims.set("cnf", format!("{{\"jkt\":\"{all_but_last}{last}\"}}"));
    }),
    token("R43-12b", "a padded thumbprint", Reason::TokenNotBound, |d, _| {
        d.token_claims.set("cnf", format!("{{\"jkt\":\"{}=\"}}", d.key.thumbprint()));
    }),
    token("R43-12b", "cnf a string", Reason::TokenNotBound, |d, _| {
        d.token_claims.set("cnf", quoted(d.key.thumbprint()));
    }),
    token("R43-12b", "cnf.jkt a list", Reason::TokenNotBound, |d, _| {
        d.token_claims.set("cnf", format!("{{\"jkt\":[\"{}\"]}}", d.key.thumbprint()));
    }),
    token("R43-12b", "a proof by another key, all else right", Reason::TokenOfAnotherKey, |d, w| {
        let claims = d.token_claims.clone();
        sign_with(d, Algorithm::EdDSA, w);
        d.token_claims = claims;
    }),
];

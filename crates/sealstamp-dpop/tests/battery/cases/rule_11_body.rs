//! Rule 11: the digest of the body, on a server that looks at it if it is there. The body of these requests is empty.

use http::Method;
use sealstamp_dpop::Reason;
use sealstamp_testkit::{Draft, quoted};

use crate::cases::case::{Case, ok, proof, token};
use crate::cases::defects::token_time;

/// The SHA-256 of no bytes.
const EMPTY: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
/// The SHA-256 of `hello`.
const HELLO: &str = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";

fn digest(draft: &mut Draft, text: &str) {
    draft.claims.add("content_digest", quoted(text));
}

pub(super) const CASES: &[Case] = &[
    ok("D-2", "a digest of the empty body", |d, _| digest(d, EMPTY)),
    ok("D-2", "a digest of the empty body, of a DELETE", |d, _| {
        d.method = Method::DELETE;
        d.claims.set("htm", quoted("DELETE"));
        digest(d, EMPTY);
    }),
    ok("D-2", "another algorithm beside it", |d, _| digest(d, &format!("sha-512=:AAAA:, {EMPTY}"))),
    ok("D-2", "a digest with escapes", |d, _| {
        d.claims.add("content_digest", format!("\"\\u0073{}\"", &EMPTY[1..].replace('/', "\\/")));
    }),
    proof("D-2", "a digest of another body", Reason::WrongContentDigest, |d, _| digest(d, HELLO)),
    proof("D-2", "a digest of another body, and other algorithms", Reason::WrongContentDigest, |d, _| {
        digest(d, &format!("md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, {HELLO}"));
    }),
    proof("D-2", "both digests", Reason::MalformedContentDigest, |d, _| digest(d, &format!("{EMPTY}, {HELLO}"))),
    proof("D-2", "one digest twice", Reason::MalformedContentDigest, |d, _| digest(d, &format!("{EMPTY}, {EMPTY}"))),
    proof("D-2", "the claim twice", Reason::MalformedClaims, |d, _| {
        digest(d, EMPTY);
        digest(d, EMPTY);
    }),
    proof("D-2", "an empty digest", Reason::MalformedContentDigest, |d, _| digest(d, "")),
    proof("D-2", "another algorithm alone", Reason::MalformedContentDigest, |d, _| digest(d, "sha-512=:AAAA:")),
    proof("D-2", "SHA-256 in upper case", Reason::MalformedContentDigest, |d, _| {
        digest(d, &EMPTY.replace("sha", "SHA"))
    }),
    proof("D-2", "a digest in base64url", Reason::MalformedContentDigest, |d, _| {
        digest(d, &EMPTY.replace('+', "-").replace('/', "_"));
    }),
    proof("D-2", "a digest without padding", Reason::MalformedContentDigest, |d, _| {
        digest(d, &EMPTY.replace("=:", ":").replace("256:", "256=:"));
    }),
    proof("D-2", "a digest with spare bits", Reason::MalformedContentDigest, |d, _| {
        digest(d, &EMPTY.replace("FU=", "FV="))
    }),
    proof("D-2", "a digest of 31 bytes", Reason::MalformedContentDigest, |d, _| {
        digest(d, &EMPTY.replace("SuFU=", "SuA=="))
    }),
    proof("D-2", "a digest with a parameter", Reason::MalformedContentDigest, |d, _| {
        digest(d, &format!("{EMPTY};a=1"))
    }),
    proof("D-2", "a digest as a string of the dictionary", Reason::MalformedContentDigest, |d, _| {
        d.claims.add("content_digest", r#""sha-256=\"47DEQpj8HBSa\"""#);
    }),
    proof("D-2", "a digest without its name", Reason::MalformedContentDigest, |d, _| digest(d, &EMPTY[8..])),
    proof("D-2", "a digest that is null", Reason::MalformedContentDigest, |d, _| {
        d.claims.add("content_digest", "null")
    }),
    proof("D-2", "a digest that is a list", Reason::MalformedContentDigest, |d, _| {
        d.claims.add("content_digest", format!("[\"{EMPTY}\"]"));
    }),
    token("SEP-3", "a wrong digest, and an expired token", Reason::TokenExpired, |d, w| {
        digest(d, HELLO);
        token_time(d, w, "exp", -60);
    }),
];

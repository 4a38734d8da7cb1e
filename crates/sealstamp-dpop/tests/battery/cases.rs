//! The battery as data: what is wrong with a request, and what must come of it. Ids are those of the requirements.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::Method;
use sealstamp::{Audience, Fleet, UnixMillis};
use sealstamp_dpop::{
    Algorithm, Answer,
    Answer::{InvalidDpopProof, InvalidToken, UseDpopNonce},
    MAX_PROOF_BYTES, Reason,
};

use crate::support::{World, history, key, ring};
use sealstamp_testkit::{Draft, Members, PUBLIC_URL, b64, other_key, quoted, sha256};

pub(crate) struct Case {
    pub(crate) ids: &'static str,
    pub(crate) name: &'static str,
    /// Breaks a good draft.
    pub(crate) defect: fn(&mut Draft, &World),
    pub(crate) expected: Result<(), (Answer, Reason)>,
    /// What HTTP makes of it before the verifier sees it.
    pub(crate) wire: Wire,
}

/// How a request changes when it travels as HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Not at all.
    Same,
    /// White space around a field's value is not part of it (RFC 9112 section 5.1), so the proof is as it should be.
    Trimmed,
    /// The server takes no head of this size.
    TooLarge,
}

impl Case {
    const fn on_the_wire(self, wire: Wire) -> Self {
        let Self { ids, name, defect, expected, wire: _ } = self;
        Self { ids, name, defect, expected, wire }
    }
}

/// Accepted.
const fn ok(ids: &'static str, name: &'static str, defect: fn(&mut Draft, &World)) -> Case {
    Case { ids, name, defect, expected: Ok(()), wire: Wire::Same }
}

/// Refused as `invalid_dpop_proof`.
const fn proof(ids: &'static str, name: &'static str, reason: Reason, defect: fn(&mut Draft, &World)) -> Case {
    Case { ids, name, defect, expected: Err((InvalidDpopProof, reason)), wire: Wire::Same }
}

/// Refused as `invalid_token`.
const fn token(ids: &'static str, name: &'static str, reason: Reason, defect: fn(&mut Draft, &World)) -> Case {
    Case { ids, name, defect, expected: Err((InvalidToken, reason)), wire: Wire::Same }
}

/// Refused as `use_dpop_nonce`.
const fn nonce(ids: &'static str, name: &'static str, reason: Reason, defect: fn(&mut Draft, &World)) -> Case {
    Case { ids, name, defect, expected: Err((UseDpopNonce, reason)), wire: Wire::Same }
}

/// Refused without an error code.
const fn bare(ids: &'static str, name: &'static str, reason: Reason, defect: fn(&mut Draft, &World)) -> Case {
    Case { ids, name, defect, expected: Err((Answer::Challenge, reason)), wire: Wire::Same }
}

fn sign_with(draft: &mut Draft, algorithm: Algorithm, world: &World) {
    *draft = world.draft_signed_by(algorithm);
}

/// `iat` this many seconds from now.
fn iat(draft: &mut Draft, world: &World, seconds: i64) {
    draft.claims.set("iat", (world.now.get() as i64 / 1000 + seconds).to_string());
}

/// `exp` or `nbf` in a proof, this many seconds from now, with something before and behind the number.
fn limit(draft: &mut Draft, world: &World, name: &'static str, before: &str, seconds: i64, behind: &str) {
    draft.claims.add(name, format!("{before}{}{behind}", world.now.get() as i64 / 1000 + seconds));
}

/// A time in a token's claims, this many seconds from now.
fn token_time(draft: &mut Draft, world: &World, name: &str, seconds: i64) {
    draft.token_claims.set(name, (world.now.get() as i64 / 1000 + seconds).to_string());
}

/// A nonce as old as this; in the future if negative.
fn nonce_of_age(draft: &mut Draft, world: &World, ms: i64) {
    let at = UnixMillis::new(world.now.get().checked_add_signed(-ms).unwrap());
    draft.claims.set("nonce", quoted(world.nonce_at(at)));
}

fn htu(draft: &mut Draft, htu: &str) {
    draft.claims.set("htu", quoted(htu));
}

/// Replaces one of the proof's three parts.
fn part(draft: &mut Draft, place: usize, change: fn(String) -> String) {
    draft.on_proof(move |proof| {
        let mut parts: Vec<String> = proof.split('.').map(str::to_owned).collect();
        parts[place] = change(parts[place].clone());
        vec![parts.join(".")]
    });
}

/// An RSA key of that many bits, of which nobody knows the factors.
fn rsa_jwk(bits: usize, e: &[u8]) -> Members {
    let mut n = vec![0xc5; bits.div_ceil(8)];
    n[0] = 0xff >> (bits.next_multiple_of(8) - bits);
    Members::new([("kty", quoted("RSA")), ("n", quoted(b64(n))), ("e", quoted(b64(e)))])
}

fn rsa(draft: &mut Draft, jwk: Members) {
    draft.header.set("alg", quoted("RS256"));
    draft.jwk = jwk;
}

fn ed25519(draft: &mut Draft, x: [u8; 32]) {
    draft.header.set("alg", quoted("EdDSA"));
    draft.jwk = Members::new([("kty", quoted("OKP")), ("crv", quoted("Ed25519")), ("x", quoted(b64(x)))]);
}

/// A nonce that the fleet's key of another stage of its ring's history seals now.
fn nonce_of_stage(draft: &mut Draft, world: &World, stage: usize) {
    let fleet = Fleet::new(history(world.now)[stage].clone(), Audience::new(PUBLIC_URL).unwrap()).unwrap();
    draft.claims.set("nonce", quoted(fleet.mint(world.now, &sealstamp::Binding::None)));
}

/// A nonce with its 45 bytes changed.
fn nonce_with(draft: &mut Draft, world: &World, change: fn(&mut [u8])) {
    let mut raw = URL_SAFE_NO_PAD.decode(world.nonce()).unwrap();
    change(&mut raw);
    draft.claims.set("nonce", quoted(b64(raw)));
}

/// Binds the token to a thumbprint that was computed over this text instead of RFC 7638's.
fn bound_to_hash_of(draft: &mut Draft, text: &str) {
    draft.token_claims.set("cnf", format!("{{\"jkt\":\"{}\"}}", sha256(text)));
}

/// Claims with so many commas and backslashes: half of those that are added are commas.
fn marks_in_claims(d: &mut Draft, count: usize) {
    let text = d.claims_for("");
    d.claims.add("x", marks(count - text.matches(',').count() - 1));
}

fn marks_in_header(d: &mut Draft, count: usize) {
    let text = d.header();
    d.header.add("x", marks(count - text.matches(',').count() - 1));
}

fn marks(count: usize) -> String {
    let commas = count / 2;
    format!("[{}\"{}\"]", "1,".repeat(commas), "\\n".repeat(count - commas))
}

/// The last member takes another name.
fn rename(members: &mut Members, from: &str, to: &str) {
    members.0.iter_mut().find(|(name, _)| name == from).unwrap().0 = to.to_owned();
}

fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    (bytes[0], bytes[31]) = (first, last);
    bytes
}

/// The one algorithm that the battery's server does not have on its list.
pub(crate) const NOT_TAKEN: Algorithm = Algorithm::PS512;

pub(crate) const CASES: &[Case] = &[
    // What must be accepted.
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
    // Rule 1: Authorization.
    bare("D-4 R71-1", "no Authorization", Reason::NoCredentials, |d, _| d.on_authorization(|_| vec![])),
    bare("R71-1", "no Authorization and no DPoP", Reason::NoCredentials, |d, _| {
        d.on_authorization(|_| vec![]);
        d.on_proof(|_| vec![]);
    }),
    bare("R71-1", "Basic", Reason::UnsupportedScheme, |d, _| d.on_authorization(|t| vec![format!("Basic {t}")])),
    bare("R71-1", "an empty Authorization", Reason::UnsupportedScheme, |d, _| {
        d.on_authorization(|_| vec![String::new()])
    }),
    bare("R71-1", "a tab after the scheme", Reason::UnsupportedScheme, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP\t{t}")]);
    }),
    bare("R71-1", "a comma after the scheme", Reason::UnsupportedScheme, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP, {t}")]);
    }),
    token("SEP-3", "another scheme in a field of 20 KiB", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec![format!("Basic {}", "a".repeat(20 << 10))]);
    }),
    token("SEP-4 R72-1", "a bound token as Bearer", Reason::BearerScheme, |d, _| {
        d.on_authorization(|t| vec![format!("Bearer {t}")]);
    }),
    token("SEP-4 R72-1", "a bound token as bearer, without a proof", Reason::BearerScheme, |d, _| {
        d.on_authorization(|t| vec![format!("bearer {t}")]);
        d.on_proof(|_| vec![]);
    }),
    token("SEP-3", "two Authorization fields", Reason::SeveralAuthorizations, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP {t}"), format!("DPoP {t}")]);
    }),
    token("SEP-3", "DPoP and Bearer", Reason::SeveralAuthorizations, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP {t}"), format!("Bearer {t}")]);
    }),
    token("SEP-3", "no token", Reason::MalformedAuthorization, |d, _| d.on_authorization(|_| vec!["DPoP".into()])),
    token("SEP-3", "an empty token", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec!["DPoP ".into()])
    }),
    token("SEP-3", "two tokens", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP {t} {t}")]);
    }),
    token("SEP-3", "two tokens and a comma", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP {t}, DPoP {t}")]);
    }),
    token("SEP-3", "a quoted token", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP \"{t}\"")]);
    }),
    token("SEP-3", "a token parameter", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP token=\"{t}\"")]);
    }),
    token("SEP-3", "a tab before the token", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP \t{t}")]);
    }),
    token("SEP-3", "a non-ASCII token", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec!["DPoP tök".into()]);
    }),
    token("SEP-3", "a token of 16 KiB and one byte", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec![format!("DPoP {}", "A".repeat((16 << 10) + 1))]);
    }),
    token("SEP-3", "a token of 8 MiB", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec![format!("DPoP {}", "a".repeat(8 << 20))]);
    })
    .on_the_wire(Wire::TooLarge),
    // Rule 2: the DPoP field.
    proof("R43-1 SEP-3", "no DPoP field", Reason::NoProof, |d, _| d.on_proof(|_| vec![])),
    proof("R43-1 SEP-3", "the DPoP field twice", Reason::SeveralProofs, |d, _| d.on_proof(|p| vec![p.clone(), p])),
    proof("R43-1 SEP-3", "two proofs in one field", Reason::SeveralProofs, |d, _| {
        d.on_proof(|p| vec![format!("{p}, {p}")])
    }),
    proof("R43-1 SEP-3", "a comma after the proof", Reason::SeveralProofs, |d, _| {
        d.on_proof(|p| vec![format!("{p},")])
    }),
    proof("R43-1", "a proof and an empty field", Reason::SeveralProofs, |d, _| d.on_proof(|p| vec![p, String::new()])),
    proof("R43-2", "an empty field", Reason::MalformedProof, |d, _| d.on_proof(|_| vec![String::new()])),
    proof("R43-2", "not a JWT", Reason::MalformedProof, |d, _| d.on_proof(|_| vec!["not-a-jwt".into()])),
    proof("R43-2", "two parts", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![p.rsplit_once('.').unwrap().0.to_owned()]);
    }),
    proof("R43-2", "four parts", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!("{p}.AAAA")])),
    proof("R43-2", "five parts, like a JWE", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!("{p}.AAAA.AAAA")])
    }),
    proof("R43-2", "an empty header", Reason::MalformedHeader, |d, _| part(d, 0, |_| String::new())),
    proof("R43-2", "empty claims", Reason::MalformedClaims, |d, _| part(d, 1, |_| String::new())),
    proof("R43-6", "an empty signature", Reason::BadSignature, |d, _| part(d, 2, |_| String::new())),
    proof("R43-2", "a padded header", Reason::MalformedProof, |d, _| part(d, 0, |p| format!("{p}="))),
    proof("R43-2", "padded claims", Reason::MalformedProof, |d, _| part(d, 1, |p| format!("{p}=="))),
    proof("R43-2", "a padded signature", Reason::MalformedProof, |d, _| part(d, 2, |p| format!("{p}=="))),
    proof("R43-2", "spare bits in the signature", Reason::MalformedProof, |d, _| {
        // 64 bytes end in two characters that carry 12 bits for 8; the last character's low bits are spare.
        part(d, 2, |mut p| {
            let last = p.pop().unwrap();
            p.push(char::from(u8::try_from(last).unwrap() + 1));
            p
        });
    }),
    proof("R43-2", "a space in the header", Reason::MalformedProof, |d, _| {
        part(d, 0, |p| format!("{} {}", &p[..8], &p[8..]))
    }),
    proof("R43-2", "a space before the proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!(" {p}")]))
        .on_the_wire(Wire::Trimmed),
    proof("R43-2", "a space after the proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!("{p} ")]))
        .on_the_wire(Wire::Trimmed),
    proof("R43-2", "a tab in the claims", Reason::MalformedProof, |d, _| {
        part(d, 1, |p| format!("{}\t{}", &p[..8], &p[8..]))
    }),
    proof("R43-2", "the standard alphabet", Reason::MalformedProof, |d, _| {
        d.claims.set("x", quoted("???>>>"));
        d.on_proof(|p| vec![p.replace('_', "/").replace('-', "+")]);
    }),
    proof("R43-2", "standard base64 of the header", Reason::MalformedProof, |d, _| {
        d.header.add("x", quoted("?>?>?>?>~~~"));
        part(d, 0, |p| {
            let raw = URL_SAFE_NO_PAD.decode(p).unwrap();
            format!("{}+", STANDARD.encode(raw))
        });
    }),
    proof("R43-2", "a length of base64url that no bytes have", Reason::MalformedProof, |d, _| {
        part(d, 2, |p| format!("{p}AAA"));
    }),
    proof("R43-2", "the JSON serialisation of a JWS", Reason::SeveralProofs, |d, _| {
        d.on_proof(|p| {
            let mut parts = p.split('.');
            let mut next = || parts.next().unwrap();
            vec![format!(r#"{{"protected":"{}","payload":"{}","signature":"{}"}}"#, next(), next(), next())]
        });
    }),
    proof("R43-2", "a proof that says DPoP first", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!("DPoP {p}")])
    }),
    proof("R43-2", "non-ASCII in the field", Reason::MalformedProof, |d, _| {
        d.on_proof_bytes(|p| vec![[p.as_bytes(), "é".as_bytes()].concat()]);
    }),
    proof("R43-2", "a field of 8 KiB and one byte", Reason::ProofTooLong, |d, _| {
        d.on_proof(|p| vec![format!("{p}{}", "A".repeat(MAX_PROOF_BYTES + 1 - p.len()))]);
    }),
    proof("R43-2", "a field of 8 MiB", Reason::ProofTooLong, |d, _| d.on_proof(|_| vec!["A".repeat(8 << 20)]))
        .on_the_wire(Wire::TooLarge),
    proof("R43-2", "a field of 8 MiB of commas", Reason::ProofTooLong, |d, _| {
        d.on_proof(|_| vec![",".repeat(8 << 20)])
    })
    .on_the_wire(Wire::TooLarge),
    proof("R43-2", "the flattened JSON serialisation, of one member", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!(r#"{{"payload":"{}"}}"#, p.split('.').nth(1).unwrap())]);
    }),
    proof("R43-2", "the general JSON serialisation", Reason::SeveralProofs, |d, _| {
        d.on_proof(|p| {
            let parts: Vec<_> = p.split('.').collect();
            let [header, claims, signature] = parts[..] else { panic!("three parts") };
            vec![format!(
                r#"{{"payload":"{claims}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
            )]
        });
    }),
    proof("R43-2", "a proof in base64url once more", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![b64(p)])),
    proof("R43-2", "a quoted proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![quoted(p)])),
    proof("R43-2", "a dot before the proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!(".{p}")])),
    proof("R43-2", "a dot after the proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!("{p}.")])),
    proof("R43-2", "a semicolon and a parameter after the proof", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!("{p};q=1")]);
    }),
    proof("R43-2", "two proofs with a space between", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!("{p} {p}")]);
    }),
    // Rule 3: the header.
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
    // Rule 3: the key.
    proof("R43-3", "no jwk", Reason::NoKey, |d, _| {
        d.header_text = Some(r#"{"typ":"dpop+jwt","alg":"ES256"}"#.into());
    }),
    proof("R43-3", "a kid instead of a jwk", Reason::NoKey, |d, _| {
        d.header_text = Some(r#"{"typ":"dpop+jwt","alg":"ES256","kid":"1","jku":"https://evil.example"}"#.into());
    }),
    proof("R43-3", "jwk null", Reason::MalformedHeader, |d, _| d.header.add("jwk", "null")),
    proof("R43-3", "jwk a string", Reason::MalformedHeader, |d, _| d.header.add("jwk", "\"key\"")),
    proof("R43-3", "jwk a list", Reason::MalformedHeader, |d, _| d.header.add("jwk", format!("[{}]", d.jwk.json()))),
    proof("R43-3", "jwk empty", Reason::MalformedKey, |d, _| d.jwk.0.clear()),
    proof("R43-7", "d", Reason::PrivateKey, |d, _| d.jwk.add("d", quoted("AAAA"))),
    proof("R43-7", "d null", Reason::PrivateKey, |d, _| d.jwk.add("d", "null")),
    proof("R43-7", "d, escaped", Reason::PrivateKey, |d, _| d.jwk.add("\\u0064", quoted("AAAA"))),
    proof("R43-7", "an RSA key's p", Reason::PrivateKey, |d, w| {
        sign_with(d, Algorithm::RS256, w);
        d.jwk.add("p", quoted("AAAA"));
    }),
    proof("R43-7", "q", Reason::PrivateKey, |d, _| d.jwk.add("q", quoted("AAAA"))),
    proof("R43-7", "dp", Reason::PrivateKey, |d, _| d.jwk.add("dp", quoted("AAAA"))),
    proof("R43-7", "dq", Reason::PrivateKey, |d, _| d.jwk.add("dq", quoted("AAAA"))),
    proof("R43-7", "qi", Reason::PrivateKey, |d, _| d.jwk.add("qi", quoted("AAAA"))),
    proof("R43-7", "oth", Reason::PrivateKey, |d, _| d.jwk.add("oth", "[]")),
    proof("R43-7", "k", Reason::PrivateKey, |d, _| d.jwk.add("k", quoted("AAAA"))),
    proof("R43-2", "x twice", Reason::MalformedHeader, |d, _| d.jwk.add("x", d.jwk.get("x").to_owned())),
    proof("R43-2", "kty twice", Reason::MalformedHeader, |d, _| d.jwk.add("kty", quoted("RSA"))),
    proof("R43-2", "an unknown jwk member twice", Reason::MalformedHeader, |d, _| {
        d.jwk.add("kid", quoted("1"));
        d.jwk.add("kid", quoted("2"));
    }),
    proof("R43-5", "no kty", Reason::MalformedKey, |d, _| d.jwk.remove("kty")),
    proof("R43-5", "kty in lower case", Reason::KeyMismatch, |d, _| d.jwk.set("kty", quoted("ec"))),
    proof("R43-5", "kty oct", Reason::KeyMismatch, |d, _| d.jwk.set("kty", quoted("oct"))),
    proof("R43-5", "no crv", Reason::MalformedKey, |d, _| d.jwk.remove("crv")),
    proof("R43-5", "a P-384 key under ES256", Reason::KeyMismatch, |d, _| d.jwk = key(Algorithm::ES384).jwk()),
    proof("R43-5", "a P-384 key that says P-256", Reason::MalformedKey, |d, _| {
        d.jwk = key(Algorithm::ES384).jwk();
        d.jwk.set("crv", quoted("P-256"));
    }),
    proof("R43-5", "a P-256 key under ES384", Reason::KeyMismatch, |d, _| d.header.set("alg", quoted("ES384"))),
    proof("R43-5", "secp256k1", Reason::KeyMismatch, |d, _| d.jwk.set("crv", quoted("secp256k1"))),
    proof("R43-5", "X25519 under EdDSA", Reason::KeyMismatch, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("crv", quoted("X25519"));
    }),
    proof("R43-5", "Ed448 under EdDSA", Reason::KeyMismatch, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("crv", quoted("Ed448"));
    }),
    proof("R43-2", "no x", Reason::MalformedKey, |d, _| d.jwk.remove("x")),
    proof("R43-2", "no y", Reason::MalformedKey, |d, _| d.jwk.remove("y")),
    proof("R43-2", "x empty", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(""))),
    proof("R43-2", "x a number", Reason::MalformedHeader, |d, _| d.jwk.set("x", "1")),
    proof("R43-2", "x one byte short", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(b64([7; 31])))),
    proof("R43-2", "x one byte long", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(b64([7; 33])))),
    proof("R43-2", "x of 2 KiB", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(b64([7; 2048])))),
    proof("R43-2", "x padded", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(format!("{}=", b64([7; 32]))))),
    proof("R43-2", "x with spare bits", Reason::MalformedKey, |d, _| {
        d.jwk.set("x", quoted(format!("{}B", "A".repeat(42))))
    }),
    proof("R43-2", "x with a space", Reason::MalformedKey, |d, _| {
        d.jwk.set("x", quoted(format!("{} ", "A".repeat(42))))
    }),
    proof("R43-2", "x in the standard alphabet", Reason::MalformedKey, |d, _| {
        d.jwk.set("x", quoted(format!("+{}A", "A".repeat(41))))
    }),
    proof("R43-2", "x with a leading zero", Reason::MalformedKey, |d, _| {
        let x = URL_SAFE_NO_PAD.decode(d.jwk.get("x").trim_matches('"')).unwrap();
        d.jwk.set("x", quoted(b64([vec![0], x].concat())));
    }),
    proof("R43-2", "y with a leading zero", Reason::MalformedKey, |d, _| {
        let y = URL_SAFE_NO_PAD.decode(d.jwk.get("y").trim_matches('"')).unwrap();
        d.jwk.set("y", quoted(b64([vec![0], y].concat())));
    }),
    proof("R43-2", "y one byte short", Reason::MalformedKey, |d, _| d.jwk.set("y", quoted(b64([7; 31])))),
    proof("R43-2", "y of 4 KiB", Reason::MalformedKey, |d, _| d.jwk.set("y", quoted(b64([7; 4096])))),
    proof("R43-2", "a compressed point in x", Reason::MalformedKey, |d, _| {
        let x = URL_SAFE_NO_PAD.decode(d.jwk.get("x").trim_matches('"')).unwrap();
        d.jwk.set("x", quoted(b64([vec![2], x].concat())));
        d.jwk.remove("y");
    }),
    proof("R43-2", "x a list of bytes", Reason::MalformedHeader, |d, _| d.jwk.set("x", "[7,7]")),
    proof("R43-2", "X for x", Reason::MalformedKey, |d, _| rename(&mut d.jwk, "x", "X")),
    proof("R43-2", "x twice, once escaped", Reason::MalformedHeader, |d, _| {
        d.jwk.add("\\u0078", d.jwk.get("x").to_owned());
    }),
    proof("R43-6", "x and y swapped", Reason::BadSignature, |d, _| {
        let (x, y) = (d.jwk.get("x").to_owned(), d.jwk.get("y").to_owned());
        d.jwk.set("x", y);
        d.jwk.set("y", x);
    }),
    proof("R43-6", "the point at infinity's neighbour: x = 0", Reason::BadSignature, |d, _| {
        d.jwk.set("x", quoted(b64([0; 32])));
    }),
    proof("R43-7", "d empty", Reason::PrivateKey, |d, _| d.jwk.add("d", quoted(""))),
    proof("R43-7", "an Ed25519 key's d", Reason::PrivateKey, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.add("d", quoted(b64([7; 32])));
    }),
    proof("R43-5", "an OKP key that says EC", Reason::KeyMismatch, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("kty", quoted("EC"));
    }),
    proof("R43-5", "an EC key that says RSA, under RS256", Reason::MalformedKey, |d, _| {
        d.header.set("alg", quoted("RS256"));
        d.jwk.set("kty", quoted("RSA"));
    }),
    proof("R43-5 SEP-5 R116-1", "HS256 with the public key as its secret", Reason::AlgorithmNotAllowed, |d, w| {
        sign_with(d, Algorithm::RS256, w);
        d.header.set("alg", quoted("HS256"));
    }),
    proof("R43-7", "RSA of 0 bits", Reason::MalformedKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.set("n", quoted(""));
    }),
    proof("R43-7", "an RSA exponent as great as the modulus", Reason::WeakKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[0xc5; 256]));
    }),
    proof("R43-2", "an RSA exponent in decimal", Reason::MalformedHeader, |d, _| {
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.set("e", "65537");
    }),
    proof("R43-7", "Ed25519: a point of order 8", Reason::WeakKey, |d, _| {
        ed25519(
            d,
            [
                0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
                0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
            ],
        );
    }),
    proof("R43-7", "Ed25519: the other point of order 8, with the other x", Reason::WeakKey, |d, _| {
        ed25519(
            d,
            [
                0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
                0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0xfa,
            ],
        );
    }),
    proof("R43-7", "Ed25519: y = p + 1, an unreduced 1", Reason::WeakKey, |d, _| {
        ed25519(d, little_endian(0xee, 0xff, 0x7f));
    }),
    proof("R43-2", "Ed25519: x one byte long", Reason::MalformedKey, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("x", quoted(b64([7; 33])));
    }),
    proof("R43-6", "Ed25519: a signature that adds the group's order to S", Reason::BadSignature, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.on_signature(|_, _, mut signature| {
            // L = 2^252 + 27742317777372353535851937790883648493, little-endian (RFC 8032 section 5.1).
            let order = [
                0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
            ];
            let mut carry = 0_u16;
            for (byte, add) in signature[32..].iter_mut().zip(order) {
                let sum = u16::from(*byte) + add + carry;
                *byte = (sum & 0xff) as u8;
                carry = sum >> 8;
            }
            signature
        });
    }),
    proof("R43-6", "a point not on the curve", Reason::BadSignature, |d, _| d.jwk.set("x", quoted(b64([7; 32])))),
    proof("R43-6", "the point 0, 0", Reason::BadSignature, |d, _| {
        d.jwk.set("x", quoted(b64([0; 32])));
        d.jwk.set("y", quoted(b64([0; 32])));
    }),
    proof("R43-6", "a coordinate beyond the field", Reason::BadSignature, |d, _| {
        d.jwk.set("y", quoted(b64([0xff; 32])))
    }),
    proof("R43-7", "RSA of 1,024 bits", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(1024, &[1, 0, 1]))),
    proof("R43-7", "RSA of 2,047 bits", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2047, &[1, 0, 1]))),
    proof("R43-6", "RSA of 2,048 bits", Reason::BadSignature, |d, _| rsa(d, rsa_jwk(2048, &[1, 0, 1]))),
    proof("R43-6", "RSA of 4,096 bits", Reason::BadSignature, |d, _| rsa(d, rsa_jwk(4096, &[1, 0, 1]))),
    proof("R43-7", "RSA of 4,097 bits", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(4097, &[1, 0, 1]))),
    proof("R43-7", "RSA of 16,384 bits", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(16384, &[1, 0, 1]))),
    proof("R43-7", "RSA exponent 1", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[1]))),
    proof("R43-7", "RSA exponent 3", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[3]))),
    proof("R43-7", "RSA exponent 65535", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[0xff, 0xff]))),
    proof("R43-7", "RSA exponent 65536", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[1, 0, 0]))),
    proof("R43-7", "RSA exponent 65538", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[1, 0, 2]))),
    proof("R43-6", "RSA exponent 2^32 - 1", Reason::BadSignature, |d, _| rsa(d, rsa_jwk(2048, &[0xff; 4]))),
    proof("R43-7", "RSA exponent 2^32 + 1", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[1, 0, 0, 0, 1]))),
    proof("R43-7", "RSA exponent of 256 bytes", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[0xff; 256]))),
    proof("R43-2", "RSA exponent 0", Reason::MalformedKey, |d, _| rsa(d, rsa_jwk(2048, &[0]))),
    proof("R43-2", "RSA exponent with a leading zero", Reason::MalformedKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[0, 1, 0, 1]))
    }),
    proof("R43-2", "RSA modulus with a leading zero", Reason::MalformedKey, |d, _| {
        let n: Vec<u8> = [vec![0], vec![0xc5; 256]].concat();
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.set("n", quoted(b64(n)));
    }),
    proof("R43-7", "RSA modulus even", Reason::WeakKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.set("n", quoted(b64([0xc4; 256])));
    }),
    proof("R43-2", "RSA without e", Reason::MalformedKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.remove("e");
    }),
    proof("R43-7", "Ed25519: the neutral point", Reason::WeakKey, |d, _| ed25519(d, little_endian(1, 0, 0))),
    proof("R43-7", "Ed25519: y = 0", Reason::WeakKey, |d, _| ed25519(d, [0; 32])),
    proof("R43-7", "Ed25519: y = 0 and the other x", Reason::WeakKey, |d, _| ed25519(d, little_endian(0, 0, 0x80))),
    proof("R43-7", "Ed25519: y = -1", Reason::WeakKey, |d, _| ed25519(d, little_endian(0xec, 0xff, 0x7f))),
    proof("R43-7", "Ed25519: y = p, an unreduced 0", Reason::WeakKey, |d, _| {
        ed25519(d, little_endian(0xed, 0xff, 0x7f))
    }),
    proof("R43-7", "Ed25519: all ones", Reason::WeakKey, |d, _| ed25519(d, [0xff; 32])),
    proof("R43-6", "Ed25519: y = -2, which is reduced", Reason::BadSignature, |d, _| {
        ed25519(d, little_endian(0xeb, 0xff, 0x7f))
    }),
    proof("R43-2", "Ed25519: x one byte short", Reason::MalformedKey, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("x", quoted(b64([7; 31])));
    }),
    // Rule 4: the claims.
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
        d.claims.add("\\u0061th", quoted(sha256(&d.token())));
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
        d.ath = Some(Some(format!("[\"{}\"]", sha256(&d.token()))));
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
    // Rule 5: the request.
    proof("R43-8", "htm GET", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted("GET"))),
    proof("R43-8", "htm in lower case", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted("post"))),
    proof("R43-8", "htm empty", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted(""))),
    proof("R43-8", "htm with a space", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted("POST "))),
    proof("R43-8", "a POST proof on a GET", Reason::WrongMethod, |d, _| d.method = Method::GET),
    proof("R43-8", "a Cyrillic look-alike in htm", Reason::WrongMethod, |d, _| d.claims.set("htm", quoted("PОST"))),
    proof("R43-9", "htu of another path", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/other")),
    proof("R43-9", "a request for another path", Reason::WrongUri, |d, _| d.path = "/other".into()),
    proof("R43-9", "htu with a trailing slash", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/mcp/")),
    proof("R43-9", "a request with a trailing slash", Reason::WrongUri, |d, _| d.path = "/mcp/".into()),
    proof("R43-9", "htu in plain HTTP", Reason::WrongUri, |d, _| htu(d, "http://mcp.example.com/mcp")),
    proof("R43-9", "htu of another host", Reason::WrongUri, |d, _| htu(d, "https://evil.example/mcp")),
    proof("R43-9", "htu of another port", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com:8443/mcp")),
    proof("R43-9", "htu with a user", Reason::WrongUri, |d, _| htu(d, "https://u@mcp.example.com/mcp")),
    proof("R43-9", "htu with an empty user", Reason::WrongUri, |d, _| htu(d, "https://@mcp.example.com/mcp")),
    proof("R43-9", "htu with the path in upper case", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/MCP")),
    proof("R43-9", "htu with a backslash", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com\\\\mcp")),
    proof("R43-9", "htu with a line break", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/m\\ncp")),
    proof("R43-9", "htu with a zero byte", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/mcp\\u0000")),
    proof("R43-9", "htu with an escaped slash", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com%2fmcp")),
    proof("R43-9", "htu relative", Reason::WrongUri, |d, _| htu(d, "/mcp")),
    proof("R43-9", "htu without slashes", Reason::WrongUri, |d, _| htu(d, "https:mcp.example.com/mcp")),
    proof("R43-9", "htu empty", Reason::WrongUri, |d, _| htu(d, "")),
    proof("R43-9", "htu in non-ASCII", Reason::WrongUri, |d, _| htu(d, "https://mcp.example.com/mcpé")),
    proof("R43-9", "htu with a full-width host", Reason::WrongUri, |d, _| htu(d, "https://ｍcp.example.com/mcp")),
    // Rule 6: iat.
    proof("R43-11 SEP-2 SEP-7", "iat 301 s ago", Reason::IatTooOld, |d, w| iat(d, w, -301)),
    proof("R43-11 SEP-2 SEP-7", "iat 303 s ago", Reason::IatTooOld, |d, w| iat(d, w, -303)),
    proof("R43-11 SEP-2 SEP-7", "iat 301 s ahead", Reason::IatInFuture, |d, w| iat(d, w, 301)),
    proof("R43-11 SEP-2 SEP-7", "iat 303 s ahead", Reason::IatInFuture, |d, w| iat(d, w, 303)),
    proof("R43-11", "iat in milliseconds", Reason::IatInFuture, |d, w| d.claims.set("iat", w.now.get().to_string())),
    proof("R43-11", "iat 0", Reason::IatTooOld, |d, _| d.claims.set("iat", "0")),
    proof("R43-11", "iat -0", Reason::IatTooOld, |d, _| d.claims.set("iat", "-0")),
    proof("R43-11", "iat -0.0", Reason::IatTooOld, |d, _| d.claims.set("iat", "-0.0")),
    proof("R43-11 J-2", "iat 300.5 s ago, which is 301 whole ones", Reason::IatTooOld, |d, w| {
        iat(d, w, -301);
        d.claims.set("iat", format!("{}.5", d.claims.get("iat")));
    }),
    proof("R43-11", "exp now", Reason::ProofExpired, |d, w| limit(d, w, "exp", "", 0, "")),
    proof("R43-11", "exp a second ago", Reason::ProofExpired, |d, w| limit(d, w, "exp", "", -1, "")),
    proof("R43-11 J-2", "exp within this second", Reason::ProofExpired, |d, w| limit(d, w, "exp", "", 0, ".9")),
    proof("R43-11", "exp before iat", Reason::ProofExpired, |d, w| {
        iat(d, w, 10);
        limit(d, w, "exp", "", -10, "");
    }),
    proof("R43-11", "nbf in a second", Reason::ProofNotYetValid, |d, w| limit(d, w, "nbf", "", 1, "")),
    proof("R43-11", "nbf in an hour", Reason::ProofNotYetValid, |d, w| limit(d, w, "nbf", "", 3_600, "")),
    proof("R43-11", "nbf a second after an iat ahead", Reason::ProofNotYetValid, |d, w| {
        iat(d, w, 60);
        limit(d, w, "nbf", "", 61, "");
    }),
    proof("R43-11", "iat -1", Reason::IatTooOld, |d, _| d.claims.set("iat", "-1")),
    proof("R43-11", "the least iat", Reason::IatTooOld, |d, _| d.claims.set("iat", i64::MIN.to_string())),
    proof("R43-11", "the greatest iat", Reason::IatInFuture, |d, _| d.claims.set("iat", i64::MAX.to_string())),
    proof("R43-11", "iat 2^53 + 1", Reason::IatInFuture, |d, _| d.claims.set("iat", "9007199254740993")),
    proof("R43-11", "iat 2^31 - 1", Reason::IatInFuture, |d, _| d.claims.set("iat", "2147483647")),
    proof("R43-11", "iat 2^32 seconds ahead", Reason::IatInFuture, |d, w| iat(d, w, 1 << 32)),
    proof("R43-11", "iat an hour ago, in another time zone", Reason::IatTooOld, |d, w| iat(d, w, -3_600)),
    // Rule 7: the nonce.
    nonce("R43-10 R9-1 SEP-8", "no nonce", Reason::NoNonce, |d, _| d.claims.remove("nonce")),
    nonce("R43-10 R9-1", "nonce null", Reason::NoNonce, |d, _| d.claims.set("nonce", "null")),
    nonce("R43-10 R9-1", "nonce empty", Reason::NonceMalformed, |d, _| d.claims.set("nonce", quoted(""))),
    nonce("R43-10 R9-1", "a nonce of no server", Reason::NonceMalformed, |d, _| d.claims.set("nonce", quoted("abc"))),
    nonce("R43-10 R9-1", "a nonce one character short", Reason::NonceMalformed, |d, w| {
        d.claims.set("nonce", quoted(&w.nonce()[..59]));
    }),
    nonce("R43-10 R9-1", "a nonce one character long", Reason::NonceMalformed, |d, w| {
        d.claims.set("nonce", quoted(format!("{}A", w.nonce())));
    }),
    nonce("R43-10 R9-1", "a nonce in non-ASCII", Reason::NonceMalformed, |d, _| {
        d.claims.set("nonce", quoted("é".repeat(30)))
    }),
    nonce("R43-10 R8-2", "60 zeros", Reason::NonceUnknownVersion, |d, _| d.claims.set("nonce", quoted("A".repeat(60)))),
    nonce("R43-10 R8-2", "a forged nonce", Reason::NonceNotAuthentic, |d, w| {
        let mut forged = w.nonce();
        let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
        forged.push(last);
        d.claims.set("nonce", quoted(forged));
    }),
    nonce("R43-10 R9-2", "a nonce of another fleet", Reason::NonceUnknownKey, |d, w| {
        let other = sealstamp::Ring::init(
            sealstamp::Settings::default(),
            sealstamp::Suite::Aes256Gcm,
            w.now,
            sealstamp::Fresh::insecure_from_seed(2),
        );
        let other = Fleet::new(other, Audience::new(PUBLIC_URL).unwrap()).unwrap();
        d.claims.set("nonce", quoted(other.mint(w.now, &sealstamp::Binding::None)));
    }),
    nonce("R43-10 R9-2", "a nonce of another audience under the same ring", Reason::NonceNotAuthentic, |d, w| {
        let other = Fleet::new(ring(w.now), Audience::new("https://issuer.example.com").unwrap()).unwrap();
        d.claims.set("nonce", quoted(other.mint(w.now, &sealstamp::Binding::None)));
    }),
    nonce("R43-10", "a nonce bound to a key", Reason::NonceNotAuthentic, |d, w| {
        let bound = sealstamp::Binding::Thumbprint(d.key.thumbprint().parse().unwrap());
        d.claims.set("nonce", quoted(w.fleet.mint(w.now, &bound)));
    }),
    nonce("R43-10 R43-11 SEP-7", "a nonce 1 ms too old", Reason::NonceExpired, |d, w| nonce_of_age(d, w, 125_001)),
    nonce("R43-10 R43-11 SEP-7", "a nonce of ten minutes", Reason::NonceExpired, |d, w| nonce_of_age(d, w, 600_000)),
    nonce("R43-10 R43-11 SEP-7", "a nonce 1 ms too new", Reason::NonceInFuture, |d, w| nonce_of_age(d, w, -5_001)),
    nonce("R43-10 SEP-7", "a nonce of three hours", Reason::NonceOutsideWindow, |d, w| {
        nonce_of_age(d, w, 3 * 3_600_000)
    }),
    nonce("R43-10", "a nonce sealed now with a key that has retired", Reason::NonceKeyRetired, |d, w| {
        nonce_of_stage(d, w, 0);
    }),
    nonce("R43-10", "a nonce sealed now with a key that was revoked", Reason::NonceRevokedKey, |d, w| {
        nonce_of_stage(d, w, 1);
    }),
    nonce("R43-10 R8-2", "a nonce under the other suite's version", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[0] = 2);
    }),
    nonce("R43-10 R8-2", "a nonce of version 0", Reason::NonceUnknownVersion, |d, w| {
        nonce_with(d, w, |raw| raw[0] = 0)
    }),
    nonce("R43-10 R8-2", "a nonce of version 3", Reason::NonceUnknownVersion, |d, w| {
        nonce_with(d, w, |raw| raw[0] = 3)
    }),
    nonce("R43-10 R8-2", "a nonce with another kid", Reason::NonceUnknownKey, |d, w| {
        nonce_with(d, w, |raw| raw[4] ^= 1);
    }),
    nonce("R43-10 SEP-7", "a nonce with the next epoch in its header", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[8] = raw[8].wrapping_add(1));
    }),
    nonce("R43-10 SEP-7", "a nonce with an epoch far off in its header", Reason::NonceOutsideWindow, |d, w| {
        nonce_with(d, w, |raw| raw[5..9].fill(0xff));
    }),
    nonce("R43-10 R8-2", "a nonce with one bit of its IV flipped", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[9] ^= 0x80);
    }),
    nonce("R43-10 R8-2", "a nonce with one bit of its time flipped", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[28] ^= 1);
    }),
    nonce("R43-10 R8-2", "a nonce without its tag", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[29..].fill(0));
    }),
    nonce("R43-10 R8-2", "a nonce in the standard alphabet", Reason::NonceMalformed, |d, w| {
        d.claims.set("nonce", quoted(format!("+/{}", &w.nonce()[2..])));
    }),
    nonce("R43-10 R8-2", "a padded nonce", Reason::NonceMalformed, |d, w| {
        d.claims.set("nonce", quoted(format!("{}=", w.nonce())));
    }),
    nonce("R43-10", "Nonce for nonce", Reason::NoNonce, |d, _| rename(&mut d.claims, "nonce", "Nonce")),
    nonce("R43-10", "nonce with a Cyrillic letter in its name", Reason::NoNonce, |d, _| {
        rename(&mut d.claims, "nonce", "nоnce");
    }),
    nonce("R43-10", "a nonce in the header, where it has no meaning", Reason::NoNonce, |d, w| {
        d.claims.remove("nonce");
        d.header.add("nonce", quoted(w.nonce()));
    }),
    nonce("R9-1", "no nonce, and a bad signature behind it", Reason::NoNonce, |d, _| {
        d.claims.remove("nonce");
        d.on_signature(|_, _, _| vec![0; 64]);
    }),
    nonce("R9-1", "no nonce, and a wrong ath behind it", Reason::NoNonce, |d, _| {
        d.claims.remove("nonce");
        d.ath = Some(Some(quoted(sha256("other"))));
    }),
    nonce("R9-1", "no nonce, and an expired token behind it", Reason::NoNonce, |d, w| {
        d.claims.remove("nonce");
        token_time(d, w, "exp", -60);
    }),
    // Rule 8: ath.
    proof("R43-12a", "ath of another token", Reason::WrongAth, |d, _| d.ath = Some(Some(quoted(sha256("other"))))),
    proof("R43-12a", "ath empty", Reason::WrongAth, |d, _| d.ath = Some(Some(quoted("")))),
    proof("R43-12a", "ath padded", Reason::WrongAth, |d, _| {
        d.ath = Some(Some(quoted(format!("{}=", sha256(&d.token())))))
    }),
    proof("R43-12a", "ath in hexadecimal", Reason::WrongAth, |d, _| d.ath = Some(Some(quoted("00".repeat(32))))),
    proof("R43-12a", "ath of the scheme and the token", Reason::WrongAth, |d, _| {
        d.ath = Some(Some(quoted(sha256(&format!("DPoP {}", d.token())))));
    }),
    proof("R43-12a", "another token than the one signed for", Reason::WrongAth, |d, _| {
        d.on_authorization(|_| vec!["DPoP stolen.access.token".into()]);
    }),
    // Rule 9: the signature.
    proof("R43-6", "a signature of zeros", Reason::BadSignature, |d, _| d.on_signature(|_, _, _| vec![0; 64])),
    proof("R43-6", "a signature of ones", Reason::BadSignature, |d, _| d.on_signature(|_, _, _| vec![0xff; 64])),
    proof("R43-6", "r = 0", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| [vec![0; 32], s[32..].to_vec()].concat());
    }),
    proof("R43-6", "s = 0", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| [s[..32].to_vec(), vec![0; 32]].concat());
    }),
    proof("R43-6", "r and s swapped", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| [s[32..].to_vec(), s[..32].to_vec()].concat());
    }),
    proof("R43-6", "a DER signature", Reason::BadSignature, |d, _| {
        d.on_signature(|key, signed, _| key.sign_der(signed))
    }),
    proof("R43-6", "a signature one byte short", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| s[..63].to_vec())
    }),
    proof("R43-6", "a signature one byte long", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| [s, vec![0]].concat());
    }),
    proof("R43-6", "another key's signature", Reason::BadSignature, |d, _| {
        d.on_signature(|_, signed, _| other_key().sign(signed));
    }),
    proof("R43-6", "another key in the header", Reason::BadSignature, |d, _| d.jwk = other_key().jwk()),
    proof("R43-6", "a signature over the claims alone", Reason::BadSignature, |d, _| {
        d.on_signature(|key, signed, _| key.sign(signed.split_once('.').unwrap().1));
    }),
    proof("R43-6", "a signature over decoded bytes", Reason::BadSignature, |d, _| {
        d.on_signature(|key, signed, _| key.sign(&signed.replace('.', "")));
    }),
    proof("R43-6", "claims changed after signing", Reason::BadSignature, |d, _| {
        d.claims.set("jti", quoted("a0b1c2"));
        part(d, 1, |p| {
            let claims = URL_SAFE_NO_PAD.decode(p).unwrap();
            b64(String::from_utf8(claims).unwrap().replace("a0b1c2", "a0b1c3"))
        });
    }),
    proof("R43-6", "an RSA signature and a zero byte", Reason::BadSignature, |d, w| {
        sign_with(d, Algorithm::RS256, w);
        d.on_signature(|_, _, s| [vec![0], s].concat());
    }),
    proof("R43-6", "an RSA signature of ones, above the modulus", Reason::BadSignature, |d, w| {
        sign_with(d, Algorithm::PS256, w);
        d.on_signature(|_, _, s| vec![0xff; s.len()]);
    }),
    // Rule 10: the access token.
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
    token("SEP-3", "a token that expires now", Reason::TokenExpired, |d, w| token_time(d, w, "exp", 0)),
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
    token("SEP-3 SEP-5", "a token signed with HS256 under the issuer's public key", Reason::TokenUnknownKey, |d, _| {
        d.token_header.set("alg", quoted("HS256"));
    }),
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
    // Which error, when several apply: the first rule's.
    token("SEP-3", "Bearer, and two proofs", Reason::BearerScheme, |d, _| {
        d.on_authorization(|t| vec![format!("Bearer {t}")]);
        d.on_proof(|p| vec![p.clone(), p]);
    }),
    proof("SEP-3", "a wrong typ, and no nonce", Reason::WrongType, |d, _| {
        d.header.set("typ", quoted("JWT"));
        d.claims.remove("nonce");
    }),
    proof("SEP-3", "an old iat, and no nonce", Reason::IatTooOld, |d, w| {
        iat(d, w, -303);
        d.claims.remove("nonce");
    }),
    proof("SEP-3", "a bad signature, and an expired token", Reason::BadSignature, |d, w| {
        d.on_signature(|_, _, _| vec![0; 64]);
        token_time(d, w, "exp", -60);
    }),
];

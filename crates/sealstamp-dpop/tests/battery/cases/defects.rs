//! Changes to a draft that several cases make.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp::{Audience, Binding, Fleet, UnixMillis};
use sealstamp_dpop::Algorithm;
use sealstamp_testkit::{Draft, Members, PUBLIC_URL, b64, quoted, sha256};

use crate::support::{World, history};

pub(super) fn sign_with(draft: &mut Draft, algorithm: Algorithm, world: &World) {
    *draft = world.draft_signed_by(algorithm);
}

/// `iat` this many seconds from now.
pub(super) fn iat(draft: &mut Draft, world: &World, seconds: i64) {
    draft.claims.set("iat", (world.now.get() as i64 / 1000 + seconds).to_string());
}

/// `exp` or `nbf` in a proof, this many seconds from now, with something before and behind the number.
pub(super) fn limit(draft: &mut Draft, world: &World, name: &'static str, before: &str, seconds: i64, behind: &str) {
    draft.claims.add(name, format!("{before}{}{behind}", world.now.get() as i64 / 1000 + seconds));
}

/// A time in a token's claims, this many seconds from now.
pub(super) fn token_time(draft: &mut Draft, world: &World, name: &str, seconds: i64) {
    draft.token_claims.set(name, (world.now.get() as i64 / 1000 + seconds).to_string());
}

/// A nonce as old as this; in the future if negative.
pub(super) fn nonce_of_age(draft: &mut Draft, world: &World, ms: i64) {
    let at = UnixMillis::new(world.now.get().checked_add_signed(-ms).unwrap());
    draft.claims.set("nonce", quoted(world.nonce_at(at)));
}

pub(super) fn htu(draft: &mut Draft, htu: &str) {
    draft.claims.set("htu", quoted(htu));
}

/// Replaces one of the proof's three parts.
pub(super) fn part(draft: &mut Draft, place: usize, change: fn(String) -> String) {
    draft.on_proof(move |proof| {
        let mut parts: Vec<String> = proof.split('.').map(str::to_owned).collect();
        parts[place] = change(parts[place].clone());
        vec![parts.join(".")]
    });
}

/// An RSA key of that many bits, of which nobody knows the factors.
pub(super) fn rsa_jwk(bits: usize, e: &[u8]) -> Members {
    let mut n = vec![0xc5; bits.div_ceil(8)];
    n[0] = 0xff >> (bits.next_multiple_of(8) - bits);
    Members::new([("kty", quoted("RSA")), ("n", quoted(b64(n))), ("e", quoted(b64(e)))])
}

pub(super) fn rsa(draft: &mut Draft, jwk: Members) {
    draft.header.set("alg", quoted("RS256"));
    draft.jwk = jwk;
}

pub(super) fn ed25519(draft: &mut Draft, x: [u8; 32]) {
    draft.header.set("alg", quoted("EdDSA"));
    draft.jwk = Members::new([("kty", quoted("OKP")), ("crv", quoted("Ed25519")), ("x", quoted(b64(x)))]);
}

/// A nonce that the fleet's key of another stage of its ring's history seals now.
pub(super) fn nonce_of_stage(draft: &mut Draft, world: &World, stage: usize) {
    let fleet = Fleet::new(history(world.now)[stage].clone(), Audience::new(PUBLIC_URL).unwrap()).unwrap();
    draft.claims.set("nonce", quoted(fleet.mint(world.now, &Binding::None)));
}

/// A nonce with its 45 bytes changed.
pub(super) fn nonce_with(draft: &mut Draft, world: &World, change: fn(&mut [u8])) {
    let mut raw = URL_SAFE_NO_PAD.decode(world.nonce()).unwrap();
    change(&mut raw);
    draft.claims.set("nonce", quoted(b64(raw)));
}

/// Binds the token to a thumbprint that was computed over this text instead of RFC 7638's.
pub(super) fn bound_to_hash_of(draft: &mut Draft, text: &str) {
    draft.token_claims.set("cnf", format!("{{\"jkt\":\"{}\"}}", sha256(text)));
}

/// Claims with so many commas and backslashes: half of those that are added are commas.
pub(super) fn marks_in_claims(d: &mut Draft, count: usize) {
    let text = d.claims_for("");
    d.claims.add("x", marks(count - text.matches(',').count() - 1));
}

pub(super) fn marks_in_header(d: &mut Draft, count: usize) {
    let text = d.header();
    d.header.add("x", marks(count - text.matches(',').count() - 1));
}

pub(super) fn marks(count: usize) -> String {
    let commas = count / 2;
    format!("[{}\"{}\"]", "1,".repeat(commas), "\\n".repeat(count - commas))
}

/// The last member takes another name.
pub(super) fn rename(members: &mut Members, from: &str, to: &str) {
    members.0.iter_mut().find(|(name, _)| name == from).unwrap().0 = to.to_owned();
}

pub(super) fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    (bytes[0], bytes[31]) = (first, last);
    bytes
}

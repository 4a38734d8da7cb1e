//! The verifier's own side: a server, its fleet and the issuer that it trusts.

#![allow(dead_code, reason = "each test takes what it needs")]

use http::request::Parts;
use sealstamp::{Audience, Binding, Fleet, Force, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::{Accepted, Algorithm, DigestDemand, Jwks, JwtValidator, Nonces, Rejection, RequestHead, Verifier};
use sealstamp_testkit::{Draft, ISSUER, Issuer, Key, PUBLIC_URL, issuer, quoted};

/// A Sunday afternoon, on a whole second.
pub(crate) const NOW: UnixMillis = UnixMillis::new(1_795_361_400_000);

/// The client's key for an algorithm.
pub(crate) fn key(algorithm: Algorithm) -> Key {
    sealstamp_testkit::key(algorithm.as_str())
}

/// One server, its fleet, and its issuer.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: UnixMillis,
    pub(crate) fleet: Fleet,
    pub(crate) verifier: Verifier,
    pub(crate) tokens: JwtValidator,
}

/// A ring that has lived: its first key has retired, its second was revoked an hour ago, its third mints.
pub(crate) fn ring(now: UnixMillis) -> Ring {
    let [.., last] = history(now);
    last
}

/// The ring as it was, from its making on. At `now` each mints with another key.
pub(crate) fn history(now: UnixMillis) -> [Ring; 3] {
    let [then, later] = [2, 1].map(|hours| now.saturating_sub(hours * 3_600_000));
    let made = Ring::init(Settings::default(), Suite::Aes256Gcm, then, Fresh::insecure_from_seed(1));
    let rotated = made.rotate(None, then, Fresh::insecure_from_seed(2), Force::No).unwrap().ring;
    let active = rotated.active(later).kid();
    let revoked = rotated.revoke(active, later, Fresh::insecure_from_seed(3), Force::No).unwrap().ring;
    [made, rotated, revoked]
}

pub(crate) fn fleet(ring: Ring, audience: &str) -> Fleet {
    Fleet::new(ring, Audience::new(audience).unwrap()).unwrap()
}

pub(crate) fn tokens() -> JwtValidator {
    let mut jwk = issuer().key.jwk();
    jwk.set("kid", quoted(Issuer::KID));
    let jwks = Jwks::parse(format!("{{\"keys\":[{}]}}", jwk.json()).as_bytes()).unwrap();
    JwtValidator::new(ISSUER, PUBLIC_URL, jwks)
}

impl World {
    /// A server that wants nonces and takes every algorithm.
    pub(crate) fn new() -> Self {
        let fleet = fleet(ring(NOW), PUBLIC_URL);
        let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).algorithms(Algorithm::ALL);
        Self { now: NOW, fleet, verifier: verifier.build().unwrap(), tokens: tokens() }
    }

    pub(crate) fn with(self, verifier: Verifier) -> Self {
        Self { verifier, ..self }
    }

    /// The battery's server, which does not take this algorithm, and compares the digest of a body where there is one.
    pub(crate) fn without(self, refused: Algorithm) -> Self {
        let allowed = Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != refused);
        let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(self.fleet.clone())).algorithms(allowed);
        self.with(verifier.body_digest(DigestDemand::IfPresent).build().unwrap())
    }

    pub(crate) fn nonce(&self) -> String {
        self.nonce_at(self.now)
    }

    pub(crate) fn nonce_at(&self, at: UnixMillis) -> String {
        self.fleet.mint(at, &Binding::None).to_string()
    }

    /// A request that this server accepts.
    pub(crate) fn draft(&self) -> Draft {
        self.draft_signed_by(Algorithm::ES256)
    }

    pub(crate) fn draft_signed_by(&self, algorithm: Algorithm) -> Draft {
        let draft = Draft::new(&key(algorithm), &self.nonce(), self.now.get() / 1000);
        draft.but(|draft| draft.claims.set("jti", quoted("a0b1c2")))
    }

    /// Decides on a request without a body.
    pub(crate) fn decide(&self, parts: &Parts) -> Result<Accepted, Rejection> {
        let proven = self.verifier.check(RequestHead::of(parts), self.now)?;
        let facts = self.tokens.validate_now(proven.token(), self.now);
        proven.bind(facts, self.now)?.check_body(b"", self.now)?.accept(self.now)
    }

    /// Decides on a draft as it stands.
    pub(crate) fn decide_draft(&self, draft: &Draft) -> Result<Accepted, Rejection> {
        self.decide(&draft.parts())
    }
}

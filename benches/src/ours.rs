//! Ours, set up as its documentation shows.

use http::request::Parts;
use sealstamp::{Audience, Binding, Fleet, Force, Fresh, Nonce, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::{Accepted, Nonces, RequestHead, TokenBinding, TokenFacts, Verifier};

use crate::clock;
use crate::inputs::PUBLIC_URL;

/// A handle whose ring is as `sealstamp init` makes it.
#[must_use]
pub fn fleet(suite: Suite) -> Fleet {
    handle(Ring::init(Settings::default(), suite, clock(), Fresh::insecure_from_seed(1)))
}

fn handle(ring: Ring) -> Fleet {
    Fleet::new(ring, Audience::new(PUBLIC_URL).expect("an audience")).expect("a seed")
}

/// A handle on a ring of so many keys, the last but one active, as after that many rotations without a prune.
#[must_use]
pub fn fleet_of(keys: usize) -> Fleet {
    let settings = Settings::default();
    let minute = 60_000;
    let between = 11 * minute;
    let mut now = clock().get() - (keys as u64 + 1) * between;
    let mut ring = Ring::init(settings, Suite::Aes256Gcm, UnixMillis::new(now), Fresh::insecure_from_seed(1));
    while ring.keys().len() < keys {
        now += between;
        let fresh = Fresh::insecure_from_seed(now);
        ring = ring.rotate(None, UnixMillis::new(now), fresh, Force::No).expect("a rotation in time").ring;
    }
    if keys == 1 {
        // No command leaves a ring without a staged key; a file may hold one.
        let mut file: serde_json::Value = serde_json::from_str(&ring.to_json()).expect("JSON");
        file["keys"].as_array_mut().expect("keys").truncate(1);
        ring = Ring::parse(file.to_string().as_bytes()).expect("a ring");
    }
    assert_eq!(ring.keys().len(), keys);
    handle(ring)
}

/// A nonce that is no longer good, though only the time says so.
#[must_use]
pub fn expired(fleet: &Fleet) -> Nonce {
    fleet.mint(UnixMillis::new(clock().get() - 200_000), &Binding::None)
}

/// A nonce with another tag.
#[must_use]
pub fn forged(nonce: &str) -> String {
    let last = if nonce.ends_with('A') { 'B' } else { 'A' };
    format!("{}{last}", &nonce[..nonce.len() - 1])
}

/// A verifier, and what is known of the token: issued, and bound to the client's key.
pub struct Ours {
    verifier: Verifier,
    token: TokenFacts,
}

impl Ours {
    /// For requests that carry nonces of `fleet` and proofs by the key of this thumbprint.
    #[must_use]
    pub fn new(fleet: &Fleet, thumbprint: &str) -> Self {
        let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).build().expect("a verifier");
        let thumbprint = thumbprint.parse().expect("a thumbprint");
        Self { verifier, token: TokenFacts::new(TokenBinding::Thumbprint(thumbprint)) }
    }

    /// Rules 1 to 9, and of rule 10 the comparison of keys: the token is known to be valid.
    pub fn verify(&self, request: &Parts) -> Accepted {
        let now = clock();
        let proven = self.verifier.check(RequestHead::of(request), now).expect("a good proof");
        let bound = proven.bind(Ok(self.token.clone()), now).expect("the token of this key");
        bound.accept(now).expect("all that the policy demands")
    }

    /// The refusal of a request whose nonce is not good, and the response to it, challenge and fresh nonce included.
    pub fn refuse(&self, request: &Parts) -> http::Response<&'static str> {
        let refused = self.verifier.check(RequestHead::of(request), clock()).expect_err("a bad nonce");
        assert!(refused.nonce_refusal().is_some(), "{refused}");
        self.verifier.resource_server_response(&refused)
    }
}

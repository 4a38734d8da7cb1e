//! A server that refuses service while its ring is not confirmed: no request is judged, and no nonce is handed out.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use sealstamp::{Clock, Refusal, Reloader, RingFile, UnixMillis};
use sealstamp_dpop::{Answer, Nonces, Reason, RequestHead, Verifier};
use sealstamp_testkit::PUBLIC_URL;
use support::{NOW, World};

#[derive(Default)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> UnixMillis {
        NOW
    }

    fn uptime_ms(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

#[test]
fn while_the_ring_is_not_confirmed_every_request_is_503_without_a_nonce() {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    let world = World::new();
    file.create(&world.fleet.ring()).unwrap();
    let clock = Arc::<Hands>::default();
    let _reloader =
        Reloader::builder(file, world.fleet.clone()).clock(clock.clone()).refuse_unconfirmed().build().unwrap();
    let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(world.fleet.clone())).build().unwrap();
    let bare = http::Request::post("/mcp").body(()).unwrap().into_parts().0;
    let propagation_ms = u64::from(world.fleet.ring().settings().propagation_s()) * 1_000;

    clock.0.store(propagation_ms, SeqCst);
    assert!(world.decide_draft(&world.draft()).is_ok());
    assert_eq!(verifier.check(RequestHead::of(&bare), NOW).unwrap_err().answer(), Answer::Challenge);

    clock.0.store(propagation_ms + 1, SeqCst);
    let good = world.decide_draft(&world.draft()).unwrap_err();
    let first = verifier.check(RequestHead::of(&bare), NOW).unwrap_err();
    let at_issuer = verifier.check_token_request(RequestHead::of(&bare), NOW).unwrap_err();
    for rejection in [good, first, at_issuer] {
        assert_eq!((rejection.reason(), rejection.answer()), (Reason::NonceUnconfirmed, Answer::Unavailable));
        assert_eq!(rejection.nonce_refusal(), Some(Refusal::Unconfirmed));
        assert!(rejection.nonce().is_none(), "its key may be a revoked one");
        assert_eq!(verifier.resource_server_response(&rejection).status(), 503);
        assert!(!verifier.resource_server_response(&rejection).headers().contains_key("dpop-nonce"));
    }
}

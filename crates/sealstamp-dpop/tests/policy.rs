//! D-1: what a request has to show is decided for each request.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use std::sync::{Arc, Mutex};

use http::HeaderValue;
use http::request::Parts;
use sealstamp_dpop::{
    Algorithm, Answer, Claim, Claimed, IAT_WINDOW_S, NonceDemand, Nonces, Policy, ProofStore, Reason, RequestHead,
    StoreError, Verifier, VerifierBuilder, WhenAway,
};
use sealstamp_testkit::{PUBLIC_URL, quoted};
use support::{NOW, World};

/// Runs a future that never waits for anything.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(value) = std::pin::pin!(future).poll(&mut context) else { panic!("it waits") };
    value
}

fn decide(world: &World, parts: &Parts) -> Result<Policy, Reason> {
    let decided = ready(world.verifier.decide(RequestHead::of(parts), &world.tokens, world.now));
    decided.map(|accepted| accepted.policy()).map_err(|rejection| rejection.reason())
}

/// Requests for the tool `delete_file` need a nonce of at most 10 s and single use; `list` needs no nonce; others need
/// what all need. For a test the field is as good as a path.
fn guarded(request: &RequestHead<'_>, usual: Policy) -> Policy {
    match request.headers().get("mcp-name").map(HeaderValue::as_bytes) {
        Some(b"delete_file") => usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_single_use(true),
        Some(b"young") => usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_single_use(false),
        Some(b"list") => usual.with_nonce(NonceDemand::Never).with_single_use(false),
        _ => usual.with_single_use(false),
    }
}

/// Keeps what it was asked.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Claim>>>);

impl ProofStore for Seen {
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let mut seen = self.0.lock().unwrap();
        let again = seen.iter().any(|earlier| earlier.id() == claim.id());
        seen.push(claim);
        Ok(if again { Claimed::Again } else { Claimed::First })
    }
}

fn world(configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> World {
    let world = World::new();
    let builder = Verifier::builder(PUBLIC_URL, Nonces::Required(world.fleet.clone())).algorithms(Algorithm::ALL);
    let verifier = configure(builder).build().unwrap();
    world.with(verifier)
}

/// A request for this tool, with a nonce of this age and a `jti` of its own.
fn request(world: &World, tool: &str, age_ms: u64, jti: &str) -> Parts {
    let nonce = world.nonce_at(NOW.saturating_sub(age_ms));
    let draft = world.draft().but(|draft| {
        draft.claims.set("nonce", quoted(nonce));
        draft.claims.set("jti", quoted(jti));
    });
    let mut parts = draft.parts();
    parts.headers.insert("mcp-name", HeaderValue::from_str(tool).unwrap());
    parts
}

/// A nonce 11 s old: the guarded tool refuses it and hands out another, with which the retry passes; other calls pass
/// with the old one.
#[test]
fn a_guarded_tool_wants_a_young_nonce() {
    let world = world(|builder| builder.policy(guarded));
    let old = request(&world, "young", 11_000, "a");
    let refused = ready(world.verifier.decide(RequestHead::of(&old), &world.tokens, NOW)).unwrap_err();
    assert_eq!((refused.reason(), refused.answer()), (Reason::NonceTooOldHere, Answer::UseDpopNonce));
    let response = world.verifier.resource_server_response(&refused);
    assert_eq!(response.status(), 401);
    let fresh = response.headers()["dpop-nonce"].to_str().unwrap().to_owned();

    let mut retry = world.draft().but(|draft| draft.claims.set("nonce", quoted(&fresh))).parts();
    retry.headers.insert("mcp-name", HeaderValue::from_static("young"));
    let shown = decide(&world, &retry).unwrap();
    assert_eq!(shown.nonce(), NonceDemand::Within { seconds: 10 });
    assert_eq!(decide(&world, &request(&world, "read_file", 11_000, "b")).unwrap().nonce(), NonceDemand::Always);
    assert_eq!(world.verifier.counters().signature_checks(), 2, "no signature is checked for a nonce that is too old");
}

#[test]
fn the_age_is_bounded_to_the_millisecond() {
    let world = world(|builder| builder.policy(guarded));
    for (age_ms, expected) in [(0, None), (9_999, None), (10_000, None), (10_001, Some(Reason::NonceTooOldHere))] {
        assert_eq!(decide(&world, &request(&world, "young", age_ms, "a")).err(), expected, "{age_ms}");
    }
    assert_eq!(decide(&world, &request(&world, "young", 125_001, "a")), Err(Reason::NonceExpired));
}

/// The attack that the option stops: without it, a nonce of any age up to its lifetime passes for every tool.
#[test]
fn without_a_policy_all_requests_are_alike() {
    let world = world(|builder| builder);
    for tool in ["delete_file", "young", "list"] {
        assert_eq!(decide(&world, &request(&world, tool, 119_000, "a")).unwrap().nonce(), NonceDemand::Always);
    }
}

#[test]
fn a_request_may_do_without_a_nonce() {
    let world = world(|builder| builder.policy(guarded));
    let without = |tool: &str| {
        let mut parts = world.draft().but(|draft| draft.claims.remove("nonce")).parts();
        parts.headers.insert("mcp-name", HeaderValue::from_str(tool).unwrap());
        parts
    };
    assert_eq!(decide(&world, &without("list")).unwrap().nonce(), NonceDemand::Never);
    for tool in ["young", "read_file"] {
        assert_eq!(decide(&world, &without(tool)), Err(Reason::NoNonce));
    }
}

#[test]
fn single_use_where_the_policy_says_so() {
    let store = Seen::default();
    let world = world(|builder| builder.single_use(store.clone(), WhenAway::Refuse).policy(guarded));
    let free = request(&world, "read_file", 0, "a");
    let once = request(&world, "delete_file", 0, "b");
    for _ in 0..2 {
        assert!(!decide(&world, &free).unwrap().single_use());
    }
    assert!(store.0.lock().unwrap().is_empty());
    assert!(decide(&world, &once).unwrap().single_use());
    assert_eq!(decide(&world, &once), Err(Reason::ProofReplayed));
}

/// A proof that was claimed with a nonce could be sent with a request that needs none, after its nonce is gone. So the
/// claim lives as long as the window of `iat`.
#[test]
fn where_a_policy_may_do_without_a_nonce_claims_live_as_long_as_iat() {
    let window_s = u64::try_from(IAT_WINDOW_S).unwrap();
    for decides in [false, true] {
        let store = Seen::default();
        let world = world(|builder| {
            let builder = builder.single_use(store.clone(), WhenAway::Refuse);
            if decides { builder.policy(|_, usual| usual) } else { builder }
        });
        assert!(decide(&world, &request(&world, "x", 0, "a")).is_ok());
        let claim = store.0.lock().unwrap()[0];
        let by_iat = (NOW.get() / 1_000 + window_s) * 1_000 + 999;
        let (usable, keep) =
            if decides { (by_iat, by_iat + 5_000) } else { (NOW.get() + 125_000, NOW.get() + 130_000) };
        assert_eq!((claim.usable_until().get(), claim.keep_until().get()), (usable, keep));
    }
}

/// What a server cannot do, it refuses: single use without a store, and a nonce where there are none.
#[test]
fn a_demand_that_nobody_can_meet_is_not_met() {
    let no_store = world(|builder| builder.policy(|_, usual| usual.with_single_use(true)));
    assert_eq!(decide(&no_store, &request(&no_store, "x", 0, "a")), Err(Reason::StoreNotAsked));
    let builder = Verifier::builder(PUBLIC_URL, Nonces::Off);
    let builder = builder.policy(|_, usual| usual.with_nonce(NonceDemand::Always));
    let no_nonces = World::new().with(builder.build().unwrap());
    assert_eq!(decide(&no_nonces, &request(&no_nonces, "x", 0, "a")), Err(Reason::NonceUnknownKey));
}

/// A `Bearer` token shows no nonce: where the policy asks for a young one, it does not do.
#[test]
fn a_guarded_tool_takes_no_bearer_token() {
    let world = world(|builder| builder.policy(guarded).dangerously_accept_unbound_bearer_tokens());
    let bearer = world.draft().but(|draft| {
        draft.token_claims.remove("cnf");
        draft.on_authorization(|token| vec![format!("Bearer {token}")]);
        draft.on_proof(|_| vec![]);
    });
    let mut parts = bearer.parts();
    assert!(decide(&world, &parts).is_ok());
    parts.headers.insert("mcp-name", HeaderValue::from_static("young"));
    assert_eq!(decide(&world, &parts), Err(Reason::BearerScheme));
}

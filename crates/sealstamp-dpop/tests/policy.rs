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
    Algorithm, Answer, Claim, Claimed, DigestDemand, IAT_WINDOW_S, McpPolicy, NonceDemand, Nonces, Policy, ProofStore,
    Reason, RequestHead, StoreError, Verifier, VerifierBuilder, WhenAway,
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
    decided.map(|accepted| accepted.policy().clone()).map_err(|rejection| rejection.reason())
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

/// Neither nonce, nor store, and a policy that demands nothing: the window of `iat` is still there. It cannot be turned
/// off, so no configuration makes a proof good for ever.
#[test]
fn no_configuration_makes_a_proof_good_for_ever() {
    let nothing = |usual: Policy| {
        usual.with_nonce(NonceDemand::Never).with_single_use(false).with_body_digest(DigestDemand::Off).with_scopes([])
    };
    let fleet = World::new().fleet;
    for nonces in [Nonces::Off, Nonces::Required(fleet)] {
        for loosen in [0, 1, 2] {
            for store in [false, true] {
                let mut builder = Verifier::builder(PUBLIC_URL, nonces.clone());
                builder = match loosen {
                    0 => builder,
                    1 => builder.policy(move |_, usual| nothing(usual)),
                    _ => builder.mcp_policy(McpPolicy::new().method("*", nothing)).tighten(move |_, _, p| nothing(p)),
                };
                if store {
                    builder = builder.single_use(Seen::default(), WhenAway::Refuse);
                }
                let world = World::new().with(builder.build().unwrap());
                for off in [-IAT_WINDOW_S - 1, IAT_WINDOW_S + 1] {
                    let iat = i64::try_from(NOW.get() / 1_000).unwrap() + off;
                    let parts = world.draft().but(|draft| draft.claims.set("iat", iat.to_string())).parts();
                    let reason = if off < 0 { Reason::IatTooOld } else { Reason::IatInFuture };
                    assert_eq!(decide(&world, &parts), Err(reason), "{loosen} {store}");
                }
            }
        }
    }
}

/// M-1: the scopes of a policy are checked when the token is known, before body and store.
#[test]
fn a_policy_asks_for_scopes() {
    let store = Seen::default();
    let world = world(|builder| {
        let builder = builder.single_use(store.clone(), WhenAway::Refuse).body_digest(DigestDemand::Required);
        builder.policy(|request, usual| match request.headers().get("mcp-name").map(HeaderValue::as_bytes) {
            Some(b"delete_file") => usual.with_scopes(["tools:call", "files:write"]),
            _ => usual.with_body_digest(DigestDemand::Off).with_scopes(["tools:call"]),
        })
    });
    assert!(decide(&world, &request(&world, "read_file", 0, "a")).unwrap().scopes().eq(["tools:call"]));
    let parts = request(&world, "delete_file", 0, "b");
    let refused = ready(world.verifier.decide(RequestHead::of(&parts), &world.tokens, NOW)).unwrap_err();
    assert_eq!((refused.reason(), refused.answer()), (Reason::InsufficientScope, Answer::InsufficientScope));
    assert_eq!(refused.needed_scopes(), Some("tools:call files:write"));
    assert_eq!(store.0.lock().unwrap().len(), 1);
}

/// The second decision knows the token. What it adds is demanded, and what it takes away is not.
#[test]
fn a_second_decision_knows_the_token_and_only_tightens() {
    let strict = |_: &RequestHead<'_>, token: &sealstamp_dpop::TokenFacts, policy: Policy| match token.subject() {
        Some("alice") => policy.with_nonce(NonceDemand::Within { seconds: 10 }).with_scopes(["tools:call"]),
        _ => policy,
    };
    let loose = |_: &RequestHead<'_>, _: &sealstamp_dpop::TokenFacts, policy: Policy| {
        policy.with_nonce(NonceDemand::Never).with_single_use(false).with_scopes([])
    };
    let of = |subject: &str, world: &World, age_ms: u64| {
        let nonce = world.nonce_at(NOW.saturating_sub(age_ms));
        let draft = world.draft().but(|draft| {
            draft.claims.set("nonce", quoted(nonce));
            draft.token_claims.set("sub", quoted(subject));
        });
        draft.parts()
    };
    let tightened = world(|builder| builder.tighten(strict));
    assert_eq!(decide(&tightened, &of("alice", &tightened, 10_001)), Err(Reason::NonceTooOldHere));
    let shown = decide(&tightened, &of("alice", &tightened, 10_000)).unwrap();
    assert_eq!(shown.nonce(), NonceDemand::Within { seconds: 10 });
    assert!(shown.scopes().eq(["tools:call"]));
    assert_eq!(decide(&tightened, &of("bob", &tightened, 10_001)).unwrap().nonce(), NonceDemand::Always);

    let store = Seen::default();
    let loosened = world(|builder| {
        let builder = builder.single_use(store.clone(), WhenAway::Refuse).tighten(loose);
        builder.policy(|_, usual| usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_scopes(["x"]))
    });
    assert_eq!(decide(&loosened, &of("alice", &loosened, 10_001)), Err(Reason::NonceTooOldHere));
    assert_eq!(decide(&loosened, &of("alice", &loosened, 0)), Err(Reason::InsufficientScope));
}

/// A nonce that the head's policy did not ask for may be asked for when the token is known: a good one was opened, and
/// a bad one is refused for what is wrong with it.
#[test]
fn a_second_decision_may_ask_for_the_nonce() {
    let world = world(|builder| {
        let builder = builder.policy(|_, usual| usual.with_nonce(NonceDemand::Never));
        builder.tighten(|request, _, policy| match request.headers().get("mcp-name").map(HeaderValue::as_bytes) {
            Some(b"young") => policy.with_nonce(NonceDemand::Within { seconds: 10 }),
            Some(b"any") => policy.with_nonce(NonceDemand::Always),
            _ => policy,
        })
    });
    for (tool, age_ms, expected) in [
        ("free", 300_000, None),
        ("any", 0, None),
        ("any", 125_000, None),
        ("any", 125_001, Some(Reason::NonceExpired)),
        ("young", 10_000, None),
        ("young", 10_001, Some(Reason::NonceTooOldHere)),
        ("young", 125_001, Some(Reason::NonceExpired)),
    ] {
        let parts = request(&world, tool, age_ms, "a");
        let decided = ready(world.verifier.decide(RequestHead::of(&parts), &world.tokens, NOW));
        let reason = decided.as_ref().err().map(|refused| refused.reason());
        assert_eq!(reason, expected, "{tool} {age_ms}");
        assert_eq!(
            decided.err().and_then(|refused| refused.nonce_refusal()).is_some(),
            expected == Some(Reason::NonceExpired)
        );
    }
    let mut without = world.draft().but(|draft| draft.claims.remove("nonce")).parts();
    assert!(decide(&world, &without).is_ok());
    without.headers.insert("mcp-name", HeaderValue::from_static("any"));
    assert_eq!(decide(&world, &without), Err(Reason::NoNonce));
}

/// `Bearer` shows no proof, so it does not do where the second decision asks for what only a proof can show.
#[test]
fn a_second_decision_may_ask_for_a_proof() {
    for (demand, expected) in [
        (None, None),
        (Some(NonceDemand::Within { seconds: 10 }), Some(Reason::BearerScheme)),
        (Some(NonceDemand::Always), None),
    ] {
        let world = world(|builder| {
            let builder = builder.dangerously_accept_unbound_bearer_tokens();
            builder.tighten(move |_, _, policy| match demand {
                Some(demand) => policy.with_nonce(demand),
                None => policy,
            })
        });
        let bearer = world.draft().but(|draft| {
            draft.token_claims.remove("cnf");
            draft.on_authorization(|token| vec![format!("Bearer {token}")]);
            draft.on_proof(|_| vec![]);
        });
        assert_eq!(decide(&world, &bearer.parts()).err(), expected, "{demand:?}");
    }
}

/// No body is at hand in `decide` and at a token endpoint: what needs it is refused, and not taken as shown.
#[test]
fn without_a_body_what_needs_it_is_refused() {
    let empty = quoted("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    for (demand, claim, expected) in [
        (DigestDemand::Off, None, None),
        (DigestDemand::Off, Some(empty.clone()), None),
        (DigestDemand::Off, Some("7".to_owned()), None),
        (DigestDemand::Off, Some(quoted("nonsense")), None),
        (DigestDemand::IfPresent, None, None),
        (DigestDemand::IfPresent, Some(empty.clone()), Some(Reason::BodyNotSeen)),
        (DigestDemand::IfPresent, Some("7".to_owned()), Some(Reason::MalformedContentDigest)),
        (DigestDemand::Required, None, Some(Reason::NoContentDigest)),
        (DigestDemand::Required, Some(empty.clone()), Some(Reason::BodyNotSeen)),
        (DigestDemand::Required, Some(quoted("nonsense")), Some(Reason::MalformedContentDigest)),
    ] {
        let world = world(|builder| builder.body_digest(demand));
        let draft = world.draft().but(|draft| {
            if let Some(claim) = &claim {
                draft.claims.add("content_digest", claim.clone());
            }
        });
        let parts = draft.parts();
        assert_eq!(decide(&world, &parts).err(), expected, "{demand:?} {claim:?}");
        let token_request = world.verifier.check_token_request(RequestHead::of(&parts), NOW);
        assert_eq!(token_request.err().map(|refused| refused.reason()), expected);
        let token_request = ready(world.verifier.decide_token_request(RequestHead::of(&parts), NOW));
        assert_eq!(token_request.err().map(|refused| refused.reason()), expected);

        // By hand, with the body.
        let bind = || {
            let proven = world.verifier.check(RequestHead::of(&parts), NOW).unwrap();
            let facts = world.tokens.validate_now(proven.token(), NOW);
            proven.bind(facts, NOW)
        };
        let Ok(bound) = bind() else { continue };
        assert_eq!(bound.needs_body(), expected == Some(Reason::BodyNotSeen));
        if bound.needs_body() {
            assert_eq!(bind().unwrap().accept(NOW).unwrap_err().reason(), Reason::BodyNotSeen);
        }
        let shown = bound.check_body(b"", NOW).unwrap();
        assert!(!shown.needs_body() && shown.accept(NOW).is_ok());
        let other = bind().unwrap().check_body(b"x", NOW).map(drop).map_err(|refused| refused.reason());
        assert_eq!(other.err(), expected.map(|_| Reason::WrongContentDigest));
    }
}

/// The metadata says what is enforced.
#[test]
fn the_metadata_says_whether_digests_are_used() {
    let required = |usual: Policy| usual.with_body_digest(DigestDemand::Required);
    let of = |configure: &dyn Fn(VerifierBuilder) -> VerifierBuilder| {
        let verifier = configure(Verifier::builder(PUBLIC_URL, Nonces::Off)).build().unwrap();
        let json: serde_json::Value = serde_json::from_str(verifier.protected_resource().json()).unwrap();
        let algorithms = json.get("dpop_content_digest_alg_values_supported").cloned();
        (algorithms.map(|list| list.to_string()), json.get("dpop_content_digest_required").and_then(|v| v.as_bool()))
    };
    let used = |required: bool| (Some(r#"["sha-256"]"#.to_owned()), Some(required));
    assert_eq!(of(&|b| b), (None, None));
    assert_eq!(of(&|b| b.policy(|_, usual| usual)), (None, None));
    assert_eq!(of(&|b| b.body_digest(DigestDemand::IfPresent)), used(false));
    assert_eq!(of(&|b| b.body_digest(DigestDemand::Required)), used(true));
    assert_eq!(of(&|b| b.body_digest(DigestDemand::Required).policy(|_, usual| usual)), used(false));
    assert_eq!(of(&|b| b.body_digest(DigestDemand::Required).tighten(|_, _, policy| policy)), used(true));
    assert_eq!(of(&|b| b.mcp_policy(McpPolicy::new().tool("a", |usual| usual))), (None, None));
    assert_eq!(of(&|b| b.mcp_policy(McpPolicy::new().tool("a", required))), used(false));
    assert_eq!(
        of(&|b| b.body_digest(DigestDemand::Required).mcp_policy(McpPolicy::new().tool("a", required))),
        used(true)
    );
    let off = |usual: Policy| usual.with_body_digest(DigestDemand::Off);
    assert_eq!(of(&|b| b.body_digest(DigestDemand::Required).mcp_policy(McpPolicy::new().tool("a", off))), used(false));
}

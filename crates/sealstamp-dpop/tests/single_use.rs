//! Rule 12: a proof is accepted once, and no longer remembered than it must be.

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
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::request::Parts;
use proptest::collection::vec;
use proptest::{array, prelude::*};
use sealstamp::{Audience, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::{
    Algorithm, Answer, Claim, Claimed, IAT_WINDOW_S, MemoryStore, Nonces, ProofId, ProofStore, Reason, RequestHead,
    StoreError, Verifier, WhenAway,
};
use sealstamp_testkit::{PUBLIC_URL, other_key, quoted};
use support::{NOW, World};

/// Runs a future that never waits for anything.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(value) = std::pin::pin!(future).poll(&mut context) else { panic!("it waits") };
    value
}

/// A clock that a test sets.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn at(time: UnixMillis) -> Self {
        Self(Arc::new(AtomicU64::new(time.get())))
    }

    fn set(&self, time: UnixMillis) {
        self.0.store(time.get(), Ordering::SeqCst);
    }

    fn memory(&self, bytes: usize) -> MemoryStore {
        let clock = Arc::clone(&self.0);
        MemoryStore::new(bytes).clock(move || UnixMillis::new(clock.load(Ordering::SeqCst)))
    }
}

fn decide(world: &World, parts: &Parts, now: UnixMillis) -> Result<(), Reason> {
    let decided = ready(world.verifier.decide(RequestHead::of(parts), &world.tokens, now));
    decided.map(drop).map_err(|rejection| rejection.reason())
}

fn world_with(store: impl ProofStore + 'static, when_away: WhenAway) -> World {
    let world = World::new();
    let builder = Verifier::builder(PUBLIC_URL, Nonces::Required(world.fleet.clone()));
    let verifier = builder.algorithms(Algorithm::ALL).single_use(store, when_away).build().unwrap();
    world.with(verifier)
}

/// SEP-9: the attack, which passes without the option and not with it.
#[test]
fn a_replay_passes_without_a_store_and_is_refused_with_one() {
    let world = World::new();
    let parts = world.draft().parts();
    for _ in 0..3 {
        assert_eq!(decide(&world, &parts, NOW), Ok(()), "without a store");
    }

    let clock = Clock::at(NOW);
    let world = world_with(clock.memory(1 << 20), WhenAway::Refuse);
    let parts = world.draft().parts();
    assert_eq!(decide(&world, &parts, NOW), Ok(()));
    for _ in 0..3 {
        let refused = ready(world.verifier.decide(RequestHead::of(&parts), &world.tokens, NOW)).unwrap_err();
        assert_eq!((refused.reason(), refused.answer()), (Reason::ProofReplayed, Answer::InvalidDpopProof));
        assert!(refused.nonce().is_some());
    }
    assert_eq!(world.verifier.counters().accepted(), 1);
    assert_eq!(world.verifier.counters().refused(Reason::ProofReplayed), 3);
    let fresh = world.draft().but(|draft| draft.claims.set("jti", quoted("another"))).parts();
    assert_eq!(decide(&world, &fresh, NOW), Ok(()), "the same client, and another proof");
}

#[test]
fn two_clients_with_one_jti_do_not_disturb_each_other() {
    let world = world_with(Clock::at(NOW).memory(1 << 20), WhenAway::Refuse);
    let one = world.draft();
    let other = world.draft().but(|draft| {
        draft.key = other_key();
        draft.jwk = other_key().jwk();
        draft.token_claims.set("cnf", format!("{{\"jkt\":\"{}\"}}", other_key().thumbprint()));
    });
    assert_eq!(one.claims.get("jti"), other.claims.get("jti"));
    for draft in [one, other] {
        assert_eq!(decide(&world, &draft.parts(), NOW), Ok(()));
        assert_eq!(decide(&world, &draft.parts(), NOW), Err(Reason::ProofReplayed));
    }
}

/// Nothing but a good request reaches the store, so nobody can burn a proof that they cannot use.
#[test]
fn the_store_is_asked_last() {
    struct Counted(Arc<AtomicUsize>);
    impl ProofStore for Counted {
        async fn claim(&self, _: Claim) -> Result<Claimed, StoreError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(Claimed::First)
        }
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let world = world_with(Counted(Arc::clone(&asked)), WhenAway::Refuse);
    for (parts, reason) in [
        (world.draft().but(|d| d.claims.set("ath", quoted("x"))).parts(), Reason::MalformedClaims),
        (world.draft().but(|d| d.on_signature(|_, _, s| vec![0; s.len()])).parts(), Reason::BadSignature),
        (world.draft().but(|d| d.claims.remove("nonce")).parts(), Reason::NoNonce),
        (world.draft().but(|d| d.token_claims.set("aud", quoted("x"))).parts(), Reason::TokenWrongAudience),
    ] {
        assert_eq!(decide(&world, &parts, NOW), Err(reason));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(decide(&world, &world.draft().parts(), NOW), Ok(()));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// What makes no store's answer out of date: a step that forgets to ask is refused, and says so to the operator.
#[test]
fn the_question_cannot_be_skipped() {
    let world = world_with(Clock::at(NOW).memory(1 << 20), WhenAway::Refuse);
    let parts = world.draft().parts();
    let refused = world.decide(&parts).unwrap_err();
    assert_eq!((refused.reason(), refused.answer()), (Reason::StoreNotAsked, Answer::Unavailable));
    let refused = world.verifier.check_token_request(RequestHead::of(&parts), NOW).unwrap_err();
    assert_eq!(refused.reason(), Reason::StoreNotAsked);

    let decide = || ready(world.verifier.decide_token_request(RequestHead::of(&parts), NOW));
    assert!(decide().is_ok());
    assert_eq!(decide().unwrap_err().reason(), Reason::ProofReplayed);
    assert_eq!(world.verifier.counters().accepted(), 1);
}

#[test]
fn without_a_store_both_ways_to_accept_are_one() {
    let world = World::new();
    let parts = world.draft().parts();
    assert!(world.decide(&parts).is_ok());
    assert!(ready(world.verifier.decide_token_request(RequestHead::of(&parts), NOW)).is_ok());
    assert!(world.verifier.check_token_request(RequestHead::of(&parts), NOW).is_ok());
}

/// A `Bearer` token comes without a proof, so it cannot be used once.
#[test]
fn no_bearer_token_passes_where_proofs_are_used_once() {
    let world = World::new();
    let with = |once: bool| {
        let builder = Verifier::builder(PUBLIC_URL, Nonces::Required(world.fleet.clone()));
        let builder = builder.dangerously_accept_unbound_bearer_tokens();
        let builder = if once { builder.single_use(MemoryStore::new(1 << 20), WhenAway::Refuse) } else { builder };
        world.clone().with(builder.build().unwrap())
    };
    let bearer = world.draft().but(|draft| {
        draft.token_claims.remove("cnf");
        draft.on_authorization(|token| vec![format!("Bearer {token}")]);
        draft.on_proof(|_| vec![]);
    });
    assert_eq!(decide(&with(false), &bearer.parts(), NOW), Ok(()));
    assert_eq!(decide(&with(true), &bearer.parts(), NOW), Err(Reason::BearerScheme));
}

/// Gives the answer that it was made with.
struct Says(Result<Claimed, StoreError>);

impl ProofStore for Says {
    async fn claim(&self, _: Claim) -> Result<Claimed, StoreError> {
        self.0
    }
}

/// While the store is away, what happens is what was chosen; a full store refuses in any case.
#[test]
fn each_answer_of_a_store() {
    for when_away in [WhenAway::Refuse, WhenAway::GoOnWithNonce] {
        let away = match when_away {
            WhenAway::Refuse => Err(Reason::StoreUnavailable),
            WhenAway::GoOnWithNonce => Ok(()),
        };
        for (says, expected) in [
            (Ok(Claimed::First), Ok(())),
            (Ok(Claimed::Again), Err(Reason::ProofReplayed)),
            (Ok(Claimed::Late), Err(Reason::ClaimLate)),
            (Err(StoreError::Full), Err(Reason::StoreFull)),
            (Err(StoreError::Unavailable), away),
        ] {
            let world = world_with(Says(says), when_away);
            assert_eq!(decide(&world, &world.draft().parts(), NOW), expected, "{says:?} {when_away:?}");
            let without = u64::from(expected.is_ok() && says.is_err());
            assert_eq!(world.verifier.counters().accepted_without_store(), without, "{says:?} {when_away:?}");
            assert_eq!(world.verifier.counters().accepted(), u64::from(expected.is_ok()));
        }
    }
    for reason in [Reason::ClaimLate, Reason::StoreFull, Reason::StoreUnavailable, Reason::StoreNotAsked] {
        assert_eq!(reason.answer(), Answer::Unavailable);
    }
    assert_eq!(WhenAway::default(), WhenAway::Refuse);
}

#[test]
fn a_store_that_is_away_gives_503() {
    let world = world_with(Says(Err(StoreError::Unavailable)), WhenAway::Refuse);
    let parts = world.draft().parts();
    let refused = ready(world.verifier.decide(RequestHead::of(&parts), &world.tokens, NOW)).unwrap_err();
    let response = world.verifier.resource_server_response(&refused);
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("www-authenticate"));
    assert!(response.body().contains("the request cannot be checked at the moment"));
}

/// A ring whose settings are not the default ones, so that no default passes by accident.
fn fleet_of(lifetime_s: u32, max_skew_s: u32) -> Fleet {
    let settings = Settings::new(lifetime_s, max_skew_s, 600).unwrap();
    let long_ago = NOW.saturating_sub(7_200_000);
    let ring = Ring::init(settings, Suite::Aes256Gcm, long_ago, Fresh::insecure_from_seed(1));
    Fleet::new(ring, Audience::new(PUBLIC_URL).unwrap()).unwrap()
}

/// Keeps what it was asked.
#[derive(Clone, Default)]
struct Seen(Arc<std::sync::Mutex<Vec<Claim>>>);

impl ProofStore for Seen {
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.0.lock().unwrap().push(claim);
        Ok(Claimed::First)
    }
}

/// The nonce's own end of life, to the millisecond: what the claim says is the last moment is the last at which the
/// verifier accepts, and one skew more is the last by a clock that is that much ahead.
#[test]
fn a_claim_ends_with_its_nonce() {
    for (lifetime_s, max_skew_s) in [(120, 5), (30, 0), (1, 60)] {
        let (lifetime_ms, skew_ms) = (u64::from(lifetime_s) * 1_000, u64::from(max_skew_s) * 1_000);
        let (seen, fleet) = (Seen::default(), fleet_of(lifetime_s, max_skew_s));
        let builder = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone()));
        let verifier = builder.single_use(seen.clone(), WhenAway::Refuse).build().unwrap();
        let world = World { fleet, ..World::new() }.with(verifier);
        let parts = world.draft().parts();
        assert_eq!(decide(&world, &parts, NOW), Ok(()));
        let claim = seen.0.lock().unwrap()[0];
        assert_eq!(claim.usable_until(), NOW.saturating_add(lifetime_ms + skew_ms));
        assert_eq!(claim.keep_until(), NOW.saturating_add(lifetime_ms + 2 * skew_ms));
        assert_eq!(decide(&world, &parts, claim.usable_until()), Ok(()), "still in time");
        let after = claim.usable_until().saturating_add(1);
        assert_eq!(decide(&world, &parts, after), Err(Reason::NonceExpired));
    }
}

/// Without a nonce it is the `iat` window, which for a proof from the future is twice as long.
#[test]
fn without_nonces_a_claim_ends_with_the_window_of_iat() {
    let window_s = u64::try_from(IAT_WINDOW_S).unwrap();
    let now_s = NOW.get() / 1_000;
    for iat in [now_s - window_s, now_s, now_s + window_s] {
        let seen = Seen::default();
        let builder = Verifier::builder(PUBLIC_URL, Nonces::Off);
        let verifier = builder.single_use(seen.clone(), WhenAway::Refuse).build().unwrap();
        let world = World::new().with(verifier);
        let draft = world.draft().but(|draft| {
            draft.claims.set("iat", iat);
            draft.token_claims.set("exp", now_s + 3_600);
        });
        let parts = draft.parts();
        assert_eq!(decide(&world, &parts, NOW), Ok(()));
        let claim = seen.0.lock().unwrap()[0];
        assert_eq!(claim.usable_until().get(), (iat + window_s) * 1_000 + 999);
        assert_eq!(claim.keep_until().get(), claim.usable_until().get() + 60_000, "as far apart as clocks may be");
        assert_eq!(decide(&world, &parts, claim.usable_until()), Ok(()));
        let after = claim.usable_until().saturating_add(1);
        assert_eq!(decide(&world, &parts, after), Err(Reason::IatTooOld));
    }
}

/// Two replicas whose clocks are one skew apart, either way, and a store in memory that goes by the clock of either. A
/// replay is tried at each edge, while other requests let the store forget what it may.
#[test]
fn no_replay_passes_while_its_proof_could() {
    let (lifetime_ms, skew_ms) = (120_000, 5_000);
    for store_ahead in [0, skew_ms] {
        for other_ahead in [0, skew_ms] {
            let clock = Clock::at(NOW);
            let store = Arc::new(clock.memory(1 << 20));
            let world = world_with(Arc::clone(&store), WhenAway::Refuse);
            // `NOW` is the slowest clock. The nonce was minted by the one that is ahead, and lives the longest.
            let fast = NOW.saturating_add(skew_ms);
            let minted = |jti: &str| {
                let nonce = world.nonce_at(fast);
                world.draft().but(|d| {
                    d.claims.set("nonce", quoted(nonce));
                    d.claims.set("jti", quoted(jti));
                })
            };
            let parts = minted("victim").parts();
            let tick = |passed: u64| {
                clock.set(NOW.saturating_add(passed + store_ahead));
                NOW.saturating_add(passed + other_ahead)
            };
            assert_eq!(decide(&world, &parts, tick(0)), Ok(()));
            let last = lifetime_ms + 2 * skew_ms - other_ahead;
            for passed in [1, skew_ms, lifetime_ms - 1, lifetime_ms, lifetime_ms + skew_ms, last - 1, last, last + 1] {
                let now = tick(passed);
                // It belongs to another generation, and lets the store look at the clock.
                let other = Claim::new(ProofId::from_bytes([passed as u8; 32]), now.saturating_add(9_999_999), now);
                let _ = store.claim_now(other);
                let expected = if passed > last { Reason::NonceExpired } else { Reason::ProofReplayed };
                // A clock of the store that is ahead of the verifier's is late sooner, which is as good.
                let decided = decide(&world, &parts, now).unwrap_err();
                assert!(decided == expected || decided == Reason::ClaimLate, "{passed} {decided}");
            }
        }
    }
}

/// The clock may go back by a skew, as when the next claim comes from a slower one: what was claimed is still known.
#[test]
fn what_must_be_kept_is_kept_to_the_millisecond() {
    let clock = Clock::at(NOW);
    let store = clock.memory(1 << 20);
    let at = |ms: u64| NOW.saturating_add(ms);
    let id = |n: u8| ProofId::from_bytes([n; 32]);
    let claim = Claim::new(id(0), at(1_000), at(1_500));
    // Of every shard, so that the one in question looks at the clock.
    let look = |at_ms: u64| {
        clock.set(at(at_ms));
        for n in 1..=255 {
            let _ = store.claim_now(Claim::new(id(n), at(at_ms + 10_000), at(at_ms + 10_000)));
        }
    };
    assert_eq!(store.claim_now(claim), Ok(Claimed::First));
    clock.set(at(1_000));
    assert_eq!(store.claim_now(claim), Ok(Claimed::Again));
    clock.set(at(1_001));
    assert_eq!(store.claim_now(claim), Ok(Claimed::Late));
    look(1_500);
    clock.set(at(1_000));
    assert_eq!(store.claim_now(claim), Ok(Claimed::Again), "kept up to its last moment");
    look(1_501 + 751);
    clock.set(at(1_000));
    assert_eq!(store.claim_now(claim), Ok(Claimed::First), "and forgotten, half as long again later at most");
}

fn id_of(n: u64) -> ProofId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    ProofId::from_bytes(bytes)
}

/// `SEALSTAMP_TEST_FULL=1` claims ten million; without it, a hundredth of that.
#[test]
fn memory_is_bounded_and_a_full_store_refuses() {
    let full = std::env::var_os("SEALSTAMP_TEST_FULL").is_some_and(|value| value == "1");
    let (claims, bytes) = if full { (10_000_000_u64, 300 << 20) } else { (100_000, 3 << 20) };
    let (mut firsts, mut first_refused) = (0_u64, None);
    let mut store = None;
    let cost = allocation_counter::measure(|| {
        let made = Clock::at(NOW).memory(bytes);
        for n in 0..claims {
            match made.claim_now(Claim::new(id_of(n), NOW, NOW.saturating_add(130_000))) {
                Ok(Claimed::First) => firsts += 1,
                Err(StoreError::Full) => first_refused = first_refused.or(Some(n)),
                other => panic!("{other:?}"),
            }
        }
        store = Some(made);
    });
    let store = store.unwrap();
    println!("{firsts} of {claims} claims in {} of {bytes} bytes, refused from {first_refused:?} on", cost.bytes_max);
    assert!(cost.bytes_max <= bytes as u64, "{} bytes", cost.bytes_max);
    assert!(firsts < claims && first_refused.is_some(), "it was to be full");
    assert!(cost.bytes_max / firsts <= 40, "{} bytes for each claim", cost.bytes_max / firsts);
    assert_eq!(store.claims() as u64, firsts);
    assert_eq!(store.fill(), 1.0);
    // Full, it still knows what it has, and lets nothing pass.
    for n in 0..claims.min(10_000) {
        let again = store.claim_now(Claim::new(id_of(n), NOW, NOW.saturating_add(130_000)));
        assert!(matches!(again, Ok(Claimed::Again) | Err(StoreError::Full)), "{again:?}");
    }
}

/// From 0 to 1 as claims come, and back when they may be forgotten, though nobody has claimed anything since.
#[test]
fn how_full_a_store_is() {
    let clock = Clock::at(NOW);
    let store = clock.memory(1 << 20);
    assert_eq!(store.fill(), 0.0);
    let until = NOW.saturating_add(10_000);
    let (mut n, mut fill) = (0, 0.0);
    while store.claim_now(Claim::new(id_of(n), until, until)).is_ok() {
        n += 1;
        assert!(store.fill() >= fill && store.fill() <= 1.0, "{}", store.fill());
        fill = store.fill();
    }
    assert!(n > 1_000, "{n}");
    assert_eq!(fill, 1.0, "what refuses is full");
    clock.set(until);
    assert_eq!(store.fill(), 1.0);
    clock.set(until.saturating_add(1));
    assert_eq!(store.fill(), 0.0);
}

/// Small budgets, down to none: the bound holds, and what does not fit is refused.
#[test]
fn every_budget_is_kept() {
    for bytes in [0, 1, 1_000, 3_000, 10_000, 65_536, 1_000_000, 5_000_000] {
        let cost = allocation_counter::measure(|| {
            let store = Clock::at(NOW).memory(bytes);
            let claims = (0..bytes as u64 / 30 + 100)
                .filter(|n| store.claim_now(Claim::new(id_of(*n), NOW, NOW)).is_ok())
                .count();
            assert!(claims * 50 >= bytes.saturating_sub(3_000), "{claims} claims in {bytes} bytes");
        });
        // The clock and the store's own few words.
        assert!(cost.bytes_max <= bytes as u64 + 300, "{} of {bytes} bytes", cost.bytes_max);
    }
}

/// A day of claims: memory stays that of one lifetime, and is given back.
#[test]
fn what_may_be_forgotten_is_forgotten() {
    let clock = Clock::at(NOW);
    let store = clock.memory(4 << 20);
    let mut most = 0;
    for n in 0..1_000_000_u64 {
        let now = NOW.saturating_add(n * 10);
        clock.set(now);
        let claim = Claim::new(id_of(n), now.saturating_add(125_000), now.saturating_add(130_000));
        assert_eq!(store.claim_now(claim), Ok(Claimed::First));
        if n % 10_000 == 0 {
            most = most.max(store.claims());
        }
    }
    // 130 s at 100 a second are 13,000; half as many again are kept.
    assert!((13_000..=20_000).contains(&most), "{most}");
}

/// Many threads, few ids: each has one first.
#[test]
fn of_any_number_at_the_same_time_one_is_first() {
    let store = Clock::at(NOW).memory(1 << 20);
    let firsts: Vec<AtomicUsize> = (0..500).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for (n, firsts) in firsts.iter().enumerate() {
                    if store.claim_now(Claim::new(id_of(n as u64), NOW, NOW)) == Ok(Claimed::First) {
                        firsts.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert!(firsts.iter().all(|firsts| firsts.load(Ordering::SeqCst) == 1));
}

/// How far clocks may be apart in the property tests, in milliseconds.
const APART_MS: u64 = 5_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Claims in any order and at any time, by a clock that may be up to a skew wrong each time that it is read: the
    /// store's answers are those of one that forgets nothing. A store with little room may refuse what is new.
    #[test]
    fn the_store_answers_like_one_that_forgets_nothing(
        ends in vec(0_u64..200_000, 24),
        steps in vec((0_u64..3_000, 0..=APART_MS, 0_usize..24, 0_u64..8), 1..300),
        bytes in prop_oneof![Just(4 << 20), 4_000_usize..60_000],
    ) {
        let clock = Clock::at(NOW);
        let store = clock.memory(bytes);
        let claims: Vec<_> = ends.iter().zip(0..).map(|(end, n)| {
            let usable_until = NOW.saturating_add(*end);
            Claim::new(id_of(n), usable_until, usable_until.saturating_add(APART_MS))
        }).collect();
        let (mut claimed, mut passed, mut others) = ([false; 24], 0, 1_000);
        for (step, wrong, nth, fill) in steps {
            passed += step;
            let now = NOW.saturating_add(passed + wrong);
            clock.set(now);
            // Other clients' claims, which close generations and let the store forget them.
            for _ in 0..fill {
                others += 1;
                let _ = store.claim_now(Claim::new(id_of(others), now.saturating_add(2_000), now.saturating_add(7_000)));
            }
            let claim = claims[nth];
            let expected = if now > claim.usable_until() {
                Claimed::Late
            } else if claimed[nth] {
                Claimed::Again
            } else {
                Claimed::First
            };
            match store.claim_now(claim) {
                Ok(answer) => prop_assert_eq!(answer, expected),
                Err(error) => {
                    prop_assert_eq!((error, expected), (StoreError::Full, Claimed::First));
                    prop_assert!(bytes < 60_000);
                    continue;
                }
            }
            claimed[nth] |= expected == Claimed::First;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any lifetime and skew, with nonces and without; the clocks of who minted and of three replicas with one store each
    /// wrong by up to a skew. Whenever a replica would take the proof again, the store makes it refuse: at each edge of
    /// its life to the millisecond, and between. The third replica's claims let the store forget what it may.
    #[test]
    fn no_replay_passes_at_any_replica_while_its_proof_could(
        (lifetime_s, max_skew_s, with_nonce) in (1_u32..300, 0_u32..=60, any::<bool>()),
        wrong in array::uniform4(0.0..=1.0_f64),
        (iat_ahead_s, between) in (-200_i64..=200, vec(0.0..1.2_f64, 6)),
    ) {
        let skew_ms = if with_nonce { u64::from(max_skew_s) * 1_000 } else { 60_000 };
        let [minter, one, other, third] = wrong.map(|wrong| (wrong * skew_ms as f64) as u64);
        let clock = Clock::at(NOW);
        // One shard, so that every claim lets it forget.
        let store = Arc::new(clock.memory(60_000));
        let fleet = fleet_of(lifetime_s, max_skew_s);
        let nonces = || if with_nonce { Nonces::Required(fleet.clone()) } else { Nonces::Off };
        let plain = Verifier::builder(PUBLIC_URL, nonces()).build().unwrap();
        let once = Verifier::builder(PUBLIC_URL, nonces()).single_use(Arc::clone(&store), WhenAway::Refuse);
        let world = World { fleet: fleet.clone(), ..World::new() };
        let (plain, once) = (world.clone().with(plain), world.clone().with(once.build().unwrap()));

        let iat = (NOW.get() / 1_000).checked_add_signed(if with_nonce { 0 } else { iat_ahead_s }).unwrap();
        let parts = world.draft().but(|draft| {
            draft.claims.set("nonce", quoted(world.nonce_at(NOW.saturating_add(minter))));
            draft.claims.set("iat", iat);
            draft.token_claims.set("exp", iat + 100_000);
        }).parts();
        // The last moment by any clock at which it passes.
        let end = if with_nonce {
            NOW.saturating_add(minter + u64::from(lifetime_s) * 1_000 + skew_ms)
        } else {
            UnixMillis::new((iat + u64::try_from(IAT_WINDOW_S).unwrap()) * 1_000 + 999)
        };
        let life_ms = end.since(NOW);

        // What was once accepted never is again, at no time and by no clock.
        let mut times: Vec<_> = between.iter().map(|part| (*part * life_ms as f64) as u64).collect();
        for ahead in [0, one, other, third, skew_ms] {
            let edge = life_ms.saturating_sub(ahead);
            times.extend([edge.saturating_sub(1), edge, edge + 1]);
        }
        times.sort_unstable();
        let mut accepted = 0;
        for (n, passed) in times.into_iter().enumerate() {
            let true_time = NOW.saturating_add(passed);
            for (replica, wrong) in [one, other].into_iter().enumerate() {
                clock.set(true_time.saturating_add(third));
                let noise = id_of(1_000 + 2 * n as u64 + replica as u64);
                let _ = store.claim_now(Claim::new(noise, true_time.saturating_add(100_000), true_time));
                let now = true_time.saturating_add(wrong);
                clock.set(now);
                let (without, with) = (decide(&plain, &parts, now), decide(&once, &parts, now));
                match (without, with, accepted) {
                    (Ok(()), Ok(()), 0) => accepted += 1,
                    (Ok(()), Err(Reason::ProofReplayed), 1) => {}
                    (Err(without), Err(with), _) => prop_assert_eq!(without, with),
                    other => prop_assert!(false, "{other:?} of replica {replica} after {passed} of {life_ms} ms"),
                }
            }
        }
    }
}

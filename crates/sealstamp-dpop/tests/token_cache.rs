//! A validator that remembers: for how long, for whom, and how much.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use std::future::{Future, poll_fn};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use sealstamp::UnixMillis;
use sealstamp_dpop::{
    Algorithm, CacheBounds, Cached, Jwks, JwtValidator, PresentedToken, Reason, RequestHead, TokenBinding, TokenDefect,
    TokenFacts, TokenValidator,
};
use sealstamp_testkit::{ISSUER, Issuer, PUBLIC_URL, issuer, other_key, quoted};
use serde_json::{Map, Value};
use support::{NOW, World, key, tokens};
use tokio::sync::Semaphore;

fn at(ms: u64) -> UnixMillis {
    NOW.saturating_add(ms)
}

/// A token that the issuer's key has signed, good for so many seconds.
fn token_for(seconds: u64) -> String {
    let mut claims = issuer().claims("alice", PUBLIC_URL, &key(Algorithm::ES256).thumbprint(), NOW.get() / 1000);
    claims.set("exp", NOW.get() / 1000 + seconds);
    issuer().sign(&claims)
}

fn jwks_of(issuer: &Issuer) -> Jwks {
    Jwks::parse(issuer.jwks().as_bytes()).unwrap()
}

/// An issuer that is asked about each token, as by introspection.
#[derive(Default)]
struct Introspection {
    says: Mutex<Option<TokenDefect>>,
    has_no_end: AtomicBool,
    generation: AtomicU64,
    asked: AtomicUsize,
    /// Closed: answers come at once. Open: each answer needs a permit.
    slow: Option<Semaphore>,
    claims: Map<String, Value>,
}

impl Introspection {
    fn slow() -> Arc<Self> {
        Arc::new(Self { slow: Some(Semaphore::new(0)), ..Self::default() })
    }

    fn answer(&self, count: usize) {
        self.slow.as_ref().unwrap().add_permits(count);
    }

    fn say(&self, defect: Option<TokenDefect>) {
        *self.says.lock().unwrap() = defect;
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

impl TokenValidator for Introspection {
    async fn validate(&self, _: &str, _: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        self.asked.fetch_add(1, SeqCst);
        if let Some(slow) = &self.slow {
            slow.acquire().await.unwrap().forget();
        }
        if let Some(defect) = *self.says.lock().unwrap() {
            return Err(defect);
        }
        let facts = TokenFacts::new(TokenBinding::None).with_claims(self.claims.clone());
        Ok(if self.has_no_end.load(SeqCst) { facts } else { facts.until(UnixMillis::new(u64::MAX)) })
    }

    fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }
}

#[tokio::test]
async fn a_token_is_refused_when_it_expires() {
    let cached = Cached::new(tokens(), CacheBounds::default());
    let token = token_for(60);
    for (ms, validations) in [(0, 1), (1, 1), (60_000, 1), (89_999, 1)] {
        assert!(cached.validate(&token, at(ms)).await.is_ok());
        assert_eq!(cached.status().validations(), validations);
    }
    assert_eq!(cached.validate(&token, at(90_000)).await.unwrap_err(), TokenDefect::Expired);
    assert_eq!((cached.status().hits(), cached.status().validations(), cached.status().entries()), (3, 2, 0));
}

/// What the validator says of the end is what counts: its leeway is in it.
#[tokio::test]
async fn facts_hold_until_the_validator_says() {
    let facts = tokens().validate_now(&token_for(60), NOW).unwrap();
    assert_eq!(facts.valid_until(), Some(at(90_000)), "a minute and the leeway");
    let strict = tokens().leeway_s(0).unwrap().validate_now(&token_for(60), NOW).unwrap();
    assert_eq!(strict.valid_until(), Some(at(60_000)));
    let introspection = Arc::new(Introspection::default());
    introspection.has_no_end.store(true, SeqCst);
    let cached = Cached::new(Arc::clone(&introspection), CacheBounds::default());
    for asked in 1..4 {
        assert!(cached.validate("t", NOW).await.is_ok());
        assert_eq!((introspection.asked(), cached.status().entries()), (asked, 0), "kept without an end");
    }
}

#[tokio::test]
async fn a_token_is_validated_again_after_five_minutes() {
    let cached = Cached::new(tokens(), CacheBounds::default());
    let token = token_for(86_400);
    for (ms, validations) in [(0, 1), (299_999, 1), (300_000, 2), (599_999, 2), (600_000, 3)] {
        assert!(cached.validate(&token, at(ms)).await.is_ok());
        assert_eq!(cached.status().validations(), validations, "after {ms} ms");
    }
    // A clock that was set back: what it knew then is asked again.
    assert!(cached.validate(&token, at(600_000 - 5_001)).await.is_ok());
    assert_eq!(cached.status().validations(), 4);
}

#[tokio::test]
async fn new_keys_of_the_issuer_make_it_forget() {
    let tokens = tokens();
    let cached = Cached::new(tokens.clone(), CacheBounds::default());
    let token = token_for(600);
    assert!(cached.validate(&token, NOW).await.is_ok());
    // The same set again changes nothing.
    let mut jwk = issuer().key.jwk();
    jwk.set("kid", quoted(Issuer::KID));
    let same = Jwks::parse(format!("{{\"keys\":[{}]}}", jwk.json()).as_bytes()).unwrap();
    tokens.reload(same);
    assert!(cached.validate(&token, NOW).await.is_ok());
    assert_eq!((cached.status().hits(), cached.status().entries()), (1, 1));
    // One more key says nothing against tokens under the other.
    let another = Issuer::new(ISSUER).key.jwk().json();
    tokens.reload(Jwks::parse(format!("{{\"keys\":[{another},{}]}}", jwk.json()).as_bytes()).unwrap());
    assert!(cached.validate(&token, NOW).await.is_ok());
    assert_eq!((cached.status().hits(), cached.status().entries()), (2, 1));
    // That the key of this token stays does not help: a key has gone, and nobody knows which tokens it signed.
    tokens.reload(Jwks::parse(format!("{{\"keys\":[{}]}}", jwk.json()).as_bytes()).unwrap());
    assert!(cached.validate(&token, NOW).await.is_ok());
    assert_eq!((cached.status().hits(), cached.status().validations()), (2, 2));
    // Another key under the name of the old one.
    tokens.reload(jwks_of(&Issuer::new(ISSUER)));
    assert!(cached.validate(&token, NOW).await.is_err());
    assert_eq!((cached.status().hits(), cached.status().entries()), (2, 0));
    assert_eq!(cached.generation(), tokens.generation());
}

/// The keys change while a token is being validated: the answer is for whoever asked before, and is not kept.
#[tokio::test]
async fn an_answer_by_old_keys_is_for_those_who_asked_before() {
    let introspection = Introspection::slow();
    let cached = Cached::new(Arc::clone(&introspection), CacheBounds::default());
    let mut before = Box::pin(cached.validate("t", NOW));
    assert!(poll_fn(|cx| Poll::Ready(before.as_mut().poll(cx).is_pending())).await);
    introspection.generation.store(1, SeqCst);
    let mut after = Box::pin(cached.validate("t", NOW));
    assert!(poll_fn(|cx| Poll::Ready(after.as_mut().poll(cx).is_pending())).await);
    introspection.answer(1);
    assert!(before.await.is_ok());
    assert_eq!(cached.status().entries(), 0);
    introspection.answer(1);
    assert!(after.await.is_ok());
    assert_eq!((introspection.asked(), cached.status().entries()), (2, 1));
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_the_bound() {
    let introspection = Arc::new(Introspection::default());
    let cached = Cached::new(Arc::clone(&introspection), CacheBounds::default().keep_s(10).inactive_s(5));
    assert!(cached.validate("t", at(0)).await.is_ok());
    introspection.say(Some(TokenDefect::Inactive));
    assert!(cached.validate("t", at(9_999)).await.is_ok());
    assert_eq!(cached.validate("t", at(10_000)).await.unwrap_err(), TokenDefect::Inactive);
    // And the issuer is not asked again for five seconds.
    assert_eq!(cached.validate("t", at(14_999)).await.unwrap_err(), TokenDefect::Inactive);
    assert_eq!(introspection.asked(), 2);
    introspection.say(None);
    assert!(cached.validate("t", at(15_000)).await.is_ok());
    assert_eq!(introspection.asked(), 3);
}

#[tokio::test]
async fn no_other_refusal_is_remembered() {
    let introspection = Arc::new(Introspection::default());
    for (bounds, defect) in [
        (CacheBounds::default(), TokenDefect::Inactive),
        (CacheBounds::default().inactive_s(60), TokenDefect::Unavailable),
        (CacheBounds::default().inactive_s(60), TokenDefect::BadSignature),
    ] {
        let cached = Cached::new(Arc::clone(&introspection), bounds);
        introspection.say(Some(defect));
        let asked = introspection.asked();
        for more in 1..4 {
            assert_eq!(cached.validate("t", NOW).await.unwrap_err(), defect);
            assert_eq!(introspection.asked(), asked + more);
        }
        introspection.say(None);
        assert!(cached.validate("t", NOW).await.is_ok());
    }
}

#[tokio::test]
async fn requests_with_the_same_new_token_validate_it_once() {
    for defect in [None, Some(TokenDefect::Inactive)] {
        let introspection = Introspection::slow();
        introspection.say(defect);
        let cached = Cached::new(Arc::clone(&introspection), CacheBounds::default());
        let ask = || Box::pin(cached.validate("t", NOW));
        let mut waiting: Vec<_> = (0..10).map(|_| ask()).collect();
        for one in &mut waiting {
            assert!(poll_fn(|cx| Poll::Ready(one.as_mut().poll(cx).is_pending())).await);
        }
        // The one that asked hangs up.
        drop(waiting.remove(0));
        introspection.answer(1);
        for one in waiting {
            assert_eq!(one.await.err(), defect);
        }
        assert_eq!(introspection.asked(), 1);
    }
}

/// Two threads, each with a request of its own, through the whole verifier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_requests_at_once_validate_once() {
    let world = World::new();
    let introspection = Introspection::slow();
    let cached = Cached::new(Arc::clone(&introspection), CacheBounds::default());
    let request = Arc::new(world.draft().parts());
    let decide = || {
        let (world, cached, request) = (world.clone(), cached.clone(), Arc::clone(&request));
        tokio::spawn(async move { world.verifier.decide(RequestHead::of(&request), &cached, NOW).await })
    };
    let (one, two) = (decide(), decide());
    while world.verifier.counters().signature_checks() < 2 {
        tokio::task::yield_now().await;
    }
    introspection.answer(1);
    // It binds tokens to no key, so both are refused, after one question.
    for decision in [one, two] {
        assert_eq!(decision.await.unwrap().unwrap_err().reason(), Reason::TokenNotBound);
    }
    assert_eq!((introspection.asked(), cached.status().validations()), (1, 1));
}

/// The cache says what the token says. Whose request it is, the verifier asks each time.
#[tokio::test]
async fn a_known_token_is_refused_with_another_key() {
    let world = World::new();
    let cached = Cached::new(world.tokens.clone(), CacheBounds::default());
    let draft = world.draft();
    let token = draft.token();
    let with_its_token = |mut draft: sealstamp_testkit::Draft| {
        let token = token.clone();
        let proof = draft.proof_for(&token);
        draft.on_authorization(move |_| vec![format!("DPoP {token}")]);
        draft.on_proof(move |_| vec![proof.clone()]);
        draft.parts()
    };
    let own = with_its_token(draft);
    let stolen = with_its_token(sealstamp_testkit::Draft::new(&other_key(), &world.nonce(), NOW.get() / 1000));
    for hits in [0, 2] {
        assert!(world.verifier.decide(RequestHead::of(&own), &cached, NOW).await.is_ok());
        let refused = world.verifier.decide(RequestHead::of(&stolen), &cached, NOW).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::TokenOfAnotherKey);
        assert_eq!(cached.status().hits(), hits + 1);
    }
    assert_eq!((cached.status().validations(), cached.status().entries()), (1, 1));
}

/// What is looked up is the hash of the very text that was presented.
#[tokio::test]
async fn no_token_is_taken_for_another() {
    let cached = Cached::new(tokens(), CacheBounds::default());
    let good = token_for(600);
    assert!(cached.validate(&good, NOW).await.is_ok());
    for end in [0, 1, good.len() - 1] {
        assert!(cached.validate(&good[..end], NOW).await.is_err(), "{end} characters");
    }
    assert!(cached.validate(&format!("{good}A"), NOW).await.is_err());
    assert_eq!((cached.status().hits(), cached.status().entries()), (0, 1));
    let known = cached.validate_presented(&PresentedToken::new(&good), NOW).await.unwrap();
    let validated = tokens().validate_now(&good, NOW).unwrap();
    assert_eq!((known.claims(), known.binding()), (validated.claims(), validated.binding()));
}

/// Facts are shared: a hit makes no copy of the claims.
#[tokio::test]
async fn a_hit_allocates_nothing() {
    let cached = Cached::new(tokens(), CacheBounds::default());
    let token = token_for(600);
    let (one, two) = (cached.validate(&token, NOW).await.unwrap(), cached.validate(&token, NOW).await.unwrap());
    assert!(std::ptr::eq(one.claims(), two.claims()));
    let presented = PresentedToken::new(&token);
    let hit = allocation_counter::measure(|| {
        let mut hit = std::pin::pin!(cached.validate_presented(&presented, NOW));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(matches!(hit.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
    });
    assert_eq!(hit.count_total, 0);
}

/// A flood of distinct tokens, valid ones and others: memory stays within its bound, and the tokens that come again and
/// again stay known.
#[tokio::test]
async fn a_flood_stays_within_bounds() {
    const BYTES: u64 = 4 * 1024 * 1024;
    let claims = format!(r#"{{"sub":"alice","scope":"tools:call","x":"{}"}}"#, "x".repeat(1_000));
    let introspection = Introspection { claims: serde_json::from_str(&claims).unwrap(), ..Introspection::default() };
    let introspection = Arc::new(introspection);
    let bounds = CacheBounds::default().bytes(BYTES).entries(1_000).inactive_s(60);
    for (flood, each) in [(None, 1_000), (None, 20), (Some(TokenDefect::Inactive), 20)] {
        let cached = Cached::new(Arc::clone(&introspection), bounds);
        let hot: Vec<String> = (0..50).map(|n| format!("hot {n}")).collect();
        introspection.say(None);
        let mut known = 0;
        for _ in 0..3 {
            for token in &hot {
                cached.validate(token, NOW).await.unwrap();
            }
        }
        let taken = allocation_counter::measure(|| {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let mut validate = |token: &str| {
                let mut answer = std::pin::pin!(cached.validate(token, NOW));
                assert!(answer.as_mut().poll(&mut cx).is_ready());
            };
            for n in 0..20_000 {
                introspection.say(flood);
                validate(&format!("flood {n}"));
                introspection.say(None);
                if n % each == 0 {
                    let before = cached.status().hits();
                    validate(&hot[n / each % hot.len()]);
                    known += cached.status().hits() - before;
                }
            }
        });
        let hot_asked = 20_000 / u64::try_from(each).unwrap();
        assert!(known * 100 >= hot_asked * 95, "{known} of {hot_asked} hot tokens were known");
        let status = cached.status();
        assert!(status.bytes() <= BYTES && status.entries() <= 1_000, "{status:?}");
        // For "inactive" there is a table of a fixed size beside it.
        let inactive = if flood.is_some() { 4_096 * 128 } else { 0 };
        let now = u64::try_from(taken.bytes_current).unwrap();
        assert!(now <= BYTES + inactive, "{now} bytes");
        assert!(taken.bytes_max <= BYTES + inactive + 64 * 1024, "{} bytes at most", taken.bytes_max);
    }
}

/// An entry larger than the whole cache is validated each time, and pushes nothing out.
#[tokio::test]
async fn what_is_too_large_is_not_kept() {
    let claims = format!(r#"{{"x":"{}"}}"#, "x".repeat(100_000));
    let introspection = Introspection { claims: serde_json::from_str(&claims).unwrap(), ..Introspection::default() };
    let cached = Cached::new(introspection, CacheBounds::default().bytes(64 * 1024));
    for validations in 1..4 {
        assert!(cached.validate("t", NOW).await.is_ok());
        assert_eq!((cached.status().validations(), cached.status().bytes()), (validations, 0));
    }
    let nothing = Cached::new(tokens(), CacheBounds::default().entries(0));
    assert!(nothing.validate(&token_for(60), NOW).await.is_ok());
    assert_eq!(nothing.status().entries(), 0);
}

#[tokio::test]
async fn debug_shows_bounds_and_no_claims() {
    let cached: Cached<JwtValidator> = Cached::new(tokens(), CacheBounds::default());
    assert!(cached.validate(&token_for(60), NOW).await.is_ok());
    let shown = format!("{cached:?}");
    assert!(shown.starts_with("Cached { bounds: CacheBounds {") && !shown.contains("alice"), "{shown}");
}

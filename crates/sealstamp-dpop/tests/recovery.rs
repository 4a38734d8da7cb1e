//! I9: a client that follows RFC 9449 recovers from every refused nonce in one retry, on any replica, through rotations
//! and a revocation.
//!
//! Replicas share a ring and nothing else. Each loads a new ring with its own delay, within the ring's propagation, and
//! has a clock of its own, within half the skew. Clients do what the standards ask and what the MCP client does: one
//! nonce, newest wins, one retry.
//!
//! One corner takes a second retry, whatever a server does. While a revocation spreads, a replica that has not loaded
//! it still mints with the revoked key. A client that comes there without a good nonce is handed such a one, and a
//! replica that has loaded the revocation refuses it. The nonce of *that* refusal is good everywhere.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use proptest::prelude::*;
use sealstamp::{Force, Fresh, Kid, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::{Answer, Nonces, RequestHead, TokenBinding, TokenFacts, Verifier};
use sealstamp_testkit::{PUBLIC_URL, quoted};
use support::{NOW, World, fleet};

const REPLICAS: usize = 3;
const PROPAGATION_S: u32 = 30;
const PROPAGATION_MS: u64 = 30_000;

struct Replica {
    world: World,
    /// How this replica's clock differs from true time, in milliseconds.
    skew: i64,
    /// How long it takes to load a new ring, in milliseconds.
    delay: u64,
}

struct Service {
    now: u64,
    ring: Ring,
    /// Rings on their way: when they were written.
    written: Vec<(u64, Ring)>,
    replicas: Vec<Replica>,
    seed: u64,
    revoked_at: Option<u64>,
}

#[derive(Debug, Clone)]
enum Step {
    /// Time passes.
    Wait(u64),
    /// A client sends one request, and its retries, if there must be some, to the replicas named.
    Request { client: usize, to: [usize; 3] },
    /// The operator rotates.
    Rotate,
    /// The operator revokes the active key, once, and not on the heels of a rotation that is still spreading.
    Revoke,
}

impl Service {
    fn new(skews: &[i64], delays: &[u64]) -> Self {
        let settings = Settings::new(20, 5, PROPAGATION_S).unwrap();
        let ring = Ring::init(settings, Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(0));
        let template = World::new();
        let replicas = (0..REPLICAS).map(|i| {
            let fleet = fleet(ring.clone(), PUBLIC_URL);
            let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).build().unwrap();
            let world = World { fleet, ..template.clone() }.with(verifier);
            Replica { world, skew: skews[i], delay: delays[i] }
        });
        let replicas = replicas.collect();
        // The first ring has long been everywhere.
        let now = NOW.get() + PROPAGATION_MS;
        Self { now, ring, written: Vec::new(), replicas, seed: 0, revoked_at: None }
    }

    fn tick(&mut self, ms: u64) {
        self.now += ms;
        for replica in &mut self.replicas {
            for (at, ring) in &self.written {
                if at + replica.delay <= self.now && ring.serial() > replica.world.fleet.ring().serial() {
                    replica.world.fleet.swap(ring.clone()).unwrap();
                }
            }
        }
    }

    fn fresh(&mut self) -> Fresh {
        self.seed += 1;
        Fresh::insecure_from_seed(self.seed)
    }

    fn write(&mut self, ring: Ring) {
        self.written.push((self.now, ring.clone()));
        self.ring = ring;
    }

    fn rotate(&mut self) {
        let fresh = self.fresh();
        if let Ok(transition) = self.ring.rotate(None, UnixMillis::new(self.now), fresh, Force::No) {
            self.write(transition.ring);
        }
    }

    fn revoke(&mut self) {
        // The key that steps in must be everywhere, or more than one retry is as promised.
        let spreading = self.written.last().is_some_and(|(at, _)| at + PROPAGATION_MS > self.now);
        if self.revoked_at.is_some() || spreading {
            return;
        }
        let (now, fresh) = (UnixMillis::new(self.now), self.fresh());
        let active: Kid = self.ring.active(now).kid();
        if let Ok(transition) = self.ring.revoke(active, now, fresh, Force::No) {
            self.revoked_at = Some(self.now);
            self.write(transition.ring);
        }
    }

    /// How many retries a client may need whose first request a replica refuses now.
    fn retries(&self, refused_by: usize) -> usize {
        let spreading = self.revoked_at.is_some_and(|at| self.now <= at + PROPAGATION_MS);
        let behind = self.replicas[refused_by].world.fleet.ring().serial() < self.ring.serial();
        if spreading && behind { 2 } else { 1 }
    }

    /// One attempt: what came of it, and the nonce that came with it.
    fn send(&self, to: usize, nonce: Option<&String>) -> (Result<(), Answer>, Option<String>) {
        let replica = &self.replicas[to];
        let now = UnixMillis::new(self.now.checked_add_signed(replica.skew).unwrap());
        let world = World { now, ..replica.world.clone() };
        let draft = world.draft().but(|draft| {
            draft.token = Some("opaque".into());
            match nonce {
                Some(nonce) => draft.claims.set("nonce", quoted(nonce)),
                None => draft.claims.remove("nonce"),
            }
        });
        let parts = draft.parts();
        let token = TokenFacts::new(TokenBinding::Thumbprint(draft.key.thumbprint().parse().unwrap()));
        let proven = world.verifier.check(RequestHead::of(&parts), now);
        match proven.and_then(|proven| proven.bind(Ok(token), now)?.accept(now)) {
            Ok(accepted) => (Ok(()), accepted.next_nonce().map(ToString::to_string)),
            Err(refused) => (Err(refused.answer()), refused.nonce().map(ToString::to_string)),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let request =
        (0..2_usize, prop::array::uniform3(0..REPLICAS)).prop_map(|(client, to)| Step::Request { client, to });
    let step = prop_oneof![
        10 => request,
        5 => (0..5_000_u64).prop_map(Step::Wait),
        2 => (5_000..40_000_u64).prop_map(Step::Wait),
        1 => Just(Step::Rotate),
        1 => Just(Step::Revoke),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_retry_is_enough(
        skews in prop::collection::vec(-2_500..=2_500_i64, REPLICAS),
        delays in prop::collection::vec(0..=PROPAGATION_MS, REPLICAS),
        steps in steps(),
    ) {
        let mut service = Service::new(&skews, &delays);
        let mut nonces: [Option<String>; 2] = [None, None];
        for step in steps {
            match step {
                Step::Wait(ms) => service.tick(ms),
                Step::Rotate => service.rotate(),
                Step::Revoke => service.revoke(),
                Step::Request { client, to } => {
                    let mut retries = 0;
                    for replica in to {
                        let (outcome, nonce) = service.send(replica, nonces[client].as_ref());
                        if nonce.is_some() {
                            nonces[client] = nonce;
                        }
                        let Err(answer) = outcome else { break };
                        prop_assert_eq!(answer, Answer::UseDpopNonce);
                        retries += 1;
                        prop_assert!(retries <= service.retries(to[0]), "at {} ms", service.now - NOW.get());
                    }
                }
            }
        }
    }
}

/// The property above is about something: a revocation does make a replica refuse nonces it took a moment before, and
/// one retry is what it costs. Outside it, a client that keeps sending sees no refusal at all.
#[test]
fn a_rotation_costs_nothing_and_a_revocation_one_retry() {
    let mut service = Service::new(&[0, 2_500, -2_500], &[0, 15_000, 30_000]);
    let (mut nonce, mut refusals) = (None, 0);
    let mut run = |service: &mut Service, seconds: u64| {
        refusals = 0;
        for second in 0..seconds {
            service.tick(1_000);
            let to = usize::try_from(second).unwrap() % REPLICAS;
            let (first, next) = service.send(to, nonce.as_ref());
            nonce = next.or(nonce.take());
            if first.is_err() {
                refusals += 1;
                let (second, next) = service.send((to + 1) % REPLICAS, nonce.as_ref());
                assert_eq!(second, Ok(()));
                nonce = next.or(nonce.take());
            }
        }
        refusals
    };
    assert_eq!(run(&mut service, 60), 1, "the first request has no nonce yet");
    service.rotate();
    assert_eq!(run(&mut service, 120), 0, "a rotation");
    service.revoke();
    assert!(service.revoked_at.is_some());
    let refusals = run(&mut service, 120);
    assert!(refusals > 0, "a revocation");
    assert_eq!(run(&mut service, 120), 0, "after the revocation");
}

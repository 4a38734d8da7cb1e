//! Two replicas with one store, which is a real server that the test starts: Redis and Valkey, one after the other.
//!
//! `redis-server` is found on the path. So is `valkey-server`, unless `SEALSTAMP_VALKEY_SERVER` says where it is. What
//! is not there is skipped, which with `CI=true` is a failure.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::{Request, Response};
use redis::aio::MultiplexedConnection;
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{
    Claim, Claimed, Jwks, JwtValidator, Nonces, ProofId, ProofStore, Reason, StoreError, Verifier, WhenAway,
};
use sealstamp_redis::RedisStore;
use sealstamp_testkit::{Draft, ISSUER, PUBLIC_URL, SlowStore, StoreServer, issuer, key};
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

fn now() -> UnixMillis {
    UnixMillis::from_system_time(SystemTime::now())
}

/// A server behind the layer, with a connection of its own to the store.
#[derive(Clone)]
struct Replica {
    service: BoxCloneSyncService<Request<()>, u16, Infallible>,
    verifier: Verifier,
    fleet: Fleet,
    /// Requests that the handler saw.
    reached: Arc<AtomicUsize>,
}

impl Replica {
    fn start(ring: &Ring, store: impl ProofStore + 'static, when_away: WhenAway) -> Self {
        let fleet = Fleet::new(ring.clone(), Audience::new(PUBLIC_URL).unwrap()).unwrap();
        let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone()));
        let verifier = verifier.single_use(store, when_away).build().unwrap();
        let tokens = JwtValidator::new(ISSUER, PUBLIC_URL, Jwks::parse(issuer().jwks().as_bytes()).unwrap());
        let reached = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&reached);
        let handler = service_fn(move |_: Request<()>| {
            seen.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, Infallible>(Response::new(String::new())) }
        });
        let service = ServiceBuilder::new().layer(DpopLayer::new(verifier.clone(), tokens)).service(handler);
        let service = service.map_response(|response| response.status().as_u16());
        Self { service: BoxCloneSyncService::new(service), verifier, fleet, reached }
    }

    async fn send(&self, request: Request<()>) -> u16 {
        self.service.clone().oneshot(request).await.unwrap()
    }

    fn request(&self) -> Request<()> {
        let nonce = self.fleet.mint(now(), &Binding::None);
        let parts = Draft::new(&key("ES256"), nonce.as_str(), now().get() / 1_000).parts();
        Request::from_parts(parts, ())
    }

    fn refused(&self, reason: Reason) -> u64 {
        self.verifier.counters().refused(reason)
    }
}

fn ring() -> Ring {
    let settings = Settings::new(120, 5, 600).unwrap();
    Ring::init(settings, Suite::Aes256Gcm, now(), Fresh::from_os().unwrap())
}

fn store(server: &StoreServer) -> RedisStore {
    // The machine that tests run on may be busy: what is bounded tightly is a test of its own.
    RedisStore::builder(&server.address()).bound(Duration::from_secs(5)).build().unwrap()
}

async fn connection(server: &StoreServer) -> MultiplexedConnection {
    redis::Client::open(server.address()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

fn claim(n: u8) -> Claim {
    Claim::new(ProofId::from_bytes([n; 32]), now().saturating_add(60_000), now().saturating_add(65_000))
}

/// Each proof goes to both replicas at the same moment: one accepts it, and the other does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_replicas_one_accepts_each_proof() {
    for server in StoreServer::each_kind() {
        let ring = ring();
        let replicas = [(); 2].map(|()| Replica::start(&ring, store(&server), WhenAway::Refuse));
        let requests: Vec<_> = (0..1_000).map(|_| replicas[0].request()).collect();
        let mut running = Vec::new();
        for request in requests {
            let barrier = Arc::new(tokio::sync::Barrier::new(2));
            running.push(replicas.clone().map(|replica| {
                let (request, barrier) = (request.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    replica.send(request).await
                })
            }));
        }
        for [one, other] in running {
            let mut statuses = [one.await.unwrap(), other.await.unwrap()];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 401]);
        }
        let sum = |of: &dyn Fn(&Replica) -> u64| replicas.iter().map(of).sum::<u64>();
        assert_eq!(sum(&|replica| replica.verifier.counters().accepted()), 1_000);
        assert_eq!(sum(&|replica| replica.refused(Reason::ProofReplayed)), 1_000);
        assert_eq!(sum(&|replica| replica.reached.load(Ordering::SeqCst) as u64), 1_000);
        println!("{}: 1,000 of 2,000 accepted", server.kind());
    }
}

/// The store dies and comes back while requests are sent. With `Refuse` nothing passes meanwhile, nothing passes twice
/// after it, and service returns by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_was_killed_has_forgotten_nothing() {
    for mut server in StoreServer::each_kind() {
        let ring = ring();
        let replicas = [(); 2].map(|()| {
            let store = RedisStore::builder(&server.address()).bound(Duration::from_secs(1)).build().unwrap();
            Replica::start(&ring, store, WhenAway::Refuse)
        });
        let before: Vec<_> = (0..100).map(|_| replicas[0].request()).collect();
        for request in &before {
            assert_eq!(replicas[0].send(request.clone()).await, 200);
        }
        server.kill();
        for replica in &replicas {
            let request = replica.request();
            assert_eq!(replica.send(request).await, 503);
            assert_eq!(replica.refused(Reason::StoreUnavailable), 1);
        }
        let back = Instant::now();
        server.start_again();
        for replica in &replicas {
            while replica.send(replica.request()).await != 200 {
                assert!(back.elapsed() < Duration::from_secs(5), "no service 5 s after the store is back");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        println!("{}: service again after {:?}", server.kind(), back.elapsed());
        for request in before {
            for replica in &replicas {
                assert_eq!(replica.send(request.clone()).await, 401, "a proof from before the store was killed");
            }
        }
        assert_eq!(replicas[0].verifier.counters().accepted_without_store(), 0);
    }
}

/// With `GoOnWithNonce` requests go on, replays among them, and the counter says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn going_on_without_the_store_is_counted() {
    for mut server in StoreServer::each_kind() {
        let store = RedisStore::builder(&server.address()).bound(Duration::from_secs(1)).build().unwrap();
        let replica = Replica::start(&ring(), store, WhenAway::GoOnWithNonce);
        let first = replica.request();
        assert_eq!(replica.send(first.clone()).await, 200);
        assert_eq!(replica.send(first.clone()).await, 401);
        server.kill();
        assert_eq!(replica.send(replica.request()).await, 200);
        assert_eq!(replica.send(first.clone()).await, 200, "a replay: what was chosen");
        assert_eq!(replica.verifier.counters().accepted_without_store(), 2);
        server.start_again();
        let back = Instant::now();
        while replica.send(first.clone()).await != 401 {
            assert!(back.elapsed() < Duration::from_secs(5), "the store is not asked 5 s after it is back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A server that answers after 2 s does not hold a request longer than the bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_store_holds_nobody_up() {
    let bound = Duration::from_millis(100);
    for server in StoreServer::each_kind() {
        let slow = SlowStore::before(&server);
        let store = RedisStore::builder(&slow.address()).bound(bound).build().unwrap();
        let replica = Replica::start(&ring(), store, WhenAway::Refuse);
        let started = Instant::now();
        while replica.send(replica.request()).await != 200 {
            assert!(started.elapsed() < Duration::from_secs(5), "no connection");
        }
        let before = replica.refused(Reason::StoreUnavailable);
        slow.delay_by(Duration::from_secs(2));
        for _ in 0..5 {
            let request = replica.request();
            let started = Instant::now();
            assert_eq!(replica.send(request).await, 503);
            let waited = started.elapsed();
            println!("{}: {waited:?}", server.kind());
            // A busy machine wakes late. Without the bound it would be 2 s.
            assert!(waited >= bound && waited < Duration::from_secs(1), "{waited:?}");
        }
        assert_eq!(replica.refused(Reason::StoreUnavailable), before + 5);
    }
}

/// A key lives as long as its claim must be kept, and a bound longer; then the id is free.
#[tokio::test]
async fn keys_expire_on_time() {
    for server in StoreServer::each_kind() {
        let store = store(&server);
        let long = claim(1);
        assert_eq!(store.claim(long).await, Ok(Claimed::First));
        assert_eq!(store.claim(long).await, Ok(Claimed::Again));
        let mut connection = connection(&server).await;
        let key = [b"sealstamp:".as_slice(), &[1; 32]].concat();
        let left: u64 = redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
        let must = long.keep_until().since(now());
        assert!((must + 1..=must + 5_000 + 1_000).contains(&left), "{left} left of {must}");

        // Late, by the clock of the store alone.
        let ahead = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&ahead);
        let store = RedisStore::builder(&server.address()).bound(Duration::from_millis(1_000));
        let store = store.clock(move || now().saturating_add(clock.load(Ordering::SeqCst))).build().unwrap();
        let short = Claim::new(ProofId::from_bytes([2; 32]), now().saturating_add(2_000), now().saturating_add(2_000));
        assert_eq!(store.claim(short).await, Ok(Claimed::First));
        ahead.store(2_001, Ordering::SeqCst);
        assert_eq!(store.claim(short).await, Ok(Claimed::Late));
    }
}

/// A server that may not evict and is full refuses: nothing that it remembers is given up.
#[tokio::test]
async fn a_full_server_refuses() {
    for server in StoreServer::each_kind() {
        let store = store(&server);
        assert_eq!(store.claim(claim(1)).await, Ok(Claimed::First));
        let mut connection = connection(&server).await;
        let () = redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).query_async(&mut connection).await.unwrap();
        assert_eq!(store.claim(claim(2)).await, Err(StoreError::Full));
        let () = redis::cmd("CONFIG").arg(&["SET", "maxmemory", "0"]).query_async(&mut connection).await.unwrap();
        assert_eq!(store.claim(claim(1)).await, Ok(Claimed::Again));
        assert_eq!(store.claim(claim(2)).await, Ok(Claimed::First));
    }
}

#[tokio::test]
async fn two_prefixes_are_two_stores() {
    for server in StoreServer::each_kind() {
        let other = RedisStore::builder(&server.address()).prefix("other:").bound(Duration::from_secs(5));
        let (store, other) = (store(&server), other.build().unwrap());
        assert_eq!(store.claim(claim(1)).await, Ok(Claimed::First));
        assert_eq!(other.claim(claim(1)).await, Ok(Claimed::First));
        assert_eq!(other.claim(claim(1)).await, Ok(Claimed::Again));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_not_repeated() {
    for address in ["", "nonsense", "http://127.0.0.1", "redis://user:secret@host:notaport"] {
        let error = RedisStore::builder(address).build().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
    for bound in [Duration::ZERO, Duration::from_micros(999), Duration::from_millis(60_001)] {
        let error = RedisStore::builder("redis://127.0.0.1").bound(bound).build().unwrap_err();
        assert_eq!(error.to_string(), "the bound is 1 millisecond to 60 seconds");
    }
    for bound in [Duration::from_millis(1), Duration::from_secs(60)] {
        assert!(RedisStore::builder("redis://127.0.0.1").bound(bound).build().is_ok());
    }
    let store = RedisStore::builder("redis://user:secret@127.0.0.1").build().unwrap();
    assert!(!format!("{store:?}").contains("secret"));
}

#[test]
fn a_store_outside_of_a_runtime_is_an_error() {
    let error = RedisStore::builder("redis://127.0.0.1").build().unwrap_err();
    assert_eq!(error.to_string(), "the store is made inside of a tokio runtime");
}

//! Two real servers with one real store: each proof is accepted once, whatever the store does. With Redis, and again
//! with Valkey; see `StoreProgram` for where they are found.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sealstamp::Settings;
use sealstamp_examples::client::Client;
use sealstamp_examples::clock::unix_seconds;
use sealstamp_examples::replicas::{Replica, Setup, built};
use sealstamp_examples::ring_commands::Operator;
use sealstamp_testkit::{Issuer, SlowStore, StoreServer};
use serde_json::Value;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::sleep;

const PUBLIC_URL: &str = "https://mcp.example.com/mcp";

/// Two replicas on one ring and one store, and a client that has a nonce.
struct Rig {
    _folder: tempfile::TempDir,
    replicas: [Replica; 2],
    client: Client,
    nonce: String,
    http: reqwest::Client,
}

impl Rig {
    async fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ring = folder.path().join("ring.json");
        Operator::init(&ring, Settings::new(600, 5, 600).unwrap()).unwrap();
        let issuer = Issuer::new("https://issuer.example.com");
        let jwks = folder.path().join("jwks.json");
        fs::write(&jwks, issuer.jwks()).unwrap();
        let setup = Setup { public_url: PUBLIC_URL, ring: &ring, issuer: issuer.url(), jwks: &jwks };
        let program = built("examples/mcp_server").unwrap();
        let replica = async || Replica::start(&program, flags, &setup).await.unwrap();
        let replicas = [replica().await, replica().await];
        let client = Client::new("alice", PUBLIC_URL, &issuer).unwrap();
        let first = client.send_without_credentials(&replicas[0].address).await.unwrap();
        let nonce = first.nonce().unwrap().to_owned();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { _folder: folder, replicas, client, nonce, http }
    }

    fn proof(&self) -> String {
        self.client.proof(Some(&self.nonce), unix_seconds()).unwrap()
    }

    /// The status that one replica answers with.
    async fn send(&self, replica: usize, proof: &str) -> u16 {
        send(&self.client, &self.replicas[replica].address, proof).await
    }

    /// What the answers of both replicas are, that a proof is sent to at the same moment.
    fn send_to_both(&self, proof: String) -> JoinSet<u16> {
        let barrier = Arc::new(Barrier::new(2));
        let mut answers = JoinSet::new();
        for replica in &self.replicas {
            let (client, address, proof) = (self.client.clone(), replica.address.clone(), proof.clone());
            let barrier = Arc::clone(&barrier);
            answers.spawn(async move {
                barrier.wait().await;
                send(&client, &address, &proof).await
            });
        }
        answers
    }

    /// How often a replica says that something has happened.
    async fn count(&self, replica: usize, what: &str) -> u64 {
        let url = format!("http://{}/healthz", self.replicas[replica].address);
        let page = self.http.get(url).send().await.unwrap().bytes().await.unwrap();
        let page: Value = serde_json::from_slice(&page).unwrap();
        page["decisions"][what].as_u64().unwrap_or_default()
    }

    async fn count_both(&self, what: &str) -> u64 {
        self.count(0, what).await + self.count(1, what).await
    }

    /// Until each replica accepts a fresh proof once.
    async fn serves_within(&self, most: Duration) -> Duration {
        let from = Instant::now();
        for replica in 0..2 {
            loop {
                let proof = self.proof();
                if [self.send(replica, &proof).await, self.send(replica, &proof).await] == [200, 401] {
                    break;
                }
                assert!(from.elapsed() < most, "no service {most:?} after the store is there");
                sleep(Duration::from_millis(20)).await;
            }
        }
        from.elapsed()
    }
}

async fn send(client: &Client, address: &str, proof: &str) -> u16 {
    client.send_add(address, proof, 1).await.unwrap().status.as_u16()
}

/// The attack, against real servers: without the option, one proof passes at both, and again.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_a_replay_passes() {
    let rig = Rig::start(&[]).await;
    let proof = rig.proof();
    for replica in [0, 1, 0, 1] {
        assert_eq!(rig.send(replica, &proof).await, 200);
    }
}

/// A store in memory is one replica's own: it refuses there, and not elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_memory_is_of_one_replica() {
    let rig = Rig::start(&["--store", "memory"]).await;
    let proof = rig.proof();
    for (replica, status) in [(0, 200), (0, 401), (1, 200), (1, 401)] {
        assert_eq!(rig.send(replica, &proof).await, status);
    }
    assert_eq!(rig.count_both("proof_replayed").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_1_000_proofs_sent_to_both_each_is_accepted_once() {
    for server in StoreServer::each_kind() {
        // What is bounded tightly is a test of its own: the machine that tests run on may be busy.
        let rig = Rig::start(&["--store", &server.address(), "--store-bound", "10s"]).await;
        let proofs: Vec<_> = (0..1_000).map(|_| rig.proof()).collect();
        // Some at a time: each has a connection.
        for proofs in proofs.chunks(40) {
            let running: Vec<_> = proofs.iter().map(|proof| rig.send_to_both(proof.clone())).collect();
            for answers in running {
                let mut statuses = answers.join_all().await;
                statuses.sort_unstable();
                assert_eq!(statuses, [200, 401]);
            }
        }
        for (what, count) in [("accepted", 1_000), ("proof_replayed", 1_000), ("store_unavailable", 0)] {
            assert_eq!(rig.count_both(what).await, count, "{what}");
        }
        println!("{}: of 1,000 proofs sent to both replicas, 1,000 were accepted", server.kind());
    }
}

/// Requests to both replicas while the store is there, killed, and there again.
struct Load {
    stop: Arc<AtomicBool>,
    sent: JoinSet<Vec<Sent>>,
}

/// One proof, and what both replicas said to it.
#[derive(Clone)]
struct Sent {
    proof: String,
    at: Instant,
    done: Instant,
    statuses: Vec<u16>,
}

impl Load {
    fn start(rig: &Arc<Rig>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut sent = JoinSet::new();
        for _ in 0..4 {
            let (rig, until) = (Arc::clone(rig), Arc::clone(&stop));
            sent.spawn(async move {
                let mut sent = Vec::new();
                while !until.load(Ordering::SeqCst) {
                    let (proof, at) = (rig.proof(), Instant::now());
                    let statuses = rig.send_to_both(proof.clone()).join_all().await;
                    sent.push(Sent { proof, at, done: Instant::now(), statuses });
                }
                sent
            });
        }
        Self { stop, sent }
    }

    async fn stop(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::SeqCst);
        self.sent.join_all().await.concat()
    }
}

/// What a kill and a restart came to.
struct Outage {
    sent: Vec<Sent>,
    killed: Instant,
    started: Instant,
}

impl Outage {
    async fn of(server: &mut StoreServer, rig: &Arc<Rig>) -> Self {
        let load = Load::start(rig);
        sleep(Duration::from_millis(500)).await;
        server.kill();
        let killed = Instant::now();
        // Requests wait for a connection as long as they may: a second. Some begin and end in this time.
        sleep(Duration::from_secs(4)).await;
        let started = Instant::now();
        server.start_again();
        let again = rig.serves_within(Duration::from_secs(5)).await;
        println!("{}: service again after {again:?}", server.kind());
        sleep(Duration::from_millis(500)).await;
        Self { sent: load.stop().await, killed, started }
    }

    /// What was sent and answered while there was no store.
    fn meanwhile(&self) -> Vec<&Sent> {
        let meanwhile: Vec<_> =
            self.sent.iter().filter(|sent| sent.at > self.killed && sent.done < self.started).collect();
        assert!(!meanwhile.is_empty());
        meanwhile
    }
}

fn accepted(statuses: &[u16]) -> usize {
    statuses.iter().filter(|status| **status == 200).count()
}

/// With `refuse`: no service while the store is away, no proof passes twice, before, meanwhile or after, and service
/// returns by itself within 5 s.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_killed_and_requests_are_refused() {
    for mut server in StoreServer::each_kind() {
        let rig = Arc::new(Rig::start(&["--store", &server.address(), "--store-bound", "1s"]).await);
        let outage = Outage::of(&mut server, &rig).await;
        for sent in outage.meanwhile() {
            assert_eq!(sent.statuses, [503, 503]);
        }
        let (mut passed, all) = (0, outage.sent.len());
        for Sent { proof, mut statuses, .. } in outage.sent {
            for replica in 0..2 {
                statuses.push(rig.send(replica, &proof).await);
            }
            assert!(accepted(&statuses) <= 1, "{statuses:?}");
            passed += accepted(&statuses);
        }
        assert!(passed > 0);
        assert!(rig.count_both("store_unavailable").await > 0);
        assert_eq!(rig.count_both("accepted_without_store").await, 0);
        println!("{}: of {all} proofs {passed} passed, each once", server.kind());
    }
}

/// With `go-on`: requests are accepted while the store is away, replays too, and the count says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_killed_and_requests_go_on() {
    for mut server in StoreServer::each_kind() {
        let flags = ["--store", &server.address(), "--store-bound", "1s", "--store-away", "go-on"];
        let rig = Arc::new(Rig::start(&flags).await);
        let outage = Outage::of(&mut server, &rig).await;
        let meanwhile = outage.meanwhile();
        for sent in &meanwhile {
            assert_eq!(sent.statuses, [200, 200], "what was chosen");
        }
        assert!(outage.sent.iter().all(|sent| accepted(&sent.statuses) > 0), "a good request was refused");
        let counted = rig.count_both("accepted_without_store").await;
        assert!(counted >= 2 * meanwhile.len() as u64, "{counted} counted of {} twice", meanwhile.len());
        assert_eq!(rig.count_both("store_unavailable").await, 0);
        println!("{}: {counted} requests were accepted without the store", server.kind());

        // It is back: no more replays, and no more is counted.
        let proof = rig.proof();
        assert_eq!((rig.send(0, &proof).await, rig.send(1, &proof).await), (200, 401));
        assert_eq!(rig.count_both("accepted_without_store").await, counted);
    }
}

/// A store that answers after 2 s: by default a request waits for 100 ms.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_holds_nobody_up() {
    for (away, expected) in [("refuse", 503), ("go-on", 200)] {
        for server in StoreServer::each_kind() {
            let slow = SlowStore::before(&server);
            let rig = Rig::start(&["--store", &slow.address(), "--store-away", away]).await;
            rig.serves_within(Duration::from_secs(5)).await;
            let counted = if away == "refuse" { "store_unavailable" } else { "accepted_without_store" };
            let before = rig.count_both(counted).await;
            slow.delay_by(Duration::from_secs(2));
            let mut most = Duration::ZERO;
            for replica in [0, 1, 0, 1, 0, 1] {
                let (proof, started) = (rig.proof(), Instant::now());
                assert_eq!(rig.send(replica, &proof).await, expected);
                let waited = started.elapsed();
                // A busy machine wakes late. Without the bound it would be 2 s.
                assert!(waited >= Duration::from_millis(100) && waited < Duration::from_secs(1), "{waited:?}");
                most = most.max(waited);
            }
            assert_eq!(rig.count_both(counted).await, before + 6);
            println!("{}, {away}: a request took {most:?} at most", server.kind());
        }
    }
}

/// What makes no sense stops the server at its start, and a password stays out of the message.
#[tokio::test(flavor = "multi_thread")]
async fn flags_that_make_no_sense() {
    for (flags, words) in [
        (["--store", "redis://user:secret@host:notaport", "--store-away", "refuse"].as_slice(), "--store: the address"),
        (
            &["--store", "redis://127.0.0.1", "--store-bound", "61s"],
            "--store: the bound is 1 millisecond to 60 seconds",
        ),
        (&["--store", "memory", "--store-away", "go-on", "--nonce", "off"], ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ring = folder.path().join("ring.json");
        Operator::init(&ring, Settings::default()).unwrap();
        let mut command = tokio::process::Command::new(built("examples/mcp_server").unwrap());
        command.args(flags).args(["--listen", "127.0.0.1:0", "--public-url", PUBLIC_URL]).arg("--ring").arg(&ring);
        let jwks = folder.path().join("jwks.json");
        fs::write(&jwks, Issuer::new("https://issuer.example.com").jwks()).unwrap();
        command.args(["--issuer", "https://issuer.example.com"]).arg("--issuer-jwks").arg(&jwks);
        let output = command.output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(words) && !said.contains("secret"), "{said}");
    }
}

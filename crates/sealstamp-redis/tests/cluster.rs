//! A real cluster of three nodes that the test starts: Redis and Valkey, one after the other.

#![cfg(feature = "cluster")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

use std::time::{Duration, Instant, SystemTime};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisResult, cmd};
use sealstamp::UnixMillis;
use sealstamp_dpop::{Claim, Claimed, ProofId, ProofStore, StoreError};
use sealstamp_redis::{RedisStore, RedisStoreBuilder};
use sealstamp_testkit::{StoreProgram, StoreServer, free_port};
use tokio::time::sleep;

const SLOTS: u16 = 16_384;

struct Cluster {
    nodes: Vec<StoreServer>,
}

impl Cluster {
    /// Three nodes that know each other, each with a third of the slots, and with no replicas.
    async fn start(program: &StoreProgram) -> Self {
        let node = || {
            program.start_with(|_| {
                let bus = free_port().to_string();
                let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus];
                cluster.map(str::to_owned).to_vec()
            })
        };
        let cluster = Self { nodes: vec![node(), node(), node()] };
        for nth in 0..3_u16 {
            let (first, last) = (nth * SLOTS / 3, (nth + 1) * SLOTS / 3 - 1);
            let () = cluster.ask(nth.into(), cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(last)).await;
        }
        for nth in 1..3 {
            let port = cluster.nodes[nth].port();
            let bus: Vec<String> = cluster.ask(nth, cmd("CONFIG").arg("GET").arg("cluster-port")).await;
            let () = cluster.ask(0, cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(port).arg(&bus[1])).await;
        }
        cluster.settle(Duration::from_secs(20)).await;
        cluster
    }

    /// Waits until each node knows the others and finds the cluster in order.
    async fn settle(&self, most: Duration) {
        let from = Instant::now();
        for nth in 0..3 {
            loop {
                // It may be reading its file.
                let info =
                    self.try_ask(nth, cmd("CLUSTER").arg("INFO")).await.unwrap_or_else(|error| error.to_string());
                if info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3") {
                    break;
                }
                assert!(from.elapsed() < most, "{info}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn connection(&self, node: usize) -> RedisResult<MultiplexedConnection> {
        redis::Client::open(self.nodes[node].address())?.get_multiplexed_async_connection().await
    }

    async fn try_ask<T: FromRedisValue>(&self, node: usize, command: &Cmd) -> RedisResult<T> {
        command.query_async(&mut self.connection(node).await?).await
    }

    async fn ask<T: FromRedisValue>(&self, node: usize, command: &Cmd) -> T {
        self.try_ask(node, command).await.unwrap()
    }

    fn builder(&self) -> RedisStoreBuilder {
        let addresses: Vec<_> = self.nodes.iter().map(StoreServer::address).collect();
        RedisStore::cluster(addresses.iter().map(String::as_str)).bound(Duration::from_secs(2))
    }

    async fn store(&self) -> RedisStore {
        self.builder().connect_cluster().await.unwrap()
    }
}

/// The node that has this slot at first.
fn node_of(slot: u16) -> usize {
    (0..3_u16).position(|nth| slot < (nth + 1) * SLOTS / 3).unwrap()
}

fn claim(n: u16) -> Claim {
    let now = UnixMillis::from_system_time(SystemTime::now());
    let mut id = [7; 32];
    id[..2].copy_from_slice(&n.to_be_bytes());
    Claim::new(ProofId::from_bytes(id), now.saturating_add(60_000), now.saturating_add(65_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_accepts_each_proof_and_all_nodes_share_the_work() {
    for program in StoreProgram::each_kind() {
        let cluster = Cluster::start(&program).await;
        let stores = [cluster.store().await, cluster.store().await];
        let mut running = Vec::new();
        for n in 0..1_000 {
            running.push(stores.clone().map(|store| tokio::spawn(async move { store.claim(claim(n)).await })));
        }
        for [one, other] in running {
            let answers = [one.await.unwrap().unwrap(), other.await.unwrap().unwrap()];
            let first = answers.iter().filter(|answer| **answer == Claimed::First).count();
            assert!(first == 1 && answers.contains(&Claimed::Again), "{answers:?}");
        }
        let mut keys = [0_usize; 3];
        for (node, keys) in keys.iter_mut().enumerate() {
            *keys = cluster.ask(node, &cmd("DBSIZE")).await;
        }
        println!("{}: 1,000 of 2,000 accepted, keys by node: {keys:?}", program.kind());
        assert_eq!(keys.iter().sum::<usize>(), 1_000);
        assert!(keys.iter().all(|keys| *keys > 200), "{keys:?}");
    }
}

/// A node is killed and comes back, with what it knew. No claim passes twice, and service returns by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_has_forgotten_nothing() {
    for program in StoreProgram::each_kind() {
        let mut cluster = Cluster::start(&program).await;
        let store = cluster.store().await;
        for n in 0..100 {
            assert_eq!(store.claim(claim(n)).await, Ok(Claimed::First));
        }
        cluster.nodes[1].kill();
        let (mut again, mut away) = (0, 0);
        for n in 0..20 {
            match store.claim(claim(n)).await {
                Ok(Claimed::Again) => again += 1,
                Err(StoreError::Unavailable) => away += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(away > 0);
        println!("{}: with one node of three away, {again} answers and {away} without", program.kind());
        cluster.nodes[1].start_again();
        let back = Instant::now();
        cluster.settle(Duration::from_secs(20)).await;
        println!("{}: the cluster is in order again after {:?}", program.kind(), back.elapsed());
        let settled = Instant::now();
        for n in 0..100 {
            loop {
                match store.claim(claim(n)).await {
                    Ok(Claimed::Again) => break,
                    Err(StoreError::Unavailable) => {
                        assert!(settled.elapsed() < Duration::from_secs(5), "no service 5 s after the cluster is back");
                        sleep(Duration::from_millis(20)).await;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        println!("{}: all answers again after {:?} more", program.kind(), settled.elapsed());
        assert_eq!(store.claim(claim(100)).await, Ok(Claimed::First));
    }
}

/// A slot moves to another node while its proofs are claimed: requests are served during the move and after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves() {
    for program in StoreProgram::each_kind() {
        let cluster = Cluster::start(&program).await;
        // What is in braces decides the slot alone: all keys have one.
        let prefix = "{one slot}:";
        let store = cluster.builder().prefix(prefix).connect_cluster().await.unwrap();
        let slot: u16 = cluster.ask(0, cmd("CLUSTER").arg("KEYSLOT").arg(prefix)).await;
        let (from, to) = (node_of(slot), (node_of(slot) + 1) % 3);
        assert_eq!(store.claim(claim(0)).await, Ok(Claimed::First));

        let ids: [String; 2] =
            [cluster.ask(from, cmd("CLUSTER").arg("MYID")).await, cluster.ask(to, cmd("CLUSTER").arg("MYID")).await];
        let setslot = |what: &str, node: &str| cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(what).arg(node).clone();
        let () = cluster.ask(to, &setslot("IMPORTING", &ids[0])).await;
        let () = cluster.ask(from, &setslot("MIGRATING", &ids[1])).await;
        // The old node has the old claim, and sends whoever asks for a new one to the new node.
        assert_eq!(store.claim(claim(0)).await, Ok(Claimed::Again));
        assert_eq!(store.claim(claim(1)).await, Ok(Claimed::First), "during the move");
        assert_eq!(store.claim(claim(1)).await, Ok(Claimed::Again), "during the move");

        let key = [prefix.as_bytes(), claim(0).id().as_bytes()].concat();
        let port = cluster.nodes[to].port();
        let () = cluster.ask(from, cmd("MIGRATE").arg("127.0.0.1").arg(port).arg(&key).arg(0).arg(5_000)).await;
        assert_eq!(store.claim(claim(0)).await, Ok(Claimed::Again), "its key has moved already");
        for node in [to, from] {
            let () = cluster.ask(node, &setslot("NODE", &ids[1])).await;
        }
        assert_eq!(store.claim(claim(2)).await, Ok(Claimed::First), "after the move");
        for n in 0..3 {
            assert_eq!(store.claim(claim(n)).await, Ok(Claimed::Again), "after the move");
        }
    }
}

#[tokio::test]
async fn a_cluster_that_is_not_there() {
    let error = RedisStore::cluster(["redis://127.0.0.1:1"]).connect_cluster().await.unwrap_err();
    assert!(error.to_string().starts_with("the cluster cannot be reached: "), "{error}");
    let error = RedisStore::cluster(["redis://user:secret@host:notaport"]).connect_cluster().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}

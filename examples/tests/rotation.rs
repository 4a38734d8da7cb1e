//! Real servers under load, on a ring that is mounted as Kubernetes mounts a Secret, through twenty rotations, a
//! revocation and three bad files: I1, I2, I4, I5, I6, I9 where they count.

#![cfg(unix)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sealstamp::Settings;
use sealstamp_examples::client::Client;
use sealstamp_examples::replicas::{Replica, Setup, built};
use sealstamp_examples::ring_commands::Operator;
use sealstamp_testkit::Issuer;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

const PUBLIC_URL: &str = "https://mcp.example.com/mcp";
// A replica polls four times in this. Less would be noticed when a busy machine holds one up for a second.
const PROPAGATION: Duration = Duration::from_secs(2);
const LIFETIME: Duration = Duration::from_secs(2);
const ROTATIONS: u64 = 20;

/// A volume as kubelet keeps it: the file's name leads through `..data` to a folder that is replaced whole.
struct SecretVolume {
    root: PathBuf,
    version: u32,
}

impl SecretVolume {
    fn new(root: PathBuf, content: &[u8]) -> Self {
        fs::create_dir(&root).unwrap();
        let mut volume = Self { root, version: 0 };
        volume.publish(content, 0o600);
        symlink("..data/ring.json", volume.ring()).unwrap();
        volume
    }

    fn ring(&self) -> PathBuf {
        self.root.join("ring.json")
    }

    fn publish(&mut self, content: &[u8], mode: u32) {
        let old = self.root.join(format!("..{}", self.version));
        self.version += 1;
        let name = format!("..{}", self.version);
        let folder = self.root.join(&name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("ring.json"), content).unwrap();
        fs::set_permissions(folder.join("ring.json"), fs::Permissions::from_mode(mode)).unwrap();
        symlink(&name, self.root.join("..data_tmp")).unwrap();
        fs::rename(self.root.join("..data_tmp"), self.root.join("..data")).unwrap();
        let _ = fs::remove_dir_all(old);
    }
}

struct Rig {
    _folder: tempfile::TempDir,
    operator: Operator,
    master: PathBuf,
    volume: SecretVolume,
    replicas: Vec<Replica>,
    http: reqwest::Client,
}

impl Rig {
    async fn start() -> (Self, Issuer) {
        let folder = tempfile::tempdir().unwrap();
        let master = folder.path().join("master.json");
        let operator = Operator::init(&master, Settings::new(2, 1, 2).unwrap()).unwrap();
        let volume = SecretVolume::new(folder.path().join("mount"), &fs::read(&master).unwrap());
        let jwks = folder.path().join("jwks.json");
        let issuer = Issuer::new("https://issuer.example.com");
        fs::write(&jwks, issuer.jwks()).unwrap();
        let ring = volume.ring();
        let setup = Setup { public_url: PUBLIC_URL, ring: &ring, issuer: issuer.url(), jwks: &jwks };
        let mut replicas = Vec::new();
        for _ in 0..3 {
            replicas.push(Replica::start(&built("examples/mcp_server").unwrap(), &[], &setup).await.unwrap());
        }
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        (Self { _folder: folder, operator, master, volume, replicas, http }, issuer)
    }

    fn publish(&mut self) {
        self.volume.publish(&fs::read(&self.master).unwrap(), 0o600);
    }

    async fn health(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for replica in &self.replicas {
            let answer = self.http.get(format!("http://{}/healthz", replica.address)).send().await.unwrap();
            let status = answer.status();
            let health: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            assert_eq!(status, if health["ring"]["fit"] == true { 200 } else { 503 }, "{health}");
            assert!(health["ring"]["error"].is_null() || health["ring"]["fit"] == false, "{health}");
            let ready = self.http.get(format!("http://{}/readyz", replica.address)).send().await.unwrap();
            assert_eq!(ready.status(), 200, "a replica with a bad file serves on");
            all.push(health);
        }
        all
    }

    /// Every replica's status has come to be what `wanted` says, within the propagation and a second for a busy machine.
    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PROPAGATION + Duration::from_secs(1);
        loop {
            let health = self.health().await;
            if health.iter().all(|health| wanted(&health["ring"])) {
                return;
            }
            assert!(Instant::now() < deadline, "{what}: {health:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<(Client, u64)>>,
}

impl Load {
    fn start(clients: Vec<Client>, replicas: &[Replica]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let addresses: Vec<String> = replicas.iter().map(|replica| replica.address.clone()).collect();
        let clients = clients
            .into_iter()
            .enumerate()
            .map(|(n, client)| tokio::spawn(work(client, n, addresses.clone(), Arc::clone(&stop))));
        Self { stop: Arc::clone(&stop), clients: clients.collect() }
    }

    async fn stop(self) -> (Vec<Client>, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut clients, mut calls) = (Vec::new(), 0);
        for client in self.clients {
            let (client, made) = client.await.unwrap();
            clients.push(client);
            calls += made;
        }
        (clients, calls)
    }
}

/// Calls one replica after the other; a retry goes to the next. Any call that fails after its retry is the test's end.
async fn work(mut client: Client, start: usize, addresses: Vec<String>, stop: Arc<AtomicBool>) -> (Client, u64) {
    let mut calls = 0;
    while !stop.load(Ordering::Relaxed) {
        let turn = start + usize::try_from(calls).unwrap();
        let (first, second) = (&addresses[turn % 3], &addresses[(turn + 1) % 3]);
        let answer = client.call(first, second, "add", json!({ "a": calls, "b": 1 })).await.unwrap();
        assert!(answer.is_accepted(), "{} {:?}", answer.status, answer.challenge());
        calls += 1;
        assert_eq!(answer.text(), Some(calls.to_string().as_str()));
        sleep(Duration::from_millis(5)).await;
    }
    (client, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_twenty_rotations_and_three_bad_files_i1_i2_i4_i5_i6_i9() {
    let (mut rig, issuer) = Rig::start().await;
    let clients = ["ada", "bob", "cy"].map(|name| Client::new(name, PUBLIC_URL, &issuer).unwrap());

    // Twenty rotations.
    let load = Load::start(clients.to_vec(), &rig.replicas);
    for rotation in 1..=ROTATIONS {
        rig.operator.rotate().unwrap();
        rig.publish();
        sleep(PROPAGATION + Duration::from_millis(50)).await;
        let serial = rotation + 1;
        rig.until("a rotation", |ring| ring["serial"] == serial && ring["error"].is_null()).await;
    }
    let (clients, calls) = load.stop().await;
    assert!(calls > 500, "{calls} calls");
    for client in &clients {
        assert_eq!((client.refusals, client.server_errors), (1, 0), "one challenge, at the very first request");
    }

    // One revocation: each client's nonce is refused once (I4, I9). By then all hold one of the key that is active.
    let load = Load::start(clients, &rig.replicas);
    sleep(LIFETIME).await;
    let revoked = rig.operator.active().unwrap();
    rig.operator.revoke(revoked).unwrap();
    rig.publish();
    let serial = ROTATIONS + 2;
    rig.until("the revocation", |ring| ring["serial"] == serial).await;
    sleep(LIFETIME).await;
    let (clients, _) = load.stop().await;
    for client in &clients {
        assert_eq!((client.refusals, client.server_errors), (2, 0), "one retry for the revocation");
        let kid = &base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, client.nonce().unwrap())
            .unwrap()[1..5];
        assert_ne!(kid, revoked.as_bytes());
    }

    // Three bad files: nothing changes but the status (I5, I6).
    let good = fs::read(&rig.master).unwrap();
    let older = String::from_utf8(good.clone()).unwrap().replacen(
        &format!("\"serial\": {serial}"),
        &format!("\"serial\": {}", serial - 1),
        1,
    );
    assert_ne!(older.as_bytes(), good);
    let load = Load::start(clients, &rig.replicas);
    for (what, content, mode) in [
        ("truncated", &good[..good.len() / 2], 0o600),
        ("writable for anybody", &good[..], 0o666),
        ("older", older.as_bytes(), 0o600),
    ] {
        rig.volume.publish(content, mode);
        rig.until(what, |ring| ring["serial"] == serial && !ring["error"].is_null()).await;
        sleep(Duration::from_millis(300)).await;
        rig.publish();
        rig.until(what, |ring| ring["serial"] == serial && ring["error"].is_null()).await;
    }
    let (clients, _) = load.stop().await;
    for client in &clients {
        assert_eq!((client.refusals, client.server_errors), (2, 0), "bad files are not noticed");
    }

    // Each replica's status at the end, and what they counted.
    sleep(Duration::from_millis(500)).await;
    let health = rig.health().await;
    let digest = hex(&rig.operator.ring().unwrap().digest());
    for health in &health {
        assert_eq!(health["ring"]["serial"], serial);
        assert_eq!(health["ring"]["digest"], digest.as_str());
        assert!(health["ring"]["error"].is_null());
        assert!(health["ring"]["age_ms"].as_u64().unwrap() <= 1_000);
        let reasons: Vec<_> = health["decisions"].as_object().unwrap().keys().collect();
        let allowed = ["accepted", "no_nonce", "nonce_revoked_key"];
        assert!(reasons.iter().all(|reason| allowed.contains(&reason.as_str())), "{reasons:?}");
    }
    let count = |what: &str| health.iter().filter_map(|health| health["decisions"][what].as_u64()).sum::<u64>();
    assert_eq!((count("no_nonce"), count("nonce_revoked_key")), (3, 3));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! What an operator can do to a fleet by mistake, with real servers and the real tool: a backup is put back, two hosts
//! write the ring, the file is lost. Each ends with the right word from `check` or a status, and no server that has
//! seen a key revoked mints with it again.

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
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp_examples::replicas::{Replica, Setup, built};
use sealstamp_testkit::Issuer;
use serde_json::Value;
use tokio::time::sleep;

const PUBLIC_URL: &str = "https://mcp.example.com/mcp";

/// Two hosts with a replica and a copy of the ring each, and the operator's file.
struct Fleet {
    folder: tempfile::TempDir,
    replicas: Vec<Replica>,
    http: reqwest::Client,
    jwks: PathBuf,
    issuer: Issuer,
}

/// What a run of the tool came to.
struct Ran {
    code: i32,
    out: String,
}

impl Fleet {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::new("https://issuer.example.com");
        let jwks = folder.path().join("jwks.json");
        fs::write(&jwks, issuer.jwks()).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut fleet = Self { folder, replicas: Vec::new(), http, jwks, issuer };
        fs::create_dir(fleet.folder.path().join("etc")).unwrap();
        // Settings that are no defaults, so that a recovery which makes them up is seen.
        fleet.tool(&["init", "--lifetime", "3s", "--max-skew", "1s", "--propagation", "2s"]).ok();
        for host in 0..2 {
            fleet.copy_to(host);
            let ring = fleet.on(host);
            let replica = fleet.replica(&ring, &[]).await.unwrap();
            fleet.replicas.push(replica);
        }
        fleet
    }

    async fn replica(&self, ring: &Path, flags: &[&str]) -> Result<Replica, Box<dyn std::error::Error + Send + Sync>> {
        let setup = Setup { public_url: PUBLIC_URL, ring, issuer: self.issuer.url(), jwks: &self.jwks };
        Replica::start(&built("examples/mcp_server")?, flags, &setup).await
    }

    fn ring(&self) -> PathBuf {
        self.folder.path().join("etc").join("ring.json")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn on(&self, host: usize) -> PathBuf {
        self.file(&format!("host-{host}.json"))
    }

    fn copy_to(&self, host: usize) {
        copy(&self.ring(), &self.on(host));
    }

    fn tool(&self, args: &[&str]) -> Ran {
        self.tool_on(&self.ring(), args)
    }

    fn tool_on(&self, ring: &Path, args: &[&str]) -> Ran {
        let out = Command::new(built("sealstamp").unwrap()).arg("--ring").arg(ring).args(args).output().unwrap();
        let text = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        Ran { code: out.status.code().unwrap(), out: text }
    }

    /// The status code of a page of a replica.
    async fn answers(&self, replica: &Replica, page: &str) -> u16 {
        let url = format!("http://{}{page}", replica.address);
        self.http.get(url).send().await.unwrap().status().as_u16()
    }

    /// `check` of the operator's file against both replicas.
    fn check(&self) -> Ran {
        self.tool(&["check", "--against", &self.page(0), "--against", &self.page(1)])
    }

    fn page(&self, host: usize) -> String {
        format!("http://{}/healthz", self.replicas[host].address)
    }

    async fn status(&self, host: usize) -> Value {
        let body = self.http.get(self.page(host)).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["ring"].take()
    }

    async fn until(&self, host: usize, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let status = self.status(host).await;
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "host {host}, {what}: {status:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn until_serial(&self, serial: u64) {
        for host in 0..2 {
            self.until(host, "serial", |status| status["serial"] == serial && status["fit"] == true).await;
        }
    }

    async fn until_fault(&self, host: usize, kind: &str) -> Value {
        self.until(host, kind, |status| status["error"]["kind"] == kind).await
    }

    /// The kid in the nonce that a replica hands out.
    async fn mints(&self, host: usize) -> String {
        let url = format!("http://{}/mcp", self.replicas[host].address);
        let answer = self.http.post(url).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        let nonce = URL_SAFE_NO_PAD.decode(answer.headers()["dpop-nonce"].as_bytes()).unwrap();
        nonce[1..5].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn serial(&self) -> u64 {
        let ring: Value = serde_json::from_slice(&fs::read(self.ring()).unwrap()).unwrap();
        ring["serial"].as_u64().unwrap()
    }
}

impl Ran {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.out);
        self.out
    }

    #[track_caller]
    fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}", self.out);
        for word in words {
            assert!(self.out.contains(word), "{word:?} is not in: {}", self.out);
        }
    }
}

/// As a tool would that replaces a file whole.
fn copy(from: &Path, to: &Path) {
    let new = to.with_extension("new");
    fs::copy(from, &new).unwrap();
    fs::rename(new, to).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_put_back() {
    let fleet = Fleet::start().await;
    let backup = fleet.file("backup.json");
    copy(&fleet.ring(), &backup);
    let revoked = fleet.mints(0).await;
    fleet.tool(&["revoke", &revoked, "--force"]).ok();
    for host in 0..2 {
        fleet.copy_to(host);
    }
    fleet.until_serial(2).await;

    // The backup comes back, everywhere.
    for path in [fleet.ring(), fleet.on(0), fleet.on(1)] {
        copy(&backup, &path);
    }
    for host in 0..2 {
        fleet.until_fault(host, "older_serial").await;
        assert_ne!(fleet.mints(host).await, revoked);
    }
    fleet
        .check()
        .fails(3, &["is 1 ahead, at serial 2", "the file is an older copy, serial 1", &revoked, "restart no replica"]);
    // A process that starts now cannot know better by itself. Whoever starts it can.
    let refused = fleet.replica(&fleet.on(0), &["--min-serial", "2"]).await;
    assert!(refused.is_err());

    // Rotations on the old line overtake the serial in use.
    for _ in 0..4 {
        fleet.tool(&["rotate", "--force"]).ok();
    }
    for host in 0..2 {
        fleet.copy_to(host);
        fleet.until_fault(host, "not_a_successor").await;
        assert_ne!(fleet.mints(host).await, revoked);
    }
    fleet.check().fails(3, &["is of another line, at serial 2", "reports not_a_successor, and keeps serial 2"]);

    fleet.tool(&["recover", "--replaces", &fleet.page(0), "--replaces", &fleet.page(1)]).ok();
    for host in 0..2 {
        fleet.copy_to(host);
    }
    fleet.until_serial(fleet.serial()).await;
    let kids = [fleet.mints(0).await, fleet.mints(1).await];
    assert_eq!(kids[0], kids[1]);
    assert_ne!(kids[0], revoked);
    assert!(fleet.check().ok().contains("healthy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_write_the_ring() {
    let fleet = Fleet::start().await;
    fleet.tool_on(&fleet.on(0), &["rotate", "--force"]).ok();
    fleet.tool_on(&fleet.on(1), &["rotate", "--force"]).ok();
    fleet.until_serial(2).await;
    fleet.check().fails(3, &[]);
    let of_0 = |fleet: &Fleet| {
        fleet.tool_on(&fleet.on(0), &["check", "--against", &fleet.page(0), "--against", &fleet.page(1)])
    };
    of_0(&fleet).fails(3, &["same, serial 2", "is of another line, at serial 2", "Find who else writes the ring"]);

    // The other line gets ahead and reaches the first replica. It keeps what it has.
    fleet.tool_on(&fleet.on(1), &["rotate", "--force"]).ok();
    let before = fleet.status(0).await["digest"].clone();
    copy(&fleet.on(1), &fleet.on(0));
    let status = fleet.until_fault(0, "not_a_successor").await;
    assert_eq!((&status["digest"], status["fit"].as_bool()), (&before, Some(false)));

    // One ring for both, from which each goes on without a restart.
    copy(&fleet.on(1), &fleet.ring());
    fleet.tool(&["recover", "--replaces", &fleet.page(0), "--replaces", &fleet.page(1)]).ok();
    for host in 0..2 {
        fleet.copy_to(host);
    }
    fleet.until_serial(fleet.serial()).await;
    assert_eq!(fleet.mints(0).await, fleet.mints(1).await);
    assert!(fleet.check().ok().contains("healthy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_lost() {
    let fleet = Fleet::start().await;
    let etc = fleet.folder.path().join("etc");
    fs::set_permissions(&etc, fs::Permissions::from_mode(0o750)).unwrap();
    // Only root can give the folder to the group of the servers.
    let is_root = fs::metadata(&etc).unwrap().uid() == 0;
    if is_root {
        chown(&etc, Some(0), Some(4_343)).unwrap();
    }
    let access = |path: &Path| {
        let file = fs::metadata(path).unwrap();
        (file.uid(), file.gid(), file.mode() & 0o7777)
    };
    let digest = fleet.status(0).await["digest"].clone();
    let older = fleet.file("older.json");
    copy(&fleet.ring(), &older);
    let settings = fleet.status(0).await["settings"].clone();
    fs::remove_file(fleet.ring()).unwrap();
    fs::remove_file(fleet.on(0)).unwrap();
    let status = fleet.until_fault(0, "not_found").await;
    assert_eq!((&status["digest"], status["serving"].as_bool()), (&digest, Some(true)));
    fleet.check().fails(3, &["no such file"]);

    // From the copy on the other host: it is the ring in use, so nothing changes for anybody.
    let other = fleet.on(1);
    let said = fleet.tool(&["recover", "--copy", other.to_str().unwrap(), "--replaces", &fleet.page(0)]).ok();
    assert!(said.contains("the copy is put back as it is"), "{said}");
    let (uid, gid, mode) = access(&fleet.ring());
    assert_eq!(mode, 0o640, "the group of the folder may read");
    assert!(!is_root || (uid, gid) == (0, 4_343));
    fleet.copy_to(0);
    fleet.until_serial(1).await;
    fleet.check().ok();
    let again = fleet.tool(&["recover", "--replaces", &fleet.page(0)]);
    again.fails(4, &["is the ring in use", "nothing is changed"]);

    // Owner and mode of a damaged file are kept.
    fs::write(fleet.ring(), "{").unwrap();
    fs::set_permissions(fleet.ring(), fs::Permissions::from_mode(0o440)).unwrap();
    if is_root {
        chown(fleet.ring(), Some(4_242), Some(4_343)).unwrap();
    }
    let damaged = access(&fleet.ring());
    fleet.tool(&["recover", "--copy", other.to_str().unwrap(), "--replaces", &fleet.page(0)]).ok();
    assert_eq!(access(&fleet.ring()), damaged);

    // From an older copy: its keys are not used again.
    fleet.tool(&["rotate", "--force"]).ok();
    for host in 0..2 {
        fleet.copy_to(host);
    }
    fleet.until_serial(2).await;
    let old_kid = fleet.mints(0).await;
    fs::remove_file(fleet.ring()).unwrap();
    fleet.tool(&["recover", "--copy", older.to_str().unwrap(), "--replaces", &fleet.page(0)]).ok();
    for host in 0..2 {
        fleet.copy_to(host);
    }
    fleet.until_serial(3).await;
    assert_ne!(fleet.mints(0).await, old_kid);

    // From nothing, with the settings that the replicas report.
    for path in [fleet.ring(), fleet.on(0), fleet.on(1)] {
        fs::remove_file(path).unwrap();
    }
    fleet.tool(&["recover", "--replaces", &fleet.page(0)]).fails(2, &["--without-copy"]);
    fleet.tool(&["recover", "--replaces", &fleet.page(0), "--without-copy"]).ok();
    for host in 0..2 {
        fleet.copy_to(host);
    }
    fleet.until_serial(4).await;
    for host in 0..2 {
        assert_eq!(fleet.status(host).await["settings"], settings);
    }
    fleet.check().ok();
}

/// With the option, a server whose ring nobody confirms stops serving once propagation is over, and begins again by
/// itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_ring_that_is_not_confirmed() {
    let mut fleet = Fleet::start().await;
    let ring = fleet.file("strict.json");
    copy(&fleet.ring(), &ring);
    let strict = fleet.replica(&ring, &["--refuse-unconfirmed"]).await.unwrap();
    fleet.replicas.push(strict);
    let strict = &fleet.replicas[2];
    let pages =
        async |replica: &Replica| (fleet.answers(replica, "/readyz").await, fleet.answers(replica, "/healthz").await);
    fleet.until(2, "serving", |status| status["serving"] == true).await;
    assert_eq!(pages(strict).await, (200, 200));
    let kid = fleet.mints(2).await;

    let gone = Instant::now();
    fs::remove_file(&ring).unwrap();
    fs::remove_file(fleet.on(0)).unwrap();
    let status = fleet.until(2, "refuses", |status| status["serving"] == false).await;
    assert!(gone.elapsed() >= Duration::from_millis(1_000), "before propagation is over: {:?}", gone.elapsed());
    assert_eq!((&status["error"]["kind"], &status["fit"]), (&"not_found".into(), &false.into()));
    assert_eq!(pages(strict).await, (503, 503));
    let url = format!("http://{}/mcp", strict.address);
    let answer = fleet.http.post(url).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(!answer.headers().contains_key("dpop-nonce") && !answer.headers().contains_key("www-authenticate"));
    // Without the option, the same outage is an alert and no more.
    fleet.until_fault(0, "not_found").await;
    fleet.until(0, "unfit", |status| status["fit"] == false).await;
    assert_eq!(pages(&fleet.replicas[0]).await, (200, 503));
    assert_eq!(fleet.mints(0).await, kid);

    copy(&fleet.ring(), &ring);
    fleet.until(2, "serves again", |status| status["serving"] == true && status["fit"] == true).await;
    assert_eq!(pages(strict).await, (200, 200));
    assert_eq!(fleet.mints(2).await, kid);
}

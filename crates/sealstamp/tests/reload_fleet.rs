//! A fleet's handle whose ring file changes, in all the ways that files change.
#![cfg(all(unix, feature = "reload"))]
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use sealstamp::{
    Audience, Binding, Clock, Exposure, Fleet, Force, Fresh, Refusal, ReloadError, ReloadStatus, ReloadThread,
    Reloader, ReloaderBuilder, Ring, RingFile, Settings, Suite, SwapError, UnixMillis,
};
use sha2::{Digest as _, Sha256};

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);

fn later(ms: u64) -> UnixMillis {
    NOW.saturating_add(ms)
}

fn ring() -> Ring {
    Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(1))
}

fn rotated(ring: &Ring, seed: u64) -> Ring {
    ring.rotate(None, NOW, Fresh::insecure_from_seed(seed), Force::YesAtACost).unwrap().ring
}

fn fleet(ring: &Ring) -> Fleet {
    Fleet::with_seed(ring.clone(), Audience::new("https://mcp.example.com/mcp").unwrap(), [7; 32], 0)
}

/// Replaces a file as a tool would that does it atomically.
fn put(path: &Path, content: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, path).unwrap();
}

/// Clocks that stand still until they are set. Both count from [`NOW`].
#[derive(Debug, Default)]
struct Hands {
    date_ms: AtomicU64,
    uptime_ms: AtomicU64,
}

impl Hands {
    fn set(&self, ms: u64) {
        self.date_ms.store(ms, SeqCst);
        self.uptime_ms.store(ms, SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> UnixMillis {
        later(self.date_ms.load(SeqCst))
    }

    fn uptime_ms(&self) -> u64 {
        self.uptime_ms.load(SeqCst)
    }
}

struct Replica {
    _folder: tempfile::TempDir,
    file: RingFile,
    fleet: Fleet,
    reloader: Reloader,
    clock: Arc<Hands>,
}

impl Replica {
    fn poll(&self, ms: u64) -> Result<bool, ReloadError> {
        self.clock.set(ms);
        self.reloader.poll()
    }

    fn status(&self, ms: u64) -> ReloadStatus {
        self.clock.set(ms);
        self.reloader.status()
    }
}

fn replica() -> Replica {
    replica_with(|builder| builder)
}

fn replica_with(options: impl FnOnce(ReloaderBuilder) -> ReloaderBuilder) -> Replica {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    file.create(&ring()).unwrap();
    let fleet = fleet(&ring());
    let clock = Arc::<Hands>::default();
    let builder = Reloader::builder(file.clone(), fleet.clone()).clock(clock.clone());
    let reloader = options(builder).build().unwrap();
    Replica { _folder: folder, file, fleet, reloader, clock }
}

#[test]
fn a_new_file_is_swapped_in_and_the_same_one_is_not_news() {
    let replica = replica();
    let Replica { file, fleet, .. } = &replica;
    assert_eq!(replica.poll(1_000), Ok(false));
    let next = rotated(&ring(), 2);
    put(file.path(), next.to_json().as_bytes());
    assert_eq!(fleet.ring().serial(), 1, "nothing happens without a poll");
    assert_eq!(replica.poll(2_000), Ok(true));
    assert_eq!(*fleet.ring(), next);
    assert_eq!(replica.poll(3_000), Ok(false));
    // Serials may be skipped: a replica need not see each file.
    let third = rotated(&rotated(&next, 3), 4);
    put(file.path(), third.to_json().as_bytes());
    assert_eq!(replica.poll(4_000), Ok(true));
    assert_eq!(fleet.ring().serial(), 4);
    let status = replica.status(4_500);
    assert_eq!((status.serial, status.loaded_at, status.age_ms, status.error), (4, later(4_000), 500, None));
}

/// I6: a bad file changes nothing that a client can see. I5: the serial never goes back.
#[test]
fn i5_i6_a_bad_file_changes_only_the_status_and_a_good_one_heals() {
    let replica = replica();
    let Replica { file, fleet, .. } = &replica;
    let path = file.path();
    let second = rotated(&ring(), 2);
    put(path, second.to_json().as_bytes());
    replica.poll(1).unwrap();
    let nonce = fleet.mint(NOW, &Binding::None);

    let json = second.to_json();
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let truncate = |path: &Path| put(path, &json.as_bytes()[..json.len() / 2]);
    let empty = |path: &Path| put(path, "");
    let older = |path: &Path| put(path, ring().to_json().as_bytes());
    let conflict = |path: &Path| put(path, rotated(&ring(), 3).to_json().as_bytes());
    let flipped = |path: &Path| put(path, json.replacen("\"secret\": \"", "\"secret\": \"_", 1));
    let folder = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    };
    let writable = |path: &Path| {
        put(path, rotated(&second, 4).to_json().as_bytes());
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    };
    type Fault<'f> = (&'static str, &'f dyn Fn(&Path));
    let faults: [Fault<'_>; 8] = [
        ("not_found", &remove),
        ("invalid", &truncate),
        ("invalid", &empty),
        ("older_serial", &older),
        ("conflict", &conflict),
        ("invalid", &flipped),
        ("not_a_file", &folder),
        ("world_writable", &writable),
    ];
    let mut clock = 10_000;
    for (kind, put_bad) in faults {
        put_bad(path);
        for since_start in [0, 5_000] {
            let error = replica.poll(clock + since_start).unwrap_err();
            assert_eq!(error.as_str(), kind);
            let status = replica.status(clock + since_start + 70);
            assert_eq!((status.serial, status.digest), (2, second.digest()), "{kind}");
            let fault = status.error.unwrap();
            let last_at = later(clock + since_start);
            assert_eq!((fault.error, fault.since, fault.last_at), (error, later(clock), last_at), "{kind}");
            assert_eq!(*fleet.ring(), second, "{kind}");
            assert!(fleet.open(&nonce, NOW, &Binding::None).is_ok(), "{kind}");
            assert_eq!(
                fleet.open(&fleet.mint(NOW, &Binding::None), NOW, &Binding::None).unwrap().kid(),
                second.active(NOW).kid()
            );
        }
        if path.is_dir() {
            fs::remove_dir(path).unwrap();
        }
        put(path, json.as_bytes());
        assert_eq!(replica.poll(clock + 10_000), Ok(false), "after {kind}");
        let status = replica.status(clock + 10_000);
        assert_eq!((status.error, status.age_ms, status.loaded_at), (None, 0, later(1)), "after {kind}");
        clock += 20_000;
    }
}

#[test]
fn age_is_that_of_the_last_good_look() {
    let replica = replica();
    let Replica { file, .. } = &replica;
    replica.poll(5_000).unwrap();
    put(file.path(), "{");
    replica.poll(10_000).unwrap_err();
    assert_eq!(replica.status(12_000).age_ms, 7_000);
    replica.clock.date_ms.store(0, SeqCst);
    assert_eq!(replica.reloader.status().age_ms, 7_000, "a date that was set back");
}

/// A server with a wrong ring would refuse every client. It is better not to start.
#[test]
fn at_start_a_bad_file_is_fatal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let start = |fleet: Fleet| Reloader::new(RingFile::new(&path), fleet).map(drop).unwrap_err();
    assert_eq!(start(fleet(&ring())).as_str(), "not_found");
    put(&path, "{");
    assert_eq!(start(fleet(&ring())).as_str(), "invalid");
    put(&path, ring().to_json().as_bytes());
    let second = rotated(&ring(), 2);
    assert_eq!(start(fleet(&second)), ReloadError::Swap(SwapError::OlderSerial { current: 2, offered: 1 }));
    assert!(Reloader::new(RingFile::new(&path), fleet(&ring())).is_ok());
}

/// Kubernetes mounts a Secret as `ring.json -> ..data/ring.json`, `..data -> ..2026_11_22`, and swaps `..data`.
#[test]
fn a_kubernetes_swap_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path();
    let publish = |name: &str, ring: &Ring| {
        fs::create_dir(volume.join(name)).unwrap();
        fs::write(volume.join(name).join("ring.json"), ring.to_json().as_bytes()).unwrap();
        let old = fs::read_link(volume.join("..data"));
        symlink(name, volume.join("..data_tmp")).unwrap();
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
        if let Ok(old) = old {
            fs::remove_dir_all(volume.join(old)).unwrap();
        }
    };
    publish("..2026_11_22", &ring());
    symlink("..data/ring.json", volume.join("ring.json")).unwrap();
    let fleet = fleet(&ring());
    let reloader = Reloader::new(RingFile::new(volume.join("ring.json")), fleet.clone()).unwrap();
    let mut ring = ring();
    for seed in 2..6 {
        ring = rotated(&ring, seed);
        publish(&format!("..2026_11_2{seed}_"), &ring);
        assert_eq!(reloader.poll(), Ok(true));
        assert_eq!(*fleet.ring(), ring);
    }
}

#[test]
fn an_unknown_kid_never_reads_the_file() {
    let replica = replica();
    let Replica { file, fleet, .. } = &replica;
    let next = rotated(&ring(), 2);
    put(file.path(), next.to_json().as_bytes());
    let foreign = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(66));
    let nonce = self::fleet(&foreign).mint(NOW, &Binding::None);
    assert_eq!(fleet.open(&nonce, NOW, &Binding::None), Err(Refusal::UnknownKey));
    assert_eq!(fleet.ring().serial(), 1);
    assert_eq!(replica.reloader.status().serial, 1);
}

#[test]
fn the_thread_swaps_tells_news_once_and_ends_with_its_handle() {
    let Replica { _folder, file, fleet, .. } = replica();
    let reloader = Reloader::new(file.clone(), fleet.clone()).unwrap();
    let (tell, told) = mpsc::channel::<ReloadStatus>();
    let reloader = reloader.start(Duration::from_millis(20), move |status| tell.send(status.clone()).unwrap()).unwrap();
    let next_news = || told.recv_timeout(Duration::from_secs(20)).unwrap();

    let second = rotated(&ring(), 2);
    put(file.path(), second.to_json().as_bytes());
    let news = next_news();
    assert_eq!((news.serial, news.error), (2, None));
    assert_eq!(*fleet.ring(), second);
    put(file.path(), "{");
    assert_eq!(next_news().error.unwrap().error.as_str(), "invalid");
    std::thread::sleep(Duration::from_millis(200));
    assert!(told.try_recv().is_err(), "the same fault is told once, not at each poll");
    put(file.path(), ring().to_json().as_bytes());
    assert_eq!(next_news().error.unwrap().error.as_str(), "older_serial");
    put(file.path(), second.to_json().as_bytes());
    assert_eq!(next_news().error, None);

    // The callback goes with the thread.
    drop(reloader);
    assert_eq!(told.recv_timeout(Duration::from_secs(20)), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn the_thread_ends_at_once_however_long_its_pause() {
    let Replica { reloader, .. } = replica();
    let (tell, told) = mpsc::channel::<()>();
    let reloader = reloader.start(Duration::from_secs(3_600), move |_| tell.send(()).unwrap()).unwrap();
    let start = Instant::now();
    drop(reloader);
    assert_eq!(told.recv_timeout(Duration::from_secs(60)), Err(mpsc::RecvTimeoutError::Disconnected));
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_status_as_json() {
    let replica = replica();
    let digest: String = ring().digest().iter().map(|byte| format!("{byte:02x}")).collect();
    let (active, staged) = (ring().keys()[0].kid(), ring().keys()[1].kid());
    assert_eq!(
        serde_json::to_string(&replica.status(3_310)).unwrap(),
        format!(
            concat!(
                r#"{{"format":"sealstamp-status/1","version":"{}","fit":true,"serving":true,"#,
                r#""audience":"https://mcp.example.com/mcp","serial":1,"digest":"{}","ancestors":[],"#,
                r#""settings":{{"lifetime_s":120,"max_skew_s":5,"propagation_s":600}},"#,
                r#""keys":[{{"kid":"{}","state":"active"}},{{"kid":"{}","state":"staged"}}],"#,
                r#""loaded_at":"2026-11-22T19:00:00Z","age_ms":3310,"polled_ms":3310,"failed_polls":0,"#,
                r#""thread":"not_started","panics":0,"last_panic_at":null,"error":null,"warnings":[]}}"#,
            ),
            env!("CARGO_PKG_VERSION"),
            digest,
            active,
            staged
        )
    );
    fs::set_permissions(replica.file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    replica.poll(1_000).unwrap();
    fs::remove_file(replica.file.path()).unwrap();
    replica.poll(1_250).unwrap_err();
    replica.poll(1_750).unwrap_err();
    let status = serde_json::to_value(replica.status(2_000)).unwrap();
    assert_eq!(
        status["error"],
        serde_json::json!({
            "kind": "not_found",
            "message": "cannot read the file: No such file or directory (os error 2)",
            "since": "2026-11-22T19:00:01.250Z",
            "last_at": "2026-11-22T19:00:01.750Z"
        })
    );
    assert_eq!(
        status["warnings"],
        serde_json::json!([{ "kind": "world_readable", "message": "everybody may read the ring file" }])
    );
    assert_eq!((&status["fit"], &status["age_ms"], &status["polled_ms"]), (&false.into(), &1_000.into(), &250.into()));
}

/// An outage that turns into another kind is told with the other one's time.
#[test]
fn each_kind_of_fault_has_its_own_time() {
    let replica = replica();
    let put_and_poll = |content: &[u8], ms| {
        put(replica.file.path(), content);
        replica.poll(ms).unwrap_err();
        let fault = replica.reloader.status().error.unwrap();
        (fault.error.as_str(), fault.since, fault.last_at)
    };
    assert_eq!(put_and_poll(b"{", 1_000), ("invalid", later(1_000), later(1_000)));
    assert_eq!(put_and_poll(b"", 2_000), ("invalid", later(1_000), later(2_000)));
    let other = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(9)).to_json();
    assert_eq!(put_and_poll(other.as_bytes(), 3_000), ("conflict", later(3_000), later(3_000)));
    assert_eq!(put_and_poll(b"{", 4_000), ("invalid", later(4_000), later(4_000)));
}

/// Two replicas that would refuse each other's nonces look different.
#[test]
fn a_difference_in_audience_or_settings_alone_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let status = |audience: &str, settings: Settings| {
        let file = RingFile::new(folder.path().join("ring.json"));
        let ring = Ring::init(settings, Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(1));
        put(file.path(), ring.to_json().as_bytes());
        let fleet = Fleet::with_seed(ring, Audience::new(audience).unwrap(), [7; 32], 0);
        Reloader::builder(file, fleet).clock(Arc::<Hands>::default()).build().unwrap().status()
    };
    let a = status("https://a.example.com/mcp", Settings::default());
    assert_eq!(a, status("https://a.example.com/mcp", Settings::default()));
    assert_ne!(a, status("https://b.example.com/mcp", Settings::default()));
    let longer = status("https://a.example.com/mcp", Settings::new(121, 5, 600).unwrap());
    assert_ne!(a.settings, longer.settings);
    assert_ne!(a.digest, longer.digest);
}

#[test]
fn a_panic_in_the_callback_does_not_end_the_thread() {
    let Replica { file, reloader, clock, _folder, .. } = replica();
    let (tell, told) = mpsc::channel();
    let reloader = reloader
        .start(Duration::from_millis(20), move |status| {
            tell.send(status.serial).unwrap();
            assert!(status.serial == 4, "as eprintln! does on a closed pipe");
        })
        .unwrap();
    let mut ring = ring();
    for panics in 1..=3 {
        ring = rotated(&ring, panics + 1);
        put(file.path(), ring.to_json().as_bytes());
        clock.set(panics * 1_000);
        assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(panics + 1));
        let deadline = Instant::now() + Duration::from_secs(20);
        // The last one goes well.
        let panics = panics.min(2);
        while reloader.status().panics < panics {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
        let status = reloader.status();
        assert_eq!((status.panics, status.thread), (panics, ReloadThread::Running));
        assert_eq!(status.last_panic_at, Some(later(panics * 1_000)));
    }
}

/// The pause is an hour, and the machine sleeps for one. Only the clock that counts suspends sees that.
#[test]
fn after_a_suspend_the_file_is_read_at_once() {
    for (by_uptime, by_date) in [(true, false), (false, true)] {
        let Replica { file, reloader, clock, _folder, .. } = replica();
        let (tell, told) = mpsc::channel();
        let reloader =
            reloader.start(Duration::from_secs(3_600), move |status| tell.send(status.serial).unwrap()).unwrap();
        put(file.path(), rotated(&ring(), 2).to_json().as_bytes());
        // Three quarters of an hour are the shortest pause.
        clock.set(2_690_000);
        assert!(told.recv_timeout(Duration::from_millis(500)).is_err(), "no suspend, no poll");
        if by_uptime {
            clock.uptime_ms.store(3_600_000, SeqCst);
        }
        if by_date {
            clock.date_ms.store(3_600_000, SeqCst);
        }
        let woken = Instant::now();
        assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(2), "{by_uptime} {by_date}");
        assert!(woken.elapsed() < Duration::from_secs(10), "{:?}", woken.elapsed());
        assert_eq!(reloader.status().thread, ReloadThread::Running);
    }
}

/// The thread may first run long after it was started, on a machine that is busy or asleep.
#[test]
fn a_suspend_before_the_thread_first_runs_counts_too() {
    for _ in 0..20 {
        let Replica { file, reloader, clock, _folder, .. } = replica();
        let (tell, told) = mpsc::channel();
        put(file.path(), rotated(&ring(), 2).to_json().as_bytes());
        let reloader =
            reloader.start(Duration::from_secs(3_600), move |status| tell.send(status.serial).unwrap()).unwrap();
        clock.uptime_ms.store(3_600_000, SeqCst);
        assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(2));
        drop(reloader);
    }
}

#[test]
fn what_the_callers_own_poll_finds_is_told_too() {
    let Replica { file, reloader, clock, _folder, .. } = replica();
    let (tell, told) = mpsc::channel();
    let reloader = reloader
        .start(Duration::from_secs(3_600), move |status| {
            tell.send((status.serial, status.error.clone().map(|f| f.error.as_str()))).unwrap();
        })
        .unwrap();
    assert!(told.try_recv().is_err(), "nothing to tell yet");
    put(file.path(), rotated(&ring(), 2).to_json().as_bytes());
    clock.set(1_000);
    assert_eq!(reloader.poll(), Ok(true));
    assert_eq!(told.try_recv(), Ok((2, None)));
    assert_eq!(reloader.poll(), Ok(false));
    assert!(told.try_recv().is_err(), "the same ring is no news");
    put(file.path(), "{");
    reloader.poll().unwrap_err();
    reloader.poll().unwrap_err();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(2, Some("invalid"))]);
}

#[test]
fn a_file_that_others_can_read_or_replace_is_told_at_the_start_and_when_it_becomes_so() {
    let Replica { file, reloader, _folder, .. } = replica();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(file.path(), 0o644);
    reloader.poll().unwrap();
    let (tell, told) = mpsc::channel();
    let reloader =
        reloader.start(Duration::from_secs(3_600), move |status| tell.send(status.warnings.clone()).unwrap()).unwrap();
    assert_eq!(told.try_recv(), Ok(vec![Exposure::WorldReadable]), "at the start");
    assert!(reloader.status().fit, "a warning is no refusal");
    mode(_folder.path(), 0o770);
    reloader.poll().unwrap();
    assert_eq!(told.try_recv(), Ok(vec![Exposure::WorldReadable, Exposure::FolderWritable]));
    mode(file.path(), 0o640);
    mode(_folder.path(), 0o750);
    reloader.poll().unwrap();
    assert_eq!(told.try_recv(), Ok(vec![]));
    assert!(told.try_recv().is_err());
}

/// `propagation` is 600 s.
#[test]
fn service_is_refused_without_confirmation_only_if_asked_for() {
    for asked_for in [false, true] {
        let replica = replica_with(|b| if asked_for { b.refuse_unconfirmed() } else { b });
        let fleet = &replica.fleet;
        let nonce = fleet.mint(NOW, &Binding::None);
        let open = || fleet.open(&nonce, NOW, &Binding::None).map(drop);
        replica.poll(1_000).unwrap();
        fs::remove_file(replica.file.path()).unwrap();
        replica.poll(300_000).unwrap_err();
        let status = replica.status(601_000);
        assert_eq!((status.serving, status.age_ms, open()), (true, 600_000, Ok(())));
        let status = replica.status(601_001);
        assert_eq!((status.serving, status.fit, fleet.is_serving()), (!asked_for, false, !asked_for));
        assert_eq!(open(), if asked_for { Err(Refusal::Unconfirmed) } else { Ok(()) });
        // The date changes nothing.
        replica.clock.date_ms.store(0, SeqCst);
        assert_eq!(fleet.is_serving(), !asked_for);
        put(replica.file.path(), ring().to_json().as_bytes());
        replica.poll(700_000).unwrap();
        assert_eq!((fleet.is_serving(), open(), replica.reloader.status().fit), (true, Ok(()), true));
    }
}

#[test]
fn fit_is_a_good_poll_not_longer_ago_than_the_propagation() {
    let replica = replica();
    assert!(replica.status(600_000).fit);
    assert!(!replica.status(600_001).fit);
    replica.poll(700_000).unwrap();
    assert!(replica.reloader.status().fit);
    put(replica.file.path(), "{");
    replica.poll(700_001).unwrap_err();
    assert!(!replica.reloader.status().fit);
}

#[test]
fn a_ring_below_the_least_serial_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    let second = rotated(&ring(), 2);
    let start = |ring: &Ring, min| {
        put(file.path(), ring.to_json().as_bytes());
        Reloader::builder(file.clone(), fleet(ring)).min_serial(min).build().map(drop)
    };
    let error = start(&ring(), 2).unwrap_err();
    assert_eq!(error, ReloadError::BelowMinSerial { min: 2, offered: 1 });
    assert_eq!(error.as_str(), "below_min_serial");
    assert_eq!(error.to_string(), "the ring has serial 1, and this process was told that the fleet has at least 2");
    assert_eq!(start(&second, 2), Ok(()));
    assert_eq!(start(&rotated(&second, 3), 2), Ok(()));
}

/// The digest is that of the file without its secrets, so an operator can compute it from a file by hand.
#[test]
fn the_digest_shows_every_difference_but_the_secret_itself() {
    let ring = rotated(&rotated(&ring(), 2), 3);
    let revoked = ring.revoke(ring.keys()[1].kid(), NOW, Fresh::insecure_from_seed(4), Force::No).unwrap().ring;
    for ring in [&ring, &revoked] {
        let json = ring.to_json();
        let open: String = json.lines().filter(|l| !l.contains("\"secret\"")).map(|l| format!("{l}\n")).collect();
        assert_eq!(ring.digest(), <[u8; 32]>::from(Sha256::digest(&open)));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.json");
        fs::write(&path, json.as_bytes()).unwrap();
        if let Ok(jq) = Command::new("jq").arg("del(.keys[].secret)").arg(&path).stderr(Stdio::inherit()).output() {
            assert!(jq.status.success());
            assert_eq!(ring.digest(), <[u8; 32]>::from(Sha256::digest(&jq.stdout)), "jq");
        }
    }
    assert_ne!(ring.digest(), revoked.digest());
}

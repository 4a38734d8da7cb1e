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
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sealstamp::{
    Audience, Binding, Fleet, Force, Fresh, Refusal, ReloadError, ReloadStatus, Reloader, Ring, RingFile, Settings,
    Suite, SwapError, UnixMillis,
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

struct Replica {
    _folder: tempfile::TempDir,
    file: RingFile,
    fleet: Fleet,
    reloader: Reloader,
}

fn replica() -> Replica {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    file.create(&ring()).unwrap();
    let fleet = fleet(&ring());
    let reloader = Reloader::new(file.clone(), fleet.clone(), NOW).unwrap();
    Replica { _folder: folder, file, fleet, reloader }
}

#[test]
fn a_new_file_is_swapped_in_and_the_same_one_is_not_news() {
    let Replica { file, fleet, reloader, .. } = &replica();
    assert_eq!(reloader.poll(later(1_000)), Ok(false));
    let next = rotated(&ring(), 2);
    put(file.path(), next.to_json().as_bytes());
    assert_eq!(fleet.ring().serial(), 1, "nothing happens without a poll");
    assert_eq!(reloader.poll(later(2_000)), Ok(true));
    assert_eq!(*fleet.ring(), next);
    assert_eq!(reloader.poll(later(3_000)), Ok(false));
    // Serials may be skipped: a replica need not see each file.
    let third = rotated(&rotated(&next, 3), 4);
    put(file.path(), third.to_json().as_bytes());
    assert_eq!(reloader.poll(later(4_000)), Ok(true));
    assert_eq!(fleet.ring().serial(), 4);
    let status = reloader.status(later(4_500));
    assert_eq!((status.serial, status.loaded_at, status.age_ms, status.error), (4, later(4_000), 500, None));
}

/// I6: a bad file changes nothing that a client can see. I5: the serial never goes back.
#[test]
fn i5_i6_a_bad_file_changes_only_the_status_and_a_good_one_heals() {
    let Replica { file, fleet, reloader, .. } = &replica();
    let path = file.path();
    let second = rotated(&ring(), 2);
    put(path, second.to_json().as_bytes());
    reloader.poll(later(1)).unwrap();
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
            let error = reloader.poll(later(clock + since_start)).unwrap_err();
            assert_eq!(error.as_str(), kind);
            let status = reloader.status(later(clock + since_start + 70));
            assert_eq!((status.serial, status.digest), (2, second.digest()), "{kind}");
            let fault = status.error.unwrap();
            assert_eq!((fault.error, fault.since), (error, later(clock)), "{kind}");
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
        assert_eq!(reloader.poll(later(clock + 10_000)), Ok(false), "after {kind}");
        let status = reloader.status(later(clock + 10_000));
        assert_eq!((status.error, status.age_ms, status.loaded_at), (None, 0, later(1)), "after {kind}");
        clock += 20_000;
    }
}

#[test]
fn age_is_that_of_the_last_good_look() {
    let Replica { file, reloader, .. } = &replica();
    reloader.poll(later(5_000)).unwrap();
    put(file.path(), "{");
    reloader.poll(later(10_000)).unwrap_err();
    assert_eq!(reloader.status(later(12_000)).age_ms, 7_000);
    assert_eq!(reloader.status(later(0)).age_ms, 0, "a clock that was set back");
}

/// A server with a wrong ring would refuse every client. It is better not to start.
#[test]
fn at_start_a_bad_file_is_fatal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let start = |fleet: Fleet| Reloader::new(RingFile::new(&path), fleet, NOW).map(drop).unwrap_err();
    assert_eq!(start(fleet(&ring())).as_str(), "not_found");
    put(&path, "{");
    assert_eq!(start(fleet(&ring())).as_str(), "invalid");
    put(&path, ring().to_json().as_bytes());
    let second = rotated(&ring(), 2);
    assert_eq!(start(fleet(&second)), ReloadError::Swap(SwapError::OlderSerial { current: 2, offered: 1 }));
    assert!(Reloader::new(RingFile::new(&path), fleet(&ring()), NOW).is_ok());
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
    let reloader = Reloader::new(RingFile::new(volume.join("ring.json")), fleet.clone(), NOW).unwrap();
    let mut ring = ring();
    for seed in 2..6 {
        ring = rotated(&ring, seed);
        publish(&format!("..2026_11_2{seed}_"), &ring);
        assert_eq!(reloader.poll(later(seed)), Ok(true));
        assert_eq!(*fleet.ring(), ring);
    }
}

#[test]
fn an_unknown_kid_never_reads_the_file() {
    let Replica { file, fleet, reloader, .. } = &replica();
    let next = rotated(&ring(), 2);
    put(file.path(), next.to_json().as_bytes());
    let foreign = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(66));
    let nonce = self::fleet(&foreign).mint(NOW, &Binding::None);
    assert_eq!(fleet.open(&nonce, NOW, &Binding::None), Err(Refusal::UnknownKey));
    assert_eq!(fleet.ring().serial(), 1);
    assert_eq!(reloader.status(NOW).serial, 1);
}

#[test]
fn the_thread_swaps_tells_news_once_and_ends_with_its_handle() {
    let Replica { _folder, file, fleet, reloader } = replica();
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
    let Replica { _folder, reloader, .. } = replica();
    let (tell, told) = mpsc::channel::<()>();
    let reloader = reloader.start(Duration::from_secs(3_600), move |_| tell.send(()).unwrap()).unwrap();
    let start = Instant::now();
    drop(reloader);
    assert_eq!(told.recv_timeout(Duration::from_secs(60)), Err(mpsc::RecvTimeoutError::Disconnected));
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_status_as_json() {
    let Replica { file, reloader, .. } = &replica();
    let digest: String = ring().digest().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        serde_json::to_string(&reloader.status(later(3_310))).unwrap(),
        format!(r#"{{"serial":1,"digest":"{digest}","loaded_at":"2026-11-22T19:00:00Z","age_ms":3310,"error":null}}"#)
    );
    fs::remove_file(file.path()).unwrap();
    reloader.poll(later(1_250)).unwrap_err();
    let status = serde_json::to_value(reloader.status(later(2_000))).unwrap();
    assert_eq!(
        status["error"],
        serde_json::json!({
            "kind": "not_found",
            "message": "cannot read the file: No such file or directory (os error 2)",
            "since": "2026-11-22T19:00:01.250Z"
        })
    );
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

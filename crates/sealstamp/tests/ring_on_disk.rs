//! Ring files on a real disk: what is read, what is refused, what a write keeps, and a disk that is full.
#![cfg(all(unix, feature = "file"))]
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::{fs, io, thread};

use sealstamp::{
    FileError, FileErrorKind, Force, Fresh, Ring, RingErrorKind, RingFile, Settings, Suite, Transition,
    TransitionError, UnixMillis, UpdateError,
};

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);

fn ring(seed: u64) -> Ring {
    Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(seed))
}

fn rotated(ring: &Ring) -> Result<Transition, TransitionError> {
    let seed = 1_000 + ring.serial();
    ring.rotate(None, NOW, Fresh::insecure_from_seed(seed), Force::YesAtACost)
}

fn ring_in(folder: &Path) -> RingFile {
    let file = RingFile::new(folder.join("ring.json"));
    file.create(&ring(1)).unwrap();
    file
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_new_file_is_0600_and_the_ring() {
    let folder = tempfile::tempdir().unwrap();
    let file = ring_in(folder.path());
    assert_eq!(mode(file.path()), 0o600);
    assert_eq!(file.load().unwrap(), ring(1));
    assert_eq!(fs::read(file.path()).unwrap(), ring(1).to_json().as_bytes());
}

#[test]
fn creation_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let file = RingFile::new(&path);
    for prepare in [
        |path: &Path| fs::write(path, "").unwrap(),
        |path: &Path| fs::write(path, "something of value").unwrap(),
        |path: &Path| fs::create_dir(path).unwrap(),
        |path: &Path| symlink("nothing", path).unwrap(),
        |path: &Path| symlink("other.json", path).unwrap(),
    ] {
        fs::write(folder.path().join("other.json"), "other").unwrap();
        prepare(&path);
        let before = fs::symlink_metadata(&path).unwrap();
        let error = file.create(&ring(1)).unwrap_err();
        assert_eq!(error.kind(), FileErrorKind::Exists);
        assert_eq!(error.to_string(), "there is a file of this name already; the ring file is as it was");
        let after = fs::symlink_metadata(&path).unwrap();
        assert_eq!((before.ino(), before.len()), (after.ino(), after.len()));
        assert_eq!(fs::read(folder.path().join("other.json")).unwrap(), b"other");
        assert!(!folder.path().join("nothing").exists());
        if before.is_dir() { fs::remove_dir(&path).unwrap() } else { fs::remove_file(&path).unwrap() }
    }
}

#[test]
fn of_many_creations_at_once_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    let start = Barrier::new(8);
    let winners: Vec<u64> = thread::scope(|s| {
        let race = |seed| {
            let (file, start) = (&file, &start);
            s.spawn(move || {
                start.wait();
                file.create(&ring(seed)).map(|()| seed)
            })
        };
        let racers: Vec<_> = (0..8).map(race).collect();
        racers.into_iter().filter_map(|racer| racer.join().unwrap().ok()).collect()
    });
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(file.load().unwrap(), ring(winners[0]));
}

/// Keystone lost keys because two processes wrote at once. Here each writer sees what the other has written.
#[test]
fn updates_at_once_come_one_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = ring_in(folder.path());
    thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| {
                for _ in 0..5 {
                    file.update(rotated).unwrap();
                }
            });
        }
        for _ in 0..200 {
            file.load().unwrap();
        }
    });
    assert_eq!(file.load().unwrap().serial(), 41);
}

#[test]
fn a_refused_change_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = ring_in(folder.path());
    let before = fs::metadata(file.path()).unwrap();
    let refused = file.update(|ring| ring.prune(NOW, Force::No));
    assert_eq!(refused.unwrap_err(), UpdateError::Change(TransitionError::NothingToPrune));
    let after = fs::metadata(file.path()).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
}

#[test]
fn symlinks_are_followed_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (real, shown) = (folder.path().join("real"), folder.path().join("shown"));
    fs::create_dir(&real).unwrap();
    fs::create_dir(&shown).unwrap();
    let target = ring_in(&real);
    symlink("../real/ring.json", shown.join("one.json")).unwrap();
    symlink("one.json", shown.join("two.json")).unwrap();
    let file = RingFile::new(shown.join("two.json"));
    let new = file.update(rotated).unwrap().ring;
    assert_eq!(target.load().unwrap(), new);
    assert_eq!(fs::read_link(file.path()).unwrap(), Path::new("one.json"));
    assert!(fs::symlink_metadata(target.path()).unwrap().is_file());
    let beside = fs::read_dir(&shown).unwrap().count();
    assert_eq!(beside, 2, "the temporary file and the lock are beside the real file");
}

#[test]
fn owner_and_mode_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = ring_in(folder.path());
    for wanted in [0o400, 0o440, 0o600, 0o640, 0o644] {
        set_mode(file.path(), wanted);
        // Only root may give a file to somebody else.
        let given = std::os::unix::fs::chown(file.path(), Some(12_345), Some(54_321)).is_ok();
        let before = fs::metadata(file.path()).unwrap();
        assert_eq!(given, before.uid() == 12_345);
        file.update(rotated).unwrap();
        let after = fs::metadata(file.path()).unwrap();
        assert_ne!(before.ino(), after.ino(), "a new file took its place");
        assert_eq!((after.uid(), after.gid(), mode(file.path())), (before.uid(), before.gid(), wanted));
    }
}

#[test]
fn what_is_no_ring_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let fault = |name: &str| RingFile::new(at(name)).load().unwrap_err();

    assert_eq!(fault("absent").io_kind(), Some(io::ErrorKind::NotFound));
    assert_eq!(fault("absent").to_string(), "cannot read the file: No such file or directory (os error 2)");
    fs::create_dir(at("folder")).unwrap();
    assert_eq!(fault("folder").kind(), FileErrorKind::NotAFile);
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    assert_eq!(fault("pipe").kind(), FileErrorKind::NotAFile, "and it did not wait for a writer");
    symlink("/dev/zero", at("zeros")).unwrap();
    assert_eq!(fault("zeros").kind(), FileErrorKind::NotAFile);
    symlink("round", at("round")).unwrap();
    assert_eq!(fault("round").kind(), FileErrorKind::Io);
}

#[test]
fn content_is_judged_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    let whole = ring(1).to_json();
    let mut padded = whole.as_bytes().to_vec();
    padded.resize(Ring::MAX_FILE_LEN, b' ');
    fs::write(file.path(), &padded).unwrap();
    assert_eq!(file.load().unwrap(), ring(1), "1 MiB is not too large");
    padded.push(b' ');
    fs::write(file.path(), &padded).unwrap();
    assert_eq!(file.load().unwrap_err().ring_error().unwrap().kind(), RingErrorKind::TooLarge);
    for cut in [0, 1, 100, whole.len() - 2] {
        fs::write(file.path(), &whole.as_bytes()[..cut]).unwrap();
        let error = file.load().unwrap_err();
        assert_eq!(error.kind(), FileErrorKind::Invalid);
        assert_eq!(error.ring_error().unwrap().kind(), RingErrorKind::Syntax, "cut at {cut}");
        assert_eq!(io_of(file.update(rotated).unwrap_err()).kind(), FileErrorKind::Invalid);
        assert_eq!(fs::metadata(file.path()).unwrap().len(), cut as u64);
    }
}

fn io_of<E: std::fmt::Debug>(error: UpdateError<E>) -> sealstamp::FileError {
    match error {
        UpdateError::File(error) => error,
        UpdateError::Change(refused) => panic!("{refused:?}"),
    }
}

#[test]
fn a_file_that_everybody_may_write_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let file = ring_in(folder.path());
    for (mode, trusted) in [(0o602, false), (0o666, false), (0o644, true), (0o664, true), (0o660, true)] {
        set_mode(file.path(), mode);
        match file.load() {
            Ok(_) => assert!(trusted, "{mode:o}"),
            Err(error) => assert_eq!((error.kind(), trusted), (FileErrorKind::WorldWritable, false), "{mode:o}"),
        }
        assert_eq!(file.update(rotated).is_ok(), trusted, "{mode:o}");
    }
}

/// A small disk of its own for this test, where the process may mount one.
#[test]
fn a_full_disk_leaves_the_old_ring() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Mounted::tmpfs(folder.path(), "16k");
    let Some(_disk) = disk else {
        eprintln!("not run: this process may not mount a tmpfs");
        return;
    };
    let file = ring_in(folder.path());
    let before = fs::read(file.path()).unwrap();
    fs::write(folder.path().join("filler"), vec![0; 16 * 1_024]).unwrap_err();
    let error = io_of(file.update(rotated).unwrap_err());
    assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull));
    assert!(!error.ring_is_new());
    assert_eq!(
        error.to_string(),
        "cannot write the temporary file: No space left on device (os error 28); the ring file is as it was"
    );
    assert_eq!(fs::read(file.path()).unwrap(), before);
    let error = RingFile::new(folder.path().join("another.json")).create(&ring(2)).unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull));
    assert!(!folder.path().join("another.json").exists(), "no empty file is left (Keystone)");
    fs::remove_file(folder.path().join("filler")).unwrap();
    file.update(rotated).unwrap();
}

struct Mounted<'p>(&'p Path);

impl<'p> Mounted<'p> {
    fn tmpfs(on: &'p Path, size: &str) -> Option<Self> {
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(on).output();
        mount.is_ok_and(|done| done.status.success()).then_some(Self(on))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// What `create` and `update` do not do: the place may hold anything, or nothing, and servers must be able to read the
/// file.
#[test]
fn a_ring_is_put_back_with_the_owner_and_mode_that_servers_need() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let file = RingFile::new(&path);
    let mode = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let owner = |path: &std::path::Path| {
        let m = fs::metadata(path).unwrap();
        (m.uid(), m.gid(), m.mode() & 0o7777)
    };
    let (uid, gid, _) = owner(folder.path());
    // Only root may give files away.
    let (uid, gid) = if uid == 0 { (4_242, 4_343) } else { (uid, gid) };
    let root = uid == 4_242;
    if root {
        std::os::unix::fs::chown(folder.path(), Some(0), Some(gid)).unwrap();
    }
    for (of_folder, of_file) in [(0o750, 0o640), (0o700, 0o600), (0o755, 0o640), (0o2770, 0o640)] {
        mode(folder.path(), of_folder);
        put_back(&file, 1).unwrap();
        assert_eq!(owner(&path), (if root { 0 } else { uid }, gid, of_file), "{of_folder:o}");
        assert_eq!(file.load().unwrap(), ring(1));
        fs::remove_file(&path).unwrap();
    }
    for (before, after) in [(0o640, 0o640), (0o440, 0o440), (0o644, 0o644), (0o666, 0o664)] {
        fs::write(&path, "damaged").unwrap();
        mode(&path, before);
        if root {
            std::os::unix::fs::chown(&path, Some(uid), Some(gid)).unwrap();
        }
        put_back(&file, 2).unwrap();
        assert_eq!(owner(&path), (uid, gid, after), "{before:o}");
        assert_eq!(file.load().unwrap(), ring(2));
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(put_back(&file, 1).unwrap_err().kind(), FileErrorKind::NotAFile);
    fs::remove_dir(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    assert_eq!(put_back(&file, 1).unwrap_err().io_kind(), Some(std::io::ErrorKind::NotFound));
}

fn put_back(file: &RingFile, seed: u64) -> Result<(), FileError> {
    match file.put_back(|_| Ok::<_, ()>(ring(seed))) {
        Ok(made) => {
            assert_eq!(made, ring(seed));
            Ok(())
        }
        Err(UpdateError::File(error)) => Err(error),
        Err(UpdateError::Change(())) => unreachable!(),
    }
}

/// Otherwise one who puts a ring back could undo a change that came meanwhile.
#[test]
fn what_is_put_back_is_decided_under_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    file.put_back(|in_place| {
        assert_eq!(in_place, None);
        Ok::<_, ()>(ring(1))
    })
    .unwrap();
    thread::scope(|scope| {
        let put_back = file.put_back(|in_place| {
            assert_eq!(in_place, Some(&ring(1)));
            let other = file.clone();
            scope.spawn(move || {
                let updated = other.update(|there| {
                    assert_eq!(there, &ring(2), "the lock was not held");
                    rotated(there)
                });
                assert_eq!(updated.unwrap().ring.serial(), 2);
            });
            // Long enough for a write that does not wait.
            thread::sleep(std::time::Duration::from_millis(200));
            Ok::<_, ()>(ring(2))
        });
        put_back.unwrap();
    });
    assert_eq!(file.load().unwrap().serial(), 2);

    fs::write(file.path(), "damaged").unwrap();
    let refused = file.put_back(|in_place| if in_place.is_none() { Err("no") } else { Ok(ring(3)) });
    assert_eq!(refused, Err(UpdateError::Change("no")));
    assert_eq!(fs::read(file.path()).unwrap(), b"damaged");
}

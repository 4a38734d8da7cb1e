//! Faults at every step of a write: the step fails before it does anything, it fails after it has done its work, or the
//! process is killed in front of it.
#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "a test stops by panicking")]

use std::cell::Cell;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use tempfile::NamedTempFile;

use crate::disk::error::{FileError, FileErrorKind, Left, Step, UpdateError};
use crate::disk::read::read_at_most;
use crate::disk::ring_file::RingFile;
use crate::disk::step::faults::{FAULT, Fault, meanwhile};
use crate::disk::target::Target;
use crate::ring::Ring;
use crate::ring::transition::error::TransitionError;
use crate::ring::transition::{Force, Transition};
use crate::secret::Fresh;
use crate::settings::Settings;
use crate::suite::Suite;
use crate::time::UnixMillis;

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);
const STEPS: [Step; 10] = [
    Step::Find,
    Step::Lock,
    Step::Read,
    Step::Prepare,
    Step::Owner,
    Step::Write,
    Step::Sync,
    Step::Rename,
    Step::SyncFolder,
    Step::ReadBack,
];

fn ring(seed: u64) -> Ring {
    Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(seed))
}

fn rotated(ring: &Ring) -> Result<Transition, TransitionError> {
    ring.rotate(None, NOW, Fresh::insecure_from_seed(99), Force::No)
}

fn folder_with_ring() -> (tempfile::TempDir, RingFile) {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    file.create(&ring(1)).unwrap();
    (folder, file)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// How often an update does a step, so that the fault can be put at each time.
fn times(step: Step) -> u32 {
    let (_folder, file) = folder_with_ring();
    FAULT.set(Some((step, Fault::Before, 1_000)));
    file.update(rotated).unwrap();
    let Some((.., left)) = FAULT.take() else { panic!("{step:?} hit the fault") };
    1_000 - left
}

#[test]
fn an_update_broken_at_any_step_leaves_the_old_or_the_new_ring_and_says_which() {
    let mut broken = 0;
    for step in STEPS {
        for (skip, fault) in (0..times(step)).flat_map(|n| [(n, Fault::Before), (n, Fault::After)]) {
            let (folder, file) = folder_with_ring();
            let before = fs::read(file.path()).unwrap();
            FAULT.set(Some((step, fault, skip)));
            let Err(UpdateError::File(error)) = file.update(rotated) else { panic!("{step:?} {fault:?}") };
            assert_eq!(FAULT.take(), None, "{step:?} {fault:?} was reached");
            let name = format!("{step:?} {fault:?} {skip}: {error}");
            assert_eq!(error.kind(), FileErrorKind::Io, "{name}");
            assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull), "{name}");
            if error.ring_is_new() {
                assert_eq!(file.load().unwrap(), rotated(&ring(1)).unwrap().ring, "{name}");
                assert!(error.to_string().contains("; the new ring is in place"), "{name}");
            } else {
                assert_eq!(fs::read(file.path()).unwrap(), before, "{name}");
                assert!(error.to_string().ends_with("; the ring file is as it was"), "{name}");
            }
            assert!(!names(folder.path()).contains(&".ring.json.new".to_owned()) || step == Step::Prepare, "{name}");
            // Nothing stands in the way of the next writer.
            if !error.ring_is_new() {
                file.update(rotated).unwrap();
            }
            assert_eq!(names(folder.path()), [".ring.json.lock", "ring.json"], "{name}");
            broken += 1;
        }
    }
    assert!(broken >= 2 * 9, "{broken} faults");
}

#[test]
fn a_creation_broken_at_any_step_leaves_nothing_or_the_whole_ring() {
    for step in [Step::Find, Step::Lock, Step::Prepare, Step::Write, Step::Sync, Step::Rename, Step::SyncFolder] {
        for fault in [Fault::Before, Fault::After] {
            let folder = tempfile::tempdir().unwrap();
            let file = RingFile::new(folder.path().join("ring.json"));
            FAULT.set(Some((step, fault, 0)));
            let error = file.create(&ring(1)).unwrap_err();
            assert_eq!(FAULT.take(), None, "{step:?} {fault:?} was reached");
            assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull), "{step:?} {fault:?}");
            assert_eq!(file.path().exists(), error.ring_is_new(), "{step:?} {fault:?}");
            if error.ring_is_new() {
                assert_eq!(file.load().unwrap(), ring(1), "{step:?} {fault:?}");
            }
        }
    }
}

/// Not a test of its own: the process that [`a_kill_at_any_step_leaves_the_old_or_the_new_ring`] kills.
#[test]
fn killed_child() {
    let Ok(order) = std::env::var("SEALSTAMP_TEST_KILL") else { return };
    let mut words = order.splitn(3, ' ');
    let step = STEPS[words.next().unwrap().parse::<usize>().unwrap()];
    let skip = words.next().unwrap().parse().unwrap();
    FAULT.set(Some((step, Fault::Kill, skip)));
    let _ = RingFile::new(words.next().unwrap()).update(rotated);
    unreachable!("the child outlived its step");
}

#[test]
fn a_kill_at_any_step_leaves_the_old_or_the_new_ring() {
    for (index, step) in STEPS.into_iter().enumerate() {
        for skip in 0..times(step) {
            let (folder, file) = folder_with_ring();
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "disk::tests::killed_child", "--test-threads=1", "--quiet"])
                .env("SEALSTAMP_TEST_KILL", format!("{index} {skip} {}", file.path().display()))
                .output()
                .unwrap();
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status.status), Some(6), "{step:?}: {status:?}");
            let there = file.load().unwrap();
            let new = rotated(&ring(1)).unwrap().ring;
            let renamed = step == Step::SyncFolder || (step == Step::Read && there == new);
            assert_eq!(there, if renamed { new.clone() } else { ring(1) }, "{step:?} {skip}");
            // The next write removes what the dead process left. Its lock ended when it died.
            if !renamed {
                file.update(rotated).unwrap();
            }
            assert_eq!(file.load().unwrap(), new, "{step:?}");
            assert_eq!(names(folder.path()), [".ring.json.lock", "ring.json"], "{step:?}");
        }
    }
}

#[test]
fn what_was_read_back_and_is_not_the_new_ring_is_told() {
    for other in [ring(2).to_json().as_bytes().to_vec(), b"{".to_vec()] {
        let (_folder, file) = folder_with_ring();
        let path = file.path().to_owned();
        meanwhile(Step::SyncFolder, move || fs::write(path, other).unwrap());
        let Err(UpdateError::File(error)) = file.update(rotated) else { panic!() };
        assert_eq!(error.kind(), FileErrorKind::Changed);
        assert!(error.ring_is_new());
    }
}

#[test]
fn a_writer_gives_up_on_one_that_hangs() {
    let (_folder, file) = folder_with_ring();
    let hangs = Target::there(file.path()).unwrap().lock(None).unwrap();
    let Err(UpdateError::File(error)) = file.update(rotated) else { panic!() };
    assert_eq!(error.kind(), FileErrorKind::Locked);
    assert_eq!(error.to_string(), "another process is writing the ring; the ring file is as it was");
    drop(hangs);
    file.update(rotated).unwrap();
}

/// Nobody can read the temporary file who cannot read the ring, and no secret is in it before it has its mode.
#[test]
fn the_mode_is_set_before_the_content() {
    for mode in [0o400, 0o440, 0o600, 0o640, 0o644] {
        let (folder, file) = folder_with_ring();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        let temporary = folder.path().join(".ring.json.new");
        let seen = std::rc::Rc::new(Cell::new(0));
        for step in [Step::Owner, Step::Write] {
            let (temporary, seen) = (temporary.clone(), seen.clone());
            meanwhile(step, move || {
                let metadata = fs::metadata(temporary).unwrap();
                assert_eq!(metadata.len(), 0);
                assert_eq!(metadata.mode() & 0o7777, if step == Step::Owner { 0o600 } else { mode });
                seen.set(seen.get() + 1);
            });
            file.update(rotated).ok();
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            fs::write(file.path(), ring(1).to_json().as_bytes()).unwrap();
        }
        assert_eq!(seen.get(), 2, "both steps were seen");
    }
}

/// Gives out one part at each read: bytes, or an error.
struct Parts(Vec<Result<&'static [u8], io::ErrorKind>>);

impl Read for Parts {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let part = if self.0.is_empty() { b"" } else { self.0.remove(0).map_err(io::Error::from)? };
        let (now, later) = part.split_at(part.len().min(room.len()));
        room[..now.len()].copy_from_slice(now);
        if !later.is_empty() {
            self.0.insert(0, Ok(later));
        }
        Ok(now.len())
    }
}

#[test]
fn a_file_is_read_to_its_end_and_one_byte_past_its_length() {
    use io::ErrorKind::{Interrupted, PermissionDenied};
    let read = |parts: &[_], len| read_at_most(&mut Parts(parts.to_vec()), len).map(|bytes| bytes.to_vec());
    assert_eq!(read(&[Ok(b"ab"), Ok(b"c")], 3).unwrap(), b"abc");
    assert_eq!(read(&[Ok(b"ab")], 3).unwrap(), b"ab", "shorter than it was");
    assert_eq!(read(&[Ok(b"ab"), Ok(b"cdef")], 3).unwrap(), b"abcd", "longer than it was");
    assert_eq!(read(&[Ok(b"ab"), Err(Interrupted), Ok(b"c")], 3).unwrap(), b"abc", "a signal is no fault");
    assert_eq!(read(&[Ok(b"ab"), Err(PermissionDenied), Ok(b"c")], 3).unwrap_err().kind(), PermissionDenied);
    let endless = [Ok(&[b' '; 1 << 20][..]), Ok(&[b' '; 1 << 20])];
    assert_eq!(read(&endless, u64::MAX).unwrap().len(), Ring::MAX_FILE_LEN + 1);
}

#[test]
fn a_message_says_what_and_which_ring_there_is_now() {
    use FileErrorKind as K;
    let no_ring = Ring::parse(b"").unwrap_err();
    let timed_out = FileError::io(&io::ErrorKind::TimedOut.into(), Step::Sync);
    for (error, label, says) in [
        (FileError::new(K::NotAFile, Step::Read), "not_a_file", "not a regular file"),
        (FileError::new(K::WorldWritable, Step::Read), "world_writable", "everybody may write the file"),
        (FileError::invalid(no_ring, Step::Read), "invalid", "not a ring: line 1: not plain JSON, or cut short"),
        (FileError::new(K::Exists, Step::Rename), "exists", "there is a file of this name already"),
        (FileError::new(K::Locked, Step::Lock), "locked", "another process is writing the ring"),
        (timed_out, "io", "cannot bring the temporary file to the disk: timed out"),
    ] {
        assert_eq!((error.kind().as_str(), error.to_string().as_str()), (label, says));
        assert_eq!(error.while_writing().to_string(), format!("{says}; the ring file is as it was"));
        assert_eq!(error.left(Left::New).to_string(), format!("{says}; the new ring is in place"));
        assert_eq!(error.ring_error(), (label == "invalid").then_some(no_ring));
    }
    let changed = FileError::new(K::Changed, Step::ReadBack).left(Left::New);
    assert_eq!(changed.kind().as_str(), "changed");
    assert_eq!(changed.to_string(), "the new ring was put in place, but what was read back is not it");
    assert_eq!(
        timed_out.at(Step::SyncFolder).left(Left::New).to_string(),
        "cannot bring the folder to the disk: timed out; the new ring is in place, but a power cut may bring the old one back"
    );
    assert_eq!(
        timed_out.at(Step::ReadBack).left(Left::New).to_string(),
        "cannot read the new file back: timed out; the new ring is in place"
    );
}

/// The message and the source of an update's error are those of the error inside.
#[test]
fn an_update_fails_as_what_it_failed_of() {
    use std::error::Error;
    let inside = |error: UpdateError<tempfile::PersistError>| (error.to_string(), error.source().is_some());
    let error = NamedTempFile::new().unwrap().persist("/").unwrap_err();
    let message = error.to_string();
    assert_eq!(inside(UpdateError::Change(error)), (message, true));
    let file = FileError::new(FileErrorKind::NotAFile, Step::Read);
    assert_eq!(inside(file.into()), ("not a regular file".to_owned(), false));
}

/// If something else has the name of the temporary file, the error says so.
#[test]
fn a_folder_in_the_place_of_the_temporary_file() {
    let (folder, file) = folder_with_ring();
    fs::create_dir(folder.path().join(".ring.json.new")).unwrap();
    let Err(UpdateError::File(error)) = file.update(rotated) else { panic!() };
    assert_eq!(error.io_kind(), Some(io::ErrorKind::IsADirectory));
    assert_eq!(file.load().unwrap(), ring(1));
}

/// Only a creation says `Exists`. An update never calls its own file one that is in the way.
#[test]
fn only_a_creation_can_find_a_file_in_the_way() {
    let (folder, file) = folder_with_ring();
    let path = folder.path().join("new.json");
    meanwhile(Step::Rename, {
        let path = path.clone();
        move || fs::write(path, "x").unwrap()
    });
    let error = RingFile::new(&path).create(&ring(2)).unwrap_err();
    assert_eq!((error.kind(), error.ring_is_new()), (FileErrorKind::Exists, false));
    assert_eq!(fs::read(&path).unwrap(), b"x");
    meanwhile(Step::Rename, {
        let path = file.path().to_owned();
        move || {
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
        }
    });
    let Err(UpdateError::File(error)) = file.update(rotated) else { panic!() };
    assert_eq!(error.kind(), FileErrorKind::Io);
}

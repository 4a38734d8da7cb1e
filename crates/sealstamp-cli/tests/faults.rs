//! Whatever happens to a write, the ring file is the old one or the new one, and the tool says which.
#![cfg(unix)]
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{BIN, load, new_ring, stderr, tool};

/// Says loudly what could not be tested here. If everything must be tested, that is a failure.
fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "nothing may be skipped: {why}");
    eprintln!("SKIPPED: {why}");
}

/// The outcome of a write that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Old,
    New,
}

/// The file is a whole ring, the one from before byte for byte or its successor, and nobody else can read what lies
/// beside it.
fn left(path: &Path, before: &[u8], serial: u64) -> Left {
    for entry in path.parent().unwrap().read_dir().unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "a file is left that others can read");
    }
    let now = std::fs::read(path).unwrap();
    if now == before {
        return Left::Old;
    }
    assert_eq!(load(path).serial(), serial + 1);
    // No change is without its line in the log, which was on the disk before.
    let log = std::fs::read_to_string(log_of(path)).unwrap();
    assert!(log.ends_with('\n') && log.lines().last().unwrap().contains(&hex(&load(path).digest())), "{log}");
    Left::New
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("json.log")
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn forced_rotation(path: &Path) -> Command {
    let mut command = tool(path);
    command.args(["rotate", "--force"]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// After a kill, the next write works, and clears away what the killed one left.
fn goes_on(path: &Path) {
    let serial = load(path).serial();
    let next = forced_rotation(path).status().unwrap();
    assert!(next.success());
    assert_eq!(load(path).serial(), serial + 1);
    let names = path.parent().unwrap().read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, [".ring.json.lock", "ring.json", "ring.json.log"]);
}

#[test]
fn killed_at_any_time() {
    let (_folder, path) = new_ring();
    let start = Instant::now();
    for _ in 0..5 {
        assert!(forced_rotation(&path).status().unwrap().success());
    }
    let usual = start.elapsed() / 5;
    let (mut old, mut new) = (0, 0);
    for round in 0..200_u32 {
        let before = std::fs::read(&path).unwrap();
        let serial = load(&path).serial();
        let mut child: Child = forced_rotation(&path).spawn().unwrap();
        // Up to four times as long as a write takes, so that a busy machine sees both outcomes too.
        thread::sleep(usual * (round * round) / 10_000);
        let _ = child.kill();
        let status = child.wait().unwrap();
        match left(&path, &before, serial) {
            Left::Old => {
                assert_eq!(status.signal(), Some(9), "success was claimed, and the ring is the old one");
                old += 1;
            }
            Left::New => new += 1,
        }
        if round % 10 == 0 {
            goes_on(&path);
        }
    }
    println!("{old} kills left the old ring, {new} the new one");
    // Otherwise no kill fell into the write, and nothing was tested.
    assert!(old > 0 && new > 0, "{old} kills left the old ring, {new} the new one");
}

/// SIGKILL at the entry of every system call that a rotation makes, one run for each.
#[test]
fn killed_at_every_system_call() {
    let (folder, path) = new_ring();
    let trace = tempfile::NamedTempFile::new().unwrap();
    let traced = |options: &[&str]| {
        let mut strace = Command::new("strace");
        strace.arg("-qq").arg("-o").arg(trace.path()).args(options).args([BIN, "--ring"]).arg(&path);
        strace.args(["rotate", "--force"]).output().map(|output| output.status)
    };
    if !traced(&[]).is_ok_and(|status| status.success()) {
        return skipped("strace is not here or may not trace, so no kill at every system call");
    }
    let calls = std::fs::read_to_string(trace.path()).unwrap();
    let mut calls: Vec<&str> = calls.lines().filter_map(|line| line.split_once('(')).map(|(name, _)| name).collect();
    calls.sort_unstable();
    let (mut old, mut new) = (0, 0);
    for same in calls.chunk_by(|a, b| a == b).filter(|same| same[0] != "exit_group") {
        for nth in 1..=same.len() {
            let before = std::fs::read(&path).unwrap();
            let serial = load(&path).serial();
            let status = traced(&["-e", &format!("inject={}:signal=SIGKILL:when={nth}", same[0])]).unwrap();
            let left = left(&path, &before, serial);
            assert!(
                status.signal() == Some(9) || left == Left::New,
                "success was claimed, and the ring is the old one"
            );
            *if left == Left::New { &mut new } else { &mut old } += 1;
            // Most calls come before the write and leave nothing behind.
            if folder.path().join(".ring.json.new").exists() {
                goes_on(&path);
            }
        }
    }
    println!("{old} kills left the old ring, {new} the new one");
    assert!(old > 50 && new > 5, "{old} kills left the old ring, {new} the new one");
}

fn limited(path: &Path, blocks: u32) -> Output {
    let script = format!("ulimit -f {blocks}; exec \"$0\" --ring \"$1\" rotate --force");
    Command::new("bash").arg("-c").arg(script).arg(BIN).arg(path).output().unwrap()
}

#[test]
fn over_a_file_size_limit() {
    let (_folder, path) = new_ring();
    for _ in 0..3 {
        assert!(forced_rotation(&path).status().unwrap().success());
    }
    let before = std::fs::read(&path).unwrap();
    assert!(before.len() > 1_024, "the second limit is to cut the ring");
    // Blocks of 1,024 bytes: nothing at all, and a part of the ring.
    for blocks in [0, 1] {
        // The log is short enough for the second.
        let _ = std::fs::remove_file(path.with_extension("json.log"));
        let output = limited(&path, blocks);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains("File too large"), "{output:?}");
        assert!(stderr(&output).contains("the ring file is as it was"), "{output:?}");
        assert_eq!(left(&path, &before, 4), Left::Old);
    }
    assert!(limited(&path, 100).status.success());
    assert_eq!(left(&path, &before, 4), Left::New);
}

/// A file system for this test, in a mount namespace that ends with the script.
#[test]
fn out_of_disk_space() {
    let script = r#"
        set -e
        mount -t tmpfs -o size=64k,mode=0700 tmpfs "$1"
        cd "$1"
        "$0" --ring ring.json init
        cp ring.json before
        dd if=/dev/zero of=fill bs=1k 2>/dev/null || true
        echo "full"
        "$0" --ring ring.json rotate && exit 90
        echo "code $?"
        cmp ring.json before && echo "unchanged"
        rm fill
        "$0" --ring ring.json rotate
        cmp -s ring.json before || echo "changed"
        ls -A
    "#;
    let folder = tempfile::tempdir().unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--map-root-user", "bash", "-c", script, BIN]).arg(folder.path());
    let output = match unshare.output() {
        Ok(output) if output.stdout.starts_with(b"full") => output,
        other => return skipped(&format!("no file system can be mounted here, so no full disk: {other:?}")),
    };
    let text = stderr(&output);
    assert!(text.contains("No space left on device") && text.contains("the ring file is as it was"), "{text}");
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out, "full\ncode 1\nunchanged\nchanged\n.ring.json.lock\nbefore\nring.json\nring.json.log\n", "{text}");
}

/// The log is written first. If it cannot be, the ring stays as it was, and no half line stays in the log.
#[test]
fn no_change_without_a_line_in_the_log() {
    let (_folder, path) = new_ring();
    let ring = std::fs::read(&path).unwrap();
    // The ring would fit into these 4 KiB. Of the line in the log, nothing does, or a part.
    for room in [0, 100] {
        let mut log = std::fs::read(log_of(&path)).unwrap();
        log.resize(4_096 - room, b'\n');
        std::fs::write(log_of(&path), &log).unwrap();
        let output = limited(&path, 4);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        for part in ["ring.json.log: cannot write the log: File too large", "the ring file is as it was"] {
            assert!(stderr(&output).contains(part), "{output:?}");
        }
        assert!(std::fs::read(&path).unwrap() == ring && std::fs::read(log_of(&path)).unwrap() == log, "{room}");
    }
    std::fs::remove_file(log_of(&path)).unwrap();
    std::fs::create_dir(log_of(&path)).unwrap();
    let output = forced_rotation(&path).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("cannot write the log") && std::fs::read(&path).unwrap() == ring, "{output:?}");
}

/// What is cut off between the log and the ring is explained: by the log itself, and after the next change as well.
#[test]
fn a_line_of_a_change_that_never_came() {
    let (_folder, path) = new_ring();
    let before = std::fs::read(&path).unwrap();
    assert!(forced_rotation(&path).status().unwrap().success());
    // As a kill between the two leaves it.
    std::fs::write(&path, &before).unwrap();
    let log = || String::from_utf8(tool(&path).arg("log").output().unwrap().stdout).unwrap();
    let said = log();
    let (init, rotate) = said.split_once("rotate --force  serial 1 -> 2").unwrap();
    assert!(rotate.contains("NOT DONE: the ring stayed as it was") && !init.contains("NOT DONE"), "{said}");
    assert!(said.ends_with(&format!("now: serial 1, digest {}...\n", &hex(&load(&path).digest())[..8])), "{said}");
    // A line that was cut off in the middle does not spoil the next one.
    let text = std::fs::read_to_string(log_of(&path)).unwrap();
    std::fs::write(log_of(&path), format!("{text}{{\"format\":\"seal")).unwrap();
    assert!(tool(&path).args(["rotate", "--quiet"]).status().unwrap().success());
    let said = log();
    assert_eq!(
        (said.matches("NOT DONE").count(), said.matches("a line that cannot be read").count()),
        (1, 1),
        "{said}"
    );
    let (_, last) = said.split_once("rotate  serial 1 -> 2").unwrap();
    assert!(!last.contains("NOT DONE"), "{said}");
}

/// The log has the readers that the ring has, and no secret.
#[test]
fn who_reads_the_log() {
    let (_folder, path) = new_ring();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&log_of(&path)), 0o600);
    std::fs::remove_file(log_of(&path)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(forced_rotation(&path).status().unwrap().success());
    assert_eq!(mode(&log_of(&path)), 0o640);
    let (log, ring) = (std::fs::read_to_string(log_of(&path)).unwrap(), std::fs::read_to_string(&path).unwrap());
    let secrets: Vec<&str> = ring.split("\"secret\": \"").skip(1).map(|rest| &rest[..43]).collect();
    assert!(secrets.len() == 3 && secrets.iter().all(|secret| !log.contains(secret)), "{log}");
}

fn at_once(path: &Path, args: &[&str]) -> Vec<Output> {
    let spawn = |_| tool(path).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<Child> = (0..8).map(spawn).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

#[test]
fn one_of_many_rotations_at_once_wins() {
    for _ in 0..5 {
        let (_folder, path) = new_ring();
        let outputs = at_once(&path, &["rotate"]);
        let (won, lost): (Vec<_>, Vec<_>) = outputs.iter().partition(|o| o.status.success());
        assert_eq!((won.len(), lost.len()), (1, 7), "{outputs:?}");
        for output in lost {
            assert_eq!(output.status.code(), Some(4));
            assert!(stderr(output).contains("is to become active at"), "{output:?}");
            assert!(stderr(output).contains("nothing is changed"), "{output:?}");
        }
        assert_eq!(load(&path).serial(), 2);
        assert_eq!(load(&path).keys().len(), 3);
    }
}

/// If they are forced, all rotations are made, one after the other, and none is lost.
#[test]
fn no_write_overwrites_another() {
    let (_folder, path) = new_ring();
    let outputs = at_once(&path, &["rotate", "--force"]);
    assert!(outputs.iter().all(|o| o.status.success()), "{outputs:?}");
    assert_eq!((load(&path).serial(), load(&path).keys().len()), (9, 10));
}

/// Two operators make a ring with the same name at the same time. One ring is made, and its maker is told so.
#[test]
fn one_of_many_inits_at_once_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let outputs = at_once(&path, &["init"]);
    let won: Vec<&Output> = outputs.iter().filter(|o| o.status.success()).collect();
    assert_eq!(won.len(), 1, "{outputs:?}");
    let active = load(&path).keys()[0].kid().to_string();
    assert!(stderr(won[0]).contains(&format!("key {active} is active")), "{won:?}");
}

/// The mode and the symlink that a Kubernetes or systemd set-up made stay as they are.
#[test]
fn mode_and_symlink_stay() {
    let (folder, path) = new_ring();
    let link = folder.path().join("link.json");
    std::os::unix::fs::symlink("ring.json", &link).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(tool(&link).arg("rotate").output().unwrap().status.success());
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(load(&path).serial(), 2);
}

/// `check` sees the mode of a real file. No command reads a file that everybody may write.
#[test]
fn modes() {
    let (_folder, path) = new_ring();
    let check = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = tool(&path).arg("check").output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output))
    };
    for (mode, code, text) in [
        (0o600, 0, ": healthy"),
        (0o640, 0, ": healthy"),
        (0o440, 0, ": healthy"),
        (0o644, 3, "problem: everybody may read the ring file\n  hint: the keys may have leaked; chmod o= on the file"),
        (0o660, 3, "problem: the group may write the ring file\n  hint: chmod g-w on the file"),
        (0o666, 3, "everybody may write the file"),
    ] {
        let seen = check(mode);
        assert!(seen.0 == code && seen.1.contains(text), "{mode:o}: {seen:?}");
        assert!(code == 3 || !seen.1.contains("hint"), "advice that breaks what is right: {mode:o}: {seen:?}");
    }
    for (mode, code) in [(0o755, 0), (0o1777, 0), (0o777, 3), (0o775, 3)] {
        std::fs::set_permissions(path.parent().unwrap(), std::fs::Permissions::from_mode(mode)).unwrap();
        let seen = check(0o640);
        assert_eq!((seen.0, seen.1.contains("others may write the folder")), (code, code == 3), "{mode:o}: {seen:?}");
    }
}

/// A file from the future: this clock is behind, or the one that wrote it was ahead.
#[test]
fn file_times() {
    let (_folder, path) = new_ring();
    let check = |ahead: u64| {
        let time = std::time::SystemTime::now() + Duration::from_secs(ahead);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        tool(&path).arg("check").output().unwrap()
    };
    assert_eq!(check(2).status.code(), Some(0));
    let late = check(60);
    assert_eq!(late.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&late.stdout).contains("to this clock that is yet to come"), "{late:?}");
}

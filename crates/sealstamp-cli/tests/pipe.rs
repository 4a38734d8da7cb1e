//! `--ring -`: what goes in and out, and what never does.
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

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{BIN, load, new_ring, stderr, tool};
use sealstamp::Ring;

const NOW: [&str; 2] = ["--now", "2026-11-22T20:00:00Z"];

fn piped(input: &[u8], args: &[&str]) -> Output {
    let mut child =
        tool("-").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The tool may stop reading, so a failure to write is not this side's to judge.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rings").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

#[test]
fn a_new_ring_goes_out() {
    let before = bytes("new.json");
    for (args, keys) in [(&["rotate"][..], 3), (&["revoke", "1fca4f91"], 3), (&["revoke", "--all"], 4)] {
        let output = piped(&before, args);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let ring = Ring::parse(&output.stdout).unwrap();
        assert_eq!((ring.serial(), ring.keys().len()), (2, keys), "{args:?}");
        assert!(stderr(&output).contains("is on standard output"), "{output:?}");
    }
    let pruned = piped(&bytes("states.json"), &["prune"]);
    assert_eq!(Ring::parse(&pruned.stdout).unwrap().serial(), 6);
}

#[test]
fn init_goes_out() {
    let output = piped(b"", &["init"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(Ring::parse(&output.stdout).unwrap().serial(), 1);
}

/// The program at the end of the pipe stores what it gets, so it must never get nothing.
#[test]
fn the_ring_that_came_in_goes_out_when_nothing_is_done() {
    let dry = ["rotate", "--dry-run", NOW[0], NOW[1]];
    for (name, args, code) in [
        ("new.json", &["rotate", "--at", "2026-11-22T20:00:00Z"][..], 4),
        ("new.json", &["revoke", "00000000"], 4),
        ("one-key.json", &["revoke", "1fca4f91"], 4),
        ("new.json", &["rotate", "--if-older-than", "500years"], 0),
        ("new.json", &["prune"], 0),
        ("new.json", &dry, 0),
        ("pending.json", &dry, 4),
    ] {
        let output = piped(&bytes(name), args);
        assert_eq!(output.status.code(), Some(code), "{name} {args:?}: {output:?}");
        assert_eq!(output.stdout, bytes(name), "{name} {args:?}");
    }
}

/// A timer on a pipe: a ring goes out whatever was due, and nothing is said unless somebody is needed.
#[test]
fn maintain_on_a_pipe() {
    let idle = piped(&bytes("new.json"), &["maintain", "--max-age", "10000d"]);
    assert_eq!((idle.status.code(), stderr(&idle).as_str()), (Some(0), ""));
    assert_eq!(idle.stdout, bytes("new.json"));
    let both = piped(&bytes("states.json"), &["maintain", "--max-age", "1ms"]);
    assert_eq!((both.status.code(), stderr(&both).as_str()), (Some(0), ""));
    let ring = Ring::parse(&both.stdout).unwrap();
    assert_eq!(ring.serial(), 7, "pruned and rotated, and out it went once");
    assert!(ring.is_successor_of(Ring::parse(&bytes("states.json")).unwrap().id()));
    let late = piped(&bytes("mistyped.json"), &["maintain"]);
    assert_eq!((late.status.code(), late.stdout), (Some(3), bytes("mistyped.json")));
}

#[test]
fn what_is_no_ring_does_not_come_out() {
    let long = [&bytes("new.json")[..], &[b' '; 1 << 20]].concat();
    for (input, says) in [
        (&b""[..], "not a ring"),
        (b"hello", "not a ring"),
        (&bytes("cut-short.json"), "not a ring"),
        (&bytes("damaged.json"), "the fingerprint is not the secret's"),
        (&long, "larger than 1 MiB"),
    ] {
        let check = piped(input, &["check"]);
        assert_eq!((check.status.code(), stderr(&check).as_str()), (Some(3), ""), "{check:?}");
        let report = String::from_utf8(check.stdout).unwrap();
        assert!(report.contains("standard input: not healthy") && report.contains(says), "{report}");
        for args in [&["rotate"][..], &["rotate", "--dry-run"], &["list"]] {
            let output = piped(input, args);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(output.stdout.is_empty(), "{args:?}");
            assert!(stderr(&output).contains("standard input") && stderr(&output).contains(says), "{output:?}");
        }
    }
}

#[test]
fn commands_that_only_read_take_a_pipe() {
    let ring = bytes("states.json");
    let list = piped(&ring, &["list", "--json", NOW[0], NOW[1]]);
    assert!(list.status.success() && list.stdout.starts_with(b"{\n  \"format\": \"sealstamp-list/1\""));
    let check = piped(&ring, &["check", NOW[0], NOW[1]]);
    assert_eq!(check.status.code(), Some(0));
    let mint = piped(&ring, &["mint", "--audience", "https://a.example"]);
    let nonce = String::from_utf8(mint.stdout).unwrap();
    assert_eq!(nonce.len(), 61);
    let open = piped(&ring, &["open", "--audience", "https://a.example", nonce.trim_end()]);
    assert!(open.status.success(), "{open:?}");
}

/// Runs the tool with a terminal as standard output. Returns what was on the screen.
fn on_a_terminal(args: &[&str], input: &[u8]) -> (Output, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut child = tool("-").args(args).stdin(Stdio::piped()).stdout(terminal).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    // When the last writer is gone, reading a pty ends in an error.
    let mut seen = Vec::new();
    let _ = File::from(screen).read_to_end(&mut seen);
    (output, String::from_utf8(seen).unwrap())
}

#[test]
fn a_ring_is_not_written_to_a_terminal() {
    for args in [&["init"][..], &["rotate"], &["revoke", "--all"], &["prune"]] {
        let (output, screen) = on_a_terminal(args, &bytes("states.json"));
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains("not written to a terminal"), "{output:?}");
        assert_eq!(screen, "");
    }
    // A dry run has something to say, and it is not the ring.
    let (output, screen) = on_a_terminal(&["rotate", "--dry-run"], &bytes("new.json"));
    assert_eq!((output.status.code(), screen.as_str()), (Some(0), ""), "{output:?}");
    // The helper does see what comes to a screen.
    let (_, screen) = on_a_terminal(&["list", NOW[0], NOW[1]], &bytes("new.json"));
    assert!(screen.contains("1fca4f91  active"), "{screen}");
}

#[test]
fn a_full_disk_behind_the_pipe_is_a_failure() {
    let mut child = tool("-")
        .arg("rotate")
        .stdin(Stdio::piped())
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes("new.json")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("what came out is not a whole ring"), "{output:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let script = "\"$0\" --ring \"$1\" list | true; echo ${PIPESTATUS[0]}";
    let output = Command::new("bash").args(["-c", script, BIN]).arg(fixture("states.json")).output().unwrap();
    assert_eq!(output.stdout, b"0\n", "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// No command prints a secret, nor do `init` and `rotate`. The one exception is the ring itself on a pipe.
#[test]
fn no_secret_is_printed() {
    let secrets = |json: &[u8]| -> Vec<String> {
        let text = String::from_utf8(json.to_vec()).unwrap();
        text.split("\"secret\": \"").skip(1).map(|rest| rest[..43].to_owned()).collect()
    };
    let (_folder, path) = new_ring();
    let mut known = secrets(&std::fs::read(&path).unwrap());
    let kid = load(&path).keys()[0].kid().to_string();
    let audience = ["--audience", "https://a.example"];
    let nonce = String::from_utf8(tool(&path).arg("mint").args(audience).output().unwrap().stdout).unwrap();
    let mut said = Vec::new();
    for args in [
        &["init"][..],
        &["list"],
        &["list", "--json"],
        &["check", "--json"],
        &["open", audience[0], audience[1], nonce.trim_end()],
        &["open", audience[0], audience[1], nonce.trim_end(), "--json"],
        &["rotate", "--dry-run"],
        &["rotate"],
        &["rotate"],
        &["rotate", "--force"],
        &["revoke", &kid],
        &["prune", "--force"],
        &["revoke", "--all"],
    ] {
        let output = tool(&path).args(args).output().unwrap();
        said.extend([output.stdout, output.stderr]);
        known.extend(secrets(&std::fs::read(&path).unwrap()));
    }
    let fresh = piped(b"", &["init"]);
    known.extend(secrets(&fresh.stdout));
    said.push(fresh.stderr);
    let rotated = piped(&fresh.stdout, &["rotate"]);
    known.extend(secrets(&rotated.stdout));
    said.push(rotated.stderr);
    // A file that is no ring any more, with secrets in it.
    let broken = String::from_utf8(fresh.stdout).unwrap();
    for (from, to) in
        [("\"secret\"", "\"sceret\""), ("\"serial\": 1", "\"serial\": -1"), ("\"kid\": \"", "\"kid\": \"0")]
    {
        said.push(piped(broken.replacen(from, to, 1).as_bytes(), &["list"]).stderr);
    }
    let said: Vec<String> = said.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect();
    assert!(known.len() > 10 && said.iter().filter(|text| !text.is_empty()).count() > 15);
    for secret in known {
        for text in &said {
            assert!(!text.contains(&secret), "a secret is in: {text}");
        }
    }
}

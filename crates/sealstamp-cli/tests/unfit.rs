//! Files that are no ring, each by its own words: what it is and what to do. `check` finds all of them unfit.
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

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use common::{BIN, new_ring, stderr, tool};

/// What `list` says of a path, after seeing that `check` and `maintain` find it unfit and that nobody changes anything.
fn words(path: &Path) -> String {
    let run = |command: &str| tool(path).arg(command).output().unwrap();
    let check = run("check");
    assert_eq!((check.status.code(), stderr(&check).as_str()), (Some(3), ""), "{check:?}");
    assert!(String::from_utf8_lossy(&check.stdout).contains("not healthy\nproblem: "), "{check:?}");
    let maintain = run("maintain");
    assert_eq!((maintain.status.code(), maintain.stdout.len()), (Some(3), 0), "{maintain:?}");
    for command in ["rotate", "prune"] {
        assert_eq!(run(command).status.code(), Some(1), "{command}");
    }
    let list = run("list");
    assert_eq!(list.status.code(), Some(1), "{list:?}");
    stderr(&list)
}

fn has(said: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| said.contains(part)), "{said}\nlacks one of {parts:?}");
}

#[test]
fn a_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let said = words(&at("ring.json"));
    has(&said, &["ring.json: no such file\n", "if this fleet has no ring yet: sealstamp init"]);

    // A typo, beside the ring.
    assert!(tool(at("ring.json")).arg("init").output().unwrap().status.success());
    let said = words(&at("rign.json"));
    has(&said, &["rign.json: no such file; rings in that folder: ring.json (serial 1)", "name the one that is meant"]);

    // The ring itself, lost. Two things show that it was here, and neither leads to a second ring.
    fs::rename(at("ring.json"), at("backup")).unwrap();
    let said = words(&at("ring.json"));
    has(&said, &["rings in that folder: backup (serial 1)", "a ring was here", "ring.json.log shows", "A lost file"]);
    assert!(!said.contains("sealstamp init"), "{said}");
    fs::remove_file(at("ring.json.log")).unwrap();
    let said = words(&at("ring.json"));
    has(&said, &["a ring was here", ".ring.json.lock shows"]);
    assert!(!said.contains("sealstamp init"), "{said}");
}

#[test]
fn a_path_that_leads_nowhere() {
    let (folder, path) = new_ring();
    let at = |name: &str| folder.path().join(name);
    symlink("../mount/ring.json", at("link.json")).unwrap();
    let said = words(&at("link.json"));
    has(&said, &["link.json: a symlink to ../mount/ring.json, and nothing is there", "A lost file"]);

    let said = words(&at("nodir/deep/r.json"));
    let there =
        format!("there is no folder {}; there is one at {}\n", at("nodir/deep").display(), folder.path().display());
    has(&said, &[&there, "whether a volume is not mounted"]);

    has(&words(&path.join("r.json")), &["a part of this path is a file, and no folder"]);
    let said = words(folder.path());
    has(
        &said,
        &["a folder, and the ring is a file; rings in that folder: ring.json (serial 1)", "name the file in it"],
    );
    for said in [&said, &words(&at("nodir/deep/r.json")), &words(&at("link.json"))] {
        assert!(!said.contains("sealstamp init"), "{said}");
    }
}

#[test]
fn content_that_is_no_ring() {
    let (folder, path) = new_ring();
    let ring = fs::read(&path).unwrap();
    let utf16: Vec<u8> = String::from_utf8(ring.clone()).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64 = Command::new("base64").arg(&path).output().unwrap().stdout;
    let gzip = Command::new("gzip").arg("-c").arg(&path).output().unwrap().stdout;
    let file = folder.path().join("it");
    for (bytes, what, hint) in [
        (&b""[..], "nothing: it is empty", "put a copy of the ring in use there"),
        (&[&b"\xef\xbb\xbf"[..], &ring].concat(), "text with a byte order mark", "write the file as UTF-8 without one"),
        (&[&b"\xff\xfe"[..], &utf16].concat(), "UTF-16", "write the file as UTF-8"),
        (&utf16, "UTF-16", "write the file as UTF-8"),
        (&base64, "base64", "base64 -d it"),
        (&gzip, "gzip", "gunzip it"),
        (&[0; 512], "zero bytes", "power cut"),
    ] {
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let said = words(&file);
        has(&said, &["it: not a ring, but ", what, hint]);
        assert!(!said.contains("sealstamp init") && !said.contains("secret"), "{said}");
    }
    fs::write(&file, &ring[..400]).unwrap();
    has(&words(&file), &["it: not a ring: ", "do not mend it by hand"]);
}

#[test]
fn who_may_not_read_it() {
    let (_folder, path) = new_ring();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        // This is root, who may. Nobody else is here to try.
        return;
    }
    has(&words(&path), &["Permission denied", "run this as the owner of the ring"]);
}

#[test]
fn a_ring_that_is_not_named() {
    let run = |command: &mut Command| -> Output { command.env_remove("SEALSTAMP_RING").output().unwrap() };
    let none = run(Command::new(BIN).arg("list"));
    assert_eq!(none.status.code(), Some(2));
    has(&stderr(&none), &["no ring is named", "give --ring PATH, or set SEALSTAMP_RING"]);
    let empty = Command::new(BIN).arg("list").env("SEALSTAMP_RING", "").output().unwrap();
    assert_eq!(empty.status.code(), Some(2));
    has(&stderr(&empty), &["SEALSTAMP_RING is set, to nothing"]);
}

/// A nonce may come from a pipe, so that it is in no history, and with a hyphen in front it is no option.
#[test]
fn a_nonce_from_standard_input() {
    use std::io::Write as _;
    use std::process::Stdio;
    let (_folder, path) = new_ring();
    let audience = ["--audience", "https://a.example"];
    let nonce = tool(&path).arg("mint").args(audience).output().unwrap().stdout;
    let open = |ring: &Path, nonce: &[u8]| {
        let mut command = tool(ring);
        command.args(["open", "-"]).args(audience).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(nonce).unwrap();
        child.wait_with_output().unwrap()
    };
    let opened = open(&path, &nonce);
    assert!(opened.status.success() && opened.stdout.starts_with(b"verdict     accepted"), "{opened:?}");
    let refused = open(&path, b"-Hello\n");
    assert_eq!(refused.status.code(), Some(4));
    assert!(refused.stdout.starts_with(b"verdict     refused: malformed"), "{refused:?}");
    let both = open(Path::new("-"), b"");
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    let hyphens = tool(&path).arg("open").args(audience).arg("--").arg("-".repeat(60)).output().unwrap();
    assert_eq!(hyphens.status.code(), Some(4), "{hyphens:?}");
    let bare = tool(&path).arg("open").arg("-".repeat(60)).args(audience).output().unwrap();
    assert_eq!(bare.status.code(), Some(2), "{bare:?}");
    let mistyped = tool(&path).args(["open", "--audiance", "https://a.example"]).arg("x").output().unwrap();
    assert_eq!(mistyped.status.code(), Some(2), "{mistyped:?}");
    has(&stderr(&mistyped), &["unexpected argument '--audiance' found", "a similar argument exists: '--audience'"]);
}

/// The manual lists the environment; completions offer what values there are.
#[test]
fn manual_and_completions() {
    let out = |args: &[&str]| String::from_utf8(Command::new(BIN).args(args).output().unwrap().stdout).unwrap();
    for page in [out(&["man"]), out(&["man", "rotate"])] {
        has(&page, &[".SH ENVIRONMENT", "SEALSTAMP_RING", "COLUMNS", "SUDO_USER", ".SH FILES"]);
    }
    for shell in ["bash", "zsh", "fish"] {
        has(&out(&["completions", shell]), &["chacha20-poly1305", "maintain"]);
    }
}

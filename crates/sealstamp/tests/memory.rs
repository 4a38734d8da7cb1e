//! After the last handle is dropped, the ring's secrets are no longer in the memory of the process.
//!
//! The test starts itself as a child that loads a ring, uses it and drops it. It searches the child's stack and heap
//! from outside, while the handle lives and afterwards.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp::{Audience, Binding, Fleet, Force, Fresh, Ring, Settings, Suite, UnixMillis};
use zeroize::Zeroizing;

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);
const CHILD: &str = "SEALSTAMP_TEST_RING_OF_CHILD";

#[test]
fn secrets_are_gone_after_the_last_handle() {
    if let Ok(path) = std::env::var(CHILD) {
        return child(&path);
    }
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let ring = Ring::init(Settings::default(), suite, NOW, Fresh::from_os().unwrap());
        let path = std::env::temp_dir().join(format!("sealstamp-memory-{}-{suite}.json", std::process::id()));
        fs::write(&path, ring.to_json().as_bytes()).unwrap();
        let pieces = pieces_of(&fs::read_to_string(&path).unwrap());
        assert_eq!(pieces.len(), 2 * (2 + 3), "two keys, each in pieces of its bytes and of its text");

        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "secrets_are_gone_after_the_last_handle", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut wait_for =
            |what: &str| assert!(lines.any(|line| line.unwrap().ends_with(what)), "the child ended early");
        let go_on = |child: &mut Child| child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();

        // Two pieces of each secret, then three of its text.
        let once_and_not_as_text = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0];
        for (state, expected) in
            [("parsed", once_and_not_as_text), ("in use", once_and_not_as_text), ("dropped", [0; 10])]
        {
            wait_for(state);
            assert_eq!(search(child.id(), &pieces), expected, "{suite}, {state}");
            go_on(&mut child);
        }
        assert!(child.wait().unwrap().success());
        fs::remove_file(&path).unwrap();
    }
}

/// Loads the ring, uses it in every way, and tells the parent when to look.
fn child(path: &str) {
    let pause = |what: &str| {
        println!("{what}");
        std::io::stdout().flush().unwrap();
        std::io::stdin().read_line(&mut String::new()).unwrap();
    };
    let bytes = Zeroizing::new(fs::read(path).unwrap());
    let ring = Ring::parse(&bytes).unwrap();
    drop(bytes);
    pause("parsed");
    let fleet = Fleet::new(ring.clone(), Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap();
    let nonce = fleet.mint(NOW, &Binding::None);
    assert!(fleet.open(&nonce, NOW, &Binding::None).is_ok());
    let later = NOW.saturating_add(5_000_000);
    let nonce = fleet.mint(later, &Binding::None);
    assert!(fleet.open(&nonce, later, &Binding::None).is_ok());
    let rotated = ring.rotate(None, later, Fresh::from_os().unwrap(), Force::No).unwrap().ring;
    drop(rotated.to_json());
    fleet.swap(rotated).unwrap();
    drop(ring);
    pause("in use");
    drop(fleet);
    pause("dropped");
}

/// The secrets in a ring file, in pieces: an allocator may write over a part of memory that it gets back.
fn pieces_of(file: &str) -> Vec<Vec<u8>> {
    let texts = file.lines().filter_map(|line| line.trim().strip_prefix("\"secret\": \"")).map(|rest| &rest[..43]);
    let pieces = texts.flat_map(|text| {
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        let of_bytes: Vec<Vec<u8>> = bytes.chunks_exact(16).map(<[u8]>::to_vec).collect();
        let of_text: Vec<Vec<u8>> = text.as_bytes().chunks_exact(14).map(<[u8]>::to_vec).collect();
        [of_bytes, of_text].concat()
    });
    pieces.collect()
}

/// How often each needle stands in the writable memory of a process.
fn search(pid: u32, needles: &[Vec<u8>]) -> Vec<usize> {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut found = vec![0; needles.len()];
    for line in fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines() {
        let mut fields = line.split_whitespace();
        let (range, flags) = (fields.next().unwrap(), fields.next().unwrap());
        if !flags.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut bytes, from).is_err() {
            continue;
        }
        for (count, needle) in found.iter_mut().zip(needles) {
            *count += bytes.windows(needle.len()).filter(|window| window == needle).count();
        }
    }
    found
}

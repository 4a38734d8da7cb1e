//! What a timer does to a fleet in three months, by a clock that the test moves: silence, except where a person is
//! needed.
//!
//! Only a build without optimizations lets its clock be moved.
#![cfg(all(unix, debug_assertions))]
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

mod common;

use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};

use common::{load, stderr, tool};
use sealstamp::{Ring, UnixMillis};

const MINUTE: u64 = 60_000;
const DAY: u64 = 1_440 * MINUTE;

/// A ring file, and a clock.
struct Host<'p> {
    path: &'p Path,
    now: UnixMillis,
}

impl Host<'_> {
    fn run(&self, args: &[&str]) -> Output {
        tool(self.path).env("SEALSTAMP_TEST_CLOCK", self.now.to_string()).args(args).output().unwrap()
    }

    fn later(&mut self, ms: u64) {
        self.now = self.now.saturating_add(ms);
    }

    fn is_silent(&self, args: &[&str]) {
        let output = self.run(args);
        let said = (output.status.code(), output.stdout.as_slice(), output.stderr.as_slice());
        assert_eq!(said, (Some(0), &b""[..], &b""[..]), "{args:?} at {}: {output:?}", self.now);
    }

    fn age(&self, ring: &Ring) -> u64 {
        self.now.since(ring.active(self.now).activates_at().unwrap())
    }
}

/// The real clock's next hour, so that no file is from the future.
fn soon() -> UnixMillis {
    let now = UnixMillis::from_system_time(SystemTime::now() + Duration::from_secs(3_600));
    now.saturating_sub(now.get() % 1_000)
}

#[test]
fn ninety_days_of_a_daily_maintain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let mut host = Host { path: &path, now: soon() };
    assert!(host.run(&["init"]).status.success());
    let nightly = ["maintain", "--max-age", "30d"];
    let (mut kids, mut oldest) = (Vec::new(), 0);
    for day in 0..90 {
        match day {
            // A key leaked: somebody revokes it by day. The timer is none the wiser, minutes before and after its time.
            20 => {
                let kid = load(&path).active(host.now).kid().to_string();
                host.later(11 * 60 * MINUTE);
                let revoked = host.run(&["revoke", &kid, "--reason", "it leaked"]);
                assert!(revoked.status.success(), "{revoked:?}");
                for minutes in [0, 1, 5, 5, 2, 60] {
                    host.later(minutes * MINUTE);
                    host.is_silent(&nightly);
                    host.is_silent(&["check", "--quiet"]);
                }
                host.later(DAY - 12 * 60 * MINUTE - 13 * MINUTE);
            }
            // The file is gone for two nights. Each of them calls for somebody, who puts it back.
            50 | 51 => {
                let away = folder.path().join("away");
                std::fs::rename(&path, &away).unwrap();
                let output = host.run(&nightly);
                assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{output:?}");
                let said = stderr(&output);
                assert!(said.contains("ring.json: no such file") && said.contains("a ring was here"), "{said}");
                std::fs::rename(&away, &path).unwrap();
                host.later(DAY);
            }
            _ => {
                host.is_silent(&nightly);
                host.is_silent(&["check", "--quiet"]);
                host.later(DAY);
            }
        }
        let ring = load(&path);
        oldest = oldest.max(host.age(&ring));
        let active = ring.active(host.now).kid();
        if kids.last() != Some(&active) {
            kids.push(active);
        }
        // One that has retired goes on the next day at the latest, and a tombstone too.
        assert!(ring.keys().len() <= 4, "day {day}: {} keys", ring.keys().len());
    }
    assert_eq!(kids.len(), 4, "one revocation, and a rotation every 30 days after it: {kids:?}");
    assert!((30 * DAY..=32 * DAY).contains(&oldest), "{oldest} ms");

    // Silence is not secrecy.
    let log = host.run(&["log", "--json"]);
    let lines = String::from_utf8(log.stdout).unwrap();
    let count = |what: &str| lines.matches(&format!("\"what\":\"{what}\"")).count();
    assert_eq!((count("init"), count("revoke")), (1, 1), "{lines}");
    assert_eq!(count("maintain"), 5, "two rotations, and three prunings: {lines}");
    assert!(lines.contains("\"reason\":\"it leaked\""), "{lines}");
    assert_eq!(lines.lines().count(), lines.matches("\"done\":true").count(), "{lines}");
}

/// A problem is said every night until somebody sees to it, and no longer.
#[test]
fn a_timer_says_what_somebody_must_see_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let mut host = Host { path: &path, now: soon() };
    assert!(host.run(&["init"]).status.success());
    host.later(DAY);
    let date = host.now.saturating_add(400 * DAY).to_string();
    assert_eq!(host.run(&["rotate", "--at", &date]).status.code(), Some(4));
    assert_eq!(host.run(&["rotate", "--at", &date, "--force"]).status.code(), Some(0));
    for _ in 0..3 {
        host.later(DAY);
        let output = host.run(&["maintain"]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert!(stderr(&output).contains("will be older than 30d"), "{output:?}");
    }
    let sooner = host.now.saturating_add(5 * DAY).to_string();
    assert_eq!(host.run(&["rotate", "--at", &sooner]).status.code(), Some(0));
    host.is_silent(&["maintain"]);
    assert_eq!(host.run(&["rotate", "--cancel"]).status.code(), Some(0));
    host.is_silent(&["maintain"]);
    host.later(DAY);
    host.is_silent(&["maintain"]);
    assert_eq!(load(&path).keys().len(), 2);
}

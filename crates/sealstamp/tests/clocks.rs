//! Clocks that step back and forth an hour, stop, and jump past an activation; and processes that are cloned.
//!
//! One rule must always hold: an answer depends on the ring and the time that is given. So a handle that went through
//! all this gives the answers of a new one.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, Write as _};
use std::process::Command;

use proptest::prelude::*;
use sealstamp::{Audience, Binding, Fleet, Force, Fresh, Nonce, Refusal, Ring, Settings, Suite, UnixMillis};

const NOW: u64 = 1_795_374_000_000;
const HOUR: u64 = 3_600_000;
const LIFETIME: u64 = 120_000;
const SKEW: u64 = 5_000;
/// When the pending key of [`ring`] takes over.
const DATE: u64 = NOW + 600_000;

fn at(ms: u64) -> UnixMillis {
    UnixMillis::new(ms)
}

/// A ring with an active key, a pending one and a staged one.
fn ring() -> Ring {
    let first = Ring::init(Settings::default(), Suite::Aes256Gcm, at(NOW - HOUR), Fresh::insecure_from_seed(1));
    first.rotate(None, at(NOW), Fresh::insecure_from_seed(2), Force::No).unwrap().ring
}

fn audience() -> Audience {
    Audience::new("https://mcp.example.com/mcp").unwrap()
}

fn fleet() -> Fleet {
    Fleet::new(ring(), audience()).unwrap()
}

fn judge(fleet: &Fleet, nonce: &Nonce, now: u64) -> Result<u64, Refusal> {
    fleet.open(nonce, at(now), &Binding::None).map(|opened| opened.minted_at().get())
}

/// Mints at `now`. Compares every verdict with the rule and with that of a new process, and the minting key with the
/// ring's.
fn walk(times: impl IntoIterator<Item = u64>) {
    let (old, ring) = (fleet(), ring());
    let mut minted: Vec<(u64, Nonce)> = Vec::new();
    for now in times {
        let new = fleet();
        let nonce = old.mint(at(now), &Binding::None);
        let kid = new.open(&nonce, at(now), &Binding::None).expect("a new process opens it").kid();
        assert_eq!(kid, ring.active(at(now)).kid(), "{now}");
        assert!(minted.iter().all(|(_, other)| *other != nonce), "minted twice at {now}");
        minted.push((now, nonce));
        for (iat, nonce) in &minted {
            let verdict = judge(&old, nonce, now);
            assert_eq!(verdict, judge(&new, nonce, now), "{iat} at {now}");
            // The rule itself, which needs no state: each of these nonces was minted by the key of its time.
            let good = *iat <= now + SKEW && now <= iat + LIFETIME + SKEW;
            assert_eq!(verdict.is_ok(), good, "{iat} at {now}: {verdict:?}");
        }
    }
}

/// I7: steps of an hour, back and forth, across epochs and the date of the pending key.
#[test]
fn a_clock_that_steps_an_hour() {
    walk([
        NOW,
        NOW + HOUR,
        NOW,
        NOW - HOUR,
        NOW,
        NOW + 1,
        NOW + HOUR + 1,
        NOW + 2 * HOUR,
        NOW + 2,
        NOW - HOUR,
        NOW + 3,
    ]);
    let fleet = fleet();
    let before = fleet.mint(at(NOW), &Binding::None);
    let ahead = fleet.mint(at(NOW + HOUR), &Binding::None);
    // One fast clock does not make a nonce that lives for an hour.
    assert_eq!(judge(&fleet, &ahead, NOW), Err(Refusal::InFuture { by_ms: HOUR - SKEW }));
    assert_eq!(judge(&fleet, &before, NOW + HOUR), Err(Refusal::Expired { by_ms: HOUR - LIFETIME - SKEW }));
    assert_eq!(judge(&fleet, &before, NOW + 1), Ok(NOW), "the step lost nothing");
}

/// A clock that stands still: every nonce is different, and all are good for as long as it stands still.
#[test]
fn a_clock_that_stops() {
    let fleet = fleet();
    let minted: Vec<Nonce> = (0..20_000).map(|_| fleet.mint(at(NOW), &Binding::None)).collect();
    assert_eq!(minted.iter().map(|nonce| &nonce[12..28]).collect::<HashSet<_>>().len(), minted.len(), "an IV twice");
    assert!(minted.iter().all(|nonce| judge(&fleet, nonce, NOW) == Ok(NOW)));
    // It goes on from where it stood still, or from where it should be by then.
    assert_eq!(judge(&fleet, &minted[0], NOW + LIFETIME + SKEW), Ok(NOW));
    assert_eq!(judge(&fleet, &minted[0], NOW + LIFETIME + SKEW + 1), Err(Refusal::Expired { by_ms: 1 }));
}

/// A clock that jumps past an activation, and one that falls back behind it: the minting key follows, no good nonce is
/// lost, and replicas on both sides of the jump open each other's.
#[test]
fn a_clock_that_jumps_past_an_activation() {
    walk([DATE - 1, DATE, DATE - 1, DATE + SKEW, DATE - 60_000, DATE + 2 * HOUR, DATE - 1, DATE]);
    let (jumped, steady) = (fleet(), fleet());
    let old = jumped.mint(at(DATE - 3_000), &Binding::None);
    let new = jumped.mint(at(DATE + 1), &Binding::None);
    let kid = |nonce: &Nonce| steady.open(nonce, at(DATE - 1_000), &Binding::None).unwrap().kid();
    assert_ne!(kid(&old), kid(&new));
    assert_eq!(judge(&steady, &new, DATE - 3_000), Ok(DATE + 1), "by a replica that is not there yet");
    assert_eq!(judge(&jumped, &old, DATE + 100_000), Ok(DATE - 3_000), "by one that is long past it");
    // A replica whose clock fell back an hour mints with the old key again. To the others, that time is long past.
    let behind = jumped.mint(at(DATE - HOUR), &Binding::None);
    assert!(matches!(judge(&steady, &behind, DATE), Err(Refusal::Expired { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// I7: any walk of the clock.
    #[test]
    fn i7_any_walk_of_the_clock(steps in prop::collection::vec((-2 * HOUR as i64..2 * HOUR as i64, any::<bool>()), 1..16)) {
        let mut now = NOW;
        walk(steps.into_iter().map(|(step, stands)| {
            now = if stands { now } else { now.saturating_add_signed(step) };
            now
        }));
    }
}

/// Not a test of its own: one of the clones that [`cloned_processes_never_share_an_iv`] starts.
#[test]
fn clone_child() {
    let Ok(order) = std::env::var("SEALSTAMP_TEST_CLONE") else { return };
    let order: Vec<u64> = order.split(' ').map(|word| word.parse().unwrap()).collect();
    let [offset, step] = order[..] else { panic!("two numbers") };
    // What a snapshot of the parent's memory holds: ring, seed, counter.
    let fleet = Fleet::with_seed(ring(), audience(), [7; 32], 1_000);
    let mut out = std::io::stdout().lock();
    for n in 0..2_000 {
        writeln!(out, "minted {}", fleet.mint(at(NOW + offset + n * step), &Binding::None)).unwrap();
    }
}

/// Several processes with the same seed and counter, as if a snapshot was restored several times. They run in step, a
/// millisecond apart, and with clocks that run at different rates or stand still. Two nonces with the same IV must be
/// the same nonce.
///
/// `fork` itself needs `unsafe`, which this workspace forbids. So the children start from the state that a fork would
/// copy.
#[test]
fn cloned_processes_never_share_an_iv() {
    let (mut by_iv, mut twins) = (HashMap::new(), 0);
    for order in ["0 0", "0 0", "0 1", "1 1", "1 0", "1000 1", "0 7"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "clone_child", "--nocapture", "--test-threads=1"])
            .env("SEALSTAMP_TEST_CLONE", order)
            .output()
            .unwrap();
        assert!(child.status.success());
        let nonces: Vec<String> =
            child.stdout.lines().filter_map(|line| Some(line.unwrap().strip_prefix("minted ")?.to_owned())).collect();
        // The harness may write the test's name in front of the first line.
        assert!(nonces.len() >= 1_999, "{} nonces of {order}", nonces.len());
        for nonce in nonces {
            let there = by_iv.entry(nonce[12..28].to_owned()).or_insert_with(|| nonce.clone());
            assert_eq!(*there, nonce, "one IV over two texts");
            twins += usize::from(there.as_ptr() != nonce.as_ptr());
        }
    }
    // The two whose clocks stood still together minted the same nonces. That tells nobody anything.
    assert!(twins >= 1_999, "{twins}");
    assert!(by_iv.len() >= 5 * 1_999, "{} IVs", by_iv.len());
}

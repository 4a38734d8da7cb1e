//! Many threads on one handle while its ring is swapped.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sealstamp::{Audience, Binding, Fleet, Force, Fresh, Ring, Settings, Suite, SwapError, UnixMillis};

/// Sixteen threads mint and open while the ring is swapped a thousand times: no wrong answer (I6), and the serial that
/// any of them sees never goes back (I5).
#[test]
fn i5_i6_no_wrong_answer_while_the_ring_is_swapped() {
    let start = UnixMillis::new(1_795_374_000_000);
    // A key is dated a second after each rotation, and 60 s pass between two, so each swap changes the active key.
    let settings = Settings::new(120, 5, 1).unwrap();
    let first = Ring::init(settings, Suite::Aes256Gcm, start, Fresh::insecure_from_seed(0));
    let fleet = Fleet::new(first.clone(), Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap();
    let foreign = Fleet::new(first.clone(), Audience::new("https://other.example.com").unwrap()).unwrap();
    let clock = AtomicU64::new(start.get());
    let done = AtomicBool::new(false);

    thread::scope(|scope| {
        let workers: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let (mut checked, mut serial) = (0_u64, 0);
                    while !done.load(Ordering::Relaxed) || checked < 100 {
                        let now = UnixMillis::new(clock.load(Ordering::SeqCst));
                        let nonce = fleet.mint(now, &Binding::None);
                        let opened = fleet.open(&nonce, now, &Binding::None);
                        let foreign = fleet.open(&foreign.mint(now, &Binding::None), now, &Binding::None);
                        let seen = fleet.ring().serial();
                        assert!(seen >= serial, "the serial went back from {serial} to {seen}");
                        serial = seen;
                        assert!(foreign.is_err());
                        // The scheduler may have stopped this thread for longer than a nonce lives.
                        if clock.load(Ordering::SeqCst) - now.get() <= 120_000 {
                            assert_eq!(opened.expect("a nonce is good for its lifetime").minted_at(), now);
                            checked += 1;
                        }
                        // Sixteen busy threads on few cores would keep the thread that swaps waiting.
                        thread::sleep(Duration::from_micros(20));
                    }
                    checked
                })
            })
            .collect();

        let mut ring = first;
        for n in 1..=1_000 {
            let now = UnixMillis::new(clock.fetch_add(60_000, Ordering::SeqCst) + 60_000);
            let mut next = ring.rotate(None, now, Fresh::insecure_from_seed(n), Force::No).unwrap().ring;
            if let Ok(pruned) = next.prune(now, Force::No) {
                next = pruned.ring;
            }
            fleet.swap(next.clone()).unwrap();
            assert!(matches!(fleet.swap(ring), Err(SwapError::OlderSerial { .. })));
            ring = next;
        }
        done.store(true, Ordering::Relaxed);
        let checked: u64 = workers.into_iter().map(|w| w.join().expect("no thread failed")).sum();
        assert!(checked >= 1_600);
        assert_eq!(*fleet.ring(), ring);
    });
}

//! The counter that tells one process's mints apart.
//!
//! Invariant: no number is handed out twice before 2^64 numbers have been. Their order does not matter.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

/// Two threads that share a lane and mint at the same time wait for each other. That happens only with more threads
/// than this.
const LANES: usize = 16;

/// Numbers in lanes.
///
/// With one number for all threads, they would pass its cache line back and forth. That takes as long as the seal
/// itself.
///
/// Of `n` lanes, lane `i` hands out `start + i`, `start + i + n`, `start + i + 2n` and so on.
pub(crate) struct Counter(Box<[Lane]>);

/// 128 bytes are two cache lines. Processors often fetch two together.
#[repr(align(128))]
struct Lane(AtomicU64);

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How many threads asked before this one.
    static THREAD: usize = THREADS.fetch_add(1, Relaxed);
}

impl Counter {
    /// Starts at 0, for many threads.
    pub(crate) fn new() -> Self {
        Self::with_lanes(LANES, 0)
    }

    /// Starts at `start` and goes up one by one, whichever thread asks.
    #[cfg(any(test, feature = "insecure-test-seed"))]
    pub(crate) fn one_by_one(start: u64) -> Self {
        Self::with_lanes(1, start)
    }

    fn with_lanes(lanes: usize, start: u64) -> Self {
        Self((0..).take(lanes).map(|lane| Lane(AtomicU64::new(start.wrapping_add(lane)))).collect())
    }

    /// A number that nobody got before.
    pub(crate) fn next(&self) -> u64 {
        let lanes = self.0.len();
        // A thread that is ending may have lost its number. Any lane will do.
        let thread = THREAD.try_with(|thread| *thread).unwrap_or_default();
        let lane = thread.checked_rem(lanes).and_then(|lane| self.0.get(lane));
        let step = u64::try_from(lanes).unwrap_or(u64::MAX);
        lane.map_or(0, |lane| lane.0.fetch_add(step, Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;

    use super::*;

    /// More threads than lanes, so that some share one.
    #[test]
    fn no_number_is_handed_out_twice() {
        const EACH: usize = 1_000;
        let threads = LANES * 2 + 1;
        for counter in [Counter::new(), Counter::one_by_one(u64::MAX - 5)] {
            let together = Barrier::new(threads);
            let take = || {
                together.wait();
                (0..EACH).map(|_| counter.next()).collect::<Vec<_>>()
            };
            let taken: Vec<u64> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
                all.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(taken.iter().collect::<HashSet<_>>().len(), threads * EACH);
        }
    }

    #[test]
    fn one_lane_counts_one_by_one() {
        let counter = Counter::one_by_one(7);
        assert_eq!([counter.next(), counter.next(), counter.next()], [7, 8, 9]);
    }
}

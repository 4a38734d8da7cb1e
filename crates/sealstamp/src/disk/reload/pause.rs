//! How long the reload thread waits, and when it has waited enough.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::clock::Clock;
use crate::time::UnixMillis;

/// How long the thread sleeps at a time, at most.
///
/// The operating system's sleep does not count the time for which the machine was suspended, so the thread looks at the
/// clocks this often. After a suspend it reads the file within this time.
const TICK: Duration = Duration::from_millis(200);

/// Pauses between three quarters of `every` and the whole of it.
pub(super) struct Pauses {
    every: Duration,
    random: RandomState,
    count: u64,
}

impl Pauses {
    pub(super) fn new(every: Duration) -> Self {
        Self { every: every.max(Duration::from_millis(10)), random: RandomState::new(), count: 0 }
    }

    /// The next pause, from now on.
    pub(super) fn start(&mut self, clock: &dyn Clock) -> Pause {
        let ms = u64::try_from(self.next().as_millis()).unwrap_or(u64::MAX);
        Pause { ms, date: clock.now(), uptime_ms: clock.uptime_ms() }
    }

    fn next(&mut self) -> Duration {
        self.count = self.count.wrapping_add(1);
        // The standard library keys its hash with random bytes. That is enough to spread the reads of a fleet.
        let [part, ..] = self.random.hash_one(self.count).to_be_bytes();
        self.every.saturating_sub(self.every.mul_f64(f64::from(part) / 1_024.0))
    }
}

/// A pause of the thread: how long, and since when.
pub(super) struct Pause {
    ms: u64,
    date: UnixMillis,
    uptime_ms: u64,
}

impl Pause {
    /// How long to sleep before the clocks are to be looked at again. None if the pause is over.
    ///
    /// It is over as soon as one of the two clocks says so. A virtual machine that its host has stopped for an hour may
    /// see that only in its date.
    pub(super) fn sleep(&self, clock: &dyn Clock) -> Option<Duration> {
        let gone_ms = clock.uptime_ms().saturating_sub(self.uptime_ms).max(clock.now().since(self.date));
        let left = Duration::from_millis(self.ms.saturating_sub(gone_ms));
        (!left.is_zero()).then(|| left.min(TICK))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    #[test]
    fn pauses_are_spread_and_never_longer_than_asked() {
        let mut pauses = Pauses::new(Duration::from_secs(4));
        let seen: Vec<Duration> = (0..1_000).map(|_| pauses.next()).collect();
        let (shortest, longest) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(*shortest >= Duration::from_secs(3) && *longest <= Duration::from_secs(4), "{shortest:?} {longest:?}");
        assert!(*shortest < Duration::from_millis(3_100) && *longest > Duration::from_millis(3_900));
        assert!(Pauses::new(Duration::ZERO).next() > Duration::ZERO);
        assert!(Pauses::new(Duration::MAX).next() > Duration::from_secs(1 << 60), "no overflow");
    }

    #[derive(Default)]
    struct Hands {
        date: AtomicU64,
        uptime: AtomicU64,
    }

    impl Clock for Hands {
        fn now(&self) -> UnixMillis {
            UnixMillis::new(self.date.load(Relaxed))
        }

        fn uptime_ms(&self) -> u64 {
            self.uptime.load(Relaxed)
        }
    }

    #[test]
    fn a_pause_is_over_when_either_clock_says_so() {
        for (date, uptime, sleep) in [
            (0, 0, Some(TICK)),
            (0, 3_799, Some(TICK)),
            (0, 3_801, Some(TICK - Duration::from_millis(1))),
            (0, 3_999, Some(Duration::from_millis(1))),
            (0, 4_000, None),
            (0, 3_600_000, None),
            (3_999, 0, Some(Duration::from_millis(1))),
            (4_000, 0, None),
        ] {
            let hands = Hands::default();
            let pause = Pause { ms: 4_000, date: hands.now(), uptime_ms: 0 };
            hands.date.store(date, Relaxed);
            hands.uptime.store(uptime, Relaxed);
            assert_eq!(pause.sleep(&hands), sleep, "{date} {uptime}");
        }
        // A date that was set back changes nothing.
        let pause = Pause { ms: 4_000, date: UnixMillis::new(9_000), uptime_ms: 0 };
        assert_eq!(pause.sleep(&Hands::default()), Some(TICK));
    }
}

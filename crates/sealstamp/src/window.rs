//! The verdict on an age: is a mint time fresh at a given `now`?
//!
//! It knows times and nothing of nonces.

use crate::time::UnixMillis;

/// How old a mint time may be, and how far ahead: the fleet's lifetime and skew in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) lifetime_ms: u64,
    pub(crate) max_skew_ms: u64,
}

/// The verdict on a mint time that is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age {
    /// Milliseconds since the mint time. 0 if that is ahead.
    pub(crate) ms: u64,
    /// Whether more than half of the lifetime is over.
    pub(crate) renew: bool,
}

/// The verdict on a mint time that is not fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untimely {
    /// It is so many milliseconds past its last good moment.
    TooOld { by_ms: u64 },
    /// It will be good in so many milliseconds.
    TooNew { by_ms: u64 },
}

impl Window {
    /// Accepts iff `iat <= now + max_skew` and `now <= iat + lifetime + max_skew`.
    ///
    /// The first half matters as much as the second: without it, a replica with a fast clock would mint nonces that
    /// live too long.
    pub(crate) fn judge(self, iat: UnixMillis, now: UnixMillis) -> Result<Age, Untimely> {
        let ahead = iat.since(now.saturating_add(self.max_skew_ms));
        if ahead > 0 {
            return Err(Untimely::TooNew { by_ms: ahead });
        }
        let late = now.since(self.last(iat));
        if late > 0 {
            return Err(Untimely::TooOld { by_ms: late });
        }
        let ms = now.since(iat);
        Ok(Age { ms, renew: ms > self.lifetime_ms / 2 })
    }

    /// The last moment at which a mint time is fresh.
    pub(crate) fn last(self, iat: UnixMillis) -> UnixMillis {
        iat.saturating_add(self.lifetime_ms).saturating_add(self.max_skew_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: Window = Window { lifetime_ms: 120_000, max_skew_ms: 5_000 };

    fn judge(iat: u64, now: u64) -> Result<Age, Untimely> {
        W.judge(UnixMillis::new(iat), UnixMillis::new(now))
    }

    #[test]
    fn each_edge_from_both_sides() {
        let now = 1_000_000_000;
        assert!(judge(now + 5_000, now).is_ok());
        assert_eq!(judge(now + 5_001, now), Err(Untimely::TooNew { by_ms: 1 }));
        assert!(judge(now - 125_000, now).is_ok());
        assert_eq!(judge(now - 125_001, now), Err(Untimely::TooOld { by_ms: 1 }));
    }

    #[test]
    fn renewal_starts_past_half_the_lifetime() {
        let now = 1_000_000_000;
        assert_eq!(judge(now - 60_000, now), Ok(Age { ms: 60_000, renew: false }));
        assert_eq!(judge(now - 60_001, now), Ok(Age { ms: 60_001, renew: true }));
        assert_eq!(judge(now + 1, now), Ok(Age { ms: 0, renew: false }));
    }

    /// quinn: a valid token with an absurd time overflowed an addition.
    #[test]
    fn absurd_times_saturate() {
        let now = 1_000_000_000;
        assert_eq!(judge(u64::MAX, now), Err(Untimely::TooNew { by_ms: u64::MAX - now - 5_000 }));
        assert_eq!(judge(0, now), Err(Untimely::TooOld { by_ms: now - 125_000 }));
        assert!(judge(u64::MAX, u64::MAX).is_ok());
        assert!(matches!(judge(0, u64::MAX), Err(Untimely::TooOld { .. })));
        assert!(judge(0, 0).is_ok());
    }
}

//! Time: milliseconds, epochs, and the verdict on an age.
//!
//! Invariant: no value that a peer chose is ever added or subtracted unchecked. Everything here saturates, so an absurd
//! time can only be *too early* or *too late*, never fresh.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::nonce::Refusal;

/// How long one derived key is used, in milliseconds: 4,096 s, about 68 minutes.
///
/// All replicas change keys at the same multiple of this since the Unix epoch, with no message sent.
pub const EPOCH_MS: u64 = 4_096_000;

/// A point in time: integer milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Every function of this crate takes its `now` from the caller, so that tests can choose it and no clock is hidden.
///
/// ```
/// use std::time::SystemTime;
/// use sealstamp::UnixMillis;
///
/// let now = UnixMillis::from_system_time(SystemTime::now());
/// assert!(now > UnixMillis::new(1_700_000_000_000));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The latest time that a ring file can write: 9999-12-31T23:59:59.999Z.
    pub const MAX_DATE: Self = Self(253_402_300_799_999);

    /// A time from its milliseconds since the Unix epoch.
    #[must_use]
    pub const fn new(ms: u64) -> Self {
        Self(ms)
    }

    /// The milliseconds since the Unix epoch.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The time of a clock reading. A reading before 1970 is taken as 1970.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// This time and `ms` milliseconds, at most the latest time there is.
    #[must_use]
    pub const fn saturating_add(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// This time less `ms` milliseconds, at least the Unix epoch.
    #[must_use]
    pub const fn saturating_sub(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` to this time, 0 if that is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The epoch of this time, or none from the year 559,444 on, when it outgrows its four bytes.
    pub(crate) fn epoch(self) -> Option<u32> {
        u32::try_from(self.0 / EPOCH_MS).ok()
    }
}

/// RFC 3339, UTC, with milliseconds only where they are not zero: `2026-11-22T19:00:00Z`. A time past
/// [`UnixMillis::MAX_DATE`] is written as that.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.min(Self::MAX_DATE.0);
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(ms)).unwrap_or(UNIX_EPOCH);
        if ms % 1_000 == 0 {
            humantime::format_rfc3339_seconds(time).fmt(f)
        } else {
            humantime::format_rfc3339_millis(time).fmt(f)
        }
    }
}

/// How old, and how far ahead, a nonce may be: the fleet's lifetime and skew in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) lifetime_ms: u64,
    pub(crate) max_skew_ms: u64,
}

/// What the window says of an authenticated mint time that it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age {
    pub(crate) ms: u64,
    pub(crate) renew: bool,
}

impl Window {
    /// Accepts iff `iat <= now + max_skew` and `now <= iat + lifetime + max_skew`.
    ///
    /// The first half keeps one fast clock from minting long-lived nonces, so it is as strict as the second.
    pub(crate) fn judge(self, iat: UnixMillis, now: UnixMillis) -> Result<Age, Refusal> {
        let ahead = iat.since(now.saturating_add(self.max_skew_ms));
        if ahead > 0 {
            return Err(Refusal::InFuture { by_ms: ahead });
        }
        let last = iat.saturating_add(self.lifetime_ms).saturating_add(self.max_skew_ms);
        let late = now.since(last);
        if late > 0 {
            return Err(Refusal::Expired { by_ms: late });
        }
        let ms = now.since(iat);
        Ok(Age { ms, renew: ms > self.lifetime_ms / 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: Window = Window { lifetime_ms: 120_000, max_skew_ms: 5_000 };

    fn judge(iat: u64, now: u64) -> Result<Age, Refusal> {
        W.judge(UnixMillis(iat), UnixMillis(now))
    }

    #[test]
    fn each_edge_from_both_sides() {
        let now = 1_000_000_000;
        assert!(judge(now + 5_000, now).is_ok());
        assert_eq!(judge(now + 5_001, now), Err(Refusal::InFuture { by_ms: 1 }));
        assert!(judge(now - 125_000, now).is_ok());
        assert_eq!(judge(now - 125_001, now), Err(Refusal::Expired { by_ms: 1 }));
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
        assert_eq!(judge(u64::MAX, now), Err(Refusal::InFuture { by_ms: u64::MAX - now - 5_000 }));
        assert_eq!(judge(0, now), Err(Refusal::Expired { by_ms: now - 125_000 }));
        assert!(judge(u64::MAX, u64::MAX).is_ok());
        assert!(matches!(judge(0, u64::MAX), Err(Refusal::Expired { .. })));
        assert!(judge(0, 0).is_ok());
    }

    #[test]
    fn clock_readings() {
        assert_eq!(UnixMillis::from_system_time(UNIX_EPOCH - Duration::from_secs(1)).get(), 0);
        assert_eq!(UnixMillis::from_system_time(UNIX_EPOCH + Duration::from_millis(7)).get(), 7);
    }

    #[test]
    fn epochs_end_where_four_bytes_end() {
        assert_eq!(UnixMillis(EPOCH_MS - 1).epoch(), Some(0));
        assert_eq!(UnixMillis(EPOCH_MS).epoch(), Some(1));
        let last = (u64::from(u32::MAX) + 1) * EPOCH_MS - 1;
        assert_eq!(UnixMillis(last).epoch(), Some(u32::MAX));
        assert_eq!(UnixMillis(last + 1).epoch(), None);
    }
}

//! Points in time, and the epochs that they fall into.
//!
//! Invariant: no time is added or subtracted unchecked. Everything here saturates, so an absurd time stays absurd: it
//! can turn out *too early* or *too late*, but never fresh.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long one derived key is used, in milliseconds: 4,096 s, about 68 minutes.
///
/// An epoch starts at each multiple of this since the Unix epoch. So all replicas change keys at the same moment, and
/// nobody has to send a message.
pub const EPOCH_MS: u64 = 4_096_000;

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z. Leap seconds are not counted.
///
/// The functions of this crate take `now` from the caller. Tests can choose it, and no clock is hidden.
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

    /// The time that a clock shows. A time before 1970 is taken as the start of 1970.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// `ms` milliseconds after this time, or the latest time that there is.
    #[must_use]
    pub const fn saturating_add(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// `ms` milliseconds before this time, or the Unix epoch if that is later.
    #[must_use]
    pub const fn saturating_sub(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` to this time. 0 if `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The number of the epoch that this time is in. None from the year 559,444 on: the number needs more than four
    /// bytes.
    pub(crate) fn epoch(self) -> Option<u32> {
        u32::try_from(self.0 / EPOCH_MS).ok()
    }
}

/// Writes RFC 3339 in UTC: `2026-11-22T19:00:00Z`. Milliseconds are written only if they are not zero. A time after
/// [`UnixMillis::MAX_DATE`] is written as that date.
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

#[cfg(test)]
mod tests {
    use super::*;

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

//! A new ring.

use crate::ring::Ring;
use crate::ring::key::Key;
use crate::ring::lineage::Lineage;
use crate::secret::Fresh;
use crate::settings::Settings;
use crate::suite::Suite;
use crate::time::UnixMillis;

impl Ring {
    /// A new ring with an active and a staged key. The serial is 1.
    ///
    /// The active key is dated `now - max_skew`, so that it is active to the slowest clock too. The staged key is there
    /// from the start, so that every replica knows the successor long before it is needed.
    ///
    /// ```
    /// use sealstamp::{Fresh, Ring, Settings, Suite, UnixMillis};
    ///
    /// let now = UnixMillis::new(1_795_374_000_000);
    /// let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?);
    /// assert_eq!((ring.serial(), ring.keys().len()), (1, 2));
    /// # Ok::<(), sealstamp::EntropyError>(())
    /// ```
    #[must_use]
    pub fn init(settings: Settings, suite: Suite, now: UnixMillis, fresh: Fresh) -> Self {
        let now = now.min(UnixMillis::MAX_DATE);
        let [first, second] = fresh.0;
        let mut active = Key::staged(first, suite, now);
        active.activates_at = Some(now.saturating_sub(settings.max_skew_ms()));
        let keys = vec![active, Key::staged(second, suite, now)];
        Self { serial: 1, settings, next_settings: None, keys, lineage: Some(Lineage::default()) }
    }
}

//! A ring in the place of rings that are lost, or that went apart.

use crate::ring::Ring;
use crate::ring::lineage::{MAX_SERIAL, RingId};
use crate::ring::transition::error::TransitionError;
use crate::ring::transition::{Cost, Transition};
use crate::secret::Fresh;
use crate::settings::Settings;
use crate::suite::Suite;
use crate::time::UnixMillis;

impl Ring {
    /// A ring that takes the place of `replaces`, made from this copy, which may be old. Replicas report what they use.
    ///
    /// The new ring names `replaces` among its ancestors, so replicas that use one of these go on to it. Its serial is
    /// above all of theirs. Every key of the copy becomes a tombstone, since a key in an old copy may have been revoked
    /// after it was made. Two new keys stand behind them: this costs what [`revoke_all`](Self::revoke_all) costs.
    ///
    /// # Errors
    /// [`TransitionError::OutOfRange`], also if `replaces` has more than 63 rings.
    ///
    /// ```
    /// use sealstamp::{Force, Fresh, Ring, Settings, Suite, UnixMillis};
    ///
    /// let now = UnixMillis::new(1_795_374_000_000);
    /// let backup = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?);
    /// let lost = backup.revoke_all(now, Fresh::from_os()?)?.ring;
    ///
    /// let recovered = backup.recover(&[lost.id()], now, Fresh::from_os()?)?.ring;
    /// assert_eq!(recovered.serial(), 3);
    /// assert!(recovered.is_successor_of(lost.id()) && recovered.is_successor_of(backup.id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recover(&self, replaces: &[RingId], now: UnixMillis, fresh: Fresh) -> Result<Transition, TransitionError> {
        let Transition { ring, cost } = self.revoke_all(now, fresh)?;
        let named: Vec<RingId> = replaces.iter().copied().chain([self.id()]).collect();
        ring.in_place_of(&named)?.finish(cost)
    }

    /// A ring that takes the place of `replaces`, of which there is no copy. It has two new keys, as after
    /// [`init`](Self::init), and costs what [`revoke_all`](Self::revoke_all) costs.
    ///
    /// # Errors
    /// [`TransitionError::OutOfRange`], also if `replaces` has more than 64 rings.
    pub fn recover_without_copy(
        replaces: &[RingId],
        settings: Settings,
        suite: Suite,
        now: UnixMillis,
        fresh: Fresh,
    ) -> Result<Transition, TransitionError> {
        let known = now.saturating_add(settings.propagation_ms());
        let cost = Cost {
            retries_until: Some(known.saturating_add(settings.grace_ms())),
            unknown_key_until: Some(known.saturating_add(settings.max_skew_ms())),
        };
        Self::init(settings, suite, now, fresh).in_place_of(replaces)?.finish(cost)
    }

    /// This ring with `rings` among its ancestors, and a serial above all of theirs.
    fn in_place_of(mut self, rings: &[RingId]) -> Result<Self, TransitionError> {
        let newest = rings.iter().map(|ring| ring.serial).max().unwrap_or_default();
        self.serial = self.serial.max(newest.saturating_add(1));
        if self.serial > MAX_SERIAL || rings.len() > Self::MAX_ANCESTORS {
            return Err(TransitionError::OutOfRange);
        }
        self.lineage = Some(self.lineage.unwrap_or_default().naming(rings));
        Ok(self)
    }
}

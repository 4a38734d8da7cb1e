//! A date that is still to come is moved, or taken back.

use crate::kid::Kid;
use crate::ring::Ring;
use crate::ring::transition::error::TransitionError;
use crate::ring::transition::{Cost, Force, Transition};
use crate::time::UnixMillis;

/// The key whose date may change.
struct Dated {
    index: usize,
    kid: Kid,
    date: UnixMillis,
    /// Whether a replica may reach the date before it has loaded a ring that is written now.
    near: bool,
}

impl Ring {
    /// Moves the date of the key that is to come to `at`. If several are to come, of the last one.
    ///
    /// Until a replica has loaded the new ring it acts on the old date. So neither date may come before every replica has
    /// loaded it: `at` is no earlier than [`rotate`](Self::rotate) would allow, and a date that is to be postponed is at
    /// least `propagation + max_skew` away.
    ///
    /// ```
    /// use sealstamp::{Force, Fresh, Ring, Settings, Suite, UnixMillis};
    ///
    /// let now = UnixMillis::new(1_795_374_000_000);
    /// let tomorrow = now.saturating_add(86_400_000);
    /// let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?);
    /// let ring = ring.rotate(Some(tomorrow), now, Fresh::from_os()?, Force::No)?.ring;
    ///
    /// let sooner = now.saturating_add(3_600_000);
    /// let moved = ring.move_date(sooner, now, Force::No)?.ring;
    /// assert_eq!(moved.pending(now).and_then(|key| key.activates_at()), Some(sooner));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`TransitionError::NothingPending`].
    /// - [`TransitionError::TooEarly`] if `at` is too early.
    /// - [`TransitionError::DateStands`] if the old date is too near to be postponed, or holds the place of a revoked
    ///   key's date.
    /// - [`TransitionError::OutOfRange`].
    ///
    /// With [`Force::YesAtACost`], only the first and the last of them, and `DateStands` because of a revoked key.
    pub fn move_date(&self, at: UnixMillis, now: UnixMillis, force: Force) -> Result<Transition, TransitionError> {
        let Dated { index, kid, date, near } = self.dated(now)?;
        let settings = self.margins();
        let mut next = self.successor(now)?;
        let Some(key) = next.keys.get_mut(index) else { return Err(TransitionError::NothingPending) };
        let everywhere =
            key.created_at.saturating_add(settings.max_skew_ms()).saturating_add(settings.propagation_ms());
        let known = everywhere.max(now.saturating_add(settings.propagation_ms()));
        let postponed = near && at > date;
        // No earlier date is legal if the old one is not later than the earliest.
        if force == Force::No && (postponed || (at < known && date <= known)) {
            return Err(TransitionError::DateStands { kid, legal_at: date });
        }
        if force == Force::No && at < known {
            return Err(TransitionError::TooEarly { legal_at: known });
        }
        key.activates_at = None;
        next.date(index, at);
        let retries_until = (postponed || at < known).then(|| known.saturating_add(settings.grace_ms()));
        let unknown_key_until = (at < everywhere && everywhere > now).then_some(everywhere);
        next.finish(Cost { retries_until, unknown_key_until })
    }

    /// Takes back the date of the key that is to come, and removes the key that was staged behind it: the rotation is
    /// undone. If several are to come, the last rotation is.
    ///
    /// Until a replica has loaded the new ring it acts on the old date, so that date must be at least
    /// `propagation + max_skew` away.
    ///
    /// # Errors
    /// - [`TransitionError::NothingPending`].
    /// - [`TransitionError::DateStands`] if the date is too near, unless forced, or if it holds the place of a revoked
    ///   key's date.
    /// - [`TransitionError::OutOfRange`].
    pub fn cancel(&self, now: UnixMillis, force: Force) -> Result<Transition, TransitionError> {
        let Dated { index, kid, date, near } = self.dated(now)?;
        if near && force == Force::No {
            return Err(TransitionError::DateStands { kid, legal_at: date });
        }
        let mut next = self.successor(now)?;
        let behind = next.keys.split_off(index.saturating_add(1));
        next.keys.extend(behind.into_iter().filter(|key| !key.is_live()));
        if let Some(key) = next.keys.get_mut(index) {
            key.activates_at = None;
        }
        let settings = self.margins();
        let propagated = now.saturating_add(settings.propagation_ms());
        let retries_until = near.then(|| propagated.saturating_add(settings.grace_ms()));
        next.finish(Cost { retries_until, unknown_key_until: None })
    }

    /// The key whose date may change: the last that is to come.
    fn dated(&self, now: UnixMillis) -> Result<Dated, TransitionError> {
        let mut last = None;
        // Whether a revoked key has a date after that of the last key that is not revoked. The key before it stops to
        // mint at that date, so the next one must not come any later.
        let mut held = false;
        for (index, key) in self.keys.iter().enumerate().skip(self.active_index(now)).skip(1) {
            match key.activates_at {
                Some(date) if key.is_live() => last = Some((index, key.kid(), date, std::mem::take(&mut held))),
                Some(_) => held = true,
                None => {}
            }
        }
        let Some((index, kid, date, held)) = last else { return Err(TransitionError::NothingPending) };
        if held {
            return Err(TransitionError::DateStands { kid, legal_at: date });
        }
        let settings = self.margins();
        let loaded = now.saturating_add(settings.propagation_ms()).saturating_add(settings.max_skew_ms());
        Ok(Dated { index, kid, date, near: date < loaded })
    }
}

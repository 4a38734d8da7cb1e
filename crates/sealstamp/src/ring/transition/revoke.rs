//! A key leaves the ring with its secret, or all keys do.

use crate::kid::Kid;
use crate::ring::Ring;
use crate::ring::transition::error::TransitionError;
use crate::ring::transition::{Cost, Force, Transition};
use crate::secret::Fresh;
use crate::time::UnixMillis;

impl Ring {
    /// Makes the key a tombstone: its secret leaves the ring. A replica that has loaded the new ring neither mints nor
    /// opens with it.
    ///
    /// If the key was active, to any clock of the fleet, the next key steps in at once. If it was to come, the key
    /// after it takes over its date. If no staged key is left, one is appended.
    ///
    /// # Errors
    /// - [`TransitionError::UnknownKid`].
    /// - [`TransitionError::AlreadyRevoked`].
    /// - [`TransitionError::OnlyKey`] if no other key could mint, unless forced.
    /// - [`TransitionError::OutOfRange`].
    pub fn revoke(&self, kid: Kid, now: UnixMillis, fresh: Fresh, force: Force) -> Result<Transition, TransitionError> {
        let settings = self.margins();
        let index = self.keys.iter().position(|k| k.kid() == kid).ok_or(TransitionError::UnknownKid)?;
        let mut next = self.successor(now)?;
        let Some(key) = next.keys.get_mut(index) else { return Err(TransitionError::UnknownKid) };
        if let Some(revoked_at) = key.revoked_at {
            return Err(TransitionError::AlreadyRevoked { revoked_at });
        }
        let date = key.activates_at;
        let active = self.active_index(now);
        let propagated = now.saturating_add(settings.propagation_ms());
        let may_have_minted = date.is_some_and(|at| at <= propagated);
        key.revoke(now);
        let heir = if index == active {
            Some(next.replace_active(index, now, fresh, force)?)
        } else if let Some(date) = date.filter(|_| index > active) {
            Some(next.hand_over_date(index, date, now, fresh))
        } else {
            next.replace_where_still_active(index, now, fresh);
            None
        };
        let known = heir.and_then(|heir| next.keys.get(heir)).map(|heir| {
            heir.created_at.saturating_add(settings.propagation_ms()).saturating_add(settings.max_skew_ms())
        });
        let cost = Cost {
            retries_until: may_have_minted.then_some(propagated.saturating_add(settings.grace_ms())),
            unknown_key_until: known.filter(|known| *known > now),
        };
        next.finish(cost)
    }

    /// Makes every key a tombstone, staged keys too, and starts again with one active and one staged key. This is for a
    /// ring file that leaked.
    ///
    /// # Errors
    /// [`TransitionError::OutOfRange`].
    pub fn revoke_all(&self, now: UnixMillis, fresh: Fresh) -> Result<Transition, TransitionError> {
        let settings = self.margins();
        let mut next = self.successor(now)?;
        let active = self.active_index(now);
        for (index, key) in next.keys.iter_mut().enumerate() {
            if key.is_live() {
                key.revoke(now);
                if index > active {
                    key.activates_at = None;
                }
            }
        }
        let suite = self.active(now).suite;
        let [first, second] = fresh.0;
        let heir = next.append_as(suite, first, now);
        next.promote(heir, heir, now);
        next.append_as(suite, second, now);
        let propagated = now.saturating_add(settings.propagation_ms());
        next.finish(Cost {
            retries_until: Some(propagated.saturating_add(settings.grace_ms())),
            unknown_key_until: Some(propagated.saturating_add(settings.max_skew_ms())),
        })
    }

    /// The active key at `index` was revoked, so the next key steps in now. Returns the position of that key.
    fn replace_active(
        &mut self,
        index: usize,
        now: UnixMillis,
        fresh: Fresh,
        force: Force,
    ) -> Result<usize, TransitionError> {
        let [first, second] = fresh.0;
        let heir = match self.live_after(index) {
            Some(heir) => heir,
            None if force == Force::No => {
                let propagated = now.saturating_add(self.margins().propagation_ms());
                return Err(TransitionError::OnlyKey {
                    legal_at: propagated.saturating_add(self.margins().max_skew_ms()),
                });
            }
            None => self.append(first, now),
        };
        self.promote(index, heir, now);
        self.ensure_staged(second, now);
        Ok(heir)
    }

    /// The key at `index` was revoked before its date came, so the next key takes that date over. Returns the position
    /// of that key.
    fn hand_over_date(&mut self, index: usize, date: UnixMillis, now: UnixMillis, fresh: Fresh) -> usize {
        let [first, second] = fresh.0;
        if let Some(key) = self.keys.get_mut(index) {
            key.activates_at = None;
        }
        let heir = match self.live_after(index) {
            Some(heir) => heir,
            None => self.append(first, now),
        };
        self.date(heir, date);
        self.ensure_staged(second, now);
        heir
    }

    /// A key at `index` was revoked that is not active any more, or has no date.
    ///
    /// To a slow clock it may still be the active one. Without it, that clock would fall back to the key before it, and
    /// no nonce is accepted that such a key mints now. So the next key becomes active to slow clocks as well.
    fn replace_where_still_active(&mut self, index: usize, now: UnixMillis, fresh: Fresh) {
        let [first, _] = fresh.0;
        if let Some(heir) = self.live_after(index).filter(|heir| self.is_dated_after(*heir, now)) {
            self.promote(index, heir, now);
        }
        self.ensure_staged(first, now);
    }
}

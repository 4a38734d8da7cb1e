//! The staged key gets its date.

use crate::ring::Ring;
use crate::ring::transition::error::TransitionError;
use crate::ring::transition::{Cost, Force, Transition};
use crate::secret::Fresh;
use crate::time::UnixMillis;

impl Ring {
    /// Gives the staged key the date `at`, or `now + propagation` if `at` is none. Appends a new staged key of the same
    /// suite.
    ///
    /// # Errors
    /// - [`TransitionError::Pending`] while a key has a date that is still to come.
    /// - [`TransitionError::TooEarly`] if `at` is before `now + propagation`.
    /// - [`TransitionError::OutOfRange`].
    ///
    /// With [`Force::YesAtACost`], only the last of them.
    pub fn rotate(
        &self,
        at: Option<UnixMillis>,
        now: UnixMillis,
        fresh: Fresh,
        force: Force,
    ) -> Result<Transition, TransitionError> {
        let settings = self.margins();
        // Several keys are to come if a rotation was forced or the clock went back. Nothing may start before the last
        // one.
        let to_come = self.keys.iter().skip(self.active_index(now)).skip(1);
        let last = to_come.rev().find(|k| k.is_live() && k.activates_at.is_some());
        if let Some(key) = last.filter(|_| force == Force::No) {
            let legal_at = key.activates_at.unwrap_or(now);
            return Err(TransitionError::Pending { kid: key.kid(), legal_at });
        }
        let mut next = self.successor(now)?;
        let [first, second] = fresh.0;
        let staged = match next.staged_index() {
            Some(index) => index,
            None => next.append(first, now),
        };
        let Some(key) = next.keys.get(staged) else { return Err(TransitionError::OutOfRange) };
        // A file is known everywhere one propagation after it was written. That is not enough for a key that has just
        // been made, by a revocation for example. The clock that writes now gives the date, and on the fastest clock of
        // the fleet that date comes up to one skew before the slowest replica has loaded the file that brought the key.
        // The first file needs no such margin: there was none before it that a replica could still have.
        let made_now = staged >= self.keys.len();
        let settled = key.created_at.saturating_add(settings.max_skew_ms());
        let start = if self.serial > 1 || made_now { now.max(settled) } else { now };
        let known = start.saturating_add(settings.propagation_ms());
        let date = at.unwrap_or(known);
        if date < known && force == Force::No {
            return Err(TransitionError::TooEarly { legal_at: known });
        }
        debug_assert!(key.activates_at.is_none());
        next.date(staged, date);
        next.append(second, now);
        let early = (date < known).then_some(known.saturating_add(settings.grace_ms()));
        let cost = Cost { retries_until: early, unknown_key_until: early.filter(|_| made_now) };
        next.finish(cost)
    }
}

//! The steps that transitions are made of, and the check that each one ends in.

use crate::ring::key::Key;
use crate::ring::lineage::MAX_SERIAL;
use crate::ring::transition::error::TransitionError;
use crate::ring::transition::{Cost, Transition};
use crate::ring::{Ring, Unfit};
use crate::secret::Secret;
use crate::suite::Suite;
use crate::time::UnixMillis;

impl Ring {
    /// A copy with the next serial, which names this ring as its parent. Refused if there is no next serial, or if a file
    /// cannot write the time `now`.
    ///
    /// If the settings have changed for good, the copy has only the new ones.
    pub(super) fn successor(&self, now: UnixMillis) -> Result<Self, TransitionError> {
        if self.serial >= MAX_SERIAL || now > UnixMillis::MAX_DATE {
            return Err(TransitionError::OutOfRange);
        }
        let lineage = self.lineage.clone().unwrap_or_default().naming(&[self.id()]);
        let mut next = Self { serial: self.serial.saturating_add(1), lineage: Some(lineage), ..self.clone() };
        if let Some(change) = self.next_settings.filter(|_| self.settled_at().is_some_and(|at| at <= now)) {
            next.settings = change.settings;
            next.next_settings = None;
        }
        Ok(next)
    }

    /// The position of the staged key without a date.
    pub(super) fn staged_index(&self) -> Option<usize> {
        self.keys.iter().position(|k| k.is_live() && k.activates_at.is_none())
    }

    /// The position of the key that steps in for the one at `index`.
    pub(super) fn live_after(&self, index: usize) -> Option<usize> {
        let mut after = self.keys.iter().enumerate().skip(index).skip(1);
        after.find(|(_, key)| key.is_live()).map(|(heir, _)| heir)
    }

    /// Appends a staged key of the last key's suite. Returns its position.
    pub(super) fn append(&mut self, secret: Secret, now: UnixMillis) -> usize {
        let suite = self.keys.last().map(|k| k.suite).unwrap_or_default();
        self.append_as(suite, secret, now)
    }

    /// Appends a staged key. Returns its position. If the operator's clock went back, the key's date of creation does
    /// not.
    pub(super) fn append_as(&mut self, suite: Suite, secret: Secret, now: UnixMillis) -> usize {
        let created_at = self.keys.last().map_or(now, |last| last.created_at.max(now));
        self.keys.push(Key::staged(secret, suite, created_at));
        self.keys.len().saturating_sub(1)
    }

    /// Appends a staged key if there is none.
    pub(super) fn ensure_staged(&mut self, secret: Secret, now: UnixMillis) {
        if self.staged_index().is_none() {
            self.append(secret, now);
        }
    }

    /// Gives the key at `index` the date `at`, or the first date after all those before it in the list if that is
    /// later.
    pub(super) fn date(&mut self, index: usize, at: UnixMillis) {
        let before = self.keys.iter().take(index).filter_map(|k| k.activates_at).max();
        let earliest = before.map_or(at, |before| before.saturating_add(1));
        if let Some(key) = self.keys.get_mut(index) {
            key.activates_at = Some(at.max(earliest));
        }
    }

    /// Whether the key at `index` has a date that has not come yet on a slow clock of the fleet.
    pub(super) fn is_dated_after(&self, index: usize, now: UnixMillis) -> bool {
        let slow = now.saturating_sub(self.margins().max_skew_ms());
        self.keys.get(index).and_then(|k| k.activates_at).is_some_and(|at| at > slow)
    }

    /// Gives the heir of the key at `index` such an early date that it is active now on every clock of the fleet.
    ///
    /// Between the two there are only tombstones. A tombstone loses its date if that has not come yet on a slow clock.
    /// Otherwise the heir's date would have to be later still, and until then the slow clock would mint with a key
    /// before all of them.
    pub(super) fn promote(&mut self, index: usize, heir: usize, now: UnixMillis) {
        let slow = now.saturating_sub(self.margins().max_skew_ms());
        for key in self.keys.iter_mut().take(heir).skip(index).skip(1) {
            key.activates_at = key.activates_at.filter(|at| *at < slow);
        }
        self.date(heir, slow);
    }

    /// Checks a new ring before anybody gets it.
    pub(super) fn finish(self, cost: Cost) -> Result<Transition, TransitionError> {
        let too_late = |k: &Key| k.activates_at.is_some_and(|at| at > UnixMillis::MAX_DATE);
        match self.check() {
            Ok(()) if !self.keys.iter().any(too_late) => Ok(Transition { ring: self, cost }),
            Err((Unfit::DuplicateKid, _)) => Err(TransitionError::KidTaken),
            unfit => {
                debug_assert!(matches!(unfit, Ok(()) | Err((Unfit::TooManyKeys, _))), "a transition broke the ring");
                Err(TransitionError::OutOfRange)
            }
        }
    }
}

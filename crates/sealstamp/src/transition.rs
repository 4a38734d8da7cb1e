//! The life of a ring: `init`, `rotate`, `revoke`, `prune`, as pure functions of (ring, now) and two fresh secrets.
//!
//! Each gives a new ring with the next serial and says what clients will notice, or refuses with the next time at which
//! it would be harmless. The operator's tool, the servers and the model of the fleet all run this code.
//!
//! Invariant: as long as nothing is forced and nothing revoked, a nonce that any replica mints opens on every replica for
//! its lifetime, if clocks are within `±max_skew/2` and every replica loads a file within `propagation`.

use std::fmt;

use crate::ring::{Key, Kid, MAX_SERIAL, Ring, Settings, Suite, Unfit};
use crate::secret::{Fresh, Secret};
use crate::window::UnixMillis;

/// Whether a transition that clients would notice is made all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// Refuse it, with the next time at which nobody would notice.
    #[default]
    No,
    /// Make it; [`Transition::cost`] says what it costs.
    YesAtACost,
}

/// A new ring, and what the change costs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transition {
    /// The ring to give to the fleet.
    pub ring: Ring,
    /// What clients will notice.
    pub cost: Cost,
}

/// What clients notice of a transition. The default is nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// Until then a client may find that its nonce is refused, and needs one retry.
    pub retries_until: Option<UnixMillis>,
    /// Until then a replica that has not loaded the new ring may refuse nonces of the key that had to step in, so a
    /// client may need more than one retry. It ends as soon as every replica has loaded the ring.
    pub unknown_key_until: Option<UnixMillis>,
}

/// A transition was refused. The ring is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransitionError {
    /// A key is dated and still to come; another rotation may start at its date.
    Pending {
        /// The key that is to come.
        kid: Kid,
        /// When the next rotation may start.
        legal_at: UnixMillis,
    },
    /// The date asked for is earlier than the last replica can have loaded the ring.
    TooEarly {
        /// The earliest date that may be asked for.
        legal_at: UnixMillis,
    },
    /// Keys are retiring, and nonces that they minted may still be fresh.
    NotYetPrunable {
        /// When the first of them may go.
        legal_at: UnixMillis,
    },
    /// No key is retiring or revoked.
    NothingToPrune,
    /// No key would be left that the fleet knows; rotate first and revoke when that key is known everywhere.
    OnlyKey {
        /// When the key may be revoked, if the ring is rotated now.
        legal_at: UnixMillis,
    },
    /// No key of the ring has this kid.
    UnknownKid,
    /// The key is revoked already.
    AlreadyRevoked {
        /// When it was.
        revoked_at: UnixMillis,
    },
    /// A time beyond the year 9999, a serial beyond 2^53 - 1, or more than 1,024 keys: prune, or see to the clock.
    OutOfRange,
    /// A key made of the fresh secrets has the kid of another, by chance: try again with others.
    KidTaken,
}

impl TransitionError {
    /// The next time at which the same transition would be accepted, if waiting helps.
    #[must_use]
    pub const fn legal_at(&self) -> Option<UnixMillis> {
        match *self {
            Self::Pending { legal_at, .. }
            | Self::TooEarly { legal_at }
            | Self::NotYetPrunable { legal_at }
            | Self::OnlyKey { legal_at } => Some(legal_at),
            Self::NothingToPrune
            | Self::UnknownKid
            | Self::AlreadyRevoked { .. }
            | Self::OutOfRange
            | Self::KidTaken => None,
        }
    }
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending { kid, legal_at } => write!(f, "key {kid} is to become active at {legal_at}"),
            Self::TooEarly { legal_at } => {
                write!(f, "replicas may not have loaded the ring by then; the earliest date is {legal_at}")
            }
            Self::NotYetPrunable { legal_at } => {
                write!(f, "nonces of every retiring key may still be fresh; the first may be pruned at {legal_at}")
            }
            Self::NothingToPrune => f.write_str("no key is retiring or revoked"),
            Self::OnlyKey { legal_at } => {
                write!(f, "no other key could mint; rotate first, then the fleet can do without this one at {legal_at}")
            }
            Self::UnknownKid => f.write_str("no key of the ring has this kid"),
            Self::AlreadyRevoked { revoked_at } => write!(f, "the key was revoked at {revoked_at}"),
            Self::OutOfRange => f.write_str("a time, the serial or the number of keys would be out of range"),
            Self::KidTaken => f.write_str("the new key has the kid of another by chance; try again"),
        }
    }
}

impl std::error::Error for TransitionError {}

impl Ring {
    /// A new ring: one key active since `now - max_skew`, so that the slowest clock agrees, and one staged, so that a
    /// successor is always already everywhere. The serial is 1.
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
        Self { serial: 1, settings, keys: vec![active, Key::staged(second, suite, now)] }
    }

    /// Dates the staged key `at`, or `now + propagation` if none is given, and appends a new staged key of its suite.
    ///
    /// # Errors
    /// [`TransitionError::Pending`] while a key is to come; [`TransitionError::TooEarly`] if `at` is before `now + propagation`;
    /// [`TransitionError::OutOfRange`]. With [`Force::YesAtACost`] only the last.
    pub fn rotate(
        &self,
        at: Option<UnixMillis>,
        now: UnixMillis,
        fresh: Fresh,
        force: Force,
    ) -> Result<Transition, TransitionError> {
        let settings = self.settings;
        // Several are to come if a rotation was forced, or the clock went back: nothing may start before the last.
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
        // A file is known everywhere a propagation after it was written. For a key that has just been made, by a
        // revocation for example, that is not enough: its date is given by the clock that writes now, and to the fastest
        // clock of the fleet it comes up to a skew before the slowest replica has loaded the file that brought the key.
        // Before the first file there was none that a replica could still have.
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

    /// Makes the key a tombstone: its secret leaves the ring, and where the ring is loaded it neither mints nor opens.
    ///
    /// If it was active, to any clock of the fleet, the next key steps in at once. If it was to come, the key after it takes its date over. A staged
    /// key is appended whenever none is left.
    ///
    /// # Errors
    /// [`TransitionError::UnknownKid`]; [`TransitionError::AlreadyRevoked`]; [`TransitionError::OnlyKey`] if no other key could mint, unless
    /// forced; [`TransitionError::OutOfRange`].
    pub fn revoke(&self, kid: Kid, now: UnixMillis, fresh: Fresh, force: Force) -> Result<Transition, TransitionError> {
        let settings = self.settings;
        let index = self.keys.iter().position(|k| k.kid() == kid).ok_or(TransitionError::UnknownKid)?;
        let mut next = self.successor(now)?;
        let Some(key) = next.keys.get_mut(index) else { return Err(TransitionError::UnknownKid) };
        if let Some(revoked_at) = key.revoked_at {
            return Err(TransitionError::AlreadyRevoked { revoked_at });
        }
        let date = key.activates_at;
        let active = self.active_index(now);
        let may_have_minted = date.is_some_and(|at| at <= now.saturating_add(settings.propagation_ms()));
        tombstone(key, now);
        let [first, second] = fresh.0;
        let mut stepped_in = None;
        if index == active {
            let heir = match next.live_after(index) {
                Some(heir) => heir,
                None if force == Force::No => {
                    let known = now.saturating_add(settings.propagation_ms()).saturating_add(settings.max_skew_ms());
                    return Err(TransitionError::OnlyKey { legal_at: known });
                }
                None => next.append(first, now),
            };
            next.promote(index, heir, now);
            stepped_in = Some(heir);
            next.ensure_staged(second, now);
        } else if let Some(date) = date.filter(|_| index > active) {
            if let Some(key) = next.keys.get_mut(index) {
                key.activates_at = None;
            }
            let heir = match next.live_after(index) {
                Some(heir) => heir,
                None => next.append(first, now),
            };
            next.date(heir, date);
            stepped_in = Some(heir);
            next.ensure_staged(second, now);
        } else {
            // To a slow clock the key may be active still. From now on the next one is, and not one before it: of that, no
            // nonce is taken that is minted now.
            if let Some(heir) = next.live_after(index).filter(|heir| next.is_dated_after(*heir, now)) {
                next.promote(index, heir, now);
            }
            next.ensure_staged(first, now);
        }
        let propagated = now.saturating_add(settings.propagation_ms());
        let known = stepped_in.and_then(|heir| next.keys.get(heir)).map(|heir| {
            heir.created_at.saturating_add(settings.propagation_ms()).saturating_add(settings.max_skew_ms())
        });
        let cost = Cost {
            retries_until: may_have_minted.then_some(propagated.saturating_add(settings.grace_ms())),
            unknown_key_until: known.filter(|known| *known > now),
        };
        next.finish(cost)
    }

    /// Makes every key a tombstone, staged ones too, and starts again with one active and one staged key: for a ring
    /// file that leaked.
    ///
    /// # Errors
    /// [`TransitionError::OutOfRange`].
    pub fn revoke_all(&self, now: UnixMillis, fresh: Fresh) -> Result<Transition, TransitionError> {
        let settings = self.settings;
        let mut next = self.successor(now)?;
        let active = self.active_index(now);
        for (index, key) in next.keys.iter_mut().enumerate() {
            if key.is_live() {
                tombstone(key, now);
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

    /// Removes every key and tombstone that is of no more use. Forced, every retiring key and tombstone.
    ///
    /// # Errors
    /// [`TransitionError::NotYetPrunable`] with the time at which the first may go; [`TransitionError::NothingToPrune`];
    /// [`TransitionError::OutOfRange`].
    pub fn prune(&self, now: UnixMillis, force: Force) -> Result<Transition, TransitionError> {
        let mut next = self.successor(now)?;
        let candidates: Vec<Option<UnixMillis>> = self.status(now).map(|s| s.prunable_at).collect();
        let goes = |at: Option<UnixMillis>| at.is_some_and(|at| at <= now || force == Force::YesAtACost);
        if !candidates.iter().any(|at| goes(*at)) {
            let first = candidates.into_iter().flatten().min();
            return Err(
                first.map_or(TransitionError::NothingToPrune, |legal_at| TransitionError::NotYetPrunable { legal_at })
            );
        }
        let mut fates = candidates.iter();
        next.keys.retain(|_| !fates.next().is_some_and(|at| goes(*at)));
        let last = candidates.iter().filter(|at| goes(**at)).flatten().max().copied();
        next.finish(Cost { retries_until: last.filter(|at| *at > now), unknown_key_until: None })
    }

    /// A copy with the next serial, if there is one and the clock is within the dates that a file can write.
    fn successor(&self, now: UnixMillis) -> Result<Self, TransitionError> {
        if self.serial >= MAX_SERIAL || now > UnixMillis::MAX_DATE {
            return Err(TransitionError::OutOfRange);
        }
        Ok(Self { serial: self.serial.saturating_add(1), ..self.clone() })
    }

    /// The staged key without a date.
    fn staged_index(&self) -> Option<usize> {
        self.keys.iter().position(|k| k.is_live() && k.activates_at.is_none())
    }

    /// The key that steps in for the one at `index`.
    fn live_after(&self, index: usize) -> Option<usize> {
        let mut after = self.keys.iter().enumerate().skip(index).skip(1);
        after.find(|(_, key)| key.is_live()).map(|(heir, _)| heir)
    }

    fn append(&mut self, secret: Secret, now: UnixMillis) -> usize {
        let suite = self.keys.last().map(|k| k.suite).unwrap_or_default();
        self.append_as(suite, secret, now)
    }

    /// Appends a staged key and returns its position. An operator's clock that went back does not take the list with it.
    fn append_as(&mut self, suite: Suite, secret: Secret, now: UnixMillis) -> usize {
        let created_at = self.keys.last().map_or(now, |last| last.created_at.max(now));
        self.keys.push(Key::staged(secret, suite, created_at));
        self.keys.len().saturating_sub(1)
    }

    fn ensure_staged(&mut self, secret: Secret, now: UnixMillis) {
        if self.staged_index().is_none() {
            self.append(secret, now);
        }
    }

    /// Dates the key at `index`, but later than every date before it in the list.
    fn date(&mut self, index: usize, at: UnixMillis) {
        let before = self.keys.iter().take(index).filter_map(|k| k.activates_at).max();
        let earliest = before.map_or(at, |before| before.saturating_add(1));
        if let Some(key) = self.keys.get_mut(index) {
            key.activates_at = Some(at.max(earliest));
        }
    }

    /// Whether a slow clock of the fleet does not take the dated key at `index` as active yet.
    fn is_dated_after(&self, index: usize, now: UnixMillis) -> bool {
        let slow = now.saturating_sub(self.settings.max_skew_ms());
        self.keys.get(index).and_then(|k| k.activates_at).is_some_and(|at| at > slow)
    }

    /// Dates the heir of the key at `index` so early that every clock of the fleet takes it as active now.
    ///
    /// Between the two there are tombstones only. One with a date that a slow clock has not seen yet loses it, as it would
    /// hold the heir's date back, and that clock would mint with a key before them all.
    fn promote(&mut self, index: usize, heir: usize, now: UnixMillis) {
        let slow = now.saturating_sub(self.settings.max_skew_ms());
        for key in self.keys.iter_mut().take(heir).skip(index).skip(1) {
            key.activates_at = key.activates_at.filter(|at| *at < slow);
        }
        self.date(heir, slow);
    }

    /// The last look at a new ring before anybody gets it.
    fn finish(self, cost: Cost) -> Result<Transition, TransitionError> {
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

fn tombstone(key: &mut Key, now: UnixMillis) {
    key.revoked_at = Some(now);
    key.material = None;
}

//! The key ring, and which key does what at a given time.
//!
//! A key goes `staged -> active -> retiring -> prunable`, and from any of these to `revoked`. Its state is a pure
//! function of (ring, now). Two processes with the same file and the same clock agree, however long each has been
//! running. So the whole fleet changes keys by the clock, and nobody has to send a message.
//!
//! Invariants of every [`Ring`]:
//! - Keys stand in the order of their creation.
//! - Their dates strictly increase along the list.
//! - No staged key stands before a key with a date.
//! - Kids are unique.
//! - At least one key has a date and is not revoked.
//!
//! In this folder: `key` and `state` are what a ring is made of, `transition` makes the next ring, and `format` reads
//! and writes rings as text.

pub(crate) mod format;
pub(crate) mod key;
pub(crate) mod lineage;
pub(crate) mod state;
pub(crate) mod transition;

mod descent;

use crate::ring::key::Key;
use crate::ring::lineage::Lineage;
use crate::ring::state::{KeyState, KeyStatus};
use crate::settings::{NextSettings, Settings};
use crate::time::UnixMillis;
use crate::window::Window;

/// The most keys that a ring may hold.
const MAX_KEYS: usize = 1_024;

/// A fleet's keys and settings: what a ring file says.
///
/// Read a ring with [`Ring::parse`]. Make the next one with a transition, [`Ring::rotate`] for example. Give it to a
/// [`Fleet`](crate::Fleet). Copies share their secrets, and the secrets are wiped when the last copy is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    serial: u64,
    settings: Settings,
    next_settings: Option<NextSettings>,
    keys: Vec<Key>,
    /// None if the ring was read from a file of version 1.
    lineage: Option<Lineage>,
}

impl Ring {
    /// The number of this version of the ring, 1 to 2^53 - 1. Every transition adds one.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// The fleet's settings, until [`next_settings`](Self::next_settings) take their place, if there are any. What is in
    /// force at some time is in [`settings_at`](Self::settings_at).
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings that are to take the place of the others, and when. They stay here for some time after they have: as
    /// long as a nonce may be fresh that was minted before.
    #[must_use]
    pub const fn next_settings(&self) -> Option<&NextSettings> {
        self.next_settings.as_ref()
    }

    /// The settings in force at `now`: how long a nonce is good that is minted then.
    #[must_use]
    pub fn settings_at(&self, now: UnixMillis) -> &Settings {
        self.next_settings.as_ref().filter(|next| next.from <= now).map_or(&self.settings, |next| &next.settings)
    }

    /// The settings that margins are computed with: of each the greater, while a change is under way.
    #[must_use]
    pub fn margins(&self) -> Settings {
        self.next_settings.map_or(self.settings, |next| self.settings.widest(next.settings))
    }

    /// How a nonce is judged that was minted at `minted_at`.
    ///
    /// Its lifetime is the one in force when it was minted. So all replicas agree on it, and it does not change while the
    /// nonce is with its client. A change of the skew widens it for nonces from before the change: there may be clocks that
    /// are as far off as the wider skew says.
    pub(crate) fn window(&self, minted_at: UnixMillis) -> Window {
        match &self.next_settings {
            None => self.settings.window(),
            Some(next) if next.from <= minted_at => next.settings.window(),
            Some(_) => Window { max_skew_ms: self.margins().max_skew_ms(), ..self.settings.window() },
        }
    }

    /// The keys, in the order of their creation.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys with what each is and does at `now`, in the same order. Whatever shows or judges a ring reads this.
    pub fn status(&self, now: UnixMillis) -> impl Iterator<Item = KeyStatus<'_>> {
        let active = self.active_index(now);
        self.keys.iter().enumerate().map(move |(index, key)| {
            let prunable_at = self.prunable_at(index);
            let before_active = index < active;
            let state = if !key.is_live() {
                KeyState::Revoked
            } else if index == active {
                KeyState::Active
            } else if !before_active {
                KeyState::Staged
            } else if prunable_at.is_some_and(|at| at <= now) {
                KeyState::Prunable
            } else {
                KeyState::Retiring
            };
            // A key that may still mint is kept. Its dates may say otherwise to a clock that has been set back.
            let prunable_at = prunable_at.filter(|_| before_active || !key.is_live());
            KeyStatus { key, state, mints_until: self.window_end(index), prunable_at }
        })
    }

    /// The key that mints at `now`: of the keys that are not revoked, the one with the latest date that has come.
    ///
    /// There is always one. If the clock is so slow that no date has come, it is the key with the earliest date.
    #[must_use]
    pub fn active(&self, now: UnixMillis) -> &Key {
        #[expect(clippy::indexing_slicing, reason = "a ring has a key, and active_index is the index of one")]
        &self.keys[self.active_index(now)]
    }

    /// The key that mints next, if it has a date.
    ///
    /// Another key after it can have a date only if a rotation was forced, or if the clock went back.
    #[must_use]
    pub fn pending(&self, now: UnixMillis) -> Option<&Key> {
        let active = self.active_index(now);
        self.keys.iter().skip(active).skip(1).find(|k| k.is_live() && k.activates_at.is_some())
    }

    /// The position in the list of the key that mints at `now`.
    pub(crate) fn active_index(&self, now: UnixMillis) -> usize {
        let dated = |k: &Key| k.activates_at.filter(|_| k.is_live());
        let come = self.keys.iter().rposition(|k| dated(k).is_some_and(|at| at <= now));
        // Every way to make a ring ends in `check`, which demands a live key with a date. So the second search finds
        // one.
        come.or_else(|| self.keys.iter().position(|k| dated(k).is_some())).unwrap_or_default()
    }

    /// The last mint time that the key at `index` authenticates: `max_skew` after its successor's date.
    ///
    /// The successor is the next key in the list with a date, revoked or not. Without a successor there is no end.
    pub(crate) fn window_end(&self, index: usize) -> Option<UnixMillis> {
        Some(self.successor_date(index)?.saturating_add(self.margins().max_skew_ms()))
    }

    fn successor_date(&self, index: usize) -> Option<UnixMillis> {
        self.keys.iter().skip(index).skip(1).find_map(|k| k.activates_at)
    }

    /// When the key at `index` is of no more use: `successor's date + lifetime + 2 max_skew`. A tombstone stays at
    /// least until the last nonce has expired that a replica could mint with it before it loaded the ring.
    fn prunable_at(&self, index: usize) -> Option<UnixMillis> {
        let key = self.keys.get(index)?;
        let grace = self.margins().grace_ms();
        let unused = key.activates_at.and(self.successor_date(index)).map(|at| at.saturating_add(grace));
        let Some(revoked_at) = key.revoked_at else { return unused };
        let forgotten = revoked_at.saturating_add(self.margins().propagation_ms()).saturating_add(grace);
        if key.activates_at.is_none() { Some(forgotten) } else { Some(unused?.max(forgotten)) }
    }

    /// The rules for every ring, whether it was read or made by a transition. The error has the position of the key at
    /// fault.
    fn check(&self) -> Result<(), (Unfit, usize)> {
        let mut latest: Option<UnixMillis> = None;
        let mut created = UnixMillis::default();
        let mut staged = false;
        let mut usable = false;
        for (index, key) in self.keys.iter().enumerate() {
            if self.keys.iter().take(index).any(|k| k.kid() == key.kid()) {
                return Err((Unfit::DuplicateKid, index));
            }
            if key.created_at < created {
                return Err((Unfit::DateOrder, index));
            }
            created = key.created_at;
            if let Some(at) = key.activates_at {
                if staged || latest.is_some_and(|before| at <= before) {
                    return Err((Unfit::DateOrder, index));
                }
                latest = Some(at);
                usable |= key.is_live();
            } else {
                staged |= key.is_live();
            }
        }
        if self.keys.len() > MAX_KEYS {
            return Err((Unfit::TooManyKeys, MAX_KEYS));
        }
        if usable { Ok(()) } else { Err((Unfit::NoActiveKey, 0)) }
    }
}

/// Why a list of keys is not a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfit {
    DuplicateKid,
    DateOrder,
    TooManyKeys,
    NoActiveKey,
}

//! Epoch keys: a ring made ready for one audience and for three epochs.
//!
//! Invariant: keys are derived when the clock enters an epoch and when a ring is swapped in. They are those of the
//! epoch before, the current one and the next. Nothing that a nonce says makes a process derive a key.

use std::fmt;
use std::sync::Arc;

use crate::audience::Audience;
use crate::kid::Kid;
use crate::kid_index::KidIndex;
use crate::refusal::Refusal;
use crate::ring::Ring;
use crate::ring::key::Key;
use crate::seal::EpochKey;
use crate::suite::Suite;
use crate::time::UnixMillis;

/// A ring made ready for one audience around one epoch. It never changes: a new epoch or ring makes a new one.
pub(crate) struct EpochKeys {
    pub(crate) ring: Arc<Ring>,
    /// The epoch that the clock was in. None until a clock has been seen.
    around: Option<u32>,
    /// The first of the three epochs.
    first: u32,
    /// One for each key of the ring, in its order.
    entries: Box<[Entry]>,
    index: KidIndex,
}

struct Entry {
    kid: Kid,
    suite: Suite,
    keys: Keys,
    window_end: Option<UnixMillis>,
}

/// What a key of the ring seals and opens with.
enum Keys {
    /// Nothing, ever: the key is revoked.
    Tombstone,
    /// Nothing yet: no clock has been seen, so no epoch is known.
    NotDerived,
    /// The keys of three epochs in a row.
    Derived(Box<[EpochKey; 3]>),
}

/// A key found for a nonce, and the latest mint time that it may have sealed.
#[derive(Debug)]
pub(crate) struct Found<'k> {
    pub(crate) key: &'k EpochKey,
    pub(crate) window_end: Option<UnixMillis>,
}

impl EpochKeys {
    /// Derives all keys of the ring for the three epochs around `around`. Derives nothing if that is none.
    pub(crate) fn derive(ring: Arc<Ring>, audience: &Audience, around: Option<u32>) -> Self {
        let first = around.unwrap_or_default().saturating_sub(1).min(u32::MAX - 2);
        let entries = ring.keys().iter().enumerate().map(|(index, key)| Entry {
            kid: key.kid(),
            suite: key.suite(),
            keys: Keys::derive(key, audience, around.map(|_| first)),
            window_end: ring.window_end(index),
        });
        let entries: Box<[Entry]> = entries.collect();
        let index = KidIndex::new(entries.iter().map(|e| e.kid));
        Self { ring, around, first, entries, index }
    }

    /// Whether these are the keys for a clock in `epoch`.
    pub(crate) fn is_around(&self, epoch: u32) -> bool {
        self.around == Some(epoch)
    }

    pub(crate) const fn around(&self) -> Option<u32> {
        self.around
    }

    /// The key that mints at `now`, for the epoch that these keys are around.
    pub(crate) fn minting(&self, now: UnixMillis) -> Option<(Kid, u32, &EpochKey)> {
        let entry = self.entries.get(self.ring.active_index(now))?;
        let epoch = self.around?;
        Some((entry.kid, epoch, self.slot(entry, epoch)?))
    }

    /// The one key that can have sealed a nonce with this header.
    pub(crate) fn find(&self, version: u8, kid: Kid, epoch: u32) -> Result<Found<'_>, Refusal> {
        if version != Suite::Aes256Gcm.version() && version != Suite::ChaCha20Poly1305.version() {
            return Err(Refusal::UnknownVersion);
        }
        let entry = self.index.find(kid).and_then(|i| self.entries.get(i)).ok_or(Refusal::UnknownKey)?;
        if matches!(entry.keys, Keys::Tombstone) {
            return Err(Refusal::RevokedKey);
        }
        if entry.suite.version() != version {
            return Err(Refusal::NotAuthentic);
        }
        if self.around.is_none_or(|around| around.abs_diff(epoch) > 1) {
            return Err(Refusal::OutsideWindow);
        }
        let key = self.slot(entry, epoch).ok_or(Refusal::OutsideWindow)?;
        Ok(Found { key, window_end: entry.window_end })
    }

    fn slot<'k>(&self, entry: &'k Entry, epoch: u32) -> Option<&'k EpochKey> {
        let nth = usize::try_from(epoch.checked_sub(self.first)?).ok()?;
        match &entry.keys {
            Keys::Derived(keys) => keys.get(nth),
            Keys::Tombstone | Keys::NotDerived => None,
        }
    }
}

impl Keys {
    /// What `key` seals and opens with in the epoch `first` and the two after it.
    fn derive(key: &Key, audience: &Audience, first: Option<u32>) -> Self {
        let Some(material) = &key.material else { return Self::Tombstone };
        let Some(first) = first else { return Self::NotDerived };
        let derive = |nth: u32| EpochKey::derive(&material.prk, key.suite(), first.saturating_add(nth), audience);
        Self::Derived(Box::new([derive(0), derive(1), derive(2)]))
    }
}

impl fmt::Debug for EpochKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpochKeys").field("ring", &self.ring).field("around", &self.around).finish_non_exhaustive()
    }
}

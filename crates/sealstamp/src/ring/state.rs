//! What a key of a ring is and does at a given time.

use std::fmt;

use crate::ring::key::Key;
use crate::time::UnixMillis;

/// Where a key stands at a given time. Keys of every state but revoked open nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// It will mint later: from its date on, if it has one. It opens already, so that every replica is ready for the
    /// day on which it starts to mint.
    Staged,
    /// The one key that mints.
    Active,
    /// It minted before, and opens what it minted then.
    Retiring,
    /// Nothing that it minted can be fresh any more. `prune` removes it.
    Prunable,
    /// It is a tombstone: it neither mints nor opens.
    Revoked,
}

impl KeyState {
    /// The state in lower case, as the operator's tool prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Prunable => "prunable",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A key, and what it is at the time for which [`Ring::status`](crate::Ring::status) was asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeyStatus<'r> {
    /// The key.
    pub key: &'r Key,
    /// Its state.
    pub state: KeyState,
    /// The latest mint time that the key authenticates, if a successor has a date.
    pub mints_until: Option<UnixMillis>,
    /// When `prune` may remove the key, if that is known. None for an active or staged key.
    pub prunable_at: Option<UnixMillis>,
}

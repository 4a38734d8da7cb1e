//! Why a transition was refused.

use std::fmt;

use crate::kid::Kid;
use crate::time::UnixMillis;

/// Why a transition was refused. The ring is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransitionError {
    /// A key has a date that is still to come. The next rotation may start at that date.
    Pending {
        /// The key with that date.
        kid: Kid,
        /// When the next rotation may start.
        legal_at: UnixMillis,
    },
    /// At the date asked for, some replica may not have loaded the ring yet.
    TooEarly {
        /// The earliest date that may be asked for.
        legal_at: UnixMillis,
    },
    /// No key has a date that is still to come, so there is none to move or to take back.
    NothingPending,
    /// Some replica may act on the key's date before it has loaded a ring that says otherwise, so the date stands.
    DateStands {
        /// The key with that date.
        kid: Kid,
        /// The date. From then on the next rotation may start.
        legal_at: UnixMillis,
    },
    /// Keys have retired or were revoked, and nonces that they minted may still be fresh.
    NotYetPrunable {
        /// When the first of them may go.
        legal_at: UnixMillis,
    },
    /// No key is retiring or revoked.
    NothingToPrune,
    /// No key would be left that the fleet knows. Rotate first, and revoke when every replica knows the new key.
    OnlyKey {
        /// When the key may be revoked, if the ring is rotated now.
        legal_at: UnixMillis,
    },
    /// The settings are changing already. The next change may be made when the last nonce has expired that was minted
    /// before this one.
    SettingsPending {
        /// When that is.
        legal_at: UnixMillis,
    },
    /// The settings are these already.
    SameSettings,
    /// No key of the ring has this kid.
    UnknownKid,
    /// The key is revoked already.
    AlreadyRevoked {
        /// When it was.
        revoked_at: UnixMillis,
    },
    /// A time after the year 9999, a serial above 2^53 - 1, or more than 1,024 keys. Prune, or set the clock right.
    OutOfRange,
    /// By chance, a key made of the fresh secrets has the kid of another. Try again with other secrets.
    KidTaken,
}

impl TransitionError {
    /// When the same transition would be accepted, if waiting helps.
    #[must_use]
    pub const fn legal_at(&self) -> Option<UnixMillis> {
        match *self {
            Self::Pending { legal_at, .. }
            | Self::TooEarly { legal_at }
            | Self::DateStands { legal_at, .. }
            | Self::NotYetPrunable { legal_at }
            | Self::OnlyKey { legal_at }
            | Self::SettingsPending { legal_at } => Some(legal_at),
            Self::NothingPending
            | Self::NothingToPrune
            | Self::SameSettings
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
            Self::NothingPending => f.write_str("no key has a date that is still to come"),
            Self::DateStands { kid, legal_at } => write!(
                f,
                "key {kid} takes over at {legal_at}, and replicas may act on that before they can have loaded another date"
            ),
            Self::NotYetPrunable { legal_at } => write!(
                f,
                "every key that has retired or was revoked is still needed; the first may be pruned at {legal_at}"
            ),
            Self::NothingToPrune => f.write_str("no key is retiring or revoked"),
            Self::OnlyKey { legal_at } => {
                write!(f, "no other key could mint; rotate first, then the fleet can do without this one at {legal_at}")
            }
            Self::SettingsPending { legal_at } => {
                write!(f, "the settings are changing; they may be changed again at {legal_at}")
            }
            Self::SameSettings => f.write_str("the settings are these already"),
            Self::UnknownKid => f.write_str("no key of the ring has this kid"),
            Self::AlreadyRevoked { revoked_at } => write!(f, "the key was revoked at {revoked_at}"),
            Self::OutOfRange => f.write_str("a time, the serial or the number of keys would be out of range"),
            Self::KidTaken => f.write_str("the new key has the kid of another by chance; try again"),
        }
    }
}

impl std::error::Error for TransitionError {}

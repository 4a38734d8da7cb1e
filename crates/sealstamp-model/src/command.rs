//! What the operator may do: every command of the tool.

use fastrand::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Command {
    /// The next rotation. Each success opens a window; one that was planned in an older window is out of date.
    Rotate {
        window: u64,
    },
    /// A rotation to a date that replicas may not know of by then: always refused.
    RotateTooEarly,
    /// The pending date is moved, to a date that may be too near.
    MoveDate,
    /// The pending date is taken back.
    Cancel,
    Prune,
    /// Other settings, from a date on, or back to those before.
    ChangeSettings,
    /// Any key in this state. A pending key is a staged one with a date.
    Revoke {
        state: Target,
    },
    RevokeAll,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Active,
    Pending,
    Staged,
    Retiring,
    Revoked,
}

impl Command {
    pub(crate) fn random_revocation(rng: &mut Rng) -> Self {
        let state = match rng.u8(0..12) {
            0..3 => Target::Active,
            3..6 => Target::Pending,
            6..8 => Target::Staged,
            8..10 => Target::Retiring,
            10 => Target::Revoked,
            _ => return Self::RevokeAll,
        };
        Self::Revoke { state }
    }

    pub(crate) fn is_rotation(self) -> bool {
        matches!(self, Self::Rotate { .. })
    }

    pub(crate) fn is_revocation(self) -> bool {
        matches!(self, Self::Revoke { .. } | Self::RevokeAll)
    }
}

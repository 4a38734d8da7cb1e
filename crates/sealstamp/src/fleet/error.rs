//! Why a ring was not swapped in.

use std::fmt;

use crate::kid::Kid;
use crate::ring::lineage::RingId;

/// Why a ring was not swapped in. The old one stays in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SwapError {
    /// The ring is older than the one in use.
    OlderSerial {
        /// The serial in use.
        current: u64,
        /// The serial offered.
        offered: u64,
    },
    /// The ring has the serial of the one in use, but is a different one. Two operators made a ring at the same time,
    /// or one edited the file by hand.
    Conflict {
        /// The serial of both.
        serial: u64,
    },
    /// The ring does not come from the one in use, or there is no telling: see [`Ring::ancestors`](crate::Ring::ancestors).
    /// It is a backup that was changed, or the work of a second writer, and keys that mint may be missing in it. The way on
    /// is [`Ring::recover`](crate::Ring::recover).
    NotASuccessor {
        /// The ring in use.
        current: RingId,
        /// The ring offered.
        offered: RingId,
    },
    /// A key is live in the ring that this process has seen revoked.
    Unrevoked {
        /// The first such key.
        kid: Kid,
    },
}

impl SwapError {
    /// The reason as a label for metrics: `not_a_successor` for example.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::OlderSerial { .. } => "older_serial",
            Self::Conflict { .. } => "conflict",
            Self::NotASuccessor { .. } => "not_a_successor",
            Self::Unrevoked { .. } => "unrevoked",
        }
    }
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OlderSerial { current, offered } => {
                write!(f, "the ring has serial {offered}, older than serial {current} in use")
            }
            Self::Conflict { serial } => write!(f, "the ring differs from the one in use and has its serial {serial}"),
            Self::NotASuccessor { current, offered } => {
                write!(f, "the ring ({}) does not come from the one in use ({})", offered.brief(), current.brief())
            }
            Self::Unrevoked { kid } => write!(f, "key {kid} was revoked, and is live in the ring"),
        }
    }
}

impl std::error::Error for SwapError {}

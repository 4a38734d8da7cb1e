//! Why a ring was not swapped in.

use std::fmt;

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
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OlderSerial { current, offered } => {
                write!(f, "the ring has serial {offered}, older than serial {current} in use")
            }
            Self::Conflict { serial } => write!(f, "the ring differs from the one in use and has its serial {serial}"),
        }
    }
}

impl std::error::Error for SwapError {}

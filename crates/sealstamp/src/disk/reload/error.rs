//! Why a ring file was not taken into use.

use std::{fmt, io};

use crate::disk::error::FileError;
use crate::fleet::error::SwapError;

/// Why a ring file was not taken into use.
///
/// The message is that of the error inside, if there is one, which is also the [`source`](std::error::Error::source).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReloadError {
    /// It could not be read, or is not a ring.
    File(FileError),
    /// It is a ring, but not a successor of the one in use.
    Swap(SwapError),
    /// It is a ring, but its serial is below the one that this process was told to ask for.
    BelowMinSerial {
        /// The least serial.
        min: u64,
        /// The serial in the file.
        offered: u64,
    },
}

impl ReloadError {
    /// Every label that [`as_str`](Self::as_str) returns.
    pub const KINDS: [&'static str; 13] = [
        "not_found",
        "io",
        "not_a_file",
        "world_writable",
        "invalid",
        "exists",
        "locked",
        "changed",
        "older_serial",
        "conflict",
        "not_a_successor",
        "unrevoked",
        "below_min_serial",
    ];

    /// The reason as a label for metrics: `invalid` or `older_serial` for example.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::File(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => "not_found",
            Self::File(error) => error.kind().as_str(),
            Self::Swap(error) => error.as_str(),
            Self::BelowMinSerial { .. } => "below_min_serial",
        }
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Swap(error) => error.fmt(f),
            Self::BelowMinSerial { min, offered } => {
                write!(f, "the ring has serial {offered}, and this process was told that the fleet has at least {min}")
            }
        }
    }
}

impl std::error::Error for ReloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Swap(error) => Some(error),
            Self::BelowMinSerial { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::disk::error::{FileErrorKind, Step};

    #[test]
    fn the_source_is_the_error_inside() {
        let file = FileError::new(FileErrorKind::NotAFile, Step::Read);
        let error = ReloadError::File(file);
        assert_eq!(error.source().unwrap().downcast_ref(), Some(&file));
        let swap = SwapError::Conflict { serial: 7 };
        let error = ReloadError::Swap(swap);
        assert_eq!(error.source().unwrap().downcast_ref(), Some(&swap));
    }

    /// A dashboard has a line for each, at 0 before anything went wrong.
    #[test]
    fn every_kind_is_listed_once() {
        use FileErrorKind as Kind;
        let kinds =
            [Kind::Io, Kind::NotAFile, Kind::WorldWritable, Kind::Invalid, Kind::Exists, Kind::Locked, Kind::Changed];
        let mut labels: Vec<_> = kinds
            .map(|kind| match kind {
                // A new kind has to come into this list too.
                Kind::Io | Kind::NotAFile | Kind::WorldWritable | Kind::Invalid => kind,
                Kind::Exists | Kind::Locked | Kind::Changed => kind,
            })
            .map(|kind| ReloadError::File(FileError::new(kind, Step::Read)).as_str())
            .to_vec();
        let not_found = io::Error::from(io::ErrorKind::NotFound);
        labels.push(ReloadError::File(FileError::io(&not_found, Step::Read)).as_str());
        labels.push(ReloadError::BelowMinSerial { min: 2, offered: 1 }.as_str());
        labels.extend(["older_serial", "conflict", "not_a_successor", "unrevoked"]);
        labels.sort_unstable();
        let mut listed = ReloadError::KINDS;
        listed.sort_unstable();
        assert_eq!(labels, listed);
    }
}

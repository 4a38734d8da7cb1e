//! Secrets come from files of their own, never from the configuration.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// Why a secret cannot be used.
#[derive(Debug)]
pub(crate) enum UnfitSecret {
    Io(io::Error),
    NoText,
    Empty,
}

impl fmt::Display for UnfitSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "this file cannot be read: {error}"),
            Self::NoText => f.write_str("this must be a file with one line of text in UTF-8"),
            Self::Empty => f.write_str("this file is empty"),
        }
    }
}

/// The one line of this file, without the line's end.
pub(crate) fn read(path: &Path) -> Result<String, UnfitSecret> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => UnfitSecret::NoText,
        _ => UnfitSecret::Io(error),
    })?;
    let line = text.trim_end_matches(['\n', '\r']);
    match line {
        "" => Err(UnfitSecret::Empty),
        line if line.contains(['\n', '\r']) => Err(UnfitSecret::NoText),
        line => Ok(line.to_owned()),
    }
}

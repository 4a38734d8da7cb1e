//! Secrets come from files of their own, never from the configuration.

use std::fmt;
use std::path::PathBuf;

use toml::Spanned;
use zeroize::Zeroizing;

use crate::config::{Findings, read_named};

/// Why a secret cannot be used.
#[derive(Debug)]
pub(crate) enum UnfitSecret {
    NoText,
    Empty,
}

impl fmt::Display for UnfitSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoText => f.write_str("this must be a file with one line of text in UTF-8"),
            Self::Empty => f.write_str("this file is empty"),
        }
    }
}

/// The one line of this file, without the line's end, or `None` and a mistake at its name. Memory that held it here is
/// wiped.
pub(crate) fn read(file: &Spanned<PathBuf>, findings: &mut Findings) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(read_named(file, findings)?);
    findings.some(file.span(), line(&bytes))
}

fn line(bytes: &[u8]) -> Result<Zeroizing<String>, UnfitSecret> {
    let text = str::from_utf8(bytes).map_err(|_| UnfitSecret::NoText)?;
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(UnfitSecret::Empty),
        line if line.contains(['\n', '\r']) => Err(UnfitSecret::NoText),
        line => Ok(Zeroizing::new(line.to_owned())),
    }
}

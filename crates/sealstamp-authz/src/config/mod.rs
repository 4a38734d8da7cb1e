//! The configuration: one TOML file.
//!
//! `file` is its keys, `mistake` says what is wrong and where, `settings` is what holds for the whole process and stays
//! until it ends. What holds for one resource is read by [`crate::resource`], since a reload can change it.

mod address;
mod file;
mod mistake;
mod settings;

use std::fs;
use std::path::Path;

pub(crate) use address::Address;
pub(crate) use file::{
    File, Introspection, Issuer, NoncesName, PathRule, Resource, SingleUse, StoreName, TokenCache, UpstreamToken,
    WhenAwayName,
};
pub(crate) use mistake::{Findings, Mistake, no_such_value};
pub(crate) use settings::{Bounds, Overrides, RingAt, Settings, within};

/// Reads the file. Whatever the parser finds wrong is the first and only mistake.
pub(crate) fn read(path: &Path) -> Result<(File, Findings), Vec<Mistake>> {
    let text = fs::read_to_string(path).map_err(|error| {
        let mut findings = Findings::new(path, String::new());
        findings.add_whole(format_args!("this file cannot be read: {error}"));
        findings.into_mistakes()
    })?;
    let mut findings = Findings::new(path, text);
    match toml::from_str(findings.text()) {
        Ok(file) => Ok((file, findings)),
        Err(error) => {
            findings.add_parsed(&error);
            Err(findings.into_mistakes())
        }
    }
}

//! The configuration: one TOML file.
//!
//! `file` is its keys, `table` reads them, `read` reads files, `mistake` says what is wrong and where, `settings` is
//! what holds for the whole process and stays until it ends. What holds for one resource is read by
//! [`crate::resource`], since a reload can change it.

mod address;
mod file;
mod mistake;
mod read;
mod settings;
mod table;

use std::path::Path;

pub(crate) use address::Address;
pub(crate) use file::{
    File, Introspection, Issuer, NoncesName, PathRule, Resource, SingleUse, StoreName, TokenCache, UpstreamToken,
    WhenAwayName,
};
pub(crate) use mistake::{Findings, Mistake, no_such_value};
pub(crate) use read::read_named;
pub(crate) use settings::{Bounds, Overrides, RingAt, Settings};
use toml::de::DeTable;

/// Reads the file. What stands in it and cannot be read is with the findings, and left out. Fails if nothing can be
/// read.
pub(crate) fn read(path: &Path) -> Result<(File, Findings), Vec<Mistake>> {
    let unread = |line, says: String| {
        let mut findings = Findings::new(path, String::new());
        findings.add_unread(line, says);
        findings.into_mistakes()
    };
    let bytes = read::read(path).map_err(|says| unread(0, says))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        unread(line, "this is not UTF-8, which TOML must be".to_owned())
    })?;
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut findings = Findings::new(path, text.clone());
    if findings.add_syntax(&errors) {
        return Err(findings.into_mistakes());
    }
    let file = table::read(&table, file::file, file::homes, &mut findings);
    findings.read();
    match file {
        Some(file) => Ok((file, findings)),
        None => Err(findings.into_mistakes()),
    }
}

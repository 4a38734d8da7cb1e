//! `sealstamp-ring/2`: from bytes to a ring and back.
//!
//! A file of `sealstamp-ring/1` is read as well. Such a ring has no lineage, and stays of that version, with the digest
//! of its file, until a transition makes the next ring of it.
//!
//! The format is strict on purpose. Each value has one spelling, and members that are unknown or come twice are
//! refused. So two versions of the software never read one file differently. An error names the line or the key, and
//! quotes nothing of the file but a well-formed kid.
//!
//! Secrets are read from where they stand in the input. The format has no escapes, so the parser never copies one. They
//! are written into memory that is wiped.

pub(crate) mod error;

mod parse;
mod raw;
mod write;

/// The name of the format and its version.
const FORMAT: &str = "sealstamp-ring/2";
/// The version before, in which a ring has no lineage and no change of its settings.
const FORMAT_1: &str = "sealstamp-ring/1";

//! What the tests that run the tool share. None of them uses all of it.
#![allow(dead_code, reason = "each test file has its own copy")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sealstamp::Ring;

pub(crate) const BIN: &str = env!("CARGO_BIN_EXE_sealstamp");

/// The tool, with nothing from this process's environment that it would read.
pub(crate) fn tool(ring: impl AsRef<Path>) -> Command {
    let mut command = Command::new(BIN);
    command
        .env_remove("SEALSTAMP_RING")
        .env_remove("COLUMNS")
        .env_remove("SEALSTAMP_TEST_CLOCK")
        .arg("--ring")
        .arg(ring.as_ref());
    command
}

/// A folder with a new ring.
pub(crate) fn new_ring() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let made = tool(&path).arg("init").output().unwrap();
    assert!(made.status.success(), "{made:?}");
    (folder, path)
}

pub(crate) fn load(path: &Path) -> Ring {
    Ring::parse(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

//! A ring's digest, as status pages and the log show it.

use std::fmt::Write as _;

use sealstamp::Ring;

/// 64 hexadecimal digits.
pub(crate) fn hex(ring: &Ring) -> String {
    ring.digest().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first eight digits: enough for a person to tell two rings apart.
pub(crate) fn brief(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

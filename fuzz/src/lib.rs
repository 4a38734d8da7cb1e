//! Fuzz targets: one for each input that an attacker, a client or a broken disk may choose.
//!
//! A target is a function of bytes that panics if what comes of them is not what must come of them. `cargo fuzz` calls
//! it with inputs that it makes up, `cargo test` with every file of its corpus.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target reports what it found by panicking"
)]

mod client;
mod content_digest;
mod decision;
mod htu;
mod input;
mod jwks;
mod mcp_fields;
mod nonce_open;
mod proof;
mod ring_file;
mod rings;
pub mod seeds;
mod strict;
mod token;
mod transitions;

pub use content_digest::content_digest;
pub use decision::decision;
pub use htu::htu;
pub use jwks::jwks;
pub use mcp_fields::mcp_fields;
pub use nonce_open::nonce_open;
pub use proof::proof;
pub use ring_file::ring_file;
pub use token::token;
pub use transitions::transitions;

/// A target.
pub type Target = fn(&[u8]);

/// Every target with its name, which is that of its binary and of its corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("content_digest", content_digest),
    ("decision", decision),
    ("htu", htu),
    ("jwks", jwks),
    ("mcp_fields", mcp_fields),
    ("nonce_open", nonce_open),
    ("proof", proof),
    ("ring_file", ring_file),
    ("token", token),
    ("transitions", transitions),
];

/// Runs a target over the files named on the command line: what a fuzzer's binary does without the fuzzer.
///
/// # Errors
/// A file that cannot be read.
pub fn replay(target: Target) -> std::io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| std::fs::read(path).map(|input| target(&input)))
}

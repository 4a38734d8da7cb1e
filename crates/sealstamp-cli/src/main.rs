//! `sealstamp`: the operator's tool for the key ring of a fleet.
//!
//! It reads a ring, asks the core for the next one and writes that. Only the core decides what a ring may become and
//! what a change costs the clients. No rule of rotation is here.
//!
//! Standard output is data and standard error is prose. No secret goes to either, except the ring itself with `--ring
//! -`.

#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::string_slice, clippy::unreachable))]

mod ascii_timeline;
mod audit;
mod cli;
mod commands;
mod diagnosis;
mod digest;
mod outcome;
mod policy;
mod reports;
mod span;
mod stderr;
mod stdout;
mod store;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;

fn main() -> ExitCode {
    outlive_the_file_size_limit();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return stderr::usage(&error),
    };
    match commands::run(cli) {
        Ok(outcome) => outcome.into(),
        Err(failure) => stderr::failure(&failure),
    }
}

/// A write beyond the file size limit kills a process with SIGXFSZ, before it can say which ring the file holds. With a
/// handler in place, the write fails like any other.
fn outlive_the_file_size_limit() {
    #[cfg(unix)]
    {
        let seen = std::sync::Arc::default();
        // If there is no handler, the ring file is just as safe, but the message is the shell's.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, seen);
    }
}

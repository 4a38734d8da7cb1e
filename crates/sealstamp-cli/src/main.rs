//! `sealstamp`: the operator's tool for the key ring of a fleet.
//!
//! It reads a ring, asks the core for the next one and writes that. What a ring may become, and what a change costs the
//! clients, is decided in the core alone, by the code that the servers run; no rule of rotation is here.
//!
//! Standard output is data, standard error is prose. No secret goes to either, but for the ring itself with `--ring -`.

#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::string_slice, clippy::unreachable))]

mod cli;
mod commands;
mod say;
mod store;
mod text;
mod timeline;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;

fn main() -> ExitCode {
    outlive_the_file_size_limit();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return say::usage(&error),
    };
    match commands::run(cli) {
        Ok(outcome) => outcome.into(),
        Err(failure) => say::failure(&failure),
    }
}

/// A write past the file size limit ends a process with SIGXFSZ, before it could say which ring the file is. With a
/// handler in place the write fails like any other.
fn outlive_the_file_size_limit() {
    #[cfg(unix)]
    {
        let seen = std::sync::Arc::default();
        // Without the handler the ring file is as safe as with it; only the message would be the shell's.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, seen);
    }
}

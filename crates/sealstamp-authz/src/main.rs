//! `sealstamp-authz`: answers forward-auth over HTTP for nginx (`auth_request`), Caddy (`forward_auth`), Traefik
//! (`ForwardAuth`) and Envoy (`ext_authz`), for servers in any language.
//!
//! A proxy asks about each request. This service finds out from the proxy's question which request that is, puts it to
//! the verifier of `sealstamp-dpop`, and says what the verifier said. It owns no rule. The folders follow the path of
//! the data: `config` -> `resource`, and `dialect` -> `serve` -> `answer`.

#![cfg_attr(not(test), deny(clippy::string_slice, clippy::unreachable))]

mod answer;
mod config;
mod dialect;
mod flags;
mod manager;
mod metrics;
mod observe;
mod process;
mod resource;
mod run;
mod serve;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use crate::flags::{Flags, LogFormat, MISTAKES};
use crate::resource::Kept;

fn main() -> ExitCode {
    let flags = Flags::parse();
    let Some(filter) = flags.filter() else {
        eprintln!(
            "sealstamp-authz: --log, SEALSTAMP_AUTHZ_LOG: this must be error, warn, info, debug or trace, or a list of \
             these by module, such as info,sealstamp_dpop=debug"
        );
        return ExitCode::from(MISTAKES);
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        // A line that cannot be written is lost. The other way is to say so on standard error, which panics if that is full.
        .log_internal_errors(false);
    match flags.log_format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
    if flags.check { check(&flags) } else { run::run(&flags) }
}

/// Reads all that a start would read, and asks nobody: the runtime's tasks never run.
fn check(flags: &Flags) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sealstamp-authz: {error}");
            return ExitCode::FAILURE;
        }
    };
    let _guard = runtime.enter();
    match process::load(&flags.config, &flags.overrides(), &Kept::default()) {
        Ok(_) => {
            println!("{}: nothing is wrong", flags.config.display());
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            for mistake in mistakes {
                eprintln!("{mistake}");
            }
            ExitCode::from(MISTAKES)
        }
    }
}

//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::Overrides;

/// The exit code where something is wrong with the configuration.
pub(crate) const MISTAKES: u8 = 2;

/// Answers forward-auth for nginx, Caddy, Traefik and Envoy: DPoP (RFC 9449) with nonces that no server stores.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Flags {
    /// The configuration; read again on SIGHUP
    #[arg(long, value_name = "FILE", default_value = "/etc/sealstamp/authz.toml", env = "SEALSTAMP_AUTHZ_CONFIG")]
    pub(crate) config: PathBuf,
    /// Say what is wrong with the configuration, and exit: 0 if nothing is, 2 if something is
    #[arg(long)]
    pub(crate) check: bool,
    /// The key ring, in place of ring.file
    #[arg(long, value_name = "FILE")]
    ring: Option<PathBuf>,
    /// Do not start with a ring of a lower serial than this, in place of ring.min_serial
    #[arg(long, value_name = "SERIAL", env = "SEALSTAMP_MIN_SERIAL")]
    min_serial: Option<u64>,
    /// Where operators ask, in place of operator.address
    #[arg(long, value_name = "ADDRESS")]
    operator: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or a list of these by module
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "SEALSTAMP_AUTHZ_LOG")]
    pub(crate) log: String,
    /// How it is logged, to standard error
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Flags {
    /// What is logged. A word that is no level would be a module's name, and the log would be empty.
    pub(crate) fn filter(&self) -> Option<EnvFilter> {
        let known = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
        let known = self.log.split(',').all(|part| known(part.trim()));
        known.then(|| EnvFilter::try_new(&self.log).ok()).flatten()
    }

    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { ring: self.ring.clone(), min_serial: self.min_serial, operator: self.operator.clone() }
    }
}

//! The command line: every command and option, and what `--help` says about it.

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand};
use clap_complete::Shell;
use sealstamp::{Audience, Kid, Suite, Thumbprint, UnixMillis};

use crate::span::Span;
use crate::{span, time};

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for check: healthy; for open: accepted
  1  refused or failed: the ring is as it was, or the message says that the new one is in place
  2  the command line is wrong; nothing was read
  3  check alone: the ring was read, and is not healthy

Standard output is data, standard error is prose. Times are RFC 3339 in UTC, like 2026-11-22T19:00:00Z;
durations are like 90s, 10m, 12h or 30d. No secret is ever printed, but for the ring itself with --ring -.";

/// Keeps the key ring of a fleet: rotates, revokes and prunes without one false rejection, or says what it will cost.
#[derive(Debug, Parser)]
#[command(name = "sealstamp", version, after_help = EXIT_CODES, color = ColorChoice::Never)]
#[command(disable_help_subcommand = true, arg_required_else_help = false)]
pub(crate) struct Cli {
    /// The ring file, or - for standard input and output
    #[arg(long, global = true, value_name = "PATH|-", env = "SEALSTAMP_RING", hide_env_values = true)]
    #[arg(display_order = 900)]
    pub(crate) ring: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new ring with one active and one staged key; never overwrites
    Init(Init),
    /// Show the keys: states, when each mints, and a timeline
    List(List),
    /// Give the staged key its date, and stage a new one
    Rotate(Rotate),
    /// Revoke a key, or all of them; the key's secret leaves the ring
    Revoke(Revoke),
    /// Remove the keys that are of no more use
    Prune(Prune),
    /// Say whether the ring is healthy
    Check(Check),
    /// Mint a nonce, for incidents
    Mint(Mint),
    /// Open a nonce and explain the verdict, for incidents
    Open(Open),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page of the tool or of one command, in roff
    Man(Man),
}

#[derive(Args, Debug)]
pub(crate) struct Init {
    /// How long a nonce is good: 1s to 1h
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = span::parse_seconds)]
    pub(crate) lifetime: u32,

    /// How far two clocks of the fleet may be apart: 0s to 1m
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = span::parse_seconds)]
    pub(crate) max_skew: u32,

    /// The longest time until every replica has loaded a new ring: 0s to 30d
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = span::parse_seconds)]
    pub(crate) propagation: u32,

    /// The AEAD: aes-256-gcm, or chacha20-poly1305 for processors without AES instructions
    #[arg(long, default_value_t)]
    pub(crate) suite: Suite,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Print JSON of the format sealstamp-list/1
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) moment: Moment,
}

/// For the commands that never write: a time to look from.
///
/// A command that writes takes another time only with `--dry-run`. Otherwise a waiting time could be skipped by naming
/// a later hour.
#[derive(Args, Debug)]
pub(crate) struct Moment {
    /// Look at the ring as if it were this time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) now: Option<UnixMillis>,
}

/// What all commands that change a ring have in common.
#[derive(Args, Debug)]
pub(crate) struct Change {
    /// Say what would happen, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// With --dry-run: as if it were this time
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "dry_run")]
    pub(crate) now: Option<UnixMillis>,

    /// Do what clients will notice; says the cost first
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// When the staged key takes over; by default as soon as every replica has loaded the ring
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) at: Option<UnixMillis>,

    /// Do nothing, successfully, while the active key is younger, or a rotation is under way
    #[arg(long, value_name = "DURATION", value_parser = span::parse)]
    pub(crate) if_older_than: Option<Span>,

    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// The key to revoke
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) kid: Option<Kid>,

    /// Revoke every key, staged ones too: for a ring file that leaked
    #[arg(long)]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Args, Debug)]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Print JSON of the format sealstamp-check/1
    #[arg(long)]
    pub(crate) json: bool,

    /// How old an active key may be
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = span::parse)]
    pub(crate) max_age: Span,

    /// How many nonces a second the whole fleet mints
    #[arg(long, value_name = "NONCES", default_value_t = 1_000)]
    pub(crate) rate: u64,

    #[command(flatten)]
    pub(crate) moment: Moment,
}

/// Whose nonce it is.
#[derive(Args, Debug)]
pub(crate) struct Use {
    /// The server's own name for itself, the resource identifier that clients use
    #[arg(long, value_name = "URL", value_parser = Audience::new)]
    pub(crate) audience: Audience,

    /// The thumbprint of the client's key, if the nonce is bound to one (RFC 7638, SHA-256)
    #[arg(long, value_name = "THUMBPRINT")]
    pub(crate) bind: Option<Thumbprint>,
}

#[derive(Args, Debug)]
pub(crate) struct Mint {
    #[command(flatten)]
    pub(crate) of: Use,
}

#[derive(Args, Debug)]
pub(crate) struct Open {
    /// The nonce: 60 characters
    #[arg(allow_hyphen_values = true)]
    pub(crate) nonce: String,

    #[command(flatten)]
    pub(crate) of: Use,

    /// Open it as if it were this time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) at: Option<UnixMillis>,

    /// Print JSON of the format sealstamp-open/1
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The command; without one, the tool itself
    pub(crate) command: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}

//! The command line: every command and option, and what `--help` says about it.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, ColorChoice, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use sealstamp::{Audience, Kid, Suite, Thumbprint, UnixMillis};

use crate::span::Span;
use crate::{span, time};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do; for check: healthy; for open: accepted
  1  failed: the ring is as it was, or the message says that the new one is in place
  2  the command line is wrong; nothing was read
  3  check and maintain: the ring is not healthy, or cannot be read at all
  4  refused by a rule, or not yet: the ring is as it was; for open: the nonce is refused

Standard output is data, standard error is prose. Times are RFC 3339 in UTC, like 2026-11-22T19:00:00Z;
durations are like 90s, 10m, 12h or 30d. No secret is ever printed, but for the ring itself with --ring -.";

/// Keeps the key ring of a fleet: rotates, revokes and prunes without one false rejection, or says what it will cost.
#[derive(Debug, Parser)]
#[command(name = "sealstamp", version, after_help = EXIT_CODES, color = ColorChoice::Never)]
#[command(disable_help_subcommand = true, arg_required_else_help = false)]
pub(crate) struct Cli {
    /// The ring file, or - for standard input and output
    #[arg(long, global = true, value_name = "PATH|-", env = "SEALSTAMP_RING", hide_env_values = true)]
    #[arg(display_order = 900, value_hint = ValueHint::FilePath)]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) ring: Option<PathBuf>,

    /// Say only what went wrong
    #[arg(long, short, global = true, display_order = 901)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new ring with one active and one staged key; never overwrites
    Init(Init),
    /// For timers: prune and rotate what is due, then check; silent unless somebody is needed
    Maintain(Maintain),
    /// Show the keys: states, when each mints, and a timeline
    List(List),
    /// Say whether the ring is healthy
    Check(Check),
    /// Revoke a key, or all of them; the key's secret leaves the ring
    Revoke(Revoke),
    /// Give the staged key its date and stage a new one; or move the date, or take it back
    Rotate(Rotate),
    /// Remove the keys that are of no more use
    Prune(Prune),
    /// Change lifetime, skew or propagation, from a date on that every replica knows by then
    Settings(Settings),
    /// Put a ring in the place of one that was lost, or of two that went apart
    Recover(Recover),
    /// Show who changed the ring, when and why
    Log(Log),
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
    #[arg(long, default_value_t, value_parser = suite())]
    pub(crate) suite: Suite,

    /// Why, for the log
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: Option<String>,
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

    /// Why, for the log
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// When the staged key takes over; by default as soon as every replica has loaded the ring. A date that is still to
    /// come is moved
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) at: Option<UnixMillis>,

    /// Take back a date that is still to come
    #[arg(long, conflicts_with_all = ["at", "if_older_than"])]
    pub(crate) cancel: bool,

    /// With --at: how old the active key may get before the date
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = span::parse)]
    pub(crate) max_age: Span,

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
#[command(group = ArgGroup::new("what").args(["lifetime", "max_skew", "propagation", "cancel"]).required(true).multiple(true))]
pub(crate) struct Settings {
    /// How long a nonce is good: 1s to 1h
    #[arg(long, value_name = "DURATION", value_parser = span::parse_seconds)]
    pub(crate) lifetime: Option<u32>,

    /// How far two clocks of the fleet may be apart: 0s to 1m. A smaller one must be true already
    #[arg(long, value_name = "DURATION", value_parser = span::parse_seconds)]
    pub(crate) max_skew: Option<u32>,

    /// The longest time until every replica has loaded a new ring: 0s to 30d. A smaller one must be true already
    #[arg(long, value_name = "DURATION", value_parser = span::parse_seconds)]
    pub(crate) propagation: Option<u32>,

    /// When they come into force; by default as soon as every replica has loaded the ring
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) at: Option<UnixMillis>,

    /// Take back a change that is still to come
    #[arg(long, conflicts_with_all = ["lifetime", "max_skew", "propagation", "at"])]
    pub(crate) cancel: bool,

    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Args, Debug)]
pub(crate) struct Recover {
    /// What replicas run: a status at an http URL or in a file, a ring file, or SERIAL:DIGEST. Once for each that
    /// differs
    #[arg(long, required = true, value_name = "URL|FILE|SERIAL:DIGEST", value_hint = ValueHint::AnyPath)]
    pub(crate) replaces: Vec<String>,

    /// The newest copy of the ring that there is; by default the ring in place. If it is the one in use, it is put back
    /// as it is; otherwise its keys are revoked and new ones made
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) copy: Option<PathBuf>,

    /// There is no copy: make a new ring, with the settings that replicas report
    #[arg(long, conflicts_with = "copy")]
    pub(crate) without_copy: bool,

    /// Without a copy, and where no replica says it: how long a nonce is good
    #[arg(long, value_name = "DURATION", value_parser = span::parse_seconds, requires = "without_copy")]
    pub(crate) lifetime: Option<u32>,

    /// The same: how far two clocks of the fleet may be apart
    #[arg(long, value_name = "DURATION", value_parser = span::parse_seconds, requires = "without_copy")]
    pub(crate) max_skew: Option<u32>,

    /// The same: the longest time until every replica has loaded a new ring
    #[arg(long, value_name = "DURATION", value_parser = span::parse_seconds, requires = "without_copy")]
    pub(crate) propagation: Option<u32>,

    /// Without a copy: the AEAD
    #[arg(long, default_value_t, value_parser = suite())]
    pub(crate) suite: Suite,

    /// Say what would happen, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Why, for the log
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Maintain {
    /// How old an active key may get before it is rotated
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = span::parse)]
    pub(crate) max_age: Span,

    /// Say what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// With --dry-run: as if it were this time
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "dry_run")]
    pub(crate) now: Option<UnixMillis>,
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

    /// Compare with what a replica reports (a status at an http URL or in a file) and with other copies of the ring;
    /// may be repeated
    #[arg(long, value_name = "URL|FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) against: Vec<String>,

    #[command(flatten)]
    pub(crate) moment: Moment,
}

#[derive(Args, Debug)]
pub(crate) struct Log {
    /// Print the lines of JSON, of the format sealstamp-log/1
    #[arg(long)]
    pub(crate) json: bool,
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
    /// The nonce: 60 characters, or - to read it from standard input. One that begins with a hyphen goes after --
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
    #[arg(value_parser = COMMANDS)]
    pub(crate) command: Option<String>,
}

const COMMANDS: [&str; 14] = [
    "init",
    "maintain",
    "list",
    "check",
    "revoke",
    "rotate",
    "prune",
    "settings",
    "recover",
    "log",
    "mint",
    "open",
    "completions",
    "man",
];

/// So that completions offer the suites.
fn suite() -> impl TypedValueParser<Value = Suite> {
    PossibleValuesParser::new([Suite::Aes256Gcm.as_str(), Suite::ChaCha20Poly1305.as_str()])
        .try_map(|name| name.parse::<Suite>())
}

/// A reason is a line of its own in the log.
fn reason(text: &str) -> Result<String, &'static str> {
    match text.chars().count() {
        0 => Err("a reason says something"),
        1..=500 if !text.chars().any(char::is_control) => Ok(text.into()),
        1..=500 => Err("a reason is one line"),
        _ => Err("a reason has at most 500 characters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_page() {
        let tool = <Cli as clap::CommandFactory>::command();
        let names: Vec<&str> = tool.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(names, COMMANDS);
    }

    #[test]
    fn a_reason_is_one_line() {
        for (text, good) in [("it leaked", true), ("", false), ("a\nb", false), ("a\u{1b}[2J", false)] {
            assert_eq!(reason(text).is_ok(), good, "{text:?}");
        }
        assert!(reason(&"x".repeat(500)).is_ok() && reason(&"x".repeat(501)).is_err());
    }
}

//! `completions`: a script for a shell, to standard output.

use clap::CommandFactory as _;

use crate::cli::{Cli, Completions};
use crate::outcome::{Failure, Outcome};
use crate::stdout;

pub(super) fn run(args: &Completions) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sealstamp", &mut script);
    stdout::write(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}

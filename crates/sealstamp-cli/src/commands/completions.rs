//! `completions`: a script for a shell, to standard output.

use clap::CommandFactory as _;

use crate::cli::{Cli, Completions};
use crate::say::{self, Failure, Outcome};

pub(super) fn run(args: &Completions) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sealstamp", &mut script);
    say::data(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}

//! The commands, one file for each.

mod against;
mod change;
mod check;
mod completions;
mod finding;
mod init;
mod list;
mod log;
mod maintain;
mod man;
mod mint;
mod open;
mod prune;
mod recover;
mod revoke;
mod rotate;
mod settings;

use crate::cli::{Cli, Command};
use crate::outcome::{Failure, Outcome};
use crate::stderr;
use crate::store::Store;

pub(crate) fn run(cli: Cli) -> Result<Outcome, Failure> {
    if cli.quiet {
        stderr::be_quiet();
    }
    let store = || Store::choose(cli.ring);
    match cli.command {
        Command::Init(args) => init::run(&args, &store()?),
        Command::List(args) => list::run(&args, &store()?),
        Command::Settings(args) => settings::run(&args, &store()?),
        Command::Rotate(args) => rotate::run(&args, &store()?),
        Command::Recover(args) => recover::run(&args, &store()?),
        Command::Revoke(args) => revoke::run(&args, &store()?),
        Command::Prune(args) => prune::run(&args, &store()?),
        Command::Maintain(args) => maintain::run(&args, &store()?),
        Command::Check(args) => check::run(&args, &store()?),
        Command::Log(args) => log::run(&args, &store()?),
        Command::Mint(args) => mint::run(&args, &store()?),
        Command::Open(args) => open::run(&args, &store()?),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

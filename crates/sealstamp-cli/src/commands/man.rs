//! `man`: a page of the manual, to standard output.

use clap::CommandFactory as _;
use clap_mangen::Man as Page;

use crate::cli::{Cli, Man};
use crate::outcome::{Failure, Outcome};
use crate::stdout;

pub(super) fn run(args: &Man) -> Result<Outcome, Failure> {
    let mut tool = Cli::command();
    tool.build();
    let page = match &args.command {
        None => Page::new(tool),
        Some(name) => {
            let command = tool.find_subcommand(name).cloned();
            Page::new(command.ok_or_else(|| Failure::usage("no command has this name").hint("sealstamp --help"))?)
        }
    };
    let mut roff = Vec::new();
    page.manual("sealstamp")
        .source(concat!("sealstamp ", env!("CARGO_PKG_VERSION")))
        .render(&mut roff)
        .map_err(Failure::new)?;
    stdout::write(&String::from_utf8_lossy(&roff))?;
    Ok(Outcome::Done)
}

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
    roff.extend_from_slice(AFTER.as_bytes());
    stdout::write(&String::from_utf8_lossy(&roff))?;
    Ok(Outcome::Done)
}

/// What the grammar does not say.
const AFTER: &str = r#".SH ENVIRONMENT
.TP
SEALSTAMP_RING
The ring file, if there is no \-\-ring.
.TP
COLUMNS
How wide the timeline of list is; without it, as wide as the terminal, or 80.
.TP
SUDO_USER, USER, LOGNAME
The name in the log, of the first of them that is set. The number beside it is the system's own.
.SH FILES
.TP
.I NAME
The ring. Owner and mode stay as they are; a new one has mode 0600.
.TP
.I NAME.log
Who changed it: one line of JSON for each write, without a secret.
.TP
.I .NAME.lock
Keeps two writers apart. It is empty and stays.
.TP
.I .NAME.new
What a writer left that was killed. It goes with the next write.
"#;

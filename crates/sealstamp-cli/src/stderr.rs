//! Standard error: prose. Each message is in lower case, on a line of its own, after the program's name.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::outcome::Failure;
use crate::stdout;

static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on, only what went wrong is said.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says what was done, or will be.
pub(crate) fn note(message: impl Display) {
    if !is_quiet() {
        complain(message);
    }
}

/// Says what went wrong, even if the tool is to be quiet.
pub(crate) fn complain(message: impl Display) {
    // If standard error is closed, nobody is there to be told.
    let _ = writeln!(io::stderr(), "sealstamp: {message}");
}

pub(crate) fn failure(failure: &Failure) -> ExitCode {
    complain(&failure.message);
    if let Some(hint) = &failure.hint {
        complain(format_args!("hint: {hint}"));
    }
    ExitCode::from(failure.code)
}

/// What the parser of the command line says: help, which goes to standard output, or what is wrong with the command
/// line.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return match stdout::write(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error),
        };
    }
    let message = text.strip_prefix("error: ").unwrap_or(&text);
    complain(message.trim_end());
    ExitCode::from(2)
}

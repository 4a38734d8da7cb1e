//! Standard error: prose. Each message is in lower case, on a line of its own, after the program's name.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::outcome::Failure;
use crate::stdout;

pub(crate) fn note(message: impl Display) {
    // If standard error is closed, nobody is there to be told.
    let _ = writeln!(io::stderr(), "sealstamp: {message}");
}

pub(crate) fn failure(failure: &Failure) -> ExitCode {
    note(&failure.message);
    if let Some(hint) = &failure.hint {
        note(format_args!("hint: {hint}"));
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
    note(message.trim_end());
    ExitCode::from(2)
}

//! Standard error: each message on a line of its own, behind the program's name, lower case.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

/// What a command came to, as an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 0: done, healthy, accepted.
    Done,
    /// 1: refused, and said so.
    Refused,
    /// 3: `check` alone.
    NotHealthy,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Refused => Self::from(1),
            Outcome::NotHealthy => Self::from(3),
        }
    }
}

/// Why a command did not do what it was asked to, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// Exit code 1.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, code: 1 }
    }

    /// Exit code 2: the command line is wrong.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    pub(crate) fn hint(self, hint: impl Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

pub(crate) fn failure(failure: &Failure) -> ExitCode {
    note(&failure.message);
    if let Some(text) = &failure.hint {
        hint(text);
    }
    ExitCode::from(failure.code)
}

pub(crate) fn note(message: impl Display) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "sealstamp: {message}");
}

pub(crate) fn hint(message: impl Display) {
    note(format_args!("hint: {message}"));
}

/// The parser's own words, which are help on standard output or a complaint about the command line.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return match data(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error),
        };
    }
    let message = text.strip_prefix("error: ").unwrap_or(&text);
    note(message.trim_end());
    ExitCode::from(2)
}

/// Writes data to standard output. A reader that has seen enough is no error.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format_args!("cannot write to standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// The same, for JSON of one of the tool's formats.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::new)?;
    data(&format!("{text}\n"))
}

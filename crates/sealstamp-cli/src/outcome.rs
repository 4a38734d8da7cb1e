//! What a command came to, and the exit code for it.

use std::fmt::Display;
use std::process::ExitCode;

/// What a command that could do its work came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0: done, healthy or accepted.
    Done,
    /// Exit code 3: the ring is not fit for use.
    NotHealthy,
    /// Exit code 4: refused by a rule, and standard output says by which.
    Refused,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::NotHealthy => Self::from(3),
            Outcome::Refused => Self::from(4),
        }
    }
}

/// Why a command did not do what it was asked to do, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: u8,
}

impl Failure {
    /// Exit code 1: something failed that should not have.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, code: 1 }
    }

    /// Exit code 2: the command line is wrong.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    /// Exit code 4: a rule forbids it, now or altogether.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self { code: 4, ..Self::new(message) }
    }

    pub(crate) fn hint(self, hint: impl Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

//! What somebody has to see to, or should know.

use serde::Serialize;

/// One thing that `check` has found.
#[derive(Serialize)]
pub(super) struct Finding {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Only a problem makes a ring unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    Problem,
    Warning,
}

pub(super) fn problem(code: &'static str, message: String, hint: impl Into<String>) -> Finding {
    Finding { code, severity: Severity::Problem, message, hint: hint.into() }
}

pub(super) fn warning(code: &'static str, message: String, hint: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, ..problem(code, message, hint) }
}

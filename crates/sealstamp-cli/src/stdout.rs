//! Standard output: data.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::outcome::Failure;

/// Writes text. A reader that closes the pipe early has seen enough, and that is no error.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format_args!("cannot write to standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Writes JSON of one of the tool's formats.
pub(crate) fn write_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::new)?;
    write(&format!("{text}\n"))
}

//! What is printed: expectations, each held or not, and counts at the end.

use std::time::Instant;

/// The transcript of one run.
pub(crate) struct Transcript {
    started: Instant,
    held: u32,
    failed: u32,
}

impl Transcript {
    pub(crate) fn open() -> Self {
        Self { started: Instant::now(), held: 0, failed: 0 }
    }

    /// A heading.
    pub(crate) fn chapter(&self, title: &str) {
        println!("\n{title}");
    }

    /// A sentence for the reader.
    pub(crate) fn say(&self, text: &str) {
        println!("     {text}");
    }

    /// Something that has to be so.
    pub(crate) fn expect(&mut self, held: bool, text: &str) {
        if held {
            self.held = self.held.saturating_add(1);
            println!("  ok {text}");
        } else {
            self.failed = self.failed.saturating_add(1);
            println!("FAIL {text}");
        }
    }

    /// The last lines; whether everything held.
    pub(crate) fn close(self) -> bool {
        let all = self.held.saturating_add(self.failed);
        let seconds = self.started.elapsed().as_secs_f64();
        println!("\n{} of {all} expectations held, in {seconds:.1} s.", self.held);
        self.failed == 0 && self.held > 0
    }
}

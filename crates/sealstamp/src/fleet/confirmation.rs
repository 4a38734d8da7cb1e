//! When the ring in use was last found in its file, for servers that refuse service without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;

/// When the ring in use was last confirmed, by a clock that is read at each question. A thread that hangs cannot keep
/// it from getting old.
pub(crate) struct Confirmation {
    clock: Arc<dyn Clock>,
    at_ms: AtomicU64,
}

impl Confirmation {
    /// Confirmed now.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let at_ms = AtomicU64::new(clock.uptime_ms());
        Self { clock, at_ms }
    }

    /// Confirmed at this uptime.
    pub(crate) fn confirm(&self, uptime_ms: u64) {
        self.at_ms.store(uptime_ms, Ordering::Release);
    }

    /// Milliseconds since then.
    pub(crate) fn age_ms(&self) -> u64 {
        self.clock.uptime_ms().saturating_sub(self.at_ms.load(Ordering::Acquire))
    }
}

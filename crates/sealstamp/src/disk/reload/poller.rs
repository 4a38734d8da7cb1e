//! One poll after another: what each finds, what is told of it, and what is left to see.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::disk::exposure::Exposure;
use crate::disk::reload::error::ReloadError;
use crate::disk::reload::status::{ReloadFault, ReloadStatus, ReloadThread, StatusKey};
use crate::disk::ring_file::RingFile;
use crate::fleet::Fleet;
use crate::fleet::confirmation::Confirmation;
use crate::time::UnixMillis;

pub(super) type OnChange = Box<dyn FnMut(&ReloadStatus) + Send>;

pub(super) struct Poller {
    file: RingFile,
    fleet: Fleet,
    min_serial: u64,
    pub(super) clock: Arc<dyn Clock>,
    confirmation: Arc<Confirmation>,
    /// Held while a file is read and swapped in, and while that is told. Without it, the slower of two polls could
    /// bring an older ring, and that would be reported as a fault.
    polling: Mutex<Telling>,
    state: Mutex<State>,
}

#[derive(Default)]
struct Telling {
    on_change: Option<OnChange>,
    told: What,
}

/// What is told when it changes.
#[derive(Default, PartialEq)]
struct What {
    serial: u64,
    error: Option<ReloadError>,
    warnings: Vec<Exposure>,
}

struct State {
    loaded_at: UnixMillis,
    polled_ms: u64,
    failed_polls: u64,
    fault: Option<ReloadFault>,
    warnings: Vec<Exposure>,
    thread: ReloadThread,
    panics: u64,
    last_panic_at: Option<UnixMillis>,
}

impl Poller {
    pub(super) fn new(file: RingFile, fleet: Fleet, min_serial: u64, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            loaded_at: clock.now(),
            polled_ms: clock.uptime_ms(),
            failed_polls: 0,
            fault: None,
            warnings: Vec::new(),
            thread: ReloadThread::NotStarted,
            panics: 0,
            last_panic_at: None,
        };
        let confirmation = Arc::new(Confirmation::new(Arc::clone(&clock)));
        let (polling, state) = (Mutex::default(), Mutex::new(state));
        Self { file, fleet, min_serial, clock, confirmation, polling, state }
    }

    /// From now on the fleet refuses service while the ring in use is not confirmed.
    pub(super) fn refuse_unconfirmed(&self) {
        self.fleet.refuse_unconfirmed(Arc::clone(&self.confirmation));
    }

    /// From now on changes are told, and at once what there is to tell already.
    pub(super) fn on_change(&self, on_change: OnChange) {
        let mut telling = lock(&self.polling);
        telling.told = What { serial: self.fleet.ring().serial(), ..What::default() };
        telling.on_change = Some(on_change);
        self.tell(&mut telling);
    }

    pub(super) fn poll(&self) -> Result<bool, ReloadError> {
        let mut telling = lock(&self.polling);
        let started_ms = self.clock.uptime_ms();
        let result = self.load_and_swap();
        let warnings = self.file.exposures();
        let now = self.clock.now();
        {
            let mut state = lock(&self.state);
            state.polled_ms = self.clock.uptime_ms();
            if let Ok(warnings) = warnings {
                state.warnings = warnings;
            }
            match result {
                Ok(newer) => {
                    state.fault = None;
                    self.confirmation.confirm(started_ms);
                    if newer {
                        state.loaded_at = now;
                    }
                }
                Err(error) => {
                    let same = |fault: &&ReloadFault| fault.error.as_str() == error.as_str();
                    let since = state.fault.as_ref().filter(same).map_or(now, |fault| fault.since);
                    state.failed_polls = state.failed_polls.saturating_add(1);
                    state.fault = Some(ReloadFault { error, since, last_at: now });
                }
            }
        }
        self.tell(&mut telling);
        result
    }

    /// A poll by the thread, which no panic ends.
    pub(super) fn poll_whatever_happens(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.poll())).is_err() {
            self.count_panic();
        }
    }

    fn load_and_swap(&self) -> Result<bool, ReloadError> {
        let ring = self.file.load().map_err(ReloadError::File)?;
        if ring.serial() < self.min_serial {
            return Err(ReloadError::BelowMinSerial { min: self.min_serial, offered: ring.serial() });
        }
        let newer = ring.serial() > self.fleet.ring().serial();
        self.fleet.swap(ring).map_err(ReloadError::Swap)?;
        Ok(newer)
    }

    fn tell(&self, telling: &mut Telling) {
        let Some(on_change) = &mut telling.on_change else { return };
        let status = self.status();
        let error = status.error.as_ref().map(|fault| fault.error);
        let what = What { serial: status.serial, error, warnings: status.warnings.clone() };
        if telling.told == what {
            return;
        }
        telling.told = what;
        if catch_unwind(AssertUnwindSafe(|| on_change(&status))).is_err() {
            self.count_panic();
        }
    }

    fn count_panic(&self) {
        let mut state = lock(&self.state);
        state.panics = state.panics.saturating_add(1);
        state.last_panic_at = Some(self.clock.now());
    }

    pub(super) fn thread_is(&self, thread: ReloadThread) {
        lock(&self.state).thread = thread;
    }

    pub(super) fn status(&self) -> ReloadStatus {
        let state = lock(&self.state);
        let ring = self.fleet.ring();
        let (now, age_ms) = (self.clock.now(), self.confirmation.age_ms());
        let polled_ms = self.clock.uptime_ms().saturating_sub(state.polled_ms);
        let stopped = state.thread == ReloadThread::Stopped;
        ReloadStatus {
            version: env!("CARGO_PKG_VERSION"),
            fit: state.fault.is_none() && !stopped && age_ms <= ring.settings_at(now).propagation_ms(),
            serving: self.fleet.is_serving(),
            audience: self.fleet.audience().clone(),
            serial: ring.serial(),
            digest: ring.digest(),
            ancestors: ring.ancestors().unwrap_or_default().to_vec(),
            settings: *ring.settings_at(now),
            keys: ring.status(now).map(|of| StatusKey { kid: of.key.kid(), state: of.state }).collect(),
            loaded_at: state.loaded_at,
            age_ms,
            polled_ms,
            failed_polls: state.failed_polls,
            thread: state.thread,
            panics: state.panics,
            last_panic_at: state.last_panic_at,
            error: state.fault.clone(),
            warnings: state.warnings.clone(),
        }
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("file", &self.file).field("fleet", &self.fleet).finish_non_exhaustive()
    }
}

/// A lock that a panic poisoned is taken all the same: nothing behind it is ever half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

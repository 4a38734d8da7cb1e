//! Keeps a [`Fleet`] up to date with its ring file, for as long as a server runs.
//!
//! The file is read by name every few seconds, parsed whole, then swapped in. There is no watcher. Kubernetes replaces
//! a symlink, and a watcher of the file behind it would only see that file vanish.
//!
//! The serial in use never goes back. A bad file, an older ring, or a different ring with the same serial changes
//! nothing but the status. A nonce of an unknown key is no reason to read the file, because anybody can send one.

pub(crate) mod error;
pub(crate) mod status;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{io, thread};

use crate::disk::reload::error::ReloadError;
use crate::disk::reload::status::{ReloadFault, ReloadStatus};
use crate::disk::ring_file::RingFile;
use crate::fleet::Fleet;
use crate::time::UnixMillis;

/// Reads a ring file again and again, and swaps each new ring into a [`Fleet`].
///
/// ```
/// use std::time::SystemTime;
/// use sealstamp::{Audience, Fleet, Reloader, RingFile, UnixMillis};
/// # use sealstamp::{Fresh, Ring, Settings, Suite};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ring.json");
/// # let now = UnixMillis::new(1_795_374_000_000);
/// # RingFile::new(&path).create(&Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?))?;
/// let file = RingFile::new(path);
/// let fleet = Fleet::new(file.load()?, Audience::new("https://mcp.example.com/mcp")?)?;
/// let now = UnixMillis::from_system_time(SystemTime::now());
/// let reloader = Reloader::new(file, fleet.clone(), now)?
///     .start(Reloader::EVERY, |status| eprintln!("ring {} {:?}", status.serial, status.error))?;
///
/// // At a health endpoint:
/// let status = reloader.status(UnixMillis::from_system_time(SystemTime::now()));
/// assert_eq!((status.serial, status.error), (1, None));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reloader {
    poller: Arc<Poller>,
    #[expect(dead_code, reason = "the thread stops when this is dropped")]
    thread: Option<Sender<()>>,
}

impl Reloader {
    /// How long a server waits at most before it reads its ring file again, if it has no reason for another time: 5 s.
    /// A fleet's `propagation` includes this.
    pub const EVERY: Duration = Duration::from_secs(5);

    /// Reads the file for the first time. Any fault is an error now: a server that starts with a wrong ring refuses
    /// every client. Nothing is read again until [`start`](Self::start) or [`poll`](Self::poll) is called.
    ///
    /// # Errors
    /// [`ReloadError`]: the file is not a ring, or not one to go on to.
    pub fn new(file: RingFile, fleet: Fleet, now: UnixMillis) -> Result<Self, ReloadError> {
        let state = State { loaded_at: now, confirmed_at: now, fault: None };
        let poller = Poller { file, fleet, polling: Mutex::new(()), state: Mutex::new(state) };
        poller.poll(now)?;
        Ok(Self { poller: Arc::new(poller), thread: None })
    }

    /// Starts a thread that polls. It ends when the reloader is dropped.
    ///
    /// Before each poll it pauses for three quarters of `every` to the whole of it, but at least 10 ms. So replicas
    /// that started at the same time do not keep reading at the same time.
    ///
    /// The thread calls `on_change` when a new ring is in use, when a poll fails or fails for another reason than
    /// before, and when all is well again. That is the place for a log line and a counter.
    ///
    /// # Errors
    /// The operating system's error, if it cannot start a thread.
    pub fn start(self, every: Duration, mut on_change: impl FnMut(&ReloadStatus) + Send + 'static) -> io::Result<Self> {
        let (thread, stop) = mpsc::channel();
        let poller = Arc::clone(&self.poller);
        let mut pauses = Pauses::new(every);
        thread::Builder::new().name("sealstamp-reload".into()).spawn(move || {
            while stop.recv_timeout(pauses.next()) == Err(RecvTimeoutError::Timeout) {
                // The one place in this crate that reads a clock. No verdict depends on it.
                let now = UnixMillis::from_system_time(SystemTime::now());
                let before = poller.status(now);
                let _ = poller.poll(now);
                let after = poller.status(now);
                if before.what() != after.what() {
                    on_change(&after);
                }
            }
        })?;
        Ok(Self { thread: Some(thread), ..self })
    }

    /// Reads the file now, and swaps its ring in if that is newer than the one in use. True if it was newer.
    ///
    /// This is for a signal handler, or for a server that has its own timers.
    ///
    /// # Errors
    /// [`ReloadError`]. The ring in use stays in use.
    pub fn poll(&self, now: UnixMillis) -> Result<bool, ReloadError> {
        self.poller.poll(now)
    }

    /// What is in use and how the last poll went, for a health endpoint. It reads no file and waits for none.
    #[must_use]
    pub fn status(&self, now: UnixMillis) -> ReloadStatus {
        self.poller.status(now)
    }
}

#[derive(Debug)]
struct Poller {
    file: RingFile,
    fleet: Fleet,
    /// Held while a file is read and swapped in. Without it, the slower of two polls could bring an older ring, and
    /// that would be reported as a fault.
    polling: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    loaded_at: UnixMillis,
    confirmed_at: UnixMillis,
    fault: Option<ReloadFault>,
}

impl Poller {
    fn poll(&self, now: UnixMillis) -> Result<bool, ReloadError> {
        let _one_at_a_time = lock(&self.polling);
        let result = self.load_and_swap();
        let mut state = lock(&self.state);
        match result {
            Ok(newer) => {
                state.fault = None;
                state.confirmed_at = now;
                if newer {
                    state.loaded_at = now;
                }
            }
            Err(error) => {
                let since = state.fault.as_ref().map_or(now, |fault| fault.since);
                state.fault = Some(ReloadFault { error, since });
            }
        }
        result
    }

    fn load_and_swap(&self) -> Result<bool, ReloadError> {
        let ring = self.file.load().map_err(ReloadError::File)?;
        let newer = ring.serial() > self.fleet.ring().serial();
        self.fleet.swap(ring).map_err(ReloadError::Swap)?;
        Ok(newer)
    }

    fn status(&self, now: UnixMillis) -> ReloadStatus {
        let state = lock(&self.state);
        let ring = self.fleet.ring();
        ReloadStatus {
            serial: ring.serial(),
            digest: ring.digest(),
            loaded_at: state.loaded_at,
            age_ms: now.since(state.confirmed_at),
            error: state.fault.clone(),
        }
    }
}

/// A lock that a panic poisoned is taken all the same: nothing behind it is ever half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pauses between three quarters of `every` and the whole of it.
struct Pauses {
    every: Duration,
    random: RandomState,
    count: u64,
}

impl Pauses {
    fn new(every: Duration) -> Self {
        Self { every: every.max(Duration::from_millis(10)), random: RandomState::new(), count: 0 }
    }

    fn next(&mut self) -> Duration {
        self.count = self.count.wrapping_add(1);
        // The standard library keys its hash with random bytes. That is enough to spread the reads of a fleet.
        let [part, ..] = self.random.hash_one(self.count).to_be_bytes();
        self.every.saturating_sub(self.every.mul_f64(f64::from(part) / 1_024.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_and_never_longer_than_asked() {
        let mut pauses = Pauses::new(Duration::from_secs(4));
        let seen: Vec<Duration> = (0..1_000).map(|_| pauses.next()).collect();
        let (shortest, longest) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(*shortest >= Duration::from_secs(3) && *longest <= Duration::from_secs(4), "{shortest:?} {longest:?}");
        assert!(*shortest < Duration::from_millis(3_100) && *longest > Duration::from_millis(3_900));
        assert!(Pauses::new(Duration::ZERO).next() > Duration::ZERO);
        assert!(Pauses::new(Duration::MAX).next() > Duration::from_secs(1 << 60), "no overflow");
    }
}

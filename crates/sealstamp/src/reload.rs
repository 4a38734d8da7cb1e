//! Keeps a [`Fleet`] at what its ring file says, for as long as a server runs.
//!
//! The file is read by name every few seconds, parsed whole, then swapped in. There is no watcher: Kubernetes replaces a
//! symlink, and what watches the file behind it sees it vanish. The serial in use never goes back, and a file that is
//! bad, older, or another with the same serial changes nothing but the status. A nonce of an unknown key is no reason to
//! read the file: anybody can send one.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::file::{FileError, RingFile};
use crate::fleet::{Fleet, SwapError};
use crate::window::UnixMillis;

/// Reads a ring file again and again and swaps what is new into a [`Fleet`].
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
    #[expect(dead_code, reason = "dropping it is what stops the thread")]
    thread: Option<Sender<()>>,
}

impl Reloader {
    /// How often a server reads its ring file, unless it has reasons of its own: every 5 s at most. A fleet's
    /// `propagation` includes this.
    pub const EVERY: Duration = Duration::from_secs(5);

    /// Reads the file for the first time, at which any fault is fatal: a server that starts with a wrong ring refuses
    /// everybody. Nothing is read again until [`start`](Self::start) or [`poll`](Self::poll) is called.
    ///
    /// # Errors
    /// [`ReloadError`].
    pub fn new(file: RingFile, fleet: Fleet, now: UnixMillis) -> Result<Self, ReloadError> {
        let state = State { loaded_at: now, confirmed_at: now, fault: None };
        let poller = Poller { file, fleet, polling: Mutex::new(()), state: Mutex::new(state) };
        poller.poll(now)?;
        Ok(Self { poller: Arc::new(poller), thread: None })
    }

    /// Starts a thread that polls, each time after a pause of three quarters to the whole of `every` (10 ms at
    /// least), so that a fleet that started together does not read together. It ends when the reloader is dropped.
    ///
    /// `on_change` is called from that thread when a new ring is in use, when something else has gone wrong with the
    /// file, and when all is well again: a place for a log line and a counter.
    ///
    /// # Errors
    /// The operating system's, if it has no thread to give.
    pub fn start(self, every: Duration, mut on_change: impl FnMut(&ReloadStatus) + Send + 'static) -> io::Result<Self> {
        let (thread, stop) = mpsc::channel();
        let poller = Arc::clone(&self.poller);
        let mut pauses = Pauses::new(every);
        thread::Builder::new().name("sealstamp-reload".into()).spawn(move || {
            while stop.recv_timeout(pauses.next()) == Err(RecvTimeoutError::Timeout) {
                // The one place in this crate that looks at a clock: beside the server, not inside a verdict.
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

    /// Reads the file now, and swaps its ring in if it is newer than the one in use: for a signal handler, or a server
    /// that has timers of its own. True if it was newer.
    ///
    /// # Errors
    /// [`ReloadError`]; the ring in use stays in use.
    pub fn poll(&self, now: UnixMillis) -> Result<bool, ReloadError> {
        self.poller.poll(now)
    }

    /// What is in use and how the last poll went, for a health endpoint. Reads no file and waits for none.
    #[must_use]
    pub fn status(&self, now: UnixMillis) -> ReloadStatus {
        self.poller.status(now)
    }
}

#[derive(Debug)]
struct Poller {
    file: RingFile,
    fleet: Fleet,
    /// Held while a file is read and swapped in, so that of two polls at once the slower does not look like a step back.
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

/// Nothing in here is half done when a thread panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pauses between three quarters of `every` and all of it.
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
        // The standard library keys its hash with random bytes of the process: enough to spread a fleet's reads.
        let [part, ..] = self.random.hash_one(self.count).to_be_bytes();
        self.every.saturating_sub(self.every.mul_f64(f64::from(part) / 1_024.0))
    }
}

/// What a replica uses and how it stands with its ring file. As JSON, for a health endpoint:
///
/// ```json
/// {
///   "serial": 7,
///   "digest": "64 hexadecimal digits",
///   "loaded_at": "2026-11-22T19:10:02.041Z",
///   "age_ms": 3310,
///   "error": {
///     "kind": "older_serial",
///     "message": "the ring has serial 6, older than serial 7 in use",
///     "since": "2026-11-22T19:12:00.504Z"
///   }
/// }
/// ```
///
/// `error` is null when the last poll was good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReloadStatus {
    /// The serial of the ring in use.
    pub serial: u64,
    /// Its [`Ring::digest`](crate::Ring::digest), 32 bytes: equal on replicas with equal rings. In hexadecimal as JSON.
    #[serde(serialize_with = "hex")]
    pub digest: [u8; 32],
    /// When this process took it into use.
    #[serde(serialize_with = "text")]
    pub loaded_at: UnixMillis,
    /// Milliseconds since the file was last read and was the ring in use. More than the fleet's `propagation` is an alarm:
    /// this replica would miss the next change, whatever the reason.
    pub age_ms: u64,
    /// What went wrong at the last poll.
    pub error: Option<ReloadFault>,
}

impl ReloadStatus {
    /// What is news if it changes.
    fn what(&self) -> (u64, Option<ReloadError>) {
        (self.serial, self.error.as_ref().map(|fault| fault.error))
    }
}

/// What has been wrong with a ring file, and since when. The ring in use is untouched by it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadFault {
    /// What was wrong at the last poll.
    pub error: ReloadError,
    /// The first of the polls that have failed in a row.
    pub since: UnixMillis,
}

impl Serialize for ReloadFault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form {
            kind: &'static str,
            message: String,
            since: String,
        }
        let (kind, message) = (self.error.as_str(), self.error.to_string());
        Form { kind, message, since: self.since.to_string() }.serialize(to)
    }
}

fn hex<S: Serializer>(digest: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    let (high, low) = digest.split_at(16);
    let number = |half: &[u8]| u128::from_be_bytes(*half.first_chunk().unwrap_or(&[0; 16]));
    to.collect_str(&format_args!("{:032x}{:032x}", number(high), number(low)))
}

fn text<S: Serializer>(time: &UnixMillis, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

/// A ring file was not taken into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReloadError {
    /// It could not be read, or is not a ring.
    File(FileError),
    /// It is a ring, but not one to go on to.
    Swap(SwapError),
}

impl ReloadError {
    /// The reason as a label for metrics: `invalid` or `older_serial` for example.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::File(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => "not_found",
            Self::File(error) => error.kind().as_str(),
            Self::Swap(SwapError::OlderSerial { .. }) => "older_serial",
            Self::Swap(SwapError::Conflict { .. }) => "conflict",
        }
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Swap(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReloadError {}

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

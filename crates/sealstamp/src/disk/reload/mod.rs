//! Keeps a [`Fleet`] up to date with its ring file, for as long as a server runs.
//!
//! The file is read by name every few seconds, parsed whole, then swapped in. There is no watcher. Kubernetes replaces
//! a symlink, and a watcher of the file behind it would only see that file vanish.
//!
//! The serial in use never goes back. A bad file, an older ring, or a different ring with the same serial changes
//! nothing but the status. A nonce of an unknown key is no reason to read the file, because anybody can send one.
//!
//! Nothing that goes wrong ends the thread: not a bad file, and not a panic in what the caller has told to happen. (A
//! program that is built with `panic = "abort"` ends at a panic, whatever this module does.)

pub(crate) mod error;
pub(crate) mod status;

mod pause;
mod poller;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::disk::reload::error::ReloadError;
use crate::disk::reload::pause::{Pause, Pauses};
use crate::disk::reload::poller::Poller;
use crate::disk::reload::status::{ReloadStatus, ReloadThread};
use crate::disk::ring_file::RingFile;
use crate::fleet::Fleet;

/// Reads a ring file again and again, and swaps each new ring into a [`Fleet`].
///
/// ```
/// use sealstamp::{Audience, Fleet, Reloader, RingFile};
/// # use sealstamp::{Fresh, Ring, Settings, Suite, UnixMillis};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ring.json");
/// # let now = UnixMillis::new(1_795_374_000_000);
/// # RingFile::new(&path).create(&Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?))?;
/// let file = RingFile::new(path);
/// let fleet = Fleet::new(file.load()?, Audience::new("https://mcp.example.com/mcp")?)?;
/// let reloader = Reloader::new(file, fleet.clone())?
///     .start(Reloader::EVERY, |status| eprintln!("ring {} {:?}", status.serial, status.error))?;
///
/// // At a health endpoint:
/// let status = reloader.status();
/// assert!(status.fit && status.serving);
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

    /// A reloader with no options: [`Reloader::builder`] and nothing more.
    ///
    /// # Errors
    /// As [`ReloaderBuilder::build`].
    pub fn new(file: RingFile, fleet: Fleet) -> Result<Self, ReloadError> {
        Self::builder(file, fleet).build()
    }

    /// A reloader with options.
    pub fn builder(file: RingFile, fleet: Fleet) -> ReloaderBuilder {
        ReloaderBuilder { file, fleet, min_serial: 0, refuse_unconfirmed: false, clock: Arc::new(SystemClock) }
    }

    /// Starts a thread that polls. It ends when the reloader is dropped.
    ///
    /// Before each poll it pauses for three quarters of `every` to the whole of it, but at least 10 ms. So replicas
    /// that started at the same time do not keep reading at the same time. When the machine wakes from a suspend that
    /// was longer than the pause, the file is read within 200 ms.
    ///
    /// From now on `on_change` is called when a new ring is in use, when a poll fails or fails for another reason than
    /// before, when all is well again, and when the warnings change; and at once, if there is a fault or a warning
    /// already. That is the place for a log line and a counter. It runs in the thread that polled, which is the
    /// caller's own for [`poll`](Self::poll), and must not poll itself. If it panics, [`ReloadStatus::panics`] counts
    /// that, and all goes on. `eprintln!` panics when standard error is closed.
    ///
    /// # Errors
    /// The operating system's error, if it cannot start a thread.
    pub fn start(self, every: Duration, on_change: impl FnMut(&ReloadStatus) + Send + 'static) -> io::Result<Self> {
        self.poller.on_change(Box::new(on_change));
        let (thread, stop) = mpsc::channel();
        let running = Running::of(Arc::clone(&self.poller));
        let mut pauses = Pauses::new(every);
        // Begun here: what the clocks do before the thread first runs counts too.
        let pause = pauses.start(&*self.poller.clock);
        thread::Builder::new().name("sealstamp-reload".into()).spawn(move || running.run(pauses, pause, &stop))?;
        Ok(Self { thread: Some(thread), ..self })
    }

    /// Reads the file now, and swaps its ring in if that is newer than the one in use. True if it was newer.
    ///
    /// This is for a signal handler, or for a server that has its own timers.
    ///
    /// # Errors
    /// [`ReloadError`]. The ring in use stays in use.
    pub fn poll(&self) -> Result<bool, ReloadError> {
        self.poller.poll()
    }

    /// What is in use and how the last poll went, for a health endpoint. It reads no file and waits for none.
    #[must_use]
    pub fn status(&self) -> ReloadStatus {
        self.poller.status()
    }
}

/// How a [`Reloader`] is to be. Each option is off unless it is called.
#[must_use = "nothing is read before build"]
pub struct ReloaderBuilder {
    file: RingFile,
    fleet: Fleet,
    min_serial: u64,
    refuse_unconfirmed: bool,
    clock: Arc<dyn Clock>,
}

impl ReloaderBuilder {
    /// Refuses a ring with a serial below this.
    ///
    /// A process that starts cannot know by itself that its file is an old copy: the serial that it would compare with
    /// is in the memory of the others. Whoever starts it may know one, from the last rotation or from a replica's
    /// status. Without this, a restored backup can bring a revoked key back in the processes that start with it.
    pub fn min_serial(self, serial: u64) -> Self {
        Self { min_serial: serial, ..self }
    }

    /// Refuses service while the ring in use has not been found in the file for longer than the fleet's `propagation`:
    /// each nonce is refused ([`Refusal::Unconfirmed`](crate::Refusal::Unconfirmed)), and [`Fleet::is_serving`] is
    /// false.
    ///
    /// Without this option, a replica that cannot read its file goes on with the ring that it has, and a key that was
    /// revoked meanwhile goes on minting there. With it, that ends after `propagation`, and the price is that a file
    /// which is gone, unreadable or older for that long takes *every* replica down that reads it. Choose it if a
    /// revocation counts for more than service. `propagation` must be several times the pause between two polls.
    pub fn refuse_unconfirmed(self) -> Self {
        Self { refuse_unconfirmed: true, ..self }
    }

    /// Other clocks than the operating system's, for tests.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Reads the file for the first time. Any fault is an error now: a server that starts with a wrong ring refuses
    /// every client. Nothing is read again until [`start`](Reloader::start) or [`poll`](Reloader::poll) is called.
    ///
    /// # Errors
    /// [`ReloadError`]: the file is not a ring, or not one to go on to.
    pub fn build(self) -> Result<Reloader, ReloadError> {
        let poller = Poller::new(self.file, self.fleet, self.min_serial, self.clock);
        poller.poll()?;
        if self.refuse_unconfirmed {
            poller.refuse_unconfirmed();
        }
        Ok(Reloader { poller: Arc::new(poller), thread: None })
    }
}

/// The thread's work. When it is dropped, by whatever end, the status says that the thread has stopped.
struct Running(Arc<Poller>);

impl Running {
    fn of(poller: Arc<Poller>) -> Self {
        poller.thread_is(ReloadThread::Running);
        Self(poller)
    }

    fn run(self, mut pauses: Pauses, mut pause: Pause, stop: &Receiver<()>) {
        let poller = &*self.0;
        loop {
            if let Some(sleep) = pause.sleep(&*poller.clock) {
                match stop.recv_timeout(sleep) {
                    Err(RecvTimeoutError::Timeout) => continue,
                    _ => return,
                }
            }
            poller.poll_whatever_happens();
            pause = pauses.start(&*poller.clock);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.thread_is(ReloadThread::Stopped);
    }
}

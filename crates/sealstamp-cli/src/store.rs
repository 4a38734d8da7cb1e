//! Where the ring is: in a file, or in a pipe from standard input to standard output.
//!
//! Invariant of the pipe: if a whole ring came in, a whole ring goes out. It is the new one or, byte for byte, the one
//! that came in. The program at the end of the pipe stores what it gets. It must never get an empty ring because a
//! rotation was refused or was not due.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sealstamp::{Exposure, FileError, FileErrorKind, Ring, RingFile, Transition, UnixMillis, UpdateError};
use zeroize::Zeroizing;

use crate::audit::{Entry, Log};
use crate::diagnosis::{self, Unfit};
use crate::outcome::Failure;

/// Where the path comes from if no option gives it.
const ENV: &str = "SEALSTAMP_RING";

pub(crate) enum Store {
    File(RingFile),
    Pipe,
}

impl Store {
    pub(crate) fn choose(ring: Option<PathBuf>) -> Result<Self, Failure> {
        match ring {
            Some(path) if path == Path::new("-") => Ok(Self::Pipe),
            Some(path) if path.as_os_str() != OsStr::new("") => Ok(Self::File(RingFile::new(path))),
            Some(_) => Err(Failure::usage("the path of the ring is empty").hint(if std::env::var_os(ENV).is_some() {
                "SEALSTAMP_RING is set, to nothing: give it a path, or unset it"
            } else {
                "give --ring PATH, or set SEALSTAMP_RING"
            })),
            None => Err(Failure::usage("no ring is named").hint("give --ring PATH, or set SEALSTAMP_RING")),
        }
    }

    pub(crate) fn load(&self) -> Result<Ring, Failure> {
        self.read().map_err(Failure::from)
    }

    /// Reads the ring. If there is none, says what is there instead.
    pub(crate) fn read(&self) -> Result<Ring, Unfit> {
        match self {
            Self::File(file) => file.load().map_err(|error| diagnosis::of_file(file.path(), error)),
            Self::Pipe => self.read_stdin().map(|(ring, _)| ring),
        }
    }

    /// Writes a ring where there is none, after a line in the log.
    pub(crate) fn create(&self, ring: &Ring, entry: &Entry) -> Result<(), Failure> {
        let Self::File(file) = self else {
            refuse_terminal()?;
            return write_stdout(ring.to_json().as_bytes());
        };
        let exists = || {
            Failure::refused(format_args!("{self}: there is a file of this name already; the ring file is as it was"))
                .hint("init never overwrites; for new keys: sealstamp rotate")
        };
        // What makes the file refuses this as well, but by then the log would have a line of a ring that never came.
        if std::fs::symlink_metadata(file.path()).is_ok() {
            return Err(exists());
        }
        let folder = file.path().parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_none_or(Path::is_dir) {
            self.log(entry)?;
        }
        file.create(ring).map_err(|e| if e.kind() == FileErrorKind::Exists { exists() } else { self.failure(e) })
    }

    /// The ring that stands in the file, if that is one. A pipe brings none.
    pub(crate) fn read_in_place(&self) -> Option<Ring> {
        match self {
            Self::File(file) => file.load().ok(),
            Self::Pipe => None,
        }
    }

    /// Puts what `make` returns in the place of whatever is there. `make` gets the ring that stands there, if it is one.
    pub(crate) fn put_back(&self, make: impl FnOnce(Option<&Ring>) -> Result<Ring, Failure>) -> Result<Ring, Failure> {
        let Self::File(file) = self else {
            refuse_terminal()?;
            let ring = make(None)?;
            return write_stdout(ring.to_json().as_bytes()).map(|()| ring);
        };
        file.put_back(make).map_err(|error| match error {
            UpdateError::Change(failure) => failure,
            UpdateError::File(error) => Failure::new(format_args!("{self}: {error}")),
        })
    }

    /// Whose the file is, and its mode, for a person to compare with what the servers run as.
    #[cfg(unix)]
    pub(crate) fn access(&self) -> Option<String> {
        use std::os::unix::fs::MetadataExt as _;
        let Self::File(file) = self else { return None };
        let file = std::fs::metadata(file.path()).ok()?;
        Some(format!("of user {} and group {}, mode {:04o}", file.uid(), file.gid(), file.mode() & 0o7777))
    }

    #[cfg(not(unix))]
    pub(crate) fn access(&self) -> Option<String> {
        None
    }

    /// Replaces the ring by what `change` makes of it. The inner result is the answer of `change`. If that is an error,
    /// the ring is as it was.
    pub(crate) fn update<E>(
        &self,
        change: impl FnOnce(&Ring) -> Result<Transition, E>,
    ) -> Result<Result<Transition, E>, Failure> {
        match self {
            Self::File(file) => match file.update(change) {
                Ok(transition) => Ok(Ok(transition)),
                Err(UpdateError::Change(refused)) => Ok(Err(refused)),
                Err(UpdateError::File(error)) => Err(self.failure(error)),
            },
            Self::Pipe => {
                refuse_terminal()?;
                let (ring, bytes) = self.read_stdin()?;
                let changed = change(&ring);
                match &changed {
                    Ok(transition) => write_stdout(transition.ring.to_json().as_bytes())?,
                    Err(_) => write_stdout(&bytes)?,
                }
                Ok(changed)
            }
        }
    }

    /// Says what `change` would make of the ring, and replaces nothing.
    pub(crate) fn preview<E>(
        &self,
        change: impl FnOnce(&Ring) -> Result<Transition, E>,
    ) -> Result<Result<Transition, E>, Failure> {
        match self {
            Self::File(_) => self.load().map(|ring| change(&ring)),
            Self::Pipe => {
                let (ring, bytes) = self.read_stdin()?;
                // At a terminal, no program waits for the ring, and everybody could read it.
                if !io::stdout().is_terminal() {
                    write_stdout(&bytes)?;
                }
                Ok(change(&ring))
            }
        }
    }

    /// Writes a line to the log beside the ring, before the ring changes. A ring in a pipe has none.
    pub(crate) fn log(&self, entry: &Entry) -> Result<(), Failure> {
        match self {
            Self::File(file) => Log::beside(file.path()).append(entry),
            Self::Pipe => Ok(()),
        }
    }

    pub(crate) const fn is_pipe(&self) -> bool {
        matches!(self, Self::Pipe)
    }

    /// When the file was written. None if the ring comes from a pipe.
    pub(crate) fn modified_at(&self) -> Option<UnixMillis> {
        let Self::File(file) = self else { return None };
        std::fs::metadata(file.path()).ok()?.modified().ok().map(UnixMillis::from_system_time)
    }

    /// Who can get at the file and should not. Nobody, if the ring comes from a pipe.
    pub(crate) fn exposures(&self) -> Vec<Exposure> {
        match self {
            Self::File(file) => file.exposures().unwrap_or_default(),
            Self::Pipe => Vec::new(),
        }
    }

    fn read_stdin(&self) -> Result<(Ring, Zeroizing<Vec<u8>>), Unfit> {
        let failed = |message: String, hint: Option<String>| Unfit { code: "unreadable", message, hint };
        if io::stdin().is_terminal() {
            let message = "a ring holds secrets and is not read from a terminal".into();
            return Err(failed(message, Some("pipe it in".into())));
        }
        // A buffer that grows leaves copies behind that nobody wipes. So the room is made first.
        let most = Ring::MAX_FILE_LEN.saturating_add(1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(most));
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        let read = unbuffered_stdin().and_then(|from| from.take(limit).read_to_end(&mut bytes));
        read.map_err(|e| failed(format!("{self}: {e}"), None))?;
        match Ring::parse(&bytes) {
            Ok(ring) => Ok((ring, bytes)),
            Err(e) => Err(diagnosis::of_content(&self.to_string(), &bytes, &format!("not a ring: {e}"))),
        }
    }

    fn failure(&self, error: FileError) -> Failure {
        match self {
            // The words of a failed write say which ring the file holds now.
            Self::File(file) if error.kind() != FileErrorKind::Io || is_absent(file.path()) => {
                diagnosis::of_file(file.path(), error).into()
            }
            _ => Failure::new(format_args!("{self}: {error}")),
        }
    }
}

fn is_absent(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|e| matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
}

/// How messages name the place.
impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.path().display().fmt(f),
            Self::Pipe => f.write_str("standard input"),
        }
    }
}

fn refuse_terminal() -> Result<(), Failure> {
    if io::stdout().is_terminal() {
        return Err(Failure::new("the ring holds secrets and is not written to a terminal")
            .hint("pipe it on, for example to kubectl, vault, sops or age"));
    }
    Ok(())
}

fn write_stdout(ring: &[u8]) -> Result<(), Failure> {
    unbuffered_stdout().and_then(|mut out| out.write_all(ring).and_then(|()| out.flush())).map_err(|e| {
        Failure::new(format_args!("cannot write the ring to standard output: {e}; what came out is not a whole ring"))
    })
}

/// The standard library's handles keep a buffer for the life of the process. The secrets in it would never be wiped.
#[cfg(unix)]
fn unbuffered_stdin() -> io::Result<impl io::Read> {
    std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned().map(std::fs::File::from)
}

#[cfg(unix)]
fn unbuffered_stdout() -> io::Result<impl io::Write> {
    std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned().map(std::fs::File::from)
}

#[cfg(not(unix))]
fn unbuffered_stdin() -> io::Result<impl io::Read> {
    Ok(io::stdin())
}

#[cfg(not(unix))]
fn unbuffered_stdout() -> io::Result<impl io::Write> {
    Ok(io::stdout())
}

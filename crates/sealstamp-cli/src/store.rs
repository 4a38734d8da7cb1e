//! Where the ring is: in a file, or in a pipe from standard input to standard output.
//!
//! Invariant of the pipe: if a whole ring came in, a whole ring goes out. It is the new one or, byte for byte, the one
//! that came in. The program at the end of the pipe stores what it gets. It must never get an empty ring because a
//! rotation was refused or was not due.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sealstamp::{FileError, FileErrorKind, Ring, RingFile, Transition, UnixMillis, UpdateError};
use zeroize::Zeroizing;

use crate::outcome::Failure;

pub(crate) enum Store {
    File(RingFile),
    Pipe,
}

/// What a file system knows of a ring file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileFacts {
    /// The permission bits, if the system has them.
    pub(crate) mode: Option<u32>,
    pub(crate) modified_at: Option<UnixMillis>,
}

impl Store {
    pub(crate) fn choose(ring: Option<PathBuf>) -> Result<Self, Failure> {
        match ring {
            Some(path) if path == Path::new("-") => Ok(Self::Pipe),
            Some(path) if path.as_os_str() != OsStr::new("") => Ok(Self::File(RingFile::new(path))),
            _ => Err(Failure::usage("no ring is named").hint("give --ring PATH, or set SEALSTAMP_RING")),
        }
    }

    pub(crate) fn load(&self) -> Result<Ring, Failure> {
        match self {
            Self::File(file) => file.load().map_err(|e| self.failure(e)),
            Self::Pipe => self.read_stdin().map(|(ring, _)| ring),
        }
    }

    pub(crate) fn create(&self, ring: &Ring) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.create(ring).map_err(|e| match e.kind() {
                FileErrorKind::Exists => Failure::new(format_args!("{self}: {e}"))
                    .hint("init never overwrites; for new keys: sealstamp rotate"),
                _ => Failure::new(format_args!("{self}: {e}")),
            }),
            Self::Pipe => {
                refuse_terminal()?;
                write_stdout(ring.to_json().as_bytes())
            }
        }
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

    /// None if the ring comes from a pipe.
    pub(crate) fn facts(&self) -> Option<FileFacts> {
        let Self::File(file) = self else { return None };
        let metadata = std::fs::metadata(file.path()).ok()?;
        #[cfg(unix)]
        let mode = Some(std::os::unix::fs::MetadataExt::mode(&metadata) & 0o7777);
        #[cfg(not(unix))]
        let mode = None;
        Some(FileFacts { mode, modified_at: metadata.modified().ok().map(UnixMillis::from_system_time) })
    }

    fn read_stdin(&self) -> Result<(Ring, Zeroizing<Vec<u8>>), Failure> {
        if io::stdin().is_terminal() {
            return Err(Failure::new("a ring holds secrets and is not read from a terminal").hint("pipe it in"));
        }
        // A buffer that grows leaves copies behind that nobody wipes. So the room is made first.
        let most = Ring::MAX_FILE_LEN.saturating_add(1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(most));
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        let read = unbuffered_stdin().and_then(|from| from.take(limit).read_to_end(&mut bytes));
        read.map_err(|e| Failure::new(format_args!("{self}: {e}")))?;
        let ring = Ring::parse(&bytes).map_err(|e| Failure::new(format_args!("{self}: not a ring: {e}")))?;
        Ok((ring, bytes))
    }

    fn failure(&self, error: FileError) -> Failure {
        let failure = Failure::new(format_args!("{self}: {error}"));
        match (error.kind(), error.io_kind()) {
            (FileErrorKind::Io, Some(io::ErrorKind::NotFound)) => failure.hint("make a ring with: sealstamp init"),
            (FileErrorKind::WorldWritable, _) => {
                failure.hint("see that the keys are yours, then: chmod 600, or the mode that your servers need")
            }
            _ => failure,
        }
    }
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

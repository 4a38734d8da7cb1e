//! Why a ring file was not read or written, and which ring the file holds then.

use std::{fmt, io};

use crate::ring::format::error::RingError;

/// Why a ring file could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// A step failed in the operating system: see [`FileError::io_kind`].
    Io,
    /// Not a regular file, but a folder, a pipe or a device for example.
    NotAFile,
    /// Everybody may write the file, so anybody may have put the keys there.
    WorldWritable,
    /// The content is not a ring: see [`FileError::ring_error`].
    Invalid,
    /// There is already a file of this name.
    Exists,
    /// Another writer has held the lock for 10 s.
    Locked,
    /// What was read back is not what was written. Somebody writes without the lock, or the disk is failing.
    Changed,
}

impl FileErrorKind {
    /// The kind as a label for metrics: `world_writable` for example.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::NotAFile => "not_a_file",
            Self::WorldWritable => "world_writable",
            Self::Invalid => "invalid",
            Self::Exists => "exists",
            Self::Locked => "locked",
            Self::Changed => "changed",
        }
    }
}

/// The step at which a read or write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Find,
    Lock,
    Read,
    Prepare,
    Owner,
    Write,
    Sync,
    Rename,
    SyncFolder,
    ReadBack,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Find => "cannot find the file",
            Self::Lock => "cannot lock the ring",
            Self::Read => "cannot read the file",
            Self::Prepare => "cannot make a temporary file beside the ring",
            Self::Owner => "cannot keep the file's owner and mode",
            Self::Write => "cannot write the temporary file",
            Self::Sync => "cannot bring the temporary file to the disk",
            Self::Rename => "cannot put the new file in place",
            Self::SyncFolder => "cannot bring the folder to the disk",
            Self::ReadBack => "cannot read the new file back",
        }
    }
}

/// Which ring the file holds after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// There was no write.
    None,
    Old,
    New,
}

/// A ring file could not be read or written.
///
/// The message names the step and the reason, and after a write it says which ring the file holds. It has no path and
/// no secret in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileError {
    kind: FileErrorKind,
    step: Step,
    left: Left,
    ring: Option<RingError>,
    io: Option<(io::ErrorKind, Option<i32>)>,
}

impl FileError {
    pub(super) const fn new(kind: FileErrorKind, step: Step) -> Self {
        Self { kind, step, left: Left::None, ring: None, io: None }
    }

    pub(super) fn io(error: &io::Error, step: Step) -> Self {
        Self { io: Some((error.kind(), error.raw_os_error())), ..Self::new(FileErrorKind::Io, step) }
    }

    pub(super) const fn invalid(error: RingError, step: Step) -> Self {
        Self { ring: Some(error), ..Self::new(FileErrorKind::Invalid, step) }
    }

    pub(super) const fn at(self, step: Step) -> Self {
        Self { step, ..self }
    }

    pub(super) const fn left(self, left: Left) -> Self {
        Self { left, ..self }
    }

    /// The error of a write before it has changed anything.
    pub(super) const fn while_writing(self) -> Self {
        self.left(Left::Old)
    }

    /// The reason.
    #[must_use]
    pub const fn kind(&self) -> FileErrorKind {
        self.kind
    }

    /// What is wrong with the content, if that is the reason.
    #[must_use]
    pub const fn ring_error(&self) -> Option<RingError> {
        self.ring
    }

    /// What the operating system said, if that is the reason.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        self.io.map(|(kind, _)| kind)
    }

    /// Whether the new ring is in place all the same, because only a later step failed. Otherwise the ring file is
    /// exactly as it was, or there still is none.
    #[must_use]
    pub const fn ring_is_new(&self) -> bool {
        matches!(self.left, Left::New)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.ring, self.io) {
            (FileErrorKind::Invalid, Some(error), _) => write!(f, "not a ring: {error}")?,
            (FileErrorKind::Io, _, Some((_, Some(code)))) => {
                write!(f, "{}: {}", self.step.as_str(), io::Error::from_raw_os_error(code))?;
            }
            (FileErrorKind::Io, _, Some((kind, None))) => write!(f, "{}: {kind}", self.step.as_str())?,
            (FileErrorKind::NotAFile, ..) => f.write_str("not a regular file")?,
            (FileErrorKind::WorldWritable, ..) => f.write_str("everybody may write the file")?,
            (FileErrorKind::Exists, ..) => f.write_str("there is a file of this name already")?,
            (FileErrorKind::Locked, ..) => f.write_str("another process is writing the ring")?,
            (FileErrorKind::Changed, ..) => {
                return f.write_str("the new ring was put in place, but what was read back is not it");
            }
            _ => f.write_str(self.step.as_str())?,
        }
        match self.left {
            Left::None => Ok(()),
            Left::Old => f.write_str("; the ring file is as it was"),
            Left::New if self.step == Step::SyncFolder => {
                f.write_str("; the new ring is in place, but a power cut may bring the old one back")
            }
            Left::New => f.write_str("; the new ring is in place"),
        }
    }
}

impl std::error::Error for FileError {}

/// A ring file was not updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateError<E> {
    /// The file could not be read or written.
    File(FileError),
    /// The change was refused. Nothing was written.
    Change(E),
}

impl<E> From<FileError> for UpdateError<E> {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl<E: fmt::Display> fmt::Display for UpdateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Change(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for UpdateError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::Change(error) => error.source(),
        }
    }
}

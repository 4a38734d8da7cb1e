//! The file behind a name: locked, then replaced whole.
//!
//! The lock is on a file of its own, `.NAME.lock`. The rename puts a new file in the place of the ring, so a lock on
//! the ring would be a lock on a file that is gone. The lock file is empty and stays: a process that removed it would
//! let two writers in. The lock works between the processes of one host. Two hosts that write one shared folder at the
//! same time are not supported: write a fleet's ring in one place and let the fleet copy it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::disk::error::{FileError, FileErrorKind, Left, Step};
use crate::disk::read::read;
use crate::disk::step::step;
use crate::ring::Ring;

/// How long a writer waits for another one. A write takes milliseconds, so after this time the other one hangs.
const LOCK_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// What a new ring file is to be like.
#[derive(Clone, Copy)]
pub(super) enum Like<'m> {
    /// Nothing is there, and the file is for whoever makes it: mode 0600.
    Nothing,
    /// Nothing is there, and the file is for those for whom the folder is.
    Folder(&'m Metadata),
    /// It takes the place of this one.
    File(&'m Metadata),
}

/// The real file behind a name: its folder, without symlinks, and its name there.
pub(super) struct Target {
    folder: PathBuf,
    name: OsString,
}

impl Target {
    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The existing file behind `path`.
    pub(super) fn there(path: &Path) -> Result<Self, FileError> {
        let real = step(Step::Find, || fs::canonicalize(path))?;
        let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
            return Err(FileError::new(FileErrorKind::NotAFile, Step::Find));
        };
        Ok(Self { folder: folder.into(), name: name.into() })
    }

    /// The file that `path` is to become.
    pub(super) fn to_be(path: &Path) -> Result<Self, FileError> {
        let Some(name) = path.file_name() else {
            return Err(FileError::new(FileErrorKind::NotAFile, Step::Find));
        };
        let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        Ok(Self { folder: step(Step::Find, || fs::canonicalize(parent))?, name: name.into() })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// A hidden file beside the target.
    fn beside(&self, suffix: &str) -> OsString {
        [OsStr::new("."), &self.name, OsStr::new(suffix)].into_iter().collect()
    }

    /// Keeps other writers out until the returned file is dropped or the process ends. A lock file that is made here
    /// gets the owner of `like`.
    pub(super) fn lock(&self, like: Option<&Metadata>) -> Result<File, FileError> {
        let path = self.folder.join(self.beside(".lock"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = step(Step::Lock, || options.open(&path)).map_err(FileError::while_writing)?;
        if let Some(like) = like {
            // So that the ring's owner can take a lock that root took first. If this fails, the lock holds all the
            // same.
            let _ = keep_owner(&file, like);
        }
        let start = Instant::now();
        loop {
            match step(Step::Lock, || match file.try_lock() {
                Err(TryLockError::Error(e)) => Err(e),
                Err(TryLockError::WouldBlock) => Ok(false),
                Ok(()) => Ok(true),
            }) {
                Ok(true) => return Ok(file),
                Ok(false) if start.elapsed() < LOCK_PATIENCE => thread::sleep(Duration::from_millis(20)),
                Ok(false) => return Err(FileError::new(FileErrorKind::Locked, Step::Lock).while_writing()),
                Err(e) => return Err(e.while_writing()),
            }
        }
    }

    /// Puts a file with this ring in the place of the target, with the owner and mode that `like` says. Unless that is
    /// a file, the place must be empty. The caller holds the lock.
    pub(super) fn replace(&self, ring: &Ring, like: Like<'_>) -> Result<(), FileError> {
        let temporary = self.write_beside(ring, like).map_err(FileError::while_writing)?;
        let renamed = match like {
            Like::File(_) => step(Step::Rename, || temporary.persist(self.path()).map_err(|e| e.error)),
            Like::Nothing | Like::Folder(_) => {
                step(Step::Rename, || temporary.persist_noclobber(self.path()).map_err(|e| e.error))
            }
        };
        // A rename over a network can report an error and be done all the same, so the file is read.
        let is_new = || read(&self.path()).is_ok_and(|(there, _)| there == *ring);
        renamed.map_err(|e| match e.io_kind() {
            Some(io::ErrorKind::AlreadyExists) if !matches!(like, Like::File(_)) => {
                FileError::new(FileErrorKind::Exists, Step::Rename).while_writing()
            }
            _ if is_new() => e.left(Left::New),
            _ => e.while_writing(),
        })?;
        step(Step::SyncFolder, || sync_folder(&self.folder)).map_err(|e| e.left(Left::New))?;
        match read(&self.path()) {
            Ok((there, _)) if there == *ring => Ok(()),
            Err(e) if e.kind() == FileErrorKind::Io => Err(e.at(Step::ReadBack).left(Left::New)),
            _ => Err(FileError::new(FileErrorKind::Changed, Step::ReadBack).left(Left::New)),
        }
    }

    /// A complete file with this ring beside the target, safely on the disk. It is removed when dropped.
    ///
    /// All writers use the same name for it. So if a writer was killed, the next write removes the file that it left,
    /// with the secrets in it.
    fn write_beside(&self, ring: &Ring, like: Like<'_>) -> Result<NamedTempFile, FileError> {
        let name = self.beside(".new");
        step(Step::Prepare, || match fs::remove_file(self.folder.join(&name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        })?;
        let mut builder = tempfile::Builder::new();
        // The library makes new files with mode 0600.
        let temporary = step(Step::Prepare, || builder.prefix(&name).rand_bytes(0).tempfile_in(&self.folder))?;
        let mut file = temporary.as_file();
        match like {
            Like::Nothing => {}
            Like::Folder(like) => {
                step(Step::Owner, || keep_owner(file, like).and_then(|()| mode_of_folder(file, like)))?
            }
            Like::File(like) => step(Step::Owner, || keep_owner(file, like).and_then(|()| keep_mode(file, like)))?,
        }
        step(Step::Write, || file.write_all(ring.to_json().as_bytes()))?;
        step(Step::Sync, || file.sync_all())?;
        Ok(temporary)
    }
}

/// Gives a file, which is still empty, to the owner of another. Does nothing if it is theirs already.
#[cfg(unix)]
fn keep_owner(file: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Never that everybody may write: such a file would not be read.
#[cfg(unix)]
fn keep_mode(file: &File, like: &Metadata) -> io::Result<()> {
    set_mode(file, std::os::unix::fs::MetadataExt::mode(like) & 0o7775)
}

/// The group may read if it may read the folder, and others may not.
#[cfg(unix)]
fn mode_of_folder(file: &File, folder: &Metadata) -> io::Result<()> {
    set_mode(file, 0o600 | (std::os::unix::fs::MetadataExt::mode(folder) & 0o040))
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn mode_of_folder(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// On other systems, permissions are those of the folder, and a read-only flag would prevent the write.
#[cfg(not(unix))]
fn keep_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// A rename is safely on the disk when its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// On other systems, a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

//! The ring file, and the one way to read and write it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::error::{FileError, FileErrorKind, Step, UpdateError};
use crate::disk::exposure::{self, Exposure};
use crate::disk::read::read;
use crate::disk::step::step;
use crate::disk::target::{Like, Target};
use crate::ring::Ring;
use crate::ring::transition::Transition;

/// A ring file: where it is, and the one way to read and write it.
///
/// ```
/// use sealstamp::{Force, Fresh, Ring, RingFile, Settings, Suite, UnixMillis};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ring.json");
/// let file = RingFile::new(path);
/// let now = UnixMillis::new(1_795_374_000_000);
/// file.create(&Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?))?;
///
/// let fresh = Fresh::from_os()?;
/// let rotated = file.update(|ring| ring.rotate(None, now, fresh, Force::No))?;
/// assert_eq!(file.load()?, rotated.ring);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingFile {
    path: PathBuf,
}

impl RingFile {
    /// The ring file at this path. Nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path that this was made with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the ring. It must be in a regular file of at most 1 MiB that not everybody may write. Symlinks are
    /// followed.
    ///
    /// The bytes are in memory only once, and are wiped.
    ///
    /// # Errors
    /// [`FileError`]: the file cannot be read, is not such a file, or is not a ring.
    pub fn load(&self) -> Result<Ring, FileError> {
        read(&self.path).map(|(ring, _)| ring)
    }

    /// Who can read or replace the file beyond its owner and the readers in its group: an empty list is good. On
    /// systems without Unix modes the list is always empty.
    ///
    /// A server warns of what is listed, and serves. The tool's `check` finds fault with it.
    ///
    /// # Errors
    /// [`FileError`]: the file or its folder cannot be looked at.
    pub fn exposures(&self) -> Result<Vec<Exposure>, FileError> {
        exposure::of(&self.path)
    }

    /// Writes the ring to a new file of mode 0600. A file that is there already is never touched, nor is a symlink to
    /// nothing. This holds even if two processes create the file at the same time.
    ///
    /// # Errors
    /// [`FileError`]. Its kind is [`FileErrorKind::Exists`](crate::FileErrorKind::Exists) if the name is taken.
    pub fn create(&self, ring: &Ring) -> Result<(), FileError> {
        let target = Target::to_be(&self.path).map_err(FileError::while_writing)?;
        let _lock = target.lock(None)?;
        target.replace(ring, Like::Nothing)
    }

    /// Puts what `make` returns in the place of whatever is there, which need not be a ring. For a file that was lost or
    /// damaged.
    ///
    /// `make` runs under the lock, and gets the ring that is there at that moment, if it is one. The new file has the
    /// owner and mode of the file that it replaces, except that not everybody may write it. Where there is none, it has
    /// the owner and group of the folder, and the group may read it if it may read the folder. So servers that run as
    /// another user can read what root puts back.
    ///
    /// # Errors
    /// - [`UpdateError::Change`] if `make` refused. Nothing was written.
    /// - [`UpdateError::File`] if the file could not be written. [`FileError::ring_is_new`] says whether the ring is in
    ///   place.
    pub fn put_back<E>(&self, make: impl FnOnce(Option<&Ring>) -> Result<Ring, E>) -> Result<Ring, UpdateError<E>> {
        let there = match fs::symlink_metadata(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => return Err(FileError::io(&e, Step::Find).while_writing().into()),
            Ok(_) => true,
        };
        let target = if there { Target::there(&self.path) } else { Target::to_be(&self.path) };
        let target = target.map_err(FileError::while_writing)?;
        let path = if there { target.path() } else { target.folder().into() };
        let like = step(Step::Read, || fs::metadata(path)).map_err(FileError::while_writing)?;
        if there && !like.is_file() {
            return Err(FileError::new(FileErrorKind::NotAFile, Step::Find).while_writing().into());
        }
        let _lock = target.lock(Some(&like))?;
        let in_place = read(&target.path()).ok();
        let ring = make(in_place.as_ref().map(|(ring, _)| ring)).map_err(UpdateError::Change)?;
        target.replace(&ring, if there { Like::File(&like) } else { Like::Folder(&like) })?;
        Ok(ring)
    }

    /// Replaces the ring by what `change` makes of it. No other process of this host can write it meanwhile.
    ///
    /// The file keeps its owner and mode. A symlink is followed and not replaced. `change` runs under the lock and gets
    /// the ring that is in the file at that moment.
    ///
    /// # Errors
    /// - [`UpdateError::Change`] if `change` refused. Nothing was written.
    /// - [`UpdateError::File`] if the file could not be read or written. [`FileError::ring_is_new`] says which of the
    ///   two rings it holds.
    pub fn update<E>(&self, change: impl FnOnce(&Ring) -> Result<Transition, E>) -> Result<Transition, UpdateError<E>> {
        let target = Target::there(&self.path).map_err(FileError::while_writing)?;
        let owner = step(Step::Read, || fs::metadata(target.path())).map_err(FileError::while_writing)?;
        let _lock = target.lock(Some(&owner))?;
        let (ring, metadata) = read(&target.path()).map_err(FileError::while_writing)?;
        let transition = change(&ring).map_err(UpdateError::Change)?;
        target.replace(&transition.ring, Like::File(&metadata))?;
        Ok(transition)
    }
}

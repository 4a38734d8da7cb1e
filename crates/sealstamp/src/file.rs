//! The ring file on disk: read whole, written so that at any moment there is the old file or the new one.
//!
//! A write goes: lock, load and validate, temporary file beside the target, owner and mode, content, fsync, rename, fsync
//! of the folder, read back. Invariant: the name of the ring file never stands for an empty or half-written file, not
//! after a crash, a full disk or a kill (what a full disk did to Keystone's keys), and the secrets in it are at no moment
//! readable by more people than they were in the old file.
//!
//! The lock is on a file of its own, `.NAME.lock`, because the rename puts a new file in the place of the ring: a lock on
//! the ring would be one on a file that has just gone. That file is empty and stays, since whoever removes a lock file
//! lets two in. It works between processes of one host. Two hosts that write one shared folder at once are not served:
//! write a fleet's ring in one place and let the fleet copy it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::ring::Ring;
use crate::transition::Transition;
pub use error::{FileError, FileErrorKind, UpdateError};
use error::{Left, Step};

mod error;
#[cfg(all(test, unix))]
mod tests;

/// How long a writer waits for another one to finish. One takes milliseconds, so this one hangs.
const LOCK_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

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
    /// The ring file of this name. Nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The name that it was made with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the ring: from a regular file, symlinks followed, of at most 1 MiB, that not everybody may write.
    ///
    /// The bytes are in memory once and wiped.
    ///
    /// # Errors
    /// [`FileError`]: not to be read, not such a file, or not a ring.
    pub fn load(&self) -> Result<Ring, FileError> {
        read(&self.path).map(|(ring, _)| ring)
    }

    /// Writes the ring to a new file of mode 0600. A file, or a symlink to nothing, that is there already is never
    /// touched, however closely two of these race.
    ///
    /// # Errors
    /// [`FileError`]; [`FileErrorKind::Exists`] if there is something of this name.
    pub fn create(&self, ring: &Ring) -> Result<(), FileError> {
        let target = Target::to_be(&self.path).map_err(FileError::while_writing)?;
        let _lock = target.lock(None)?;
        target.replace(ring, None)
    }

    /// Puts what `change` makes of the ring in its place, while no other writer of this host is at it.
    ///
    /// Owner and mode of the file are kept. A symlink is followed and not replaced. `change` runs under the lock, on the
    /// ring as it stands in the file then.
    ///
    /// # Errors
    /// [`UpdateError::Change`] if `change` refused; then nothing was written. [`UpdateError::File`] otherwise:
    /// [`FileError::ring_is_new`] says which of the two rings the file is.
    pub fn update<E>(&self, change: impl FnOnce(&Ring) -> Result<Transition, E>) -> Result<Transition, UpdateError<E>> {
        let target = Target::there(&self.path).map_err(FileError::while_writing)?;
        let owner = step(Step::Read, || fs::metadata(target.path())).map_err(FileError::while_writing)?;
        let _lock = target.lock(Some(&owner))?;
        let (ring, metadata) = read(&target.path()).map_err(FileError::while_writing)?;
        let transition = change(&ring).map_err(UpdateError::Change)?;
        target.replace(&transition.ring, Some(&metadata))?;
        Ok(transition)
    }
}

/// Reads and validates, and says whose the file was and what mode it had, of the same open file.
fn read(path: &Path) -> Result<(Ring, Metadata), FileError> {
    // Opening something that is no file, a pipe for example, could wait for ever.
    if !step(Step::Read, || fs::metadata(path))?.is_file() {
        return Err(FileError::new(FileErrorKind::NotAFile, Step::Read));
    }
    let mut file = step(Step::Read, || File::open(path))?;
    let metadata = step(Step::Read, || file.metadata())?;
    if !metadata.is_file() {
        return Err(FileError::new(FileErrorKind::NotAFile, Step::Read));
    }
    if is_world_writable(&metadata) {
        return Err(FileError::new(FileErrorKind::WorldWritable, Step::Read));
    }
    let bytes = step(Step::Read, || read_at_most(&mut file, metadata.len()))?;
    let ring = Ring::parse(&bytes).map_err(|e| FileError::invalid(e, Step::Read))?;
    Ok((ring, metadata))
}

/// Reads a file of `len` bytes into memory that is wiped and never grows, for growing leaves unwiped copies behind. One
/// byte more than `len`, or than a ring may have, is room enough to see that a file is longer.
fn read_at_most(file: &mut impl Read, len: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(Ring::MAX_FILE_LEN);
    let mut bytes = Zeroizing::new(vec![0; len.saturating_add(1)]);
    let mut filled: usize = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(n) => filled = filled.saturating_add(n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The real file behind a name: its folder, without symlinks, and its name there.
struct Target {
    folder: PathBuf,
    name: OsString,
}

impl Target {
    /// The existing file behind `path`.
    fn there(path: &Path) -> Result<Self, FileError> {
        let real = step(Step::Find, || fs::canonicalize(path))?;
        let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
            return Err(FileError::new(FileErrorKind::NotAFile, Step::Find));
        };
        Ok(Self { folder: folder.into(), name: name.into() })
    }

    /// The file that `path` is to become.
    fn to_be(path: &Path) -> Result<Self, FileError> {
        let Some(name) = path.file_name() else {
            return Err(FileError::new(FileErrorKind::NotAFile, Step::Find));
        };
        let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        Ok(Self { folder: step(Step::Find, || fs::canonicalize(parent))?, name: name.into() })
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// A hidden file beside the target.
    fn beside(&self, suffix: &str) -> OsString {
        [OsStr::new("."), &self.name, OsStr::new(suffix)].into_iter().collect()
    }

    /// Keeps other writers out until the file returned is dropped, or its process ends.
    fn lock(&self, like: Option<&Metadata>) -> Result<File, FileError> {
        let path = self.folder.join(self.beside(".lock"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = step(Step::Lock, || options.open(&path)).map_err(FileError::while_writing)?;
        if let Some(like) = like {
            // So that the ring's owner can take the lock that root took first. If not, the lock holds all the same.
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

    /// Puts a file with this ring in the target's place, which is empty if `like` is none, under the lock.
    fn replace(&self, ring: &Ring, like: Option<&Metadata>) -> Result<(), FileError> {
        let temporary = self.write_beside(ring, like).map_err(FileError::while_writing)?;
        let renamed = match like {
            Some(_) => step(Step::Rename, || temporary.persist(self.path()).map_err(|e| e.error)),
            None => step(Step::Rename, || temporary.persist_noclobber(self.path()).map_err(|e| e.error)),
        };
        // A rename over a network may be done and still report an error, so the file is asked.
        let is_new = || read(&self.path()).is_ok_and(|(there, _)| there == *ring);
        renamed.map_err(|e| match e.io_kind() {
            Some(io::ErrorKind::AlreadyExists) if like.is_none() => {
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

    /// A complete file with this ring beside the target, safely on the disk. Removed again when dropped.
    ///
    /// It has one name for all writers, so what a killed one left behind, secrets included, goes with the next write.
    fn write_beside(&self, ring: &Ring, like: Option<&Metadata>) -> Result<NamedTempFile, FileError> {
        let name = self.beside(".new");
        step(Step::Prepare, || match fs::remove_file(self.folder.join(&name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        })?;
        let mut builder = tempfile::Builder::new();
        // The mode of a new file is 0600 unless said otherwise.
        let temporary = step(Step::Prepare, || builder.prefix(&name).rand_bytes(0).tempfile_in(&self.folder))?;
        let mut file = temporary.as_file();
        if let Some(like) = like {
            step(Step::Owner, || keep_owner(file, like).and_then(|()| keep_mode(file, like)))?;
        }
        step(Step::Write, || file.write_all(ring.to_json().as_bytes()))?;
        step(Step::Sync, || file.sync_all())?;
        Ok(temporary)
    }
}

/// Runs one step on the file system; its error says which one it was.
fn step<T>(step: Step, run: impl FnOnce() -> io::Result<T>) -> Result<T, FileError> {
    #[cfg(all(test, unix))]
    let run = || tests::faulty(step, run);
    run().map_err(|e| FileError::io(&e, step))
}

#[cfg(unix)]
fn is_world_writable(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o002 != 0
}

#[cfg(not(unix))]
fn is_world_writable(_: &Metadata) -> bool {
    false
}

/// Gives a file that holds nothing yet to the owner of another. Asks for nothing if it is theirs.
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

#[cfg(unix)]
fn keep_mode(file: &File, like: &Metadata) -> io::Result<()> {
    file.set_permissions(like.permissions())
}

/// Elsewhere, permissions are those of the folder, and a read-only flag would be in the way of the write.
#[cfg(not(unix))]
fn keep_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// A rename is on the disk when its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere, a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

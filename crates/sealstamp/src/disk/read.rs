//! Reads a ring file whole, or not at all.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::disk::error::{FileError, FileErrorKind, Step};
use crate::disk::step::step;
use crate::ring::Ring;

/// Reads and validates the file. Its owner and mode are those of the same open file.
pub(super) fn read(path: &Path) -> Result<(Ring, Metadata), FileError> {
    // To open something that is not a file, a pipe for example, could take for ever.
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

/// Reads a file of `len` bytes into memory that is wiped. That memory never grows, because growing leaves copies behind
/// that nobody wipes. It has room for one byte more than `len`, or than a ring may have, so that a longer file is
/// noticed.
pub(super) fn read_at_most(file: &mut impl Read, len: u64) -> io::Result<Zeroizing<Vec<u8>>> {
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

#[cfg(unix)]
fn is_world_writable(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o002 != 0
}

#[cfg(not(unix))]
fn is_world_writable(_: &Metadata) -> bool {
    false
}

//! Ring files on disk: read whole, replaced whole, and loaded again while a server runs.
//!
//! A write takes these steps: lock, load and validate, make a temporary file beside the target, set its owner and mode,
//! write, fsync, rename, fsync the folder, read back. Invariant: the name of the ring file always stands for the whole
//! old file or the whole new one. This holds after a crash, a kill and on a full disk (a full disk emptied Keystone's
//! keys). And at no moment can more people read the secrets than could read them in the old file.

pub(crate) mod error;
pub(crate) mod exposure;
#[cfg(feature = "reload")]
pub(crate) mod reload;
pub(crate) mod ring_file;

mod read;
mod step;
mod target;
#[cfg(all(test, unix))]
mod tests;

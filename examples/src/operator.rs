//! The operator's side, with the same transition code that the `sealstamp` tool runs.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sealstamp::{Force, Fresh, Kid, Ring, Settings, Suite, UnixMillis};

/// Holds a ring and publishes each new one in the same file.
#[derive(Debug)]
pub struct Operator {
    path: PathBuf,
    ring: Ring,
}

impl Operator {
    /// Makes a ring and writes it.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness, or the file cannot be written.
    pub fn init(path: &Path, settings: Settings) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let ring = Ring::init(settings, Suite::Aes256Gcm, now(), Fresh::from_os()?);
        let operator = Self { path: path.to_owned(), ring };
        operator.publish()?;
        Ok(operator)
    }

    /// The ring as it was last published.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The key that mints now.
    pub fn active(&self) -> Kid {
        self.ring.active(now()).kid()
    }

    /// Gives the staged key its date: the whole fleet turns to it then.
    ///
    /// # Errors
    ///
    /// When a rotation is pending already, or the file cannot be written.
    pub fn rotate(&mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.ring = self.ring.rotate(None, now(), Fresh::from_os()?, Force::No)?.ring;
        self.publish()
    }

    /// Revokes a key: its secret leaves the file.
    ///
    /// # Errors
    ///
    /// When there is no such key, or the file cannot be written.
    pub fn revoke(&mut self, kid: Kid) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.ring = self.ring.revoke(kid, now(), Fresh::from_os()?, Force::No)?.ring;
        self.publish()
    }

    // A reader sees the old file or the new one, never half of one. The tool does more: it locks, syncs, and reads back.
    fn publish(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let temporary = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&temporary)?.write_all(self.ring.to_json().as_bytes())?;
        Ok(fs::rename(&temporary, &self.path)?)
    }
}

/// The wall clock.
pub fn now() -> UnixMillis {
    UnixMillis::from_system_time(SystemTime::now())
}

//! What an operator does to a ring, by the same code that the commands of the `sealstamp` tool run.

use std::error::Error;
use std::path::Path;

use sealstamp::{Force, Fresh, Kid, Ring, RingFile, Settings, Suite, Transition, TransitionError};

use crate::clock::now;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Changes a ring file.
#[derive(Debug)]
pub struct Operator {
    file: RingFile,
}

impl Operator {
    /// Makes a ring in a new file.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness, or the file cannot be written.
    pub fn init(path: &Path, settings: Settings) -> Result<Self> {
        let file = RingFile::new(path);
        file.create(&Ring::init(settings, Suite::Aes256Gcm, now(), Fresh::from_os()?))?;
        Ok(Self { file })
    }

    /// The ring as it stands in the file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn ring(&self) -> Result<Ring> {
        Ok(self.file.load()?)
    }

    /// The key that mints now.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn active(&self) -> Result<Kid> {
        Ok(self.ring()?.active(now()).kid())
    }

    /// Gives the staged key its date: the whole fleet turns to it then.
    ///
    /// # Errors
    ///
    /// When a rotation is pending already, or the file cannot be written.
    pub fn rotate(&self) -> Result<()> {
        self.change(|ring, fresh| ring.rotate(None, now(), fresh, Force::No))
    }

    /// Revokes a key: its secret leaves the file.
    ///
    /// # Errors
    ///
    /// When there is no such key, or the file cannot be written.
    pub fn revoke(&self, kid: Kid) -> Result<()> {
        self.change(|ring, fresh| ring.revoke(kid, now(), fresh, Force::No))
    }

    fn change(
        &self,
        change: impl FnOnce(&Ring, Fresh) -> std::result::Result<Transition, TransitionError>,
    ) -> Result<()> {
        let fresh = Fresh::from_os()?;
        self.file.update(|ring| change(ring, fresh))?;
        Ok(())
    }
}

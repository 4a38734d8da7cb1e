//! Which rings a ring comes from.
//!
//! A ring names its ancestors: serial and digest of the ring that it was made from, of the ring before that, and so on,
//! at most 64 of them. A ring that names the one in use is a successor. A ring that does not is another line, whatever
//! its serial: a backup that was rotated, or the work of a second writer. An operator who must join two lines names
//! both: see [`Ring::recover`].
//!
//! This finds mistakes, and stops nobody who may write the file. Such a person has the secrets anyway.

use crate::ring::Ring;
use crate::ring::lineage::{self, Lineage, RingId};

impl Ring {
    /// The most ancestors that a ring names.
    pub const MAX_ANCESTORS: usize = lineage::MAX_ANCESTORS;

    /// The ring's name: what its successors call it.
    #[must_use]
    pub fn id(&self) -> RingId {
        RingId { serial: self.serial, digest: self.digest() }
    }

    /// The rings that this one comes from, greatest serial first, at most 64. None for a ring that was read from a file of
    /// the format `sealstamp-ring/1`, which could not say. The next transition gives it a lineage.
    #[must_use]
    pub fn ancestors(&self) -> Option<&[RingId]> {
        self.lineage.as_ref().map(Lineage::ids)
    }

    /// Whether this ring names `other` as one that it comes from.
    ///
    /// False does not always mean another line: the name of an ancestor is gone from the list after 64 more transitions.
    /// [`Ring::reaches`] tells the two apart.
    ///
    /// ```
    /// use sealstamp::{Force, Fresh, Ring, Settings, Suite, UnixMillis};
    ///
    /// let now = UnixMillis::new(1_795_374_000_000);
    /// let first = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?);
    /// let second = first.rotate(None, now, Fresh::from_os()?, Force::No)?.ring;
    /// // A second writer made another one of the same file.
    /// let twin = first.rotate(None, now, Fresh::from_os()?, Force::No)?.ring;
    /// let third = twin.revoke_all(now, Fresh::from_os()?)?.ring;
    ///
    /// assert!(second.is_successor_of(first.id()) && third.is_successor_of(first.id()));
    /// assert!(!third.is_successor_of(second.id()) && third.reaches(second.serial()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_successor_of(&self, other: RingId) -> bool {
        self.ancestors().unwrap_or_default().contains(&other)
    }

    /// Whether the list of ancestors goes back to `serial`. Then a ring with that serial, and not in the list, is of
    /// another line.
    #[must_use]
    pub fn reaches(&self, serial: u64) -> bool {
        self.ancestors().unwrap_or_default().last().is_some_and(|oldest| oldest.serial <= serial)
    }
}

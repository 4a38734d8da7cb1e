//! Which rings a ring comes from.
//!
//! A ring names its ancestors: serial and digest of the ring that it was made from, of the ring before that, and so on, at
//! most 64 of them. A digest covers the ancestors too, so it stands for one whole history. A ring that names the one in use
//! is a successor. A ring that does not is another line, whatever its serial: a backup that was rotated, or the work of a
//! second writer. An operator who must join two lines names both: see [`Ring::recover`].
//!
//! This finds mistakes, and stops nobody who may write the file. Such a person has the secrets anyway.

use std::fmt;
use std::str::FromStr;

use crate::encoding;
use crate::ring::{MAX_SERIAL, Ring};

/// The name of one version of a ring: its serial and its digest. As text, `7:` and 64 lower-case hexadecimal digits.
///
/// ```
/// use sealstamp::RingId;
///
/// let id: RingId = "7:00000000000000000000000000000000000000000000000000000000000000ff".parse()?;
/// assert_eq!((id.serial, id.digest[31]), (7, 0xff));
/// # Ok::<(), sealstamp::RingIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RingId {
    /// Its [`Ring::serial`].
    pub serial: u64,
    /// Its [`Ring::digest`], 32 bytes.
    pub digest: [u8; 32],
}

impl RingId {
    /// Serial and the first 4 bytes of the digest: enough for a message.
    pub(crate) fn brief(&self) -> impl fmt::Display {
        let [a, b, c, d, ..] = self.digest;
        format!("serial {}, digest {:08x}...", self.serial, u32::from_be_bytes([a, b, c, d]))
    }
}

impl fmt::Display for RingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.serial, encoding::hex_32(&self.digest))
    }
}

impl fmt::Debug for RingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RingId({self})")
    }
}

impl FromStr for RingId {
    type Err = RingIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (serial, digest) = text.split_once(':').ok_or(RingIdError(()))?;
        let number = serial.parse::<u64>().map_err(|_| RingIdError(()))?;
        // One spelling: no sign and no zero in front.
        if number.to_string() != serial || !(1..=MAX_SERIAL).contains(&number) {
            return Err(RingIdError(()));
        }
        Ok(Self { serial: number, digest: encoding::unhex_32(digest).ok_or(RingIdError(()))? })
    }
}

/// A text was not a serial, a colon and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingIdError(());

impl fmt::Display for RingIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ring's name is its serial, a colon and the 64 lower-case hexadecimal digits of its digest")
    }
}

impl std::error::Error for RingIdError {}

/// The rings that a ring comes from, greatest serial first.
///
/// Invariant: at most [`Ring::MAX_ANCESTORS`], no digest twice, and no serial greater than the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lineage(Vec<RingId>);

impl Lineage {
    /// The lineage of a ring with this serial, if a file may say so.
    pub(crate) fn read(ids: Vec<RingId>, serial: u64) -> Option<Self> {
        let lineage = Self(ids);
        let ids = &lineage.0;
        let below = ids.first().is_none_or(|newest| newest.serial < serial);
        let in_order = ids.is_sorted_by(|a, b| a.serial >= b.serial);
        let distinct = ids.iter().enumerate().all(|(n, id)| ids.iter().take(n).all(|other| other.digest != id.digest));
        (ids.len() <= Ring::MAX_ANCESTORS && below && in_order && distinct).then_some(lineage)
    }

    pub(crate) fn ids(&self) -> &[RingId] {
        &self.0
    }

    /// This lineage with these rings in it. If there are too many, those with the least serials go, but none of `ids`.
    pub(crate) fn naming(&self, ids: &[RingId]) -> Self {
        let mut all: Vec<RingId> = Vec::with_capacity(ids.len().saturating_add(self.0.len()));
        for id in ids.iter().chain(&self.0) {
            if all.iter().all(|other| other.digest != id.digest) {
                all.push(*id);
            }
        }
        all.truncate(Ring::MAX_ANCESTORS);
        all.sort_by(|a, b| b.serial.cmp(&a.serial));
        Self(all)
    }
}

impl Ring {
    /// The most ancestors that a ring names.
    pub const MAX_ANCESTORS: usize = 64;

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

    /// Whether the list of ancestors goes back to `serial`. Then a ring with that serial, and not in the list, is of another
    /// line.
    #[must_use]
    pub fn reaches(&self, serial: u64) -> bool {
        self.ancestors().unwrap_or_default().last().is_some_and(|oldest| oldest.serial <= serial)
    }
}

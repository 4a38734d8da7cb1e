//! The names of rings, and the list of those that a ring comes from.
//!
//! A digest covers the ancestors too, so a name stands for one whole history.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use crate::encoding;

/// The greatest serial: the greatest number that every reader of JSON keeps exactly (RFC 8259 section 6).
pub(crate) const MAX_SERIAL: u64 = (1 << 53) - 1;
/// The most ancestors that a ring names.
pub(crate) const MAX_ANCESTORS: usize = 64;

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
    /// Its [`serial`](crate::Ring::serial).
    pub serial: u64,
    /// Its [`digest`](crate::Ring::digest), 32 bytes.
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
/// Invariant: at most [`MAX_ANCESTORS`], no digest twice, and no serial greater than the one before it.
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
        (ids.len() <= MAX_ANCESTORS && below && in_order && distinct).then_some(lineage)
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
        all.truncate(MAX_ANCESTORS);
        all.sort_by_key(|id| Reverse(id.serial));
        Self(all)
    }
}

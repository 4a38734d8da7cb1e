//! Epoch keys: what a ring's secrets become for one audience and one stretch of 4,096 s.
//!
//! Invariant: keys are derived when the clock enters an epoch or a ring is swapped in, for the epoch before, the current
//! one and the next. Nothing that stands in a nonce makes a process derive anything.

use std::fmt;
use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::block_api::HmacCore;
use hmac::digest::block_api::{Buffer, FixedOutputCore as _, UpdateCore as _};
use sha2::Sha256;

use crate::binding::Audience;
use crate::nonce::{Aad, Refusal, Unique};
use crate::ring::{Kid, Ring, Suite};
use crate::secret::Prk;
use crate::window::UnixMillis;

const INFO: &[u8] = b"sealstamp v1 epoch";

/// Bytes of seed, counter and time.
const IV_INPUT_FIXED: usize = 32 + 8 + 8;

/// One AEAD key and one IV key, ready to use. Both are wiped on drop by the libraries that hold them.
pub(crate) struct EpochKey {
    aead: Aead,
    iv_mac: HmacCore<Sha256>,
}

#[expect(clippy::large_enum_variant, reason = "a box would cost each mint and open a step to elsewhere")]
enum Aead {
    Aes(Aes256Gcm),
    ChaCha(ChaCha20Poly1305),
}

impl EpochKey {
    /// `HKDF-Expand(prk, INFO || version || epoch || length of audience || audience, 64)`: AEAD key, then IV key.
    fn derive(prk: &Prk, suite: Suite, epoch: u32, audience: &Audience) -> Self {
        let name = audience.as_str().as_bytes();
        let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        let info = [INFO, &[suite.version()], &epoch.to_be_bytes(), &len.to_be_bytes(), name].concat();
        let material = prk.expand::<64>(&info);
        let (aead_key, iv_key) = material.split_at(32);
        #[expect(clippy::expect_used, reason = "both AEADs take keys of 32 bytes and HMAC takes any length")]
        {
            let aead = match suite {
                Suite::Aes256Gcm => Aead::Aes(Aes256Gcm::new_from_slice(aead_key).expect("32 bytes")),
                Suite::ChaCha20Poly1305 => Aead::ChaCha(ChaCha20Poly1305::new_from_slice(aead_key).expect("32 bytes")),
            };
            Self { aead, iv_mac: HmacCore::new_from_slice(iv_key).expect("any length") }
        }
    }

    pub(crate) const fn version(&self) -> u8 {
        self.suite().version()
    }

    const fn suite(&self) -> Suite {
        match self.aead {
            Aead::Aes(_) => Suite::Aes256Gcm,
            Aead::ChaCha(_) => Suite::ChaCha20Poly1305,
        }
    }

    /// `first 12 bytes of HMAC-SHA256(iv_key, seed || counter || now || AAD)`.
    ///
    /// Two mints share an IV only if all of these are equal, which is to say if the nonces are equal: a cloned process
    /// repeats nothing that an attacker could use (the idea of synthetic IVs, Rogaway and Shrimpton 2006, and of hedged
    /// randomness, RFC 8937).
    pub(crate) fn iv(&self, unique: &Unique, now: UnixMillis, aad: &Aad) -> [u8; 12] {
        let input = iv_input(unique, now, aad);
        let input = input.get(..IV_INPUT_FIXED.saturating_add(aad.as_bytes().len())).unwrap_or(&input);
        // One hash block is 64 bytes: the input for a bound nonce fills one, and what is left always fits in the next.
        let mut mac = self.iv_mac.clone();
        let rest = match input.split_first_chunk::<64>() {
            Some((block, rest)) => {
                mac.update_blocks(std::slice::from_ref(block.into()));
                rest
            }
            None => input,
        };
        let mut full = Default::default();
        mac.finalize_fixed_core(&mut Buffer::<HmacCore<Sha256>>::new(rest), &mut full);
        let full: [u8; 32] = full.into();
        *full.first_chunk().unwrap_or(&[0; 12])
    }

    /// Encrypts `time` in place and returns the tag.
    pub(crate) fn seal(&self, iv: &[u8; 12], aad: &Aad, time: &mut [u8; 8]) -> [u8; 16] {
        let (iv, aad) = (iv.into(), aad.as_bytes());
        let tag = match &self.aead {
            Aead::Aes(aead) => aead.encrypt_inout_detached(iv, aad, time.as_mut_slice().into()),
            Aead::ChaCha(aead) => aead.encrypt_inout_detached(iv, aad, time.as_mut_slice().into()),
        };
        #[expect(clippy::expect_used, reason = "the AEADs refuse nothing below 2^36 bytes")]
        tag.expect("8 bytes can be sealed").into()
    }

    /// Decrypts `time` in place if the tag is right.
    pub(crate) fn open(&self, iv: &[u8; 12], aad: &Aad, time: &mut [u8; 8], tag: &[u8; 16]) -> bool {
        let (iv, aad, tag) = (iv.into(), aad.as_bytes(), tag.into());
        match &self.aead {
            Aead::Aes(aead) => aead.decrypt_inout_detached(iv, aad, time.as_mut_slice().into(), tag),
            Aead::ChaCha(aead) => aead.decrypt_inout_detached(iv, aad, time.as_mut_slice().into(), tag),
        }
        .is_ok()
    }
}

/// Seed, counter, time and additional data, the last with zeros up to its greatest length.
fn iv_input(unique: &Unique, now: UnixMillis, aad: &Aad) -> [u8; IV_INPUT_FIXED + Aad::MAX_LEN] {
    let mut input = [0; IV_INPUT_FIXED + Aad::MAX_LEN];
    let (seed, rest) = input.split_at_mut(32);
    let (counter, rest) = rest.split_at_mut(8);
    let (time, additional) = rest.split_at_mut(8);
    seed.copy_from_slice(&unique.seed);
    counter.copy_from_slice(&unique.counter.to_be_bytes());
    time.copy_from_slice(&now.get().to_be_bytes());
    additional.copy_from_slice(aad.padded());
    input
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(..)")
    }
}

/// A ring made ready for one audience around one epoch. Immutable: a new epoch or ring makes a new one.
pub(crate) struct EpochKeys {
    pub(crate) ring: Arc<Ring>,
    /// The epoch that the clock was in, none until a clock has been seen.
    around: Option<u32>,
    /// The first of the three epochs held.
    first: u32,
    /// One per key of the ring, in its order.
    entries: Box<[Entry]>,
    index: KidIndex,
}

struct Entry {
    kid: Kid,
    suite: Suite,
    /// None for a tombstone.
    keys: Option<Box<[EpochKey; 3]>>,
    window_end: Option<UnixMillis>,
}

/// A key found for a nonce, and until when it may have minted.
#[derive(Debug)]
pub(crate) struct Found<'k> {
    pub(crate) key: &'k EpochKey,
    pub(crate) window_end: Option<UnixMillis>,
}

impl EpochKeys {
    /// Derives all keys of the ring for the three epochs around `around`, or none yet.
    pub(crate) fn derive(ring: Arc<Ring>, audience: &Audience, around: Option<u32>) -> Self {
        let first = around.unwrap_or_default().saturating_sub(1).min(u32::MAX - 2);
        let entries = ring.keys().iter().enumerate().map(|(index, key)| Entry {
            kid: key.kid(),
            suite: key.suite(),
            keys: key.material.as_ref().filter(|_| around.is_some()).map(|material| {
                let derive =
                    |nth: u32| EpochKey::derive(&material.prk, key.suite(), first.saturating_add(nth), audience);
                Box::new([derive(0), derive(1), derive(2)])
            }),
            window_end: ring.window_end(index),
        });
        let entries: Box<[Entry]> = entries.collect();
        let index = KidIndex::new(entries.iter().map(|e| e.kid));
        Self { ring, around, first, entries, index }
    }

    /// Whether these are the keys for a clock in `epoch`.
    pub(crate) fn is_around(&self, epoch: u32) -> bool {
        self.around == Some(epoch)
    }

    pub(crate) const fn around(&self) -> Option<u32> {
        self.around
    }

    /// The key that mints at `now`, for the epoch that these keys are around.
    pub(crate) fn minting(&self, now: UnixMillis) -> Option<(Kid, u32, &EpochKey)> {
        let entry = self.entries.get(self.ring.active_index(now))?;
        let epoch = self.around?;
        Some((entry.kid, epoch, self.slot(entry, epoch)?))
    }

    /// The one key that a nonce with this header may have been sealed with.
    pub(crate) fn find(&self, version: u8, kid: Kid, epoch: u32) -> Result<Found<'_>, Refusal> {
        if version != Suite::Aes256Gcm.version() && version != Suite::ChaCha20Poly1305.version() {
            return Err(Refusal::UnknownVersion);
        }
        let entry = self.index.find(kid).and_then(|i| self.entries.get(i)).filter(|e| e.kid == kid);
        let entry = entry.ok_or(Refusal::UnknownKey)?;
        if entry.keys.is_none() {
            return Err(Refusal::RevokedKey);
        }
        if entry.suite.version() != version {
            return Err(Refusal::NotAuthentic);
        }
        if self.around.is_none_or(|around| around.abs_diff(epoch) > 1) {
            return Err(Refusal::OutsideWindow);
        }
        let key = self.slot(entry, epoch).ok_or(Refusal::OutsideWindow)?;
        Ok(Found { key, window_end: entry.window_end })
    }

    fn slot<'k>(&self, entry: &'k Entry, epoch: u32) -> Option<&'k EpochKey> {
        let nth = usize::try_from(epoch.checked_sub(self.first)?).ok()?;
        entry.keys.as_ref()?.get(nth)
    }
}

impl fmt::Debug for EpochKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpochKeys").field("ring", &self.ring).field("around", &self.around).finish_non_exhaustive()
    }
}

/// From kid to position, in the same time for one key as for a thousand.
///
/// A kid is the start of a hash already, so its low bits choose the place and nothing is hashed again. The table is at
/// most half full: a search ends at the first empty place.
struct KidIndex {
    places: Box<[Option<(Kid, u16)>]>,
}

impl KidIndex {
    fn new(kids: impl ExactSizeIterator<Item = Kid>) -> Self {
        let size = kids.len().saturating_mul(2).next_power_of_two().max(4);
        let mut index = Self { places: vec![None; size].into() };
        for (kid, position) in kids.zip(0_u16..) {
            let free = index.path(kid).find(|place| index.places.get(*place).is_some_and(Option::is_none));
            if let Some(place) = free.and_then(|place| index.places.get_mut(place)) {
                *place = Some((kid, position));
            }
        }
        index
    }

    fn find(&self, kid: Kid) -> Option<usize> {
        let places = self.path(kid).map_while(|place| *self.places.get(place)?);
        places.into_iter().find(|(there, _)| *there == kid).map(|(_, position)| usize::from(position))
    }

    /// The places where this kid may be, in the order of the search. Each once, so that no search is endless.
    fn path(&self, kid: Kid) -> impl Iterator<Item = usize> + use<> {
        let size = self.places.len();
        let mask = size.saturating_sub(1);
        let start = usize::try_from(u32::from_be_bytes(kid.0)).unwrap_or_default();
        (0..size).map(move |step| start.wrapping_add(step) & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_every_kid_and_no_other() {
        // All in one place of the table, in a row, and far apart.
        for stride in [0x0001_0000_u32, 1, 0x9E37_79B9] {
            for count in [1_u32, 2, 3, 1_000, 1_024] {
                let kid = |n: u32| Kid(n.wrapping_mul(stride).to_be_bytes());
                let kids: Vec<Kid> = (0..count).map(kid).collect();
                let index = KidIndex::new(kids.iter().copied());
                for (position, one) in kids.iter().enumerate() {
                    assert_eq!(index.find(*one), Some(position), "{stride:x} {count}");
                }
                assert_eq!(index.find(kid(count)), None, "{stride:x} {count}");
                assert_eq!(index.find(kid(u32::MAX)), None, "{stride:x} {count}");
            }
        }
    }
}

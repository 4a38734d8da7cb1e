//! Seals: one audience's keys for one epoch, and what they seal and open.
//!
//! Each seal covers a mint time of 8 bytes, and binds it to a header and a client key. Invariant: only
//! [`EpochKey::seal`] chooses an IV, and it computes each one anew.

use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::block_api::HmacCore;
use hmac::digest::Output;
use hmac::digest::block_api::{Buffer, FixedOutputCore as _, UpdateCore as _};
use hmac::digest::consts::U12;
use sha2::Sha256;

use crate::audience::Audience;
use crate::binding::Binding;
use crate::secret::Prk;
use crate::suite::Suite;
use crate::time::UnixMillis;

/// Bytes of a nonce before the IV: version, kid, epoch. The seal covers them.
pub(crate) const HEADER_LEN: usize = 9;

const INFO: &[u8] = b"sealstamp v1 epoch";

/// Bytes of seed, counter and time.
const IV_INPUT_FIXED: usize = 32 + 8 + 8;

/// A sealed mint time.
pub(crate) struct Sealed {
    pub(crate) iv: [u8; 12],
    pub(crate) time: [u8; 8],
    pub(crate) tag: [u8; 16],
}

/// One AEAD key and one IV key, ready to use. The libraries that hold them wipe both on drop.
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
    /// `HKDF-Expand(prk, INFO || version || epoch || length of audience || audience, 64)`: the AEAD key, then the IV
    /// key.
    pub(crate) fn derive(prk: &Prk, suite: Suite, epoch: u32, audience: &Audience) -> Self {
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

    /// Seals a mint time together with `aad`, under an IV that follows from these two and `unique`.
    pub(crate) fn seal(&self, now: UnixMillis, aad: &Aad, unique: &Unique) -> Sealed {
        let iv = self.iv(unique, now, aad);
        let mut time = now.get().to_be_bytes();
        let (nonce, aad) = ((&iv).into(), aad.as_bytes());
        let tag = match &self.aead {
            Aead::Aes(aead) => aead.encrypt_inout_detached(nonce, aad, time.as_mut_slice().into()),
            Aead::ChaCha(aead) => aead.encrypt_inout_detached(nonce, aad, time.as_mut_slice().into()),
        };
        #[expect(clippy::expect_used, reason = "the AEADs refuse nothing below 2^36 bytes")]
        let tag = tag.expect("8 bytes can be sealed").into();
        Sealed { iv, time, tag }
    }

    /// The mint time, if the tag is right.
    pub(crate) fn open(&self, sealed: &Sealed, aad: &Aad) -> Option<UnixMillis> {
        let mut time = sealed.time;
        let (iv, aad, tag) = ((&sealed.iv).into(), aad.as_bytes(), (&sealed.tag).into());
        match &self.aead {
            Aead::Aes(aead) => aead.decrypt_inout_detached(iv, aad, time.as_mut_slice().into(), tag),
            Aead::ChaCha(aead) => aead.decrypt_inout_detached(iv, aad, time.as_mut_slice().into(), tag),
        }
        .is_ok()
        .then(|| UnixMillis::new(u64::from_be_bytes(time)))
    }

    /// `first 12 bytes of HMAC-SHA256(iv_key, seed || counter || now || AAD)`.
    ///
    /// Two mints have the same IV only if all four are the same. Then the nonces are the same too, so a cloned process
    /// repeats nothing that an attacker could use. This is the idea of synthetic IVs (Rogaway and Shrimpton 2006) and
    /// of hedged randomness (RFC 8937).
    fn iv(&self, unique: &Unique, now: UnixMillis, aad: &Aad) -> [u8; 12] {
        let input = iv_input(unique, now, aad);
        let input = input.get(..IV_INPUT_FIXED.saturating_add(aad.as_bytes().len())).unwrap_or(&input);
        // A hash block is 64 bytes. The input for a bound nonce fills one, and the rest always fits into the next.
        let mut mac = self.iv_mac.clone();
        let rest = match input.split_first_chunk::<64>() {
            Some((block, rest)) => {
                mac.update_blocks(std::slice::from_ref(block.into()));
                rest
            }
            None => input,
        };
        let mut full = Output::<Sha256>::default();
        mac.finalize_fixed_core(&mut Buffer::<HmacCore<Sha256>>::new(rest), &mut full);
        // The lengths are part of the types, so there is no other case for which an IV would have to be made up.
        let (iv, _) = full.split::<U12>();
        iv.into()
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(..)")
    }
}

/// Seed, counter, time and additional data. Zeros follow the additional data up to its greatest length.
fn iv_input(unique: &Unique, now: UnixMillis, aad: &Aad) -> [u8; IV_INPUT_FIXED + Aad::MAX_LEN] {
    let mut input = [0; IV_INPUT_FIXED + Aad::MAX_LEN];
    let (seed, rest) = input.split_at_mut(32);
    let (counter, rest) = rest.split_at_mut(8);
    let (time, additional) = rest.split_at_mut(8);
    seed.copy_from_slice(&unique.seed);
    counter.copy_from_slice(&unique.counter.to_be_bytes());
    time.copy_from_slice(&now.get().to_be_bytes());
    additional.copy_from_slice(&aad.bytes);
    input
}

/// What tells a mint from all others: the seed that the process took from the OS when it started, and a counter.
pub(crate) struct Unique {
    pub(crate) seed: [u8; 32],
    pub(crate) counter: u64,
}

/// The additional data: the header, then `0x00`, or `0x01` and the thumbprint. 10 or 42 bytes.
pub(crate) struct Aad {
    /// Zeros follow the data up to the greatest length.
    bytes: [u8; Aad::MAX_LEN],
    len: usize,
}

impl Aad {
    const MAX_LEN: usize = HEADER_LEN + 1 + 32;

    pub(crate) fn new(header: &[u8; HEADER_LEN], binding: &Binding) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        let (start, rest) = bytes.split_at_mut(HEADER_LEN);
        start.copy_from_slice(header);
        let mut len = HEADER_LEN + 1;
        if let Binding::Thumbprint(thumbprint) = binding
            && let Some((flag, bound)) = rest.split_first_mut()
        {
            *flag = 1;
            bound.copy_from_slice(thumbprint.as_bytes());
            len = Self::MAX_LEN;
        }
        Self { bytes, len }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

//! The 45 bytes of a nonce, and its 60 characters.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 1 | version: `0x01` AES-256-GCM, `0x02` ChaCha20-Poly1305 |
//! | 1 | 4 | kid |
//! | 5 | 4 | epoch, big-endian |
//! | 9 | 12 | IV |
//! | 21 | 8 | ciphertext of the mint time in milliseconds, big-endian |
//! | 29 | 16 | tag |
//!
//! Invariant: nothing after version, kid and epoch is used before the tag has been checked, and only one key is tried.
//! 45 is a multiple of 3, so base64url has exactly one spelling for each nonce.

use std::fmt;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::binding::Binding;
use crate::kid::Kid;
use crate::seal::{Aad, EpochKey, HEADER_LEN, Sealed, Unique};
use crate::time::{EPOCH_MS, UnixMillis};

const RAW_LEN: usize = 45;

/// A sealed nonce: always 60 characters of base64url. It derefs to `str` and is [`Copy`].
///
/// It fits the syntax of RFC 9449 section 8 (`1*NQCHAR`). A client cannot read it and need not.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; Nonce::LEN]);

impl Nonce {
    /// The length in characters. All of them are ASCII.
    pub const LEN: usize = 60;

    /// The 60 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        #[expect(clippy::expect_used, reason = "only `Raw::encode` makes a Nonce, of base64url characters")]
        std::str::from_utf8(&self.0).expect("base64url is ASCII")
    }
}

impl Deref for Nonce {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Nonce {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", self.as_str())
    }
}

/// What the first 9 bytes of a nonce claim. This is for an operator who looks into an incident.
///
/// None of it is authenticated: whoever sent the nonce may have made it up. Only [`Fleet::open`](crate::Fleet::open)
/// tells whether it is true.
///
/// ```
/// use sealstamp::UnverifiedHeader;
///
/// let header = UnverifiedHeader::read(&format!("AQAAAAIAAAAB{}", "A".repeat(48))).unwrap();
/// assert_eq!((header.version(), header.kid().to_string().as_str(), header.epoch()), (1, "00000002", 1));
/// assert_eq!(header.epoch_starts_at().get(), sealstamp::EPOCH_MS);
/// assert!(UnverifiedHeader::read("a nonce is 60 characters").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnverifiedHeader {
    version: u8,
    kid: Kid,
    epoch: u32,
}

impl UnverifiedHeader {
    /// The claims of a nonce, or none if it is not exactly 60 characters of base64url.
    #[must_use]
    pub fn read(nonce: &str) -> Option<Self> {
        let mut raw = Raw::empty();
        raw.decode(nonce).then(|| Self { version: raw.version(), kid: raw.kid(), epoch: raw.epoch() })
    }

    /// The version byte. 1 is AES-256-GCM and 2 is ChaCha20-Poly1305. There are no others.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The name of the key.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// The number of the epoch. Epochs are [`EPOCH_MS`] long and are counted from 1970.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The first millisecond of the epoch.
    #[must_use]
    pub fn epoch_starts_at(&self) -> UnixMillis {
        UnixMillis::new(u64::from(self.epoch).saturating_mul(EPOCH_MS))
    }
}

/// A nonce of the right length and alphabet. Nothing in it is authenticated yet.
pub(crate) struct Raw([u8; RAW_LEN]);

impl Raw {
    pub(crate) const fn empty() -> Self {
        Self([0; RAW_LEN])
    }

    /// Decodes into `self`. False if the text is not exactly 60 characters of base64url.
    #[must_use]
    pub(crate) fn decode(&mut self, text: &str) -> bool {
        text.len() == Nonce::LEN && URL_SAFE_NO_PAD.decode_slice(text, &mut self.0) == Ok(RAW_LEN)
    }

    fn encode(&self) -> Nonce {
        let mut text = [0; Nonce::LEN];
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text);
        debug_assert_eq!(written, Ok(Nonce::LEN), "45 bytes are 60 characters");
        Nonce(text)
    }

    pub(crate) const fn version(&self) -> u8 {
        let [version, ..] = self.0;
        version
    }

    pub(crate) const fn kid(&self) -> Kid {
        let [_, a, b, c, d, ..] = self.0;
        Kid([a, b, c, d])
    }

    pub(crate) const fn epoch(&self) -> u32 {
        let [_, _, _, _, _, a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The mint time, if the seal holds under this key for this binding.
    pub(crate) fn open(&self, key: &EpochKey, binding: &Binding) -> Option<UnixMillis> {
        let (header, rest) = self.0.split_first_chunk::<HEADER_LEN>()?;
        let (iv, rest) = rest.split_first_chunk::<12>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (tag, _) = rest.split_first_chunk::<16>()?;
        key.open(&Sealed { iv: *iv, time: *time, tag: *tag }, &Aad::new(header, binding))
    }
}

/// Seals `now` under the key. `unique` tells this mint from all others of the process.
pub(crate) fn seal(key: &EpochKey, kid: Kid, epoch: u32, now: UnixMillis, binding: &Binding, unique: &Unique) -> Nonce {
    let [k0, k1, k2, k3] = kid.0;
    let [e0, e1, e2, e3] = epoch.to_be_bytes();
    let header = [key.version(), k0, k1, k2, k3, e0, e1, e2, e3];
    let sealed = key.seal(now, &Aad::new(&header, binding), unique);

    let mut raw = [0; RAW_LEN];
    let (to_header, rest) = raw.split_at_mut(HEADER_LEN);
    let (to_iv, rest) = rest.split_at_mut(sealed.iv.len());
    let (to_time, to_tag) = rest.split_at_mut(sealed.time.len());
    to_header.copy_from_slice(&header);
    to_iv.copy_from_slice(&sealed.iv);
    to_time.copy_from_slice(&sealed.time);
    to_tag.copy_from_slice(&sealed.tag);
    Raw(raw).encode()
}

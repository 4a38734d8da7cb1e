//! The 45 bytes of a nonce, sealed and opened.
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
//! Invariant: nothing past version, kid and epoch is interpreted before the tag has been checked, and exactly one key is
//! tried. 45 is a multiple of 3, so base64url spells each nonce in exactly one way.

use std::fmt;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::binding::Binding;
use crate::epoch::EpochKey;
use crate::ring::Kid;
use crate::window::{EPOCH_MS, UnixMillis};

/// Bytes before the IV: version, kid, epoch. They are authenticated.
pub(crate) const HEADER_LEN: usize = 9;
const RAW_LEN: usize = 45;

/// A sealed nonce: 60 characters of base64url, always. It derefs to `str` and is [`Copy`].
///
/// It fits the syntax of RFC 9449 section 8 (`1*NQCHAR`). To a client it is opaque.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; Nonce::LEN]);

impl Nonce {
    /// The length in characters, which are ASCII.
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

/// What the first 9 bytes of a nonce claim, for an operator who looks into an incident.
///
/// Nothing of it is authenticated: whoever sent the nonce may have written it. Only [`Fleet::open`](crate::Fleet::open)
/// tells.
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

    /// The version byte. 1 is AES-256-GCM, 2 is ChaCha20-Poly1305, there are no others.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The key.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// The number of the epoch, of [`EPOCH_MS`] each since 1970.
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

/// What an authentic, fresh nonce said. Only opening one makes this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub(crate) kid: Kid,
    pub(crate) minted_at: UnixMillis,
    pub(crate) age_ms: u64,
    pub(crate) renew: bool,
}

impl Opened {
    /// The key that sealed it.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// When it was minted, by the clock of the replica that did.
    #[must_use]
    pub const fn minted_at(&self) -> UnixMillis {
        self.minted_at
    }

    /// Milliseconds since then by the opener's clock; 0 if that is behind.
    #[must_use]
    pub const fn age_ms(&self) -> u64 {
        self.age_ms
    }

    /// Whether more than half its lifetime is over, so that the response should carry the next nonce (RFC 9449 section
    /// 8.2) and the client never sees this one expire.
    #[must_use]
    pub const fn renew(&self) -> bool {
        self.renew
    }
}

/// Why a nonce was refused: for metrics and logs. A client is told no more than to use a fresh nonce, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Not exactly 60 characters of base64url.
    Malformed,
    /// A version byte that is neither 1 nor 2.
    UnknownVersion,
    /// No key of the ring has the kid: a foreign nonce, a pruned key, or a ring that this replica has not loaded yet.
    UnknownKey,
    /// The key was revoked.
    RevokedKey,
    /// The epoch is not the current one nor a neighbour of it: older than an hour at least, or from a clock far ahead.
    OutsideWindow,
    /// The seal does not hold: forged, damaged, for another audience or another client key, or not as any correct minter
    /// would have made it.
    NotAuthentic,
    /// Authentic, but minted when the key's successor had taken over: by a replica that has not loaded the ring, or by
    /// somebody with a leaked key.
    KeyRetired,
    /// Authentic and too old.
    Expired {
        /// Milliseconds past the last moment at which it was good.
        by_ms: u64,
    },
    /// Authentic and minted in the future.
    InFuture {
        /// Milliseconds until the first moment at which it will be good.
        by_ms: u64,
    },
}

impl Refusal {
    /// The reason as a label for metrics: `not_authentic` for example.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKey => "unknown_key",
            Self::RevokedKey => "revoked_key",
            Self::OutsideWindow => "outside_window",
            Self::NotAuthentic => "not_authentic",
            Self::KeyRetired => "key_retired",
            Self::Expired { .. } => "expired",
            Self::InFuture { .. } => "in_future",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the nonce is not 60 characters of base64url"),
            Self::UnknownVersion => f.write_str("the nonce has an unknown version"),
            Self::UnknownKey => f.write_str("no key has the nonce's kid"),
            Self::RevokedKey => f.write_str("the nonce's key was revoked"),
            Self::OutsideWindow => f.write_str("the nonce is from another hour"),
            Self::NotAuthentic => f.write_str("the nonce is not authentic"),
            Self::KeyRetired => f.write_str("the nonce was minted after its key had retired"),
            Self::Expired { by_ms } => write!(f, "the nonce expired {by_ms} ms ago"),
            Self::InFuture { by_ms } => write!(f, "the nonce is {by_ms} ms too far in the future"),
        }
    }
}

impl std::error::Error for Refusal {}

/// A nonce of the right length and alphabet: nothing in it is authenticated yet.
pub(crate) struct Raw([u8; RAW_LEN]);

impl Raw {
    pub(crate) const fn empty() -> Self {
        Self([0; RAW_LEN])
    }

    /// Decodes into `self`, where the bytes stay: false if the text is not exactly 60 characters of the alphabet.
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
        let (sealed, rest) = rest.split_first_chunk::<8>()?;
        let (tag, _) = rest.split_first_chunk::<16>()?;
        let mut time = *sealed;
        key.open(iv, &Aad::new(header, binding), &mut time, tag).then(|| UnixMillis::new(u64::from_be_bytes(time)))
    }
}

/// Seals `now` under the key. `unique` is what tells this mint from all others of the process.
pub(crate) fn seal(key: &EpochKey, kid: Kid, epoch: u32, now: UnixMillis, binding: &Binding, unique: &Unique) -> Nonce {
    let [k0, k1, k2, k3] = kid.0;
    let [e0, e1, e2, e3] = epoch.to_be_bytes();
    let header = [key.version(), k0, k1, k2, k3, e0, e1, e2, e3];
    let aad = Aad::new(&header, binding);
    let iv = key.iv(unique, now, &aad);
    let mut time = now.get().to_be_bytes();
    let tag = key.seal(&iv, &aad, &mut time);

    let mut raw = [0; RAW_LEN];
    let (to_header, rest) = raw.split_at_mut(HEADER_LEN);
    let (to_iv, rest) = rest.split_at_mut(iv.len());
    let (to_time, to_tag) = rest.split_at_mut(time.len());
    to_header.copy_from_slice(&header);
    to_iv.copy_from_slice(&iv);
    to_time.copy_from_slice(&time);
    to_tag.copy_from_slice(&tag);
    Raw(raw).encode()
}

/// What makes an IV of this process its own: the seed it took from the OS when it started, and a counter.
pub(crate) struct Unique {
    pub(crate) seed: [u8; 32],
    pub(crate) counter: u64,
}

/// The additional data: the header, then `0x00`, or `0x01` and the thumbprint. 10 or 42 bytes.
pub(crate) struct Aad {
    bytes: [u8; Aad::MAX_LEN],
    len: usize,
}

impl Aad {
    pub(crate) const MAX_LEN: usize = HEADER_LEN + 1 + 32;

    fn new(header: &[u8; HEADER_LEN], binding: &Binding) -> Self {
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

    /// The bytes, and zeros up to the greatest length.
    pub(crate) const fn padded(&self) -> &[u8; Self::MAX_LEN] {
        &self.bytes
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

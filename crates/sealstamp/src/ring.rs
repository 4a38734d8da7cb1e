//! The key ring, and what state each key is in at a given time.
//!
//! `staged -> active -> retiring -> prunable`, and any of them `-> revoked`. A state is a pure function of (ring, now):
//! two processes with the same file and the same clock agree, however long either has been running, and the whole fleet
//! changes keys by the clock with no message sent.
//!
//! Invariant of every [`Ring`]: keys stand in the order of their creation, their dates strictly increase along the list,
//! no staged key stands before a dated one, kids are unique, and at least one key is dated and not revoked.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::secret::{Prk, Secret};
use crate::window::{UnixMillis, Window};

/// The most keys that a ring may hold.
pub(crate) const MAX_KEYS: usize = 1_024;
/// The greatest serial: what a JSON number carries exactly everywhere (RFC 8259 section 6).
pub(crate) const MAX_SERIAL: u64 = (1 << 53) - 1;

/// The name of a key on the wire: the first 4 bytes of its fingerprint, 8 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(pub(crate) [u8; 4]);

impl Kid {
    /// The 4 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:08x}", u32::from_be_bytes(self.0)))
    }
}

impl FromStr for Kid {
    type Err = KidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 8 || !text.bytes().all(lower_hex) {
            return Err(KidError(()));
        }
        u32::from_str_radix(text, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| KidError(()))
    }
}

/// A text was not 8 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KidError(());

impl fmt::Display for KidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kid is 8 lower-case hexadecimal digits")
    }
}

impl std::error::Error for KidError {}

/// The AEAD of a key. It fixes the version byte of the nonces that the key seals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-256-GCM (NIST SP 800-38D), version `0x01`. The faster one wherever the processor has AES instructions.
    #[default]
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439), version `0x02`. For processors without AES instructions.
    ChaCha20Poly1305,
}

impl Suite {
    /// The name in a ring file: `aes-256-gcm` or `chacha20-poly1305`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
        }
    }

    pub(crate) const fn version(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Suite {
    type Err = SuiteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Aes256Gcm, Self::ChaCha20Poly1305].into_iter().find(|s| s.as_str() == text).ok_or(SuiteError(()))
    }
}

/// A text named no suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteError(());

impl fmt::Display for SuiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a suite is aes-256-gcm or chacha20-poly1305")
    }
}

impl std::error::Error for SuiteError {}

/// What the whole fleet agrees on, in whole seconds. It stands in the ring file, not in each server's flags.
///
/// ```
/// use sealstamp::Settings;
///
/// assert_eq!(Settings::default(), Settings::new(120, 5, 600)?);
/// assert!(Settings::new(0, 5, 600).is_err());
/// # Ok::<(), sealstamp::SettingsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
}

impl Settings {
    /// `lifetime_s`: how long a nonce is good, 1 to 3,600. `max_skew_s`: how far two clocks of the fleet may be apart, 0
    /// to 60. `propagation_s`: the longest time until every replica has loaded a new ring file, 0 to 2,592,000 (30 days).
    ///
    /// # Errors
    /// [`SettingsError`] names the first one that is out of its range.
    pub const fn new(lifetime_s: u32, max_skew_s: u32, propagation_s: u32) -> Result<Self, SettingsError> {
        if lifetime_s < 1 || lifetime_s > 3_600 {
            return Err(SettingsError { member: "lifetime_s", range: "1 to 3,600" });
        }
        if max_skew_s > 60 {
            return Err(SettingsError { member: "max_skew_s", range: "0 to 60" });
        }
        if propagation_s > 2_592_000 {
            return Err(SettingsError { member: "propagation_s", range: "0 to 2,592,000" });
        }
        Ok(Self { lifetime_s, max_skew_s, propagation_s })
    }

    /// How long a nonce is good, in seconds.
    #[must_use]
    pub const fn lifetime_s(&self) -> u32 {
        self.lifetime_s
    }

    /// How far two clocks of the fleet may be apart, in seconds.
    #[must_use]
    pub const fn max_skew_s(&self) -> u32 {
        self.max_skew_s
    }

    /// The longest time until every replica has loaded a new file, in seconds.
    #[must_use]
    pub const fn propagation_s(&self) -> u32 {
        self.propagation_s
    }

    pub(crate) fn max_skew_ms(&self) -> u64 {
        u64::from(self.max_skew_s).saturating_mul(1_000)
    }

    pub(crate) fn propagation_ms(&self) -> u64 {
        u64::from(self.propagation_s).saturating_mul(1_000)
    }

    /// `lifetime + 2 max_skew`: after this, no clock of the fleet takes a nonce that any other minted.
    pub(crate) fn grace_ms(&self) -> u64 {
        self.window().lifetime_ms.saturating_add(self.max_skew_ms().saturating_mul(2))
    }

    pub(crate) fn window(&self) -> Window {
        Window { lifetime_ms: u64::from(self.lifetime_s).saturating_mul(1_000), max_skew_ms: self.max_skew_ms() }
    }
}

impl Default for Settings {
    /// Lifetime 120 s, skew 5 s, propagation 10 minutes.
    fn default() -> Self {
        Self { lifetime_s: 120, max_skew_s: 5, propagation_s: 600 }
    }
}

/// A setting was out of its range; the message says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsError {
    member: &'static str,
    range: &'static str,
}

impl SettingsError {
    /// The name of the setting, as in the ring file: `lifetime_s` for example.
    #[must_use]
    pub const fn member(&self) -> &'static str {
        self.member
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.member, self.range)
    }
}

impl std::error::Error for SettingsError {}

/// What a key that is not revoked holds. Shared by all copies of a ring, so a secret is in memory once.
pub(crate) struct Material {
    pub(crate) secret: Secret,
    pub(crate) prk: Prk,
}

/// One key of a ring. A revoked one is a tombstone: its name and dates stay, its secret is gone.
#[derive(Clone)]
pub struct Key {
    pub(crate) fingerprint: [u8; 32],
    pub(crate) suite: Suite,
    pub(crate) created_at: UnixMillis,
    pub(crate) activates_at: Option<UnixMillis>,
    pub(crate) revoked_at: Option<UnixMillis>,
    pub(crate) material: Option<Arc<Material>>,
}

impl Key {
    /// A staged key with a fresh secret.
    pub(crate) fn staged(secret: Secret, suite: Suite, created_at: UnixMillis) -> Self {
        let prk = secret.extract();
        Self {
            fingerprint: prk.fingerprint(),
            suite,
            created_at,
            activates_at: None,
            revoked_at: None,
            material: Some(Arc::new(Material { secret, prk })),
        }
    }

    /// The name of the key on the wire.
    #[must_use]
    pub fn kid(&self) -> Kid {
        let [a, b, c, d, ..] = self.fingerprint;
        Kid([a, b, c, d])
    }

    /// The AEAD that the key is used with.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// When the key was made.
    #[must_use]
    pub const fn created_at(&self) -> UnixMillis {
        self.created_at
    }

    /// When the key starts to mint, if it has a date.
    #[must_use]
    pub const fn activates_at(&self) -> Option<UnixMillis> {
        self.activates_at
    }

    /// When the key was revoked, if it was.
    #[must_use]
    pub const fn revoked_at(&self) -> Option<UnixMillis> {
        self.revoked_at
    }

    pub(crate) const fn is_live(&self) -> bool {
        self.revoked_at.is_none()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &format_args!("{}", self.kid()))
            .field("suite", &format_args!("{}", self.suite))
            .field("created_at", &self.created_at.get())
            .field("activates_at", &self.activates_at.map(UnixMillis::get))
            .field("revoked_at", &self.revoked_at.map(UnixMillis::get))
            .finish_non_exhaustive()
    }
}

/// Equal fingerprints are equal secrets, so no secret is compared.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let public = |k: &Self| (k.fingerprint, k.suite, k.created_at, k.activates_at, k.revoked_at);
        public(self) == public(other)
    }
}

impl Eq for Key {}

/// Where a key stands at a given time. All but a revoked key open nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Will mint later, from its date if it has one. It opens already, so that no replica can be surprised by it.
    Staged,
    /// The one key that mints.
    Active,
    /// Minted before; opens what it minted then.
    Retiring,
    /// Nothing that it minted can be fresh any more: `prune` removes it.
    Prunable,
    /// A tombstone: neither mints nor opens.
    Revoked,
}

impl KeyState {
    /// The state in lower case, as the operator's tool prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Prunable => "prunable",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A fleet's keys and settings: what a ring file says.
///
/// Read one with [`Ring::parse`], make the next one with a transition ([`Ring::rotate`] and its like), give it to a
/// [`Fleet`](crate::Fleet). Copies share their secrets; the last one to go wipes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    pub(crate) serial: u64,
    pub(crate) settings: Settings,
    pub(crate) keys: Vec<Key>,
}

impl Ring {
    /// The number of this version of the ring; every transition adds one. 1 to 2^53 - 1.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// The fleet's settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The keys, in the order of their creation.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys with what each is and does at `now`, in the same order. Everything that shows or judges a ring reads this.
    pub fn status(&self, now: UnixMillis) -> impl Iterator<Item = KeyStatus<'_>> {
        let active = self.active_index(now);
        self.keys.iter().enumerate().map(move |(index, key)| {
            let prunable_at = self.prunable_at(index);
            let before_active = index < active;
            let state = if !key.is_live() {
                KeyState::Revoked
            } else if index == active {
                KeyState::Active
            } else if !before_active {
                KeyState::Staged
            } else if prunable_at.is_some_and(|at| at <= now) {
                KeyState::Prunable
            } else {
                KeyState::Retiring
            };
            // A key that may still mint is kept, whatever its dates say to a clock that has been set back.
            let prunable_at = prunable_at.filter(|_| before_active || !key.is_live());
            KeyStatus { key, state, mints_until: self.window_end(index), prunable_at }
        })
    }

    /// The key that mints at `now`: of those not revoked, the one with the latest date that has come.
    ///
    /// There always is one. To a clock so slow that no date has come yet it is the earliest dated key.
    #[must_use]
    pub fn active(&self, now: UnixMillis) -> &Key {
        #[expect(clippy::indexing_slicing, reason = "a ring has a key, and active_index is the index of one")]
        &self.keys[self.active_index(now)]
    }

    /// The key that mints next, if it has a date. Another can be dated behind it only if a rotation was forced, or if the
    /// clock went back.
    #[must_use]
    pub fn pending(&self, now: UnixMillis) -> Option<&Key> {
        let active = self.active_index(now);
        self.keys.iter().skip(active).skip(1).find(|k| k.is_live() && k.activates_at.is_some())
    }

    /// The position in the list of the key that mints at `now`.
    pub(crate) fn active_index(&self, now: UnixMillis) -> usize {
        let dated = |k: &Key| k.activates_at.filter(|_| k.is_live());
        let come = self.keys.iter().rposition(|k| dated(k).is_some_and(|at| at <= now));
        // Every way to make a ring ends in `check`, which demands a dated live key, so the second search finds one.
        come.or_else(|| self.keys.iter().position(|k| dated(k).is_some())).unwrap_or_default()
    }

    /// The last mint time that the key at `index` authenticates: its successor's date and `max_skew`.
    ///
    /// The successor is the next dated key in the list, revoked or not. Without one there is no end.
    pub(crate) fn window_end(&self, index: usize) -> Option<UnixMillis> {
        Some(self.successor_date(index)?.saturating_add(self.settings.max_skew_ms()))
    }

    fn successor_date(&self, index: usize) -> Option<UnixMillis> {
        self.keys.iter().skip(index).skip(1).find_map(|k| k.activates_at)
    }

    /// When the key at `index` is of no more use: `successor's date + lifetime + 2 max_skew`, and for a tombstone not
    /// before the last nonce that a late replica minted with it has expired.
    fn prunable_at(&self, index: usize) -> Option<UnixMillis> {
        let key = self.keys.get(index)?;
        let grace = self.settings.grace_ms();
        let unused = key.activates_at.and(self.successor_date(index)).map(|at| at.saturating_add(grace));
        let Some(revoked_at) = key.revoked_at else { return unused };
        let forgotten = revoked_at.saturating_add(self.settings.propagation_ms()).saturating_add(grace);
        if key.activates_at.is_none() { Some(forgotten) } else { Some(unused?.max(forgotten)) }
    }

    /// The rules that hold for every ring, however it came to be. Names the key at fault by its position.
    pub(crate) fn check(&self) -> Result<(), (Unfit, usize)> {
        let mut latest: Option<UnixMillis> = None;
        let mut created = UnixMillis::default();
        let mut staged = false;
        let mut usable = false;
        for (index, key) in self.keys.iter().enumerate() {
            if self.keys.iter().take(index).any(|k| k.kid() == key.kid()) {
                return Err((Unfit::DuplicateKid, index));
            }
            if key.created_at < created {
                return Err((Unfit::DateOrder, index));
            }
            created = key.created_at;
            if let Some(at) = key.activates_at {
                if staged || latest.is_some_and(|before| at <= before) {
                    return Err((Unfit::DateOrder, index));
                }
                latest = Some(at);
                usable |= key.is_live();
            } else {
                staged |= key.is_live();
            }
        }
        if self.keys.len() > MAX_KEYS {
            return Err((Unfit::TooManyKeys, MAX_KEYS));
        }
        if usable { Ok(()) } else { Err((Unfit::NoActiveKey, 0)) }
    }
}

/// Why a list of keys is not a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    DuplicateKid,
    DateOrder,
    TooManyKeys,
    NoActiveKey,
}

/// A key and what it is at the time that [`Ring::status`] was asked for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeyStatus<'r> {
    /// The key.
    pub key: &'r Key,
    /// Its state.
    pub state: KeyState,
    /// The latest mint time that the key authenticates, if a successor has a date.
    pub mints_until: Option<UnixMillis>,
    /// When `prune` may remove the key, if that is known. Never for an active or staged key.
    pub prunable_at: Option<UnixMillis>,
}

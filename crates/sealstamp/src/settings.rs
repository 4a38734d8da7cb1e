//! What the whole fleet agrees on.

use std::fmt;

use crate::time::UnixMillis;
use crate::window::Window;

/// What the whole fleet agrees on, in whole seconds. It is part of the ring file and not of each server's options.
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
    /// - `lifetime_s`: how long a nonce is good, 1 to 3,600.
    /// - `max_skew_s`: how far two clocks of the fleet may be apart, 0 to 60.
    /// - `propagation_s`: the longest time until every replica has loaded a new ring file, 0 to 2,592,000 (30 days).
    ///
    /// # Errors
    /// [`SettingsError`] names the first of them that is out of its range.
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

    /// The longest time until every replica has loaded a new ring file, in seconds.
    #[must_use]
    pub const fn propagation_s(&self) -> u32 {
        self.propagation_s
    }

    /// Of each setting the greater.
    pub(crate) fn widest(self, other: Self) -> Self {
        Self {
            lifetime_s: self.lifetime_s.max(other.lifetime_s),
            max_skew_s: self.max_skew_s.max(other.max_skew_s),
            propagation_s: self.propagation_s.max(other.propagation_s),
        }
    }

    pub(crate) fn max_skew_ms(&self) -> u64 {
        u64::from(self.max_skew_s).saturating_mul(1_000)
    }

    pub(crate) fn propagation_ms(&self) -> u64 {
        u64::from(self.propagation_s).saturating_mul(1_000)
    }

    /// `lifetime + 2 max_skew`: a nonce that is older than this is too old to every clock of the fleet.
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

/// Settings that are to take the place of others: see [`Ring::change_settings`](crate::Ring::change_settings).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NextSettings {
    /// When they come into force: nonces minted from then on live as long as these say.
    pub from: UnixMillis,
    /// The settings.
    pub settings: Settings,
}

/// A setting was out of its range. The message says which one, and the range.
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

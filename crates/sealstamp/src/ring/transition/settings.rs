//! Other settings, from a date on.

use crate::ring::Ring;
use crate::ring::transition::error::TransitionError;
use crate::ring::transition::{Cost, Force, Transition};
use crate::settings::{NextSettings, Settings};
use crate::time::UnixMillis;

impl Ring {
    /// Changes lifetime, skew and propagation from `at` on, or from the earliest date that nobody notices if `at` is none.
    /// That is `now + propagation + max_skew`, each the greater of old and new: by then every replica knows the date.
    ///
    /// - A nonce has the lifetime that was in force when it was minted.
    /// - A greater skew is tolerated as soon as a replica has loaded the ring, and clocks may be that far apart from `at`
    ///   on. A smaller skew or propagation must be true already when this is called.
    /// - Until the change is settled, at `at + lifetime + 2 max_skew`, rotations, revocations and prunings wait as long as
    ///   the greater settings say. The first transition after that leaves only the new ones in the ring.
    ///
    /// A change that no replica can have begun to follow may be replaced, or cancelled by asking for the settings in force.
    ///
    /// # Errors
    /// - [`TransitionError::SameSettings`].
    /// - [`TransitionError::TooEarly`] if some replica may not have loaded the ring by `at`.
    /// - [`TransitionError::SettingsPending`] while another change is under way.
    /// - [`TransitionError::OutOfRange`].
    ///
    /// With [`Force::YesAtACost`], only the first and the last of them.
    ///
    /// ```
    /// use sealstamp::{Force, Fresh, Ring, Settings, Suite, UnixMillis};
    ///
    /// let now = UnixMillis::new(1_795_374_000_000);
    /// let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?);
    /// let ring = ring.change_settings(Settings::new(300, 5, 600)?, None, now, Force::No)?.ring;
    /// let from = now.saturating_add(605_000);
    /// assert_eq!(ring.settings_at(from.saturating_sub(1)).lifetime_s(), 120);
    /// assert_eq!(ring.settings_at(from).lifetime_s(), 300);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn change_settings(
        &self,
        settings: Settings,
        at: Option<UnixMillis>,
        now: UnixMillis,
        force: Force,
    ) -> Result<Transition, TransitionError> {
        let mut next = self.successor(now)?;
        let before = next.next_settings.take();
        if before.map_or(next.settings, |change| change.settings) == settings {
            return Err(TransitionError::SameSettings);
        }
        let margins = self.margins().widest(settings);
        let known = now.saturating_add(margins.propagation_ms()).saturating_add(margins.max_skew_ms());
        // The change before this one can be taken back as long as its date comes after every replica has heard of that.
        if before.is_some_and(|change| change.from < known) && force == Force::No {
            return Err(TransitionError::SettingsPending { legal_at: self.settled_at().unwrap_or(now) });
        }
        let from = at.unwrap_or(known);
        if from < known && force == Force::No {
            return Err(TransitionError::TooEarly { legal_at: known });
        }
        if from > UnixMillis::MAX_DATE {
            return Err(TransitionError::OutOfRange);
        }
        // A forced change of a change: what was in force last is what nonces were minted under last.
        next.settings = before.filter(|change| change.from <= now).map_or(next.settings, |change| change.settings);
        next.next_settings = Some(NextSettings { from, settings }).filter(|_| settings != next.settings);
        let early = from < known || before.is_some_and(|change| change.from < known);
        let retries_until = early.then_some(known.saturating_add(margins.grace_ms()));
        next.finish(Cost { retries_until, unknown_key_until: None })
    }

    /// When a change of settings is over: no nonce can be fresh that was minted before it.
    pub(super) fn settled_at(&self) -> Option<UnixMillis> {
        self.next_settings.map(|change| change.from.saturating_add(self.margins().grace_ms()))
    }
}

//! Whether this server hands out nonces, and by which keys.

use sealstamp::{Binding, Fleet, Nonce, Opened, Refusal, UnixMillis};

/// See [`sealstamp::Settings::new`].
const GREATEST_SKEW_S: u32 = 60;

/// Whether proofs must carry a nonce that this server made (RFC 9449 section 9).
///
/// The core can bind a nonce to a client's key. The verifier does not use that. The nonce in the first 401 goes to a
/// client whose key is not known yet, so it cannot be bound. To refuse it later would bring back the round trip that it
/// saves. To accept it beside bound ones would make the binding optional for everybody.
#[derive(Debug, Clone)]
pub enum Nonces {
    /// Every proof carries a nonce that some replica of this fleet minted, and every refusal hands one out.
    Required(Fleet),
    /// Proofs are as fresh as the client's clock says, within 300 s (SEP-1932's minimum). A proof that was stolen, or
    /// made for later, is good for that long. A `nonce` claim is ignored.
    Off,
}

impl Nonces {
    /// Opens a nonce. Exactly one key is tried. Without a fleet no key is known, so nothing opens.
    pub(crate) fn open(&self, nonce: &str, now: UnixMillis) -> Result<Opened, Refusal> {
        match self {
            Self::Required(fleet) => fleet.open(nonce, now, &Binding::None),
            Self::Off => Err(Refusal::UnknownKey),
        }
    }

    /// Fails if service is refused at the moment. Then no request is judged and no nonce is handed out, since the keys
    /// may be revoked ones.
    pub(crate) fn serve(&self) -> Result<(), Refusal> {
        match self {
            Self::Required(fleet) if !fleet.is_serving() => Err(Refusal::Unconfirmed),
            _ => Ok(()),
        }
    }

    /// The age of a nonce that was refused for it, in milliseconds: it was good for a lifetime and the skew.
    ///
    /// After a change of the settings, what it was good for depends on when it was minted. If it could have been either
    /// before or after, its age is not known.
    pub(crate) fn age_of(&self, refusal: Refusal, now: UnixMillis) -> Option<u64> {
        let (Self::Required(fleet), Refusal::Expired { by_ms }) = (self, refusal) else { return None };
        let ring = fleet.ring();
        let age = |lifetime_s: u32, max_skew_s: u32| {
            u64::from(lifetime_s).saturating_add(max_skew_s.into()).saturating_mul(1000).saturating_add(by_ms)
        };
        let settings = ring.settings();
        let before = age(settings.lifetime_s(), ring.margins().max_skew_s());
        let Some(next) = ring.next_settings() else { return Some(before) };
        let after = age(next.settings.lifetime_s(), next.settings.max_skew_s());
        let was_before = now.saturating_sub(before) < next.from;
        let was_after = now.saturating_sub(after) >= next.from;
        match (was_before, was_after) {
            (true, false) => Some(before),
            (false, true) => Some(after),
            _ => None,
        }
    }

    /// How far two clocks of the fleet may be apart, in milliseconds. Without a fleet nobody has said, so it is the
    /// greatest skew that a ring may have.
    pub(crate) fn max_skew_ms(&self, now: UnixMillis) -> u64 {
        let max_skew_s = match self {
            Self::Required(fleet) => fleet.ring().settings_at(now).max_skew_s(),
            Self::Off => GREATEST_SKEW_S,
        };
        u64::from(max_skew_s).saturating_mul(1_000)
    }

    /// How long a nonce that was minted at this time is good, in milliseconds.
    pub(crate) fn lifetime_ms(&self, minted_at: UnixMillis) -> Option<u64> {
        let Self::Required(fleet) = self else { return None };
        Some(u64::from(fleet.ring().settings_at(minted_at).lifetime_s()).saturating_mul(1_000))
    }

    /// A fresh nonce, where there are any.
    pub(crate) fn mint(&self, now: UnixMillis) -> Option<Nonce> {
        match self {
            Self::Required(fleet) => fleet.is_serving().then(|| fleet.mint(now, &Binding::None)),
            Self::Off => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use sealstamp::{Audience, Force, Fresh, Ring, Settings, Suite};

    use super::*;

    #[test]
    fn without_a_fleet_clocks_are_as_far_apart_as_in_any() {
        assert_eq!(Nonces::Off.max_skew_ms(UnixMillis::default()), 60_000);
        assert!(sealstamp::Settings::new(120, GREATEST_SKEW_S, 600).is_ok());
        assert!(sealstamp::Settings::new(120, GREATEST_SKEW_S + 1, 600).is_err());
    }

    #[test]
    fn without_a_fleet_nothing_is_minted_and_nothing_opens() {
        let now = UnixMillis::new(1_790_000_000_000);
        assert!(Nonces::Off.mint(now).is_none());
        for nonce in ["", "anything", &"A".repeat(60)] {
            assert_eq!(Nonces::Off.open(nonce, now).unwrap_err(), Refusal::UnknownKey);
        }
    }

    /// Never a wrong age; and none only where a nonce from before the change and one from after it are told apart by
    /// nothing.
    #[test]
    fn the_age_of_an_expired_nonce_across_a_change_of_the_settings() {
        let start = UnixMillis::new(1_790_000_000_000);
        let from = start.saturating_add(3_600_000);
        let [short, long] = [60, 120].map(|lifetime_s| Settings::new(lifetime_s, 5, 600).unwrap());
        for (before, after) in [(short, long), (long, short)] {
            let ring = Ring::init(before, Suite::Aes256Gcm, start, Fresh::insecure_from_seed(1));
            let ring = ring.change_settings(after, Some(from), start, Force::No).unwrap().ring;
            let audience = Audience::new("https://mcp.example.com/mcp").unwrap();
            let fleet = Fleet::new(ring, audience).unwrap();
            let nonces = Nonces::Required(fleet.clone());
            let shortened = before == long;
            for s in (0..400).step_by(10) {
                let minted_at = from.saturating_sub(200_000).saturating_add(s * 1_000);
                let nonce = fleet.mint(minted_at, &Binding::None);
                let was_good = if minted_at < from { before } else { after };
                let now = minted_at.saturating_add(u64::from(was_good.lifetime_s()) * 1_000 + 5_000 + 7);
                let refusal = fleet.open(nonce.as_str(), now, &Binding::None).unwrap_err();
                assert_eq!(refusal, Refusal::Expired { by_ms: 7 });
                let near = shortened && (140..260).contains(&s);
                let expected = (!near).then(|| now.since(minted_at));
                assert_eq!(nonces.age_of(refusal, now), expected, "{s} s, shortened: {shortened}");
            }
        }
    }
}

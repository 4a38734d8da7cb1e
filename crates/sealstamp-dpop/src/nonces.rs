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
    pub(crate) fn age_of(&self, refusal: Refusal) -> Option<u64> {
        match (self, refusal) {
            (Self::Required(fleet), Refusal::Expired { by_ms }) => {
                let ring = fleet.ring();
                let settings = ring.settings();
                let good_s = u64::from(settings.lifetime_s()).saturating_add(settings.max_skew_s().into());
                Some(good_s.saturating_mul(1000).saturating_add(by_ms))
            }
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
}

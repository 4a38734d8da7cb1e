//! Where a decision becomes final: it is counted, shown to whoever asked for it, and gets the nonce for its response.
//!
//! Every acceptance and every rejection passes here, whichever stage made it.

mod counters;
mod decision;

pub use counters::Counters;
pub use decision::Decision;
pub(crate) use decision::{Observer, Seen};
use sealstamp::{Nonce, Opened, UnixMillis};

use crate::names::Name;
use crate::nonces::Nonces;
use crate::proof::VerifiedProof;
use crate::response::Challenges;
use crate::single_use::{Claim, Claimed, SingleUse, StoreError, WhenAway};
use crate::verdict::{Fault, Reason, Rejection};

/// What is needed to make a decision final.
#[derive(Debug)]
pub(crate) struct Outcomes {
    pub(crate) nonces: Nonces,
    pub(crate) single_use: Option<SingleUse>,
    pub(crate) counters: Counters,
    pub(crate) observer: Observer,
    pub(crate) challenges: Challenges,
}

impl Outcomes {
    pub(crate) const fn new(
        nonces: Nonces,
        single_use: Option<SingleUse>,
        observer: Observer,
        challenges: Challenges,
    ) -> Self {
        Self { nonces, single_use, counters: Counters::new(), observer, challenges }
    }

    /// Every rejection hands out a nonce, the first 401 included: the client's next request then needs no extra round
    /// trip.
    pub(crate) fn reject(&self, fault: impl Into<Fault>, seen: Seen, name: Name, now: UnixMillis) -> Rejection {
        let fault = fault.into();
        self.counters.count_refused(fault.reason);
        if let Some(observe) = &self.observer.0 {
            let nonce_age_ms =
                seen.nonce_age_ms.or_else(|| fault.nonce.and_then(|refusal| self.nonces.age_of(refusal, now)));
            observe(&Seen { nonce_age_ms, ..seen }.decided(Some(fault.reason), now));
        }
        Rejection::new(fault, self.nonces.mint(now), name)
    }

    /// A request that was accepted, whose token turned out to have too few scopes. The nonce for its response comes with
    /// the acceptance.
    pub(crate) fn lacks_scopes(&self, scopes: &[&str], seen: Seen, name: Name, now: UnixMillis) -> Rejection {
        let reason = Reason::InsufficientScope;
        self.counters.count_refused(reason);
        if let Some(observe) = &self.observer.0 {
            observe(&seen.decided(Some(reason), now));
        }
        Rejection::new(reason.into(), None, name).needing(scopes.iter().copied())
    }

    /// Rule 12: claims the one use of this proof. Comes last, so that a store hears of good requests only.
    pub(crate) async fn claim(&self, proof: Option<&VerifiedProof>, now: UnixMillis) -> Result<(), Reason> {
        let (Some(single_use), Some(proof)) = (&self.single_use, proof) else {
            return Err(Reason::StoreNotAsked);
        };
        let claim = Claim::of(proof, single_use.by_nonce, self.nonces.max_skew_ms(now));
        match single_use.store.claim(claim).await {
            Ok(Claimed::First) => Ok(()),
            Ok(Claimed::Again) => Err(Reason::ProofReplayed),
            Ok(Claimed::Late) => Err(Reason::ClaimLate),
            Err(StoreError::Full) => Err(Reason::StoreFull),
            Err(StoreError::Unavailable) => match single_use.when_away {
                WhenAway::GoOnWithNonce if proof.nonce().is_some() => {
                    self.counters.count_accepted_without_store();
                    Ok(())
                }
                WhenAway::GoOnWithNonce | WhenAway::Refuse => Err(Reason::StoreUnavailable),
            },
        }
    }

    /// Returns the next nonce if it is time for one, going by the nonce that the request came with (RFC 9449 section
    /// 8.2).
    pub(crate) fn accept(
        &self,
        opened: Option<&Opened>,
        seen: impl FnOnce() -> Seen,
        now: UnixMillis,
    ) -> Option<Nonce> {
        self.counters.count_accepted();
        if let Some(observe) = &self.observer.0 {
            observe(&seen().decided(None, now));
        }
        opened.filter(|opened| opened.renew()).and_then(|_| self.nonces.mint(now))
    }
}

//! Where a decision becomes final: it is counted, shown to whoever asked for it, and gets the nonce for its response.
//!
//! Every acceptance and every rejection passes here, whichever stage made it.

mod counters;
mod decision;
pub(crate) mod emit;
#[cfg(feature = "metrics")]
pub mod metrics;

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
        let seen = || {
            let nonce_age_ms =
                seen.nonce_age_ms.or_else(|| fault.nonce.and_then(|refusal| self.nonces.age_of(refusal, now)));
            Seen { nonce_age_ms, ..seen }
        };
        self.conclude(Some(fault.reason), seen, now);
        Rejection::new(fault, self.nonces.mint(now), name)
    }

    /// A request that was accepted, whose token turned out to have too few scopes. The nonce for its response comes with
    /// the acceptance.
    pub(crate) fn lacks_scopes(&self, scopes: &[&str], seen: Seen, name: Name, now: UnixMillis) -> Rejection {
        let reason = Reason::InsufficientScope;
        self.conclude(Some(reason), || seen, now);
        Rejection::new(reason.into(), None, name).needing(scopes.iter().copied())
    }

    /// Rule 12: claims the one use of this proof. Comes last, so that a store hears of good requests only.
    pub(crate) async fn claim(&self, proof: Option<&VerifiedProof>, now: UnixMillis) -> Result<(), Reason> {
        let (Some(single_use), Some(proof)) = (&self.single_use, proof) else {
            return Err(Reason::StoreNotAsked);
        };
        let claim = Claim::of(proof, single_use.by_nonce, self.nonces.max_skew_ms(now));
        let asking = emit::Asking::start();
        let answer = single_use.store.claim(claim).await;
        asking.answered(&answer);
        match answer {
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
        self.conclude(None, seen, now);
        opened.filter(|opened| opened.renew()).and_then(|_| self.nonces.mint(now))
    }

    /// Counts a decision, and shows it to whoever asked for it.
    fn conclude(&self, refused: Option<Reason>, seen: impl FnOnce() -> Seen, now: UnixMillis) {
        match refused {
            None => self.counters.count_accepted(),
            Some(reason) => self.counters.count_refused(reason),
        }
        if emit::ON || self.observer.0.is_some() {
            let decision = seen().decided(refused, now);
            emit::decision(&decision, |minted_at| self.nonces.lifetime_ms(minted_at));
            if let Some(observe) = &self.observer.0 {
                observe(&decision);
            }
        }
    }
}

//! The second stage: rule 10.

use std::sync::Arc;

use sealstamp::UnixMillis;

use crate::names::Name;
use crate::outcome::{Outcomes, Seen};
use crate::policy::Policy;
use crate::proof::VerifiedProof;
use crate::stages::accepted::Accepted;
use crate::stages::scopes::has_scopes;
use crate::token::TokenFacts;
use crate::verdict::{Reason, Rejection};

/// A request whose proof has passed rules 1 to 9, and whose token is valid and belongs to the proof's key.
///
/// [`Proven::bind`](crate::Proven::bind) makes it. What else its policy demands is settled by [`accept`](Self::accept)
/// and [`accept_once`](Self::accept_once).
#[derive(Debug)]
#[must_use = "a bound request is not accepted yet"]
pub struct Bound<'r> {
    outcomes: &'r Arc<Outcomes>,
    name: Name,
    policy: Policy,
    proof: Option<VerifiedProof>,
    token: TokenFacts,
}

impl<'r> Bound<'r> {
    /// For [`Proven::bind`](crate::Proven::bind) alone, after rule 10.
    pub(super) fn new(
        outcomes: &'r Arc<Outcomes>,
        name: Name,
        policy: Policy,
        proof: Option<VerifiedProof>,
        token: TokenFacts,
    ) -> Self {
        Self { outcomes, name, policy, proof, token }
    }

    /// The proof; `None` for a `Bearer` request on a server that opted in to those.
    #[must_use]
    pub fn proof(&self) -> Option<&VerifiedProof> {
        self.proof.as_ref()
    }

    /// What the access token says.
    #[must_use]
    pub fn token(&self) -> &TokenFacts {
        &self.token
    }

    /// What this request has to show.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Goes on if the token has all of these scopes.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] with [`Answer::InsufficientScope`](crate::Answer::InsufficientScope): 403 with the scopes that
    /// are needed, so that an MCP client can step up.
    pub fn require_scopes(self, scopes: &[&str], now: UnixMillis) -> Result<Self, Rejection> {
        if has_scopes(&self.token, scopes) {
            return Ok(self);
        }
        Err(self.reject(Reason::InsufficientScope, now).needing(scopes))
    }

    /// Accepts the request, if it has shown all that its policy demands.
    ///
    /// This is the moment that counts: the request is now one of [`Counters::accepted`](crate::Counters::accepted), and
    /// the next nonce is minted if it is time for one.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the policy demands single use, for which a store has to be asked: that takes
    /// [`accept_once`](Self::accept_once). Whatever else today's policies demand was checked by rule 7.
    pub fn accept(self, now: UnixMillis) -> Result<Accepted, Rejection> {
        if self.policy.single_use() {
            return Err(self.reject(Reason::StoreNotAsked, now));
        }
        Ok(self.accepted(now))
    }

    /// The same, and rule 12 if the policy demands it: the proof's one use is claimed. For a policy that does not demand
    /// it, this is [`accept`](Self::accept).
    ///
    /// Call it when all that may refuse the request has been done. A proof that is refused after this is used up.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the proof was used before, or if the store does not know
    /// ([`WhenAway`](crate::WhenAway)).
    pub async fn accept_once(self, now: UnixMillis) -> Result<Accepted, Rejection> {
        if self.policy.single_use() {
            let claimed = self.outcomes.claim(self.proof.as_ref(), now).await;
            claimed.map_err(|reason| self.reject(reason, now))?;
        }
        Ok(self.accepted(now))
    }

    fn reject(&self, reason: Reason, now: UnixMillis) -> Rejection {
        self.outcomes.reject(reason, Seen::of(self.proof.as_ref()), self.name, now)
    }

    fn accepted(self, now: UnixMillis) -> Accepted {
        let Self { outcomes, name, policy, mut proof, token } = self;
        let opened = proof.as_ref().and_then(VerifiedProof::nonce);
        let next_nonce = outcomes.accept(opened, || Seen::of(proof.as_ref()), now);
        if let Some(proof) = &mut proof {
            proof.next_nonce = next_nonce;
        }
        Accepted::new(Arc::clone(outcomes), name, now, policy, proof, token)
    }
}

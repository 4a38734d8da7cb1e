//! The second stage: rule 10.

use sealstamp::UnixMillis;

use crate::outcome::Outcomes;
use crate::policy::Policy;
use crate::proof::VerifiedProof;
use crate::stages::accepted::Accepted;
use crate::token::TokenFacts;
use crate::verdict::Rejection;

/// A request whose proof has passed rules 1 to 9, and whose token is valid and belongs to the proof's key.
///
/// [`Proven::bind`](crate::Proven::bind) makes it. What else its policy demands is settled by [`accept`](Self::accept).
#[derive(Debug)]
#[must_use = "a bound request is not accepted yet"]
pub struct Bound<'r> {
    outcomes: &'r Outcomes,
    policy: Policy,
    proof: Option<VerifiedProof>,
    token: TokenFacts,
}

impl<'r> Bound<'r> {
    /// For [`Proven::bind`](crate::Proven::bind) alone, after rule 10.
    pub(super) fn new(outcomes: &'r Outcomes, policy: Policy, proof: Option<VerifiedProof>, token: TokenFacts) -> Self {
        Self { outcomes, policy, proof, token }
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

    /// Accepts the request, if it has shown all that its policy demands.
    ///
    /// This is the moment that counts: the request is now one of [`Counters::accepted`](crate::Counters::accepted), and
    /// the next nonce is minted if it is time for one.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the policy demands something that the request has not shown. What today's policies demand was
    /// checked by rule 7, so nothing is refused here.
    pub fn accept(self, now: UnixMillis) -> Result<Accepted, Rejection> {
        let Self { outcomes, policy, mut proof, token } = self;
        let next_nonce = outcomes.accept(proof.as_ref().and_then(VerifiedProof::nonce), now);
        if let Some(proof) = &mut proof {
            proof.next_nonce = next_nonce;
        }
        Ok(Accepted::new(policy, proof, token))
    }
}

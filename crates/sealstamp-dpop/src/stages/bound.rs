//! The second stage: rule 10, and what the policy demands but for the body and the store.

use std::sync::Arc;

use sealstamp::UnixMillis;

use crate::names::Name;
use crate::outcome::{Outcomes, Seen};
use crate::policy::Policy;
use crate::proof::VerifiedProof;
use crate::request::RequestHead;
use crate::stages::accepted::Accepted;
use crate::token::TokenFacts;
use crate::verdict::{Reason, Rejection};

/// A request whose proof has passed rules 1 to 9, whose token is valid and belongs to the proof's key, and which has
/// shown what the policy demands of nonce, digest claim and scopes.
///
/// [`Proven::bind`](crate::Proven::bind) makes it. What is left is settled by [`check_body`](Self::check_body), if the
/// policy [needs it](Self::needs_body), and by [`accept`](Self::accept) or [`accept_once`](Self::accept_once):
///
/// ```
/// # use sealstamp::UnixMillis;
/// # use sealstamp_dpop::{Accepted, Bound, Rejection};
/// async fn go_on(bound: Bound<'_>, body: &[u8], now: UnixMillis) -> Result<Accepted, Rejection> {
///     bound.check_body(body, now)?.accept_once(now).await
/// }
/// ```
#[derive(Debug)]
#[must_use = "a bound request is not accepted yet"]
pub struct Bound<'r> {
    outcomes: &'r Arc<Outcomes>,
    request: RequestHead<'r>,
    name: Name,
    policy: Policy,
    /// Whether the body still has to be shown.
    needs_body: bool,
    proof: Option<VerifiedProof>,
    token: TokenFacts,
}

impl<'r> Bound<'r> {
    /// For [`Proven::bind`](crate::Proven::bind) alone, after rule 10.
    pub(super) fn new(
        outcomes: &'r Arc<Outcomes>,
        request: RequestHead<'r>,
        name: Name,
        policy: Policy,
        needs_body: bool,
        proof: Option<VerifiedProof>,
        token: TokenFacts,
    ) -> Self {
        Self { outcomes, request, name, policy, needs_body, proof, token }
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
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether the body has to be shown, by [`check_body`](Self::check_body), before the request can be accepted. A server
    /// reads the body only then, and up to a bound of its own.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.needs_body
    }

    /// Rule 11: the body is the one that the proof names, if the policy demands it. And it says what `Mcp-Method` and
    /// `Mcp-Name` say, if the policy goes by them.
    ///
    /// `body` is the whole body as it was received: before any content coding is undone, and empty if there is none. If
    /// the policy does not [need it](Self::needs_body), nothing is looked at.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the body is another one.
    pub fn check_body(self, body: &[u8], now: UnixMillis) -> Result<Self, Rejection> {
        self.check_body_parts(&[body], now)
    }

    /// The same, of a body in parts, one after the other.
    pub(crate) fn check_body_parts<P: AsRef<[u8]>>(self, parts: &[P], now: UnixMillis) -> Result<Self, Rejection> {
        if self.needs_body {
            let checked = self.policy.check_body(&self.request, self.proof.as_ref(), parts);
            checked.map_err(|reason| self.reject(reason, now))?;
        }
        Ok(Self { needs_body: false, ..self })
    }

    /// Accepts the request, if it has shown all that its policy demands.
    ///
    /// This is the moment that counts: the request is now one of [`Counters::accepted`](crate::Counters::accepted), and
    /// the next nonce is minted if it is time for one.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the policy needs the body, which [`check_body`](Self::check_body) has not seen; or if it demands
    /// single use, for which a store has to be asked: that takes [`accept_once`](Self::accept_once).
    pub fn accept(self, now: UnixMillis) -> Result<Accepted, Rejection> {
        self.check_complete(now)?;
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
    /// A [`Rejection`] if the policy needs the body, which [`check_body`](Self::check_body) has not seen; if the proof was
    /// used before; or if the store does not know ([`WhenAway`](crate::WhenAway)).
    pub async fn accept_once(self, now: UnixMillis) -> Result<Accepted, Rejection> {
        self.check_complete(now)?;
        if self.policy.single_use() {
            let claimed = self.outcomes.claim(self.proof.as_ref(), now).await;
            claimed.map_err(|reason| self.reject(reason, now))?;
        }
        Ok(self.accepted(now))
    }

    /// Fails if the body was to be shown and was not.
    fn check_complete(&self, now: UnixMillis) -> Result<(), Rejection> {
        if self.needs_body { Err(self.reject(Reason::BodyNotSeen, now)) } else { Ok(()) }
    }

    pub(crate) fn reject(&self, reason: Reason, now: UnixMillis) -> Rejection {
        self.outcomes.reject(reason, Seen::of(self.proof.as_ref()), self.name, now)
    }

    fn accepted(self, now: UnixMillis) -> Accepted {
        let Self { outcomes, name, policy, mut proof, token, .. } = self;
        let opened = proof.as_ref().and_then(VerifiedProof::nonce);
        let next_nonce = outcomes.accept(opened, || Seen::of(proof.as_ref()), now);
        if let Some(proof) = &mut proof {
            proof.next_nonce = next_nonce;
        }
        Accepted::new(Arc::clone(outcomes), name, now, policy, proof, token)
    }
}

//! The first stage: rules 1 to 9.

use std::sync::Arc;

use sealstamp::UnixMillis;

use crate::names::Name;
use crate::outcome::{Outcomes, Seen};
use crate::policy::{NonceDemand, Policy, Tightener};
use crate::proof::VerifiedProof;
use crate::request::RequestHead;
use crate::stages::bound::Bound;
use crate::stages::scopes::has_scopes;
use crate::token::{PresentedToken, TokenBinding, TokenDefect, TokenFacts};
use crate::verdict::{Fault, Reason, Rejection};

/// A request whose proof has passed rules 1 to 9. What its token is worth is not known yet.
///
/// From here the request goes on through [`bind`](Self::bind) and [`Bound::accept`]:
///
/// ```
/// # use sealstamp::UnixMillis;
/// # use sealstamp_dpop::{Accepted, Proven, Rejection, TokenDefect, TokenFacts};
/// fn go_on(
///     proven: Proven<'_>,
///     facts: Result<TokenFacts, TokenDefect>,
///     now: UnixMillis,
/// ) -> Result<Accepted, Rejection> {
///     proven.bind(facts, now)?.accept(now)
/// }
/// ```
///
/// It cannot be accepted before its token was checked. The same function without that step does not compile:
///
/// ```compile_fail,E0599
/// # use sealstamp::UnixMillis;
/// # use sealstamp_dpop::{Accepted, Proven, Rejection, TokenDefect, TokenFacts};
/// fn go_on(
///     proven: Proven<'_>,
///     facts: Result<TokenFacts, TokenDefect>,
///     now: UnixMillis,
/// ) -> Result<Accepted, Rejection> {
///     proven.accept(now)
/// }
/// ```
#[derive(Debug)]
#[must_use = "a proven request is not accepted before its token is checked"]
pub struct Proven<'r> {
    outcomes: &'r Arc<Outcomes>,
    tightener: &'r Tightener,
    request: RequestHead<'r>,
    name: Name,
    policy: Policy,
    token: PresentedToken<'r>,
    proof: Option<VerifiedProof>,
}

impl<'r> Proven<'r> {
    /// For the verifier alone, after rule 9.
    pub(crate) fn new(
        outcomes: &'r Arc<Outcomes>,
        tightener: &'r Tightener,
        request: RequestHead<'r>,
        name: Name,
        policy: Policy,
        token: PresentedToken<'r>,
        proof: Option<VerifiedProof>,
    ) -> Self {
        Self { outcomes, tightener, request, name, policy, token, proof }
    }

    /// The access token, to be validated.
    #[must_use]
    pub fn token(&self) -> &'r str {
        self.token.as_str()
    }

    /// The same with its hash, which rule 8 has computed: for
    /// [`validate_presented`](crate::TokenValidator::validate_presented).
    #[must_use]
    pub fn presented(&self) -> &PresentedToken<'r> {
        &self.token
    }

    /// The proof; `None` for a `Bearer` request on a server that opted in to those.
    #[must_use]
    pub fn proof(&self) -> Option<&VerifiedProof> {
        self.proof.as_ref()
    }

    /// What this request has to show, as far as its head says.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Rule 10: the token is valid here and now, and bound to the proof's key.
    ///
    /// Then the server may [tighten](crate::VerifierBuilder::tighten) the policy, and what it demands is checked as far as
    /// neither body nor store is needed: the nonce, if it was not demanded before, the scopes, and that the proof names a
    /// digest.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the token has a defect, is bound to another key, is bound to none and came with a proof, or
    /// is bound to one and came without. Or if it lacks a scope, or the proof does not do for the policy.
    pub fn bind(self, token: Result<TokenFacts, TokenDefect>, now: UnixMillis) -> Result<Bound<'r>, Rejection> {
        let Self { outcomes, tightener, request, name, policy, proof, .. } = self;
        let reject = |fault: Fault| outcomes.reject(fault, Seen::of(proof.as_ref()), name, now);
        let token = check_binding(proof.as_ref(), token).map_err(|reason| reject(reason.into()))?;
        let policy = tightener.tighten(&request, &token, policy);
        check_proof(proof.as_ref(), &policy).map_err(reject)?;
        if !has_scopes(&token, policy.scopes()) {
            return Err(reject(Reason::InsufficientScope.into()).needing(policy.scopes()));
        }
        let needs_body = policy.needs_body(&request, proof.as_ref()).map_err(|reason| reject(reason.into()))?;
        Ok(Bound::new(outcomes, request, name, policy, needs_body, proof, token))
    }
}

/// What a policy demands of the proof that rule 7 has not seen to: it may have been tightened since.
fn check_proof(proof: Option<&VerifiedProof>, policy: &Policy) -> Result<(), Fault> {
    match (proof, policy.nonce()) {
        (None, _) if policy.demands_proof() => Err(Reason::BearerScheme.into()),
        (None, _) | (Some(_), NonceDemand::Never) => Ok(()),
        (Some(proof), demand) => match (proof.nonce(), proof.unopened) {
            (Some(opened), _) => Ok(demand.check_age(opened)?),
            (None, Some(refusal)) => Err(refusal.into()),
            (None, None) => Err(Reason::NoNonce.into()),
        },
    }
}

/// RFC 9449 section 7.2, for a bound token under `Bearer`: a protected resource that supports both schemes "MUST reject
/// a DPoP-bound access token received as a bearer token".
fn check_binding(proof: Option<&VerifiedProof>, token: Result<TokenFacts, TokenDefect>) -> Result<TokenFacts, Reason> {
    let token = token?;
    match (proof, token.binding()) {
        (Some(proof), TokenBinding::Thumbprint(bound)) if bound == proof.thumbprint => Ok(token),
        (Some(_), TokenBinding::Thumbprint(_)) => Err(Reason::TokenOfAnotherKey),
        (Some(_), TokenBinding::None | TokenBinding::Unknown) => Err(Reason::TokenNotBound),
        (None, TokenBinding::None) => Ok(token),
        (None, TokenBinding::Thumbprint(_) | TokenBinding::Unknown) => Err(Reason::BoundTokenAsBearer),
    }
}

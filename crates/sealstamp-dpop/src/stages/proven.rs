//! The first stage: rules 1 to 9.

use std::sync::Arc;

use sealstamp::UnixMillis;

use crate::names::Name;
use crate::outcome::{Outcomes, Seen};
use crate::policy::Policy;
use crate::proof::VerifiedProof;
use crate::stages::bound::Bound;
use crate::token::{PresentedToken, TokenBinding, TokenDefect, TokenFacts};
use crate::verdict::{Reason, Rejection};

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
    name: Name,
    policy: Policy,
    token: PresentedToken<'r>,
    proof: Option<VerifiedProof>,
}

impl<'r> Proven<'r> {
    /// For the verifier alone, after rule 9.
    pub(crate) fn new(
        outcomes: &'r Arc<Outcomes>,
        name: Name,
        policy: Policy,
        token: PresentedToken<'r>,
        proof: Option<VerifiedProof>,
    ) -> Self {
        Self { outcomes, name, policy, token, proof }
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

    /// What this request has to show.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Rule 10: the token is valid here and now, and bound to the proof's key.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the token has a defect, is bound to another key, is bound to none and came with a proof, or
    /// is bound to one and came without.
    pub fn bind(self, token: Result<TokenFacts, TokenDefect>, now: UnixMillis) -> Result<Bound<'r>, Rejection> {
        let Self { outcomes, name, policy, proof, .. } = self;
        match check_binding(proof.as_ref(), token) {
            Ok(token) => Ok(Bound::new(outcomes, name, policy, proof, token)),
            Err(reason) => Err(outcomes.reject(reason, Seen::of(proof.as_ref()), name, now)),
        }
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

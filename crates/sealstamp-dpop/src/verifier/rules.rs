//! The rules of a proof, in their order: 1 to 9.
//!
//! They need the request's head alone and wait for nothing. Checks that cost little come first. No signature is checked
//! until the nonce has opened, so a flood of forged proofs costs no signature check.

use std::sync::Arc;

use sealstamp::{Opened, Refusal, UnixMillis};

use crate::names::Name;
use crate::outcome::{Outcomes, Seen};
use crate::policy::{Decider, NonceDemand, Policy, Tightener};
use crate::proof::{Algorithm, Claims, IAT_WINDOW_S, Jws, VerifiedProof, ath_of};
use crate::request::{Credentials, RequestHead, Target, proof_field};
use crate::stages::Proven;
use crate::token::PresentedToken;
use crate::verdict::{Fault, Reason, Rejection};
use crate::verifier::resource::Resource;

/// What the rules are applied with.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) target: Target,
    pub(crate) algorithms: Vec<Algorithm>,
    /// Of every request, unless somebody decides otherwise.
    pub(crate) usual: Policy,
    pub(crate) decider: Decider,
    pub(crate) tightener: Tightener,
    pub(crate) bearer: bool,
    pub(crate) outcomes: Arc<Outcomes>,
    pub(crate) resource: Resource,
}

impl Rules {
    /// Rules 1 to 9.
    pub(crate) fn check<'r>(
        &'r self,
        request: RequestHead<'r>,
        seen: &mut Seen,
        now: UnixMillis,
    ) -> Result<Proven<'r>, Fault> {
        let policy = self.policy_of(&request);
        self.outcomes.nonces.serve()?;
        // 1. `Authorization`: exactly one, under the `DPoP` scheme (or `Bearer`, if the server opted in).
        let (token, proof) = match Credentials::of(request.headers)? {
            Credentials::Bearer(token) if self.bearer && !policy.demands_proof() => (PresentedToken::new(token), None),
            Credentials::Bearer(_) => return Err(Reason::BearerScheme.into()),
            // 2 to 9. The proof.
            Credentials::Dpop(token) => {
                let token = PresentedToken::new(token);
                let proof = self.prove(&request, &policy, Some(&token), seen, now)?;
                (token, Some(proof))
            }
        };
        Ok(Proven::new(&self.outcomes, &self.tightener, request, self.name(&request), policy, token, proof))
    }

    /// What this request has to show.
    pub(crate) fn policy_of(&self, request: &RequestHead<'_>) -> Policy {
        self.decider.decide(request, &self.usual)
    }

    /// The public name that the client used; the first, if its proxy's headers make no sense.
    pub(crate) fn name(&self, request: &RequestHead<'_>) -> Name {
        self.target.name(request).unwrap_or(Name::MAIN)
    }

    /// Rules 2 to 7 and 9. What needs the body cannot be shown here, and is refused.
    fn check_without_token(
        &self,
        request: &RequestHead<'_>,
        policy: &Policy,
        seen: &mut Seen,
        now: UnixMillis,
    ) -> Result<VerifiedProof, Fault> {
        self.outcomes.nonces.serve()?;
        let proof = self.prove(request, policy, None, seen, now)?;
        if policy.needs_body(request, Some(&proof))? { Err(Reason::BodyNotSeen.into()) } else { Ok(proof) }
    }

    /// Rules 2 to 7 and 9, for a request that presents no token.
    pub(crate) fn prove_token_request(
        &self,
        request: &RequestHead<'_>,
        now: UnixMillis,
    ) -> Result<(Policy, VerifiedProof), Rejection> {
        let (policy, mut seen) = (self.policy_of(request), Seen::default());
        match self.check_without_token(request, &policy, &mut seen, now) {
            Ok(proof) => Ok((policy, proof)),
            Err(fault) => Err(self.outcomes.reject(fault, seen, self.name(request), now)),
        }
    }

    pub(crate) fn accept_token_request(&self, proof: VerifiedProof, now: UnixMillis) -> VerifiedProof {
        let next_nonce = self.outcomes.accept(proof.nonce(), || Seen::of(Some(&proof)), now);
        VerifiedProof { next_nonce, ..proof }
    }

    /// Rules 2 to 7 and 9, and 8 if a token is presented.
    fn prove(
        &self,
        request: &RequestHead<'_>,
        policy: &Policy,
        token: Option<&PresentedToken<'_>>,
        seen: &mut Seen,
        now: UnixMillis,
    ) -> Result<VerifiedProof, Fault> {
        // 2. `DPoP`: exactly one field, one compact JWS, at most 8 KiB.
        let field = proof_field(request.headers)?;
        let mut buffer = Vec::new();
        let jws = Jws::decode(field, &mut buffer)?;

        // 3. Header: a proof, signed with an algorithm on the list, by a public key that fits it.
        let header = jws.header(&self.algorithms)?;

        // 4. Claims: all there, of exact types; `ath` as a token is presented.
        let claims = jws.claims()?;
        seen.iat = Some(claims.iat);
        let ath = match token {
            Some(token) => Some((token, claims.ath.as_deref().ok_or(Reason::NoAth)?)),
            None => None,
        };

        // 5. For this method and URI.
        if claims.htm != request.method.as_str() {
            return Err(Reason::WrongMethod.into());
        }
        self.target.check(&claims.htu, request)?;

        // 6. Made about now, by the client's clock.
        check_iat(claims.iat, now)?;
        check_limits(&claims, now)?;

        // 7. Made within a nonce's lifetime, by this fleet's clock, if the policy demands it.
        let (opened, unopened) = self.open(policy, claims.nonce.as_deref(), now)?;
        seen.nonce_age_ms = opened.map(|opened| opened.age_ms());

        // 8. For this token.
        if ath.is_some_and(|(token, ath)| ath.as_bytes() != ath_of(token.hash())) {
            return Err(Reason::WrongAth.into());
        }

        // 9. By this key.
        self.outcomes.counters.count_signature_check();
        jws.verify(&header)?;

        Ok(VerifiedProof {
            thumbprint: header.jwk.thumbprint(),
            jti: claims.jti.as_ref().into(),
            iat: claims.iat,
            algorithm: header.algorithm,
            opened,
            unopened,
            content_digest: claims.content_digest,
            next_nonce: None,
        })
    }

    /// Rule 7. Why a nonce did not open is for the operator alone.
    ///
    /// A nonce that is not demanded is opened all the same if a second decision may still demand it. What comes of it is
    /// kept.
    fn open(
        &self,
        policy: &Policy,
        nonce: Option<&str>,
        now: UnixMillis,
    ) -> Result<(Option<Opened>, Option<Refusal>), Fault> {
        match (policy.nonce(), nonce) {
            (NonceDemand::Never, Some(nonce)) if !self.tightener.is_none() => {
                let opened = self.outcomes.nonces.open(nonce, now);
                Ok((opened.as_ref().ok().copied(), opened.err()))
            }
            (NonceDemand::Never, _) => Ok((None, None)),
            (demand @ (NonceDemand::Always | NonceDemand::Within { .. }), nonce) => {
                let nonce = nonce.ok_or(Reason::NoNonce)?;
                let opened = self.outcomes.nonces.open(nonce, now).map_err(Fault::from)?;
                demand.check_age(&opened)?;
                Ok((Some(opened), None))
            }
        }
    }
}

/// RFC 7519 sections 4.1.4 and 4.1.5, for a client that limits its own proofs. RFC 9449 asks for neither claim.
///
/// Both are by the client's clock. `exp` gets no allowance: who sets one chooses it. An `nbf` that is not after `iat`
/// has passed by that clock, however far ahead of ours it is, and `iat` has its own window.
fn check_limits(claims: &Claims<'_>, now: UnixMillis) -> Result<(), Reason> {
    let now = i64::try_from(now.get() / 1000).unwrap_or(i64::MAX);
    if claims.exp.is_some_and(|exp| exp <= now) {
        Err(Reason::ProofExpired)
    } else if claims.nbf.is_some_and(|nbf| nbf > now && nbf > claims.iat) {
        Err(Reason::ProofNotYetValid)
    } else {
        Ok(())
    }
}

/// Compares the client's seconds with ours, both whole. The arithmetic saturates: a time that makes no sense is far
/// off.
fn check_iat(iat: i64, now: UnixMillis) -> Result<(), Reason> {
    let now = i64::try_from(now.get() / 1000).unwrap_or(i64::MAX);
    if now.saturating_sub(iat) > IAT_WINDOW_S {
        Err(Reason::IatTooOld)
    } else if iat.saturating_sub(now) > IAT_WINDOW_S {
        Err(Reason::IatInFuture)
    } else {
        Ok(())
    }
}

//! The verifier: from a request to a decision and its response.

use std::sync::Arc;

use http::Response;
use sealstamp::UnixMillis;

use crate::outcome::{Counters, Seen, emit};
use crate::proof::VerifiedProof;
use crate::request::RequestHead;
use crate::response;
use crate::stages::{Accepted, Proven};
use crate::token::TokenValidator;
use crate::verdict::{Reason, Rejection};
use crate::verifier::rules::Rules;

/// Verifies requests to one server. Cheap to clone; clones share counters.
///
/// ```
/// use sealstamp::UnixMillis;
/// use sealstamp_dpop::{Nonces, Reason, RequestHead, Verifier};
///
/// let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off).build()?;
/// let (request, ()) = http::Request::post("/mcp").body(())?.into_parts();
/// let rejection = verifier.check(RequestHead::of(&request), UnixMillis::new(1_790_000_000_000)).unwrap_err();
/// assert_eq!(rejection.reason(), Reason::NoCredentials);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier(Arc<Rules>);

impl Verifier {
    /// For the builder alone.
    pub(super) fn new(rules: Rules) -> Self {
        Self(Arc::new(rules))
    }

    /// What the rules are applied with.
    pub(super) fn rules(&self) -> &Rules {
        &self.0
    }

    /// All the rules, for a token that `tokens` knows how to validate.
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks, as a [`Rejection`]. No body is at hand here. So a request whose policy needs
    /// it is refused ([`Reason::BodyNotSeen`]): go through the stages, and call
    /// [`Bound::check_body`](crate::Bound::check_body).
    pub async fn decide(
        &self,
        request: RequestHead<'_>,
        tokens: &impl TokenValidator,
        now: UnixMillis,
    ) -> Result<Accepted, Rejection> {
        emit::in_span(async {
            let proven = self.check(request, now)?;
            let facts = tokens.validate_presented(proven.presented(), now).await;
            proven.bind(facts, now)?.accept_once(now).await
        })
        .await
    }

    /// Rules 1 to 9, for a request to a resource server.
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks, as a [`Rejection`].
    pub fn check<'r>(&'r self, request: RequestHead<'r>, now: UnixMillis) -> Result<Proven<'r>, Rejection> {
        let rules = &*self.0;
        let mut seen = Seen::default();
        rules
            .check(request, &mut seen, now)
            .map_err(|fault| rules.outcomes.reject(fault, seen, rules.name(&request), now))
    }

    /// Rules 2 to 7 and 9, for a request to an authorization server's token endpoint, where there is no access token
    /// yet (RFC 9449 section 5).
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks, as a [`Rejection`]. Answer it with
    /// [`authorization_server_response`](Self::authorization_server_response). If the verifier was built with
    /// [`single_use`](crate::VerifierBuilder::single_use), every request is refused: that takes
    /// [`decide_token_request`](Self::decide_token_request).
    pub fn check_token_request(&self, request: RequestHead<'_>, now: UnixMillis) -> Result<VerifiedProof, Rejection> {
        let rules = &*self.0;
        let (policy, proof) = rules.prove_token_request(&request, now)?;
        if policy.single_use() {
            let (seen, name) = (Seen::of(Some(&proof)), rules.name(&request));
            return Err(rules.outcomes.reject(Reason::StoreNotAsked, seen, name, now));
        }
        Ok(rules.accept_token_request(proof, now))
    }

    /// The same, and rule 12 if the verifier was built with [`single_use`](crate::VerifierBuilder::single_use): the proof's
    /// one use is claimed.
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks, as a [`Rejection`]. Answer it with
    /// [`authorization_server_response`](Self::authorization_server_response).
    pub async fn decide_token_request(
        &self,
        request: RequestHead<'_>,
        now: UnixMillis,
    ) -> Result<VerifiedProof, Rejection> {
        let rules = &*self.0;
        let (policy, proof) = rules.prove_token_request(&request, now)?;
        if policy.single_use() {
            let claimed = rules.outcomes.claim(Some(&proof), now).await;
            let (seen, name) = (Seen::of(Some(&proof)), rules.name(&request));
            claimed.map_err(|reason| rules.outcomes.reject(reason, seen, name, now))?;
        }
        Ok(rules.accept_token_request(proof, now))
    }

    /// How often each thing happened.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.0.outcomes.counters
    }

    /// The refusal as a resource server gives it (RFC 9449 sections 7.1 and 9): 401, `WWW-Authenticate: DPoP`,
    /// `DPoP-Nonce`, and a JSON-RPC error for MCP as the body. The error has a null `id`, since no request was read.
    /// A server that has read it puts [`Rejection::json_rpc_body`] there. A token with too few scopes gets 403 (RFC 6750
    /// section 3.1).
    ///
    /// ```
    /// # use sealstamp::UnixMillis;
    /// use sealstamp_dpop::{Nonces, RequestHead, Verifier};
    ///
    /// let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off).build()?;
    /// let (request, ()) = http::Request::post("/mcp").body(())?.into_parts();
    /// let rejection = verifier.check(RequestHead::of(&request), UnixMillis::new(1_790_000_000_000)).unwrap_err();
    /// let response = verifier.resource_server_response(&rejection);
    /// assert_eq!(response.status(), 401);
    /// assert_eq!(response.headers()["www-authenticate"], "DPoP algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn resource_server_response(&self, rejection: &Rejection) -> Response<&'static str> {
        response::of_resource_server(&self.0.outcomes.challenges, rejection)
    }

    /// The refusal as an authorization server gives it (RFC 9449 sections 5 and 8): 400, `DPoP-Nonce`, and an OAuth
    /// error as JSON. For requests checked with [`check_token_request`](Self::check_token_request).
    #[must_use]
    pub fn authorization_server_response(&self, rejection: &Rejection) -> Response<&'static str> {
        response::of_authorization_server(rejection)
    }
}

#[cfg(test)]
mod tests {
    use sealstamp::{Audience, Fleet, Fresh, Ring, Settings, Suite};

    use super::*;
    use crate::nonces::Nonces;
    use crate::policy::NonceDemand;
    use crate::token::{TokenBinding, TokenFacts};

    const NOW: UnixMillis = UnixMillis::new(1_790_000_000_000);

    fn fleet() -> Fleet {
        let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::from_os().unwrap());
        Fleet::new(ring, Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap()
    }

    /// The stages before the last are not counted as accepted, and each knows what the request is held to.
    #[test]
    fn only_the_last_stage_counts() {
        for (nonces, demand) in [(Nonces::Off, NonceDemand::Never), (Nonces::Required(fleet()), NonceDemand::Always)] {
            let verifier = Verifier::builder("https://mcp.example.com/mcp", nonces)
                .dangerously_accept_unbound_bearer_tokens()
                .build()
                .unwrap();
            let request = http::Request::post("/mcp").header("authorization", "Bearer abc").body(()).unwrap();
            let (parts, ()) = request.into_parts();

            let proven = verifier.check(RequestHead::of(&parts), NOW).unwrap();
            assert_eq!((proven.policy().nonce(), verifier.counters().accepted()), (demand, 0));
            let bound = proven.bind(Ok(TokenFacts::new(TokenBinding::None)), NOW).unwrap();
            assert_eq!((bound.policy().nonce(), verifier.counters().accepted()), (demand, 0));
            let accepted = bound.accept(NOW).unwrap();
            assert_eq!((accepted.policy().nonce(), verifier.counters().accepted()), (demand, 1));

            let proven = verifier.check(RequestHead::of(&parts), NOW).unwrap();
            let rejection = proven.bind(Ok(TokenFacts::new(TokenBinding::Unknown)), NOW).unwrap_err();
            assert_eq!(rejection.reason(), Reason::BoundTokenAsBearer);
            assert_eq!(verifier.counters().accepted(), 1);
            assert_eq!(verifier.counters().refused(Reason::BoundTokenAsBearer), 1);
        }
    }
}

//! The last stage: everything that the policy demanded.

use http::HeaderMap;
use sealstamp::Nonce;

use crate::policy::Policy;
use crate::proof::VerifiedProof;
use crate::response::write_nonce;
use crate::token::TokenFacts;

/// A request that has passed rules 1 to 10, and has shown all that its [`Policy`] demanded.
///
/// Put it where the handler finds it; the layer puts it into the request's extensions. Only
/// [`Bound::accept`](crate::Bound::accept) makes one. It cannot be made up: this does not compile.
///
/// ```compile_fail,E0451
/// # use sealstamp_dpop::{Accepted, Policy, TokenFacts};
/// fn make_up(policy: Policy, token: TokenFacts) -> Accepted {
///     Accepted { policy, proof: None, token }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Accepted {
    policy: Policy,
    proof: Option<VerifiedProof>,
    token: TokenFacts,
}

impl Accepted {
    /// For [`Bound::accept`](crate::Bound::accept) alone.
    pub(super) fn new(policy: Policy, proof: Option<VerifiedProof>, token: TokenFacts) -> Self {
        Self { policy, proof, token }
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

    /// What this request has shown.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The nonce to hand out with the response, if it is time for a new one (RFC 9449 section 8.2).
    #[must_use]
    pub fn next_nonce(&self) -> Option<&Nonce> {
        self.proof.as_ref().and_then(VerifiedProof::next_nonce)
    }

    /// Adds what an accepted request's response must carry: nothing, or the next nonce (RFC 9449 section 8.2).
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        if let Some(nonce) = self.next_nonce() {
            write_nonce(nonce, headers);
        }
    }
}

//! The last stage: everything that the policy demanded.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Response};
use sealstamp::{Nonce, UnixMillis};

use crate::names::Name;
use crate::outcome::{Outcomes, Seen};
use crate::policy::Policy;
use crate::proof::VerifiedProof;
use crate::response::{self, write_nonce};
use crate::stages::scopes::has_scopes;
use crate::token::TokenFacts;
use crate::verdict::Rejection;

/// A request that has passed rules 1 to 10 and has shown all that its [`Policy`] demanded.
///
/// Put it where the handler finds it; the layer puts it into the request's extensions. Only
/// [`Bound::accept`](crate::Bound::accept) and [`Bound::accept_once`](crate::Bound::accept_once) make one. It cannot be
/// made up: this does not compile.
///
/// ```compile_fail,E0451
/// # use sealstamp_dpop::{Accepted, TokenFacts};
/// fn make_up(token: TokenFacts, other: Accepted) -> Accepted {
///     Accepted { token, ..other }
/// }
/// ```
#[derive(Clone)]
pub struct Accepted {
    outcomes: Arc<Outcomes>,
    name: Name,
    at: UnixMillis,
    policy: Policy,
    proof: Option<VerifiedProof>,
    token: TokenFacts,
}

impl Accepted {
    /// For [`Bound`](crate::Bound) alone.
    pub(super) fn new(
        outcomes: Arc<Outcomes>,
        name: Name,
        at: UnixMillis,
        policy: Policy,
        proof: Option<VerifiedProof>,
        token: TokenFacts,
    ) -> Self {
        Self { outcomes, name, at, policy, proof, token }
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
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether the token has all of these scopes; for a handler that finds out late what it is asked for.
    ///
    /// The request stays one of [`Counters::accepted`](crate::Counters::accepted), and becomes one of those refused as
    /// [`Reason::InsufficientScope`](crate::Reason::InsufficientScope) too.
    ///
    /// # Errors
    ///
    /// [`InsufficientScope`], which knows the response that an MCP client understands.
    pub fn require_scopes(&self, scopes: &[&str]) -> Result<(), InsufficientScope> {
        if has_scopes(&self.token, scopes.iter().copied()) {
            return Ok(());
        }
        let rejection = self.outcomes.lacks_scopes(scopes, Seen::of(self.proof.as_ref()), self.name, self.at);
        Err(InsufficientScope { rejection, outcomes: Arc::clone(&self.outcomes) })
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

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, proof, token, .. } = self;
        f.debug_struct("Accepted")
            .field("policy", policy)
            .field("proof", proof)
            .field("token", token)
            .finish_non_exhaustive()
    }
}

/// An accepted request whose token has not all the scopes that it needs: [`Accepted::require_scopes`] makes it.
///
/// ```
/// use http::Response;
/// use sealstamp_dpop::Accepted;
///
/// fn delete_file(caller: &Accepted) -> Response<String> {
///     if let Err(refused) = caller.require_scopes(&["files:write"]) {
///         return refused.response().map(str::to_owned);
///     }
///     Response::new("deleted".to_owned())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct InsufficientScope {
    rejection: Rejection,
    outcomes: Arc<Outcomes>,
}

impl InsufficientScope {
    /// All scopes that the request needs, with spaces between them: what a client asks the authorization server for.
    #[must_use]
    pub fn scopes(&self) -> &str {
        self.rejection.needed_scopes().unwrap_or_default()
    }

    /// 403 with a challenge that names the scopes and where the metadata is (RFC 6750 section 3.1). The body is a
    /// JSON-RPC error. In MCP such a response makes a client step up.
    ///
    /// In the body of a response that has begun, as in a tool of `rmcp`, it is too late for a status. There, put
    /// [`scopes`](Self::scopes) into the tool's error.
    #[must_use]
    pub fn response(&self) -> Response<&'static str> {
        response::of_resource_server(&self.outcomes.challenges, &self.rejection)
    }

    /// The same as a [`Rejection`].
    #[must_use]
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

impl fmt::Display for InsufficientScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this needs an access token with the scopes: {}", self.scopes())
    }
}

impl std::error::Error for InsufficientScope {}

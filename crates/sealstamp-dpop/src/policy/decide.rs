//! Who decides on the policy of a request: a server's own functions, if it has them, and its rows for MCP.

use std::fmt;

use crate::policy::Policy;
use crate::policy::mcp::McpRows;
use crate::request::RequestHead;
use crate::token::TokenFacts;

/// From a request's head and the usual policy to the request's own.
type Decide = dyn Fn(&RequestHead<'_>, Policy) -> Policy + Send + Sync;

/// The first decision, from the head.
#[derive(Default)]
pub(crate) struct Decider {
    pub(crate) own: Option<Box<Decide>>,
    pub(crate) mcp: Option<McpRows>,
}

impl Decider {
    pub(crate) fn is_none(&self) -> bool {
        self.own.is_none() && self.mcp.is_none()
    }

    /// With a function and rows, the stricter of both.
    pub(crate) fn decide(&self, request: &RequestHead<'_>, usual: &Policy) -> Policy {
        let own = self.own.as_ref().map(|decide| decide(request, usual.clone()));
        let row = self.mcp.as_ref().map(|rows| rows.of(request));
        match (own, row) {
            (None, None) => usual.clone(),
            (Some(own), None) => own,
            (None, Some(row)) => row.clone(),
            (Some(own), Some(row)) => own.stricter(row),
        }
    }
}

impl fmt::Debug for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = if self.own.is_some() { "Some(..)" } else { "None" };
        f.debug_struct("Decider").field("own", &format_args!("{own}")).field("mcp", &self.mcp).finish()
    }
}

/// From a request's head, what its token says and the policy so far to what the token's holder has to show as well.
type Tighten = dyn Fn(&RequestHead<'_>, &TokenFacts, Policy) -> Policy + Send + Sync;

/// The second decision, from the token. It can only tighten.
#[derive(Default)]
pub(crate) struct Tightener(pub(crate) Option<Box<Tighten>>);

impl Tightener {
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Whatever the function returns, nothing is demanded less than before.
    pub(crate) fn tighten(&self, request: &RequestHead<'_>, token: &TokenFacts, policy: Policy) -> Policy {
        match &self.0 {
            Some(tighten) => {
                let more = tighten(request, token, policy.clone());
                policy.stricter(&more)
            }
            None => policy,
        }
    }
}

impl fmt::Debug for Tightener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Tightener(..)" } else { "Tightener(None)" })
    }
}

//! What one request has to show, beyond the rules that hold for all.

use std::fmt;

use crate::nonces::Nonces;
use crate::request::RequestHead;
use crate::single_use::SingleUse;

/// What a request has to show.
///
/// It is decided from the request's head, before rule 7, which is the first to depend on it. Then it travels inside the
/// stages ([`Proven`](crate::Proven), [`Bound`](crate::Bound), [`Accepted`](crate::Accepted)), so that no later step
/// can forget it, and a handler can see what the request that it serves has shown.
///
/// Unless the server [decides by the request](crate::VerifierBuilder::policy), every request gets the same policy, as the
/// verifier was built: a nonce or none, and whether a proof may be used only once. No policy demands a digest of the
/// body.
///
/// ```
/// # use sealstamp_dpop::{NonceDemand, Policy};
/// fn for_money(usual: Policy) -> Policy {
///     usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_single_use(true)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    nonce: NonceDemand,
    single_use: bool,
}

impl Policy {
    /// The policy of a server with these nonces, and with a store or none.
    pub(crate) const fn of(nonces: &Nonces, store: Option<&SingleUse>) -> Self {
        let nonce = match nonces {
            Nonces::Required(_) => NonceDemand::Always,
            Nonces::Off => NonceDemand::Never,
        };
        Self { nonce, single_use: store.is_some() }
    }

    /// Which nonces a proof may carry.
    #[must_use]
    pub const fn nonce(self) -> NonceDemand {
        self.nonce
    }

    /// Whether a proof is accepted once only (rule 12).
    #[must_use]
    pub const fn single_use(self) -> bool {
        self.single_use
    }

    /// The same, with another demand for the nonce. On a server without nonces, nobody meets a demand for one.
    #[must_use]
    pub const fn with_nonce(self, nonce: NonceDemand) -> Self {
        Self { nonce, ..self }
    }

    /// The same, with or without single use. On a server without a store, all requests are refused that need one
    /// ([`Reason::StoreNotAsked`](crate::Reason::StoreNotAsked)).
    #[must_use]
    pub const fn with_single_use(self, single_use: bool) -> Self {
        Self { single_use, ..self }
    }

    /// Whether it demands what only a proof can show, so that a `Bearer` token does not do.
    pub(crate) const fn demands_proof(self) -> bool {
        self.single_use || matches!(self.nonce, NonceDemand::Within { .. })
    }
}

/// Who decides on the policy of a request: a server's own function, if it has one.
#[derive(Default)]
pub(crate) struct Decider(pub(crate) Option<Box<Decide>>);

/// From a request's head and the usual policy to the request's own.
type Decide = dyn Fn(&RequestHead<'_>, Policy) -> Policy + Send + Sync;

impl Decider {
    pub(crate) fn decide(&self, request: &RequestHead<'_>, usual: Policy) -> Policy {
        self.0.as_ref().map_or(usual, |decide| decide(request, usual))
    }
}

impl fmt::Debug for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Decider(..)" } else { "Decider(None)" })
    }
}

/// Whether a proof needs a nonce (rule 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NonceDemand {
    /// It needs none, and a `nonce` claim is ignored.
    Never,
    /// It needs one that opens, of any age up to a nonce's lifetime.
    Always,
    /// It needs one that opens and is not older than this, by the clock of the replica that opens it.
    ///
    /// A client whose nonce is older is told to use the fresh one that comes with the refusal, and passes with it. So
    /// guarded requests cost most clients one more round trip. Leave room for the way there and back, and for one skew.
    Within {
        /// The greatest age, in whole seconds.
        seconds: u32,
    },
}

//! What one request has to show, beyond the rules that hold for all.

use crate::nonces::Nonces;
use crate::single_use::SingleUse;

/// What a request has to show.
///
/// It is decided from the request's head, before rule 7, which is the first to depend on it. Then it travels inside the
/// stages ([`Proven`](crate::Proven), [`Bound`](crate::Bound), [`Accepted`](crate::Accepted)), so that no later step
/// can forget it, and a handler can see what the request that it serves has shown.
///
/// Every request to one verifier gets the same policy, as the verifier was built: a nonce or none, and whether a proof
/// may be used only once. No policy demands a digest of the body.
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

    /// Whether it demands what only a proof can show, so that a `Bearer` token does not do.
    pub(crate) const fn demands_proof(self) -> bool {
        self.single_use
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
}

//! What one request has to show, beyond the rules that hold for all.

use crate::nonces::Nonces;

/// What a request has to show.
///
/// It is decided from the request's head, before rule 7, which is the first to depend on it. Then it travels inside the
/// stages ([`Proven`](crate::Proven), [`Bound`](crate::Bound), [`Accepted`](crate::Accepted)), so that no later step
/// can forget it, and a handler can see what the request that it serves has shown.
///
/// Every request to one verifier gets the same policy: a nonce or none, as the verifier was built. No policy demands a
/// digest of the body, or that a proof is used only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    nonce: NonceDemand,
}

impl Policy {
    /// The policy of a server with these nonces.
    pub(crate) const fn of(nonces: &Nonces) -> Self {
        let nonce = match nonces {
            Nonces::Required(_) => NonceDemand::Always,
            Nonces::Off => NonceDemand::Never,
        };
        Self { nonce }
    }

    /// Which nonces a proof may carry.
    #[must_use]
    pub const fn nonce(self) -> NonceDemand {
        self.nonce
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

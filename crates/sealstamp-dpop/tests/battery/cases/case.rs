//! A case: what is wrong with a request, and what must come of it.

use sealstamp_dpop::Answer::{InvalidDpopProof, InvalidToken, UseDpopNonce};
use sealstamp_dpop::{Algorithm, Answer, Reason};
use sealstamp_testkit::Draft;

use crate::support::World;

/// The one algorithm that the battery's server does not have on its list.
pub(crate) const NOT_TAKEN: Algorithm = Algorithm::PS512;

/// Breaks a good draft.
pub(crate) type Defect = fn(&mut Draft, &World);

pub(crate) struct Case {
    pub(crate) ids: &'static str,
    pub(crate) name: &'static str,
    pub(crate) defect: Defect,
    pub(crate) expected: Result<(), (Answer, Reason)>,
    /// What HTTP makes of it before the verifier sees it.
    pub(crate) wire: Wire,
}

/// How a request changes when it travels as HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Not at all.
    Same,
    /// White space around a field's value is not part of it (RFC 9112 section 5.1), so the proof is as it should be.
    Trimmed,
    /// The server takes no head of this size.
    TooLarge,
}

impl Case {
    pub(super) const fn on_the_wire(self, wire: Wire) -> Self {
        let Self { ids, name, defect, expected, wire: _ } = self;
        Self { ids, name, defect, expected, wire }
    }
}

/// Accepted.
pub(super) const fn ok(ids: &'static str, name: &'static str, defect: Defect) -> Case {
    Case { ids, name, defect, expected: Ok(()), wire: Wire::Same }
}

/// Refused as `invalid_dpop_proof`.
pub(super) const fn proof(ids: &'static str, name: &'static str, reason: Reason, defect: Defect) -> Case {
    Case { ids, name, defect, expected: Err((InvalidDpopProof, reason)), wire: Wire::Same }
}

/// Refused as `invalid_token`.
pub(super) const fn token(ids: &'static str, name: &'static str, reason: Reason, defect: Defect) -> Case {
    Case { ids, name, defect, expected: Err((InvalidToken, reason)), wire: Wire::Same }
}

/// Refused as `use_dpop_nonce`.
pub(super) const fn nonce(ids: &'static str, name: &'static str, reason: Reason, defect: Defect) -> Case {
    Case { ids, name, defect, expected: Err((UseDpopNonce, reason)), wire: Wire::Same }
}

/// Refused without an error code.
pub(super) const fn bare(ids: &'static str, name: &'static str, reason: Reason, defect: Defect) -> Case {
    Case { ids, name, defect, expected: Err((Answer::Challenge, reason)), wire: Wire::Same }
}

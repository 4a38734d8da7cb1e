//! Whether a process may go on from one ring to another.
//!
//! "Not known" counts as "no". The ring in use is known to be good, and a process that keeps it can be helped by
//! `recover`. A process that went over to a wrong ring has handed out nonces that nobody else opens.

use std::collections::BTreeSet;

use crate::fleet::error::SwapError;
use crate::ring::Ring;

/// A successor names the ring in use. Where neither ring has a lineage, the serial has to do.
pub(super) fn check(current: &Ring, offered: &Ring) -> Result<(), SwapError> {
    let (serial, offered_serial) = (current.serial(), offered.serial());
    let apart = || SwapError::NotASuccessor { current: current.id(), offered: offered.id() };
    if offered_serial == serial {
        return Err(SwapError::Conflict { serial });
    }
    if offered_serial < serial {
        // An old ring of this line is no surprise: files may come out of order. One of another line is.
        let other_line = current.reaches(offered_serial) && !current.is_successor_of(offered.id());
        return Err(if other_line {
            apart()
        } else {
            SwapError::OlderSerial { current: serial, offered: offered_serial }
        });
    }
    let cannot_say = current.ancestors().is_none() && offered.ancestors().is_none();
    if cannot_say || offered.is_successor_of(current.id()) { Ok(()) } else { Err(apart()) }
}

/// The fingerprints of the keys that a process has seen revoked, 32 bytes each. They stay when a tombstone is pruned.
#[derive(Default)]
pub(super) struct Revoked(BTreeSet<[u8; 32]>);

impl Revoked {
    /// No ring may bring a revoked key back.
    pub(super) fn check(&self, ring: &Ring) -> Result<(), SwapError> {
        let back = ring.keys().iter().find(|key| key.is_live() && self.0.contains(&key.fingerprint));
        back.map_or(Ok(()), |key| Err(SwapError::Unrevoked { kid: key.kid() }))
    }

    pub(super) fn learn(&mut self, ring: &Ring) {
        self.0.extend(ring.keys().iter().filter(|key| !key.is_live()).map(|key| key.fingerprint));
    }
}

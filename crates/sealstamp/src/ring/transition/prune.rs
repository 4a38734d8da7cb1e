//! Keys of no more use leave the ring.

use crate::ring::Ring;
use crate::ring::transition::error::TransitionError;
use crate::ring::transition::{Cost, Force, Transition};
use crate::time::UnixMillis;

impl Ring {
    /// Removes every key and tombstone that is of no more use. If forced, removes every retiring key and every
    /// tombstone.
    ///
    /// # Errors
    /// - [`TransitionError::NotYetPrunable`], with the time at which the first key may go.
    /// - [`TransitionError::NothingToPrune`].
    /// - [`TransitionError::OutOfRange`].
    pub fn prune(&self, now: UnixMillis, force: Force) -> Result<Transition, TransitionError> {
        let mut next = self.successor(now)?;
        let candidates: Vec<Option<UnixMillis>> = self.status(now).map(|s| s.prunable_at).collect();
        let goes = |at: Option<UnixMillis>| at.is_some_and(|at| at <= now || force == Force::YesAtACost);
        if !candidates.iter().any(|at| goes(*at)) {
            let first = candidates.into_iter().flatten().min();
            return Err(
                first.map_or(TransitionError::NothingToPrune, |legal_at| TransitionError::NotYetPrunable { legal_at })
            );
        }
        let mut fates = candidates.iter();
        next.keys.retain(|_| !fates.next().is_some_and(|at| goes(*at)));
        let last = candidates.iter().filter(|at| goes(**at)).flatten().max().copied();
        next.finish(Cost { retries_until: last.filter(|at| *at > now), unknown_key_until: None })
    }
}

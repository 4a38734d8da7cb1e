//! `prune`: keys of no more use leave the ring.

use sealstamp::TransitionError;

use crate::cli::Prune;
use crate::commands::change::{self, Stop};
use crate::outcome::{Failure, Outcome};
use crate::store::Store;

pub(super) fn run(args: &Prune, store: &Store) -> Result<Outcome, Failure> {
    change::run("prune", &args.change, store, |given| {
        given.ring.prune(given.now, given.force).map_err(|refused| match refused {
            // A timer that finds nothing has done its work.
            TransitionError::NothingToPrune => Stop::Idle(format!("nothing to prune: {refused}")),
            _ => Stop::Refused(refused),
        })
    })
}

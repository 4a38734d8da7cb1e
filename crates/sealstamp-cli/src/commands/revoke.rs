//! `revoke`: a key leaves the ring with its secret, or all do.

use crate::cli::Revoke;
use crate::commands::change;
use crate::outcome::{Failure, Outcome};
use crate::store::Store;

pub(super) fn run(args: &Revoke, store: &Store) -> Result<Outcome, Failure> {
    change::run("revoke", &args.change, store, |given| {
        Ok(match args.kid {
            Some(kid) => given.ring.revoke(kid, given.now, given.fresh, given.force)?,
            None => given.ring.revoke_all(given.now, given.fresh)?,
        })
    })
}

//! `rotate`: the staged key gets its date.

use sealstamp::{Ring, UnixMillis};

use crate::cli::Rotate;
use crate::commands::change::{self, Stop};
use crate::outcome::{Failure, Outcome};
use crate::span::Span;
use crate::store::Store;

pub(super) fn run(args: &Rotate, store: &Store) -> Result<Outcome, Failure> {
    change::run(&args.change, store, |given| {
        if let Some(reason) = args.if_older_than.and_then(|limit| too_young(given.ring, given.now, limit)) {
            return Err(Stop::Idle(format!("nothing to do: {reason}")));
        }
        Ok(given.ring.rotate(args.at, given.now, given.fresh, given.force)?)
    })
}

/// Why a timer need not rotate now.
fn too_young(ring: &Ring, now: UnixMillis, limit: Span) -> Option<String> {
    if let Some(key) = ring.pending(now) {
        let at = key.activates_at().unwrap_or(now);
        return Some(format!("key {} takes over at {at}", key.kid()));
    }
    let active = ring.active(now);
    let age = Span::from_ms(now.since(active.activates_at()?));
    (age <= limit).then(|| format!("key {} has been active for {age}, not longer than {limit}", active.kid()))
}

//! `maintain`: what a timer runs. It prunes and rotates what is due, and then checks.
//!
//! It says nothing and succeeds as long as nobody is needed: if nothing is to be done, if something must wait, and if
//! something was done. What it did is in the log.

use sealstamp::{Fresh, Ring, Transition, TransitionError, UnixMillis};

use crate::cli::{Change, Maintain};
use crate::commands::change::{self, Given, Stop};
use crate::commands::{check, rotate};
use crate::outcome::{Failure, Outcome};
use crate::span::Span;
use crate::stderr;
use crate::store::Store;

pub(super) fn run(args: &Maintain, store: &Store) -> Result<Outcome, Failure> {
    if !args.dry_run {
        stderr::be_quiet();
    }
    let change = Change { dry_run: args.dry_run, now: args.now, force: false, reason: None };
    let mut seen = None;
    let done = change::run("maintain", &change, store, |given| {
        let made = due(&given, args.max_age);
        seen = Some(made.as_ref().map_or_else(|_| given.ring.clone(), |made| made.ring.clone()));
        made
    });
    let findings = match (done, seen) {
        (Ok(_), Some(ring)) => check::problems(&ring, store, args.max_age, args.now),
        (Ok(outcome), None) => return Ok(outcome),
        // The change itself could not be made: that is another failure than a ring which cannot be read.
        (Err(failure), Some(_)) => return Err(failure),
        // A ring that cannot be read is not healthy. One that can be read was only not written.
        (Err(failure), None) if store.is_pipe() || store.load().is_err() => return Err(Failure { code: 3, ..failure }),
        (Err(failure), None) => return Err(failure),
    };
    for finding in &findings {
        stderr::complain(format_args!("problem: {}", finding.message));
        stderr::complain(format_args!("hint: {}", finding.hint));
    }
    Ok(if findings.is_empty() { Outcome::Done } else { Outcome::NotHealthy })
}

/// The ring after all that is due, in one write.
fn due(given: &Given<'_>, max_age: Span) -> Result<Transition, Stop> {
    let now = given.now;
    let pruned = match given.ring.prune(now, given.force) {
        Ok(pruned) => Some(pruned),
        Err(TransitionError::NothingToPrune | TransitionError::NotYetPrunable { .. }) => None,
        Err(refused) => return Err(refused.into()),
    };
    let ring = pruned.as_ref().map_or(given.ring, |pruned| &pruned.ring);
    match rotated(ring, max_age, now)? {
        Some(rotated) => Ok(rotated),
        None => pruned.ok_or_else(|| Stop::Idle("nothing is due".into())),
    }
}

fn rotated(ring: &Ring, max_age: Span, now: UnixMillis) -> Result<Option<Transition>, Stop> {
    if rotate::too_young(ring, now, max_age).is_some() {
        return Ok(None);
    }
    let fresh = Fresh::from_os().map_err(|error| Stop::Failed(Failure::new(error)))?;
    match ring.rotate(None, now, fresh, sealstamp::Force::No) {
        Ok(rotated) => Ok(Some(rotated)),
        Err(TransitionError::Pending { .. }) => Ok(None),
        Err(refused) => Err(refused.into()),
    }
}

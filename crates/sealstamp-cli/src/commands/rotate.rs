//! `rotate`: the staged key gets its date, or the date is moved or taken back.

use sealstamp::{Key, Ring, Transition, UnixMillis};

use crate::cli::Rotate;
use crate::commands::change::{self, Given, Stop};
use crate::outcome::{Failure, Outcome};
use crate::policy::late_date;
use crate::span::Span;
use crate::store::Store;
use crate::time;

pub(super) fn run(args: &Rotate, store: &Store) -> Result<Outcome, Failure> {
    let what = if args.cancel { "rotate --cancel" } else { "rotate" };
    change::run(what, &args.change, store, |given| {
        let now = given.now;
        if let Some(reason) = args.if_older_than.and_then(|limit| too_young(given.ring, now, limit)) {
            return Err(Stop::Idle(format!("nothing to do: {reason}")));
        }
        if args.cancel {
            return Ok(given.ring.cancel(now, given.force)?);
        }
        let Some(at) = args.at else { return Ok(given.ring.rotate(None, now, given.fresh, given.force)?) };
        let made = to_date(at, given)?;
        match late_date(&made.ring, args.max_age, now).filter(|_| !args.change.force) {
            Some(late) => Err(Stop::Failed(
                Failure::refused(format_args!(
                    "refused: key {} would mint until {} ({}) and be older than {}; nothing is changed",
                    late.before.kid(),
                    late.date,
                    time::from_now(late.date, now),
                    args.max_age
                ))
                .hint(format_args!(
                    "the latest date is {}; if this one is meant: --force, or another --max-age",
                    late.latest
                )),
            )),
            None => Ok(made),
        }
    })
}

/// Moves the date of the key that is to come. If none is to come, the staged key gets one.
fn to_date(at: UnixMillis, given: Given<'_>) -> Result<Transition, Stop> {
    let pending = given.ring.pending(given.now);
    match pending {
        None => Ok(given.ring.rotate(Some(at), given.now, given.fresh, given.force)?),
        Some(key) if key.activates_at() == Some(at) => {
            Err(Stop::Idle(format!("nothing to do: key {} takes over at {at} as it is", key.kid())))
        }
        Some(_) => Ok(given.ring.move_date(at, given.now, given.force)?),
    }
}

/// Why a timer need not rotate now.
pub(super) fn too_young(ring: &Ring, now: UnixMillis, limit: Span) -> Option<String> {
    if let Some(key) = ring.pending(now) {
        let at = key.activates_at().unwrap_or(now);
        return Some(format!("key {} takes over at {at}", key.kid()));
    }
    let active: &Key = ring.active(now);
    let age = Span::from_ms(now.since(active.activates_at()?));
    (age <= limit).then(|| format!("key {} has been active for {age}, not longer than {limit}", active.kid()))
}

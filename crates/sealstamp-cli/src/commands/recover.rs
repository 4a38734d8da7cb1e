//! `recover`: a ring in the place of one that was lost or damaged, or of two that went apart.
//!
//! What replicas run has to be named. From that alone can it be told whether a copy is the ring in use, which is then
//! put back as it is and costs nothing, or an older one, whose keys may have been revoked since and are not used again.

use std::path::Path;

use sealstamp::{Cost, Fresh, Ring, RingId, Settings, Transition, UnixMillis};

use crate::audit::Entry;
use crate::cli::Recover;
use crate::commands::change::Words;
use crate::commands::settings;
use crate::outcome::{Failure, Outcome};
use crate::reports::{self, Report};
use crate::span::Span;
use crate::store::Store;
use crate::{digest, stderr, time};

pub(super) fn run(args: &Recover, store: &Store) -> Result<Outcome, Failure> {
    let reports = args.replaces.iter().map(|source| Report::read(source)).collect::<Result<Vec<_>, _>>()?;
    let now = time::clock();
    let in_place = store.read_in_place();
    let copy = match &args.copy {
        Some(path) => Some(reports::read_copy(Path::new(path))?),
        None if args.without_copy => None,
        None => Some(in_place.clone().ok_or_else(|| {
            Failure::usage(format_args!("{store}: no ring is there to start from"))
                .hint("name the newest copy that there is: --copy FILE; if there is none: --without-copy")
        })?),
    };
    let mut ids: Vec<RingId> = reports.iter().map(|report| report.id).collect();
    if let Some(copy) = &copy {
        let goes_on = |id: &RingId| *id == copy.id() || copy.is_successor_of(*id);
        if ids.iter().all(goes_on) {
            if in_place.as_ref() == Some(copy) {
                return Err(Failure::refused(format_args!(
                    "refused: {store} is the ring in use, or follows it; nothing is changed"
                ))
                .hint("nothing is lost: see sealstamp check --against"));
            }
            let done = vec!["the copy is put back as it is: it is the ring in use, or follows it".to_owned()];
            return write(args, store, now, in_place.as_ref(), copy, done);
        }
    }
    // Whoever has loaded the file that stands there now goes on as well.
    ids.extend(in_place.as_ref().map(Ring::id));
    let fresh = Fresh::from_os().map_err(Failure::new)?;
    let made = match &copy {
        Some(copy) => {
            warn_of_settings(copy, &reports);
            copy.recover(&ids, now, fresh)
        }
        None => Ring::recover_without_copy(&ids, settings_of(args, &reports)?, args.suite, now, fresh),
    };
    let Transition { ring, cost, .. } =
        made.map_err(|e| Failure::refused(format_args!("refused: {e}; nothing is changed")))?;
    write(args, store, now, in_place.as_ref(), &ring, news(&ring, &cost, now))
}

fn write(
    args: &Recover,
    store: &Store,
    now: UnixMillis,
    before: Option<&Ring>,
    ring: &Ring,
    changes: Vec<String>,
) -> Result<Outcome, Failure> {
    if args.dry_run {
        for line in changes {
            stderr::note(format_args!("dry run: {line}"));
        }
        return Ok(Outcome::Done);
    }
    let entry = Entry::new("recover", now, before, ring);
    store.put_back(ring, &Entry { reason: args.reason.clone(), changes: changes.clone(), ..entry })?;
    for line in changes {
        stderr::note(line);
    }
    let (serial, digest) = (ring.serial(), digest::hex(ring));
    let propagation = Span::from_s(ring.margins().propagation_s());
    stderr::note(format_args!(
        "{store} is now serial {serial}, digest {}...; every replica is to have loaded it within {propagation}",
        digest::brief(&digest)
    ));
    if let Some(access) = store.access() {
        stderr::note(format_args!("the file is {access}: see that the servers may read it before one restarts"));
    }
    Ok(Outcome::Done)
}

fn news(ring: &Ring, cost: &Cost, now: UnixMillis) -> Vec<String> {
    let mut lines: Vec<String> = ring.status(now).map(|s| format!("key {} is {}", s.key.kid(), s.state)).collect();
    lines.push(format!("settings: {}", Words(ring.settings())));
    let until = |at: UnixMillis| format!("until {at} ({})", time::from_now(at, now));
    lines.extend(cost.retries_until.map(|at| format!("{} a client may be refused, and retries", until(at))));
    lines.extend(cost.unknown_key_until.map(|at| {
        format!("{} at the latest, replicas that have not loaded the ring refuse nonces of those that have", until(at))
    }));
    lines
}

/// What the command line says, and for the rest what the replicas report. Never a default.
fn settings_of(args: &Recover, reports: &[Report]) -> Result<Settings, Failure> {
    let mut reported = reports.iter().filter_map(|report| report.settings);
    let first = reported.next();
    let agreed = first.filter(|first| reported.all(|other| other == *first));
    let [lifetime, skew, propagation] = [
        (args.lifetime, agreed.map(|s| s.lifetime_s()), "--lifetime"),
        (args.max_skew, agreed.map(|s| s.max_skew_s()), "--max-skew"),
        (args.propagation, agreed.map(|s| s.propagation_s()), "--propagation"),
    ]
    .map(|(given, reported, option)| {
        given.or(reported).ok_or_else(|| {
            let why = if first.is_some() { "they report different ones" } else { "nobody reports any" };
            Failure::usage(format_args!("{option} is needed: the settings of the replicas are not known, {why}"))
                .hint("give what the fleet had, or --replaces URL of a replica")
        })
    });
    Settings::new(lifetime?, skew?, propagation?).map_err(settings::out_of_range)
}

fn warn_of_settings(copy: &Ring, reports: &[Report]) {
    let other = reports.iter().filter_map(|r| Some((&r.source, r.settings.filter(|s| s != copy.settings())?))).next();
    if let Some((source, theirs)) = other {
        stderr::complain(format_args!(
            "the copy has {}, and {source} has {}: the copy's count from now on; for others: sealstamp settings",
            Words(copy.settings()),
            Words(&theirs)
        ));
    }
}

//! `recover`: a ring in the place of one that was lost or damaged, or of two that went apart.
//!
//! What replicas run has to be named. From that alone can it be told whether a copy is the ring in use, which is then
//! put back as it is and costs nothing, or an older one, whose keys may have been revoked since and are not used again.

use sealstamp::{Cost, Fresh, Key, Ring, RingId, Settings, Transition, UnixMillis};

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
    let now = time::clock();
    let reports = args.replaces.iter().map(|source| Report::read(source, now)).collect::<Result<Vec<_>, _>>()?;
    let copy = args.copy.as_deref().map(reports::read_copy).transpose()?;
    let start = if args.without_copy { Start::Nothing } else { copy.as_ref().map_or(Start::InPlace, Start::Copy) };
    // Before the lock, which leaves a file beside the ring: a refusal leaves nothing.
    let made = make(args, store, start, &reports, store.read_in_place().as_ref(), now)?;
    if let Start::InPlace | Start::Copy(_) = start {
        warn_of_settings(made.ring.settings_at(now), &reports);
    }
    if args.dry_run {
        for line in made.changes {
            stderr::note(format_args!("dry run: {line}"));
        }
        return Ok(Outcome::Done);
    }
    let mut changes = Vec::new();
    let ring = store.put_back(|in_place| {
        let made = make(args, store, start, &reports, in_place, now)?;
        changes.clone_from(&made.changes);
        let entry = Entry::new("recover", now, in_place, &made.ring);
        store.log(&Entry { reason: args.reason.clone(), changes: made.changes, ..entry })?;
        Ok(made.ring)
    })?;
    for line in changes {
        stderr::note(line);
    }
    let (serial, digest) = (ring.serial(), digest::hex(&ring));
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

/// What the new ring is made from.
#[derive(Clone, Copy)]
enum Start<'r> {
    InPlace,
    Copy(&'r Ring),
    Nothing,
}

/// The ring to write, and what to say of it.
struct Made {
    ring: Ring,
    changes: Vec<String>,
}

fn make(
    args: &Recover,
    store: &Store,
    start: Start<'_>,
    reports: &[Report],
    in_place: Option<&Ring>,
    now: UnixMillis,
) -> Result<Made, Failure> {
    let copy = match start {
        Start::InPlace => Some(in_place.ok_or_else(|| nothing_there(store))?),
        Start::Copy(copy) => Some(copy),
        Start::Nothing => None,
    };
    let mut ids: Vec<RingId> = reports.iter().map(|report| report.id).collect();
    if let Some(copy) = copy {
        let goes_on = |id: &RingId| *id == copy.id() || copy.is_successor_of(*id);
        if ids.iter().all(goes_on) {
            if in_place == Some(copy) {
                return Err(Failure::refused(format_args!(
                    "refused: {store} is the ring in use, or follows it; nothing is changed"
                ))
                .hint("nothing is lost: see sealstamp check --against"));
            }
            let changes = vec!["the copy is put back as it is: it is the ring in use, or follows it".to_owned()];
            return Ok(Made { ring: copy.clone(), changes });
        }
    }
    // Whoever has loaded the file that stands there now goes on as well.
    ids.extend(in_place.map(Ring::id));
    let fresh = Fresh::from_os().map_err(Failure::new)?;
    let made = match copy {
        Some(copy) => copy.recover(&ids, now, fresh),
        None => Ring::recover_without_copy(&ids, settings_of(args, reports)?, args.suite, now, fresh),
    };
    let Transition { ring, cost, .. } =
        made.map_err(|e| Failure::refused(format_args!("refused: {e}; nothing is changed")))?;
    // What a dry run made is thrown away, so new keys have no name.
    let known = copy.filter(|_| args.dry_run);
    let name = |key: &Key| match known.map_or(!args.dry_run, |ring| ring.keys().iter().any(|k| k.kid() == key.kid())) {
        true => format!("key {}", key.kid()),
        false => "a new key".into(),
    };
    let mut changes: Vec<String> = ring.status(now).map(|s| format!("{} is {}", name(s.key), s.state)).collect();
    changes.extend(news(&ring, &cost, now));
    Ok(Made { ring, changes })
}

fn nothing_there(store: &Store) -> Failure {
    Failure::usage(format_args!("{store}: no ring is there to start from"))
        .hint("name the newest copy that there is: --copy FILE; if there is none: --without-copy")
}

fn news(ring: &Ring, cost: &Cost, now: UnixMillis) -> Vec<String> {
    let mut lines = vec![format!("settings: {}", Words(ring.settings_at(now)))];
    let next = ring.next_settings().filter(|next| next.from > now);
    lines.extend(next.map(|next| format!("from {} on: {}", next.from, Words(&next.settings))));
    let until = |at: UnixMillis| format!("until {at} ({})", time::from_now(at, now));
    lines.extend(cost.retries_until.map(|at| format!("{} a client may be refused, and retries", until(at))));
    lines.extend(cost.unknown_key_until.map(|at| {
        format!("{} at the latest, replicas that have not loaded the ring refuse nonces of those that have", until(at))
    }));
    lines
}

/// What the command line says, and for the rest what the replicas report. Never a default.
fn settings_of(args: &Recover, reports: &[Report]) -> Result<Settings, Failure> {
    let needed = |given: Option<u32>, option: &str, member: fn(&Settings) -> u32| {
        let mut reported = reports.iter().filter_map(|report| report.settings.as_ref().map(member));
        let first = reported.next();
        given.or(first.filter(|first| reported.all(|other| other == *first))).ok_or_else(|| {
            let why = if first.is_some() { "the replicas report different ones" } else { "nobody reports any" };
            Failure::usage(format_args!("{option} is needed: {why}"))
                .hint("give what the fleet had, or --replaces URL of a replica")
        })
    };
    let lifetime = needed(args.lifetime, "--lifetime", Settings::lifetime_s)?;
    let max_skew = needed(args.max_skew, "--max-skew", Settings::max_skew_s)?;
    let propagation = needed(args.propagation, "--propagation", Settings::propagation_s)?;
    Settings::new(lifetime, max_skew, propagation).map_err(settings::out_of_range)
}

fn warn_of_settings(copys: &Settings, reports: &[Report]) {
    let other = reports.iter().filter_map(|r| Some((&r.source, r.settings.filter(|s| s != copys)?))).next();
    if let Some((source, theirs)) = other {
        stderr::complain(format_args!(
            "the copy has {}, and {source} has {}: the copy's count from now on; for others: sealstamp settings",
            Words(copys),
            Words(&theirs)
        ));
    }
}

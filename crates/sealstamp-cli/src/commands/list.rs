//! `list`: the keys, and a timeline of when each mints.

use std::fmt::Write as _;

use sealstamp::{KeyState, KeyStatus, Ring, UnixMillis};
use serde::Serialize;

use crate::ascii_timeline::{self, Row};
use crate::cli::List;
use crate::commands::change::Words;
use crate::outcome::{Failure, Outcome};
use crate::span::Span;
use crate::store::Store;
use crate::{stdout, time};

pub(super) fn run(args: &List, store: &Store) -> Result<Outcome, Failure> {
    let ring = store.load()?;
    let now = args.moment.now.unwrap_or_else(time::clock);
    if args.json {
        stdout::write_json(&Listing::of(&ring, now))?;
    } else {
        stdout::write(&page(&ring, &store.to_string(), now, ascii_timeline::width()))?;
    }
    Ok(Outcome::Done)
}

/// `sealstamp-list/1`, described in docs/cli.md.
#[derive(Serialize)]
struct Listing {
    format: &'static str,
    now: String,
    serial: u64,
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
    /// What is to come into force.
    next_settings: Option<ListedSettings>,
    keys: Vec<ListedKey>,
}

#[derive(Serialize)]
struct ListedSettings {
    from: String,
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
}

#[derive(Serialize)]
struct ListedKey {
    kid: String,
    state: &'static str,
    suite: &'static str,
    created_at: String,
    activates_at: Option<String>,
    retires_at: Option<String>,
    prunable_at: Option<String>,
    revoked_at: Option<String>,
}

impl Listing {
    fn of(ring: &Ring, now: UnixMillis) -> Self {
        let text = |time: Option<UnixMillis>| time.map(|at| at.to_string());
        let keys = ring.status(now).map(|status| ListedKey {
            kid: status.key.kid().to_string(),
            state: status.state.as_str(),
            suite: status.key.suite().as_str(),
            created_at: status.key.created_at().to_string(),
            activates_at: text(status.key.activates_at()),
            retires_at: text(retires_at(ring, &status)),
            prunable_at: text(prunable_at(ring, &status)),
            revoked_at: text(status.key.revoked_at()),
        });
        Self {
            format: "sealstamp-list/1",
            now: now.to_string(),
            serial: ring.serial(),
            lifetime_s: ring.settings_at(now).lifetime_s(),
            max_skew_s: ring.settings_at(now).max_skew_s(),
            propagation_s: ring.settings_at(now).propagation_s(),
            next_settings: ring.next_settings().filter(|next| next.from > now).map(|next| ListedSettings {
                from: next.from.to_string(),
                lifetime_s: next.settings.lifetime_s(),
                max_skew_s: next.settings.max_skew_s(),
                propagation_s: next.settings.propagation_s(),
            }),
            keys: keys.collect(),
        }
    }
}

/// When a key stops or stopped minting: at its successor's date, or when it was revoked.
fn retires_at(ring: &Ring, status: &KeyStatus<'_>) -> Option<UnixMillis> {
    status.key.activates_at()?;
    let skew = Span::from_s(ring.margins().max_skew_s()).ms();
    let succeeded_at = status.mints_until.map(|last| last.saturating_sub(skew));
    match (succeeded_at, status.key.revoked_at()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// When a key will be of no more use. For a key that is not retiring yet, this is what the core will say when it is.
fn prunable_at(ring: &Ring, status: &KeyStatus<'_>) -> Option<UnixMillis> {
    let then = || {
        let retired_at = retires_at(ring, status)?;
        ring.status(retired_at).find(|s| s.key == status.key)?.prunable_at
    };
    status.prunable_at.or_else(then)
}

fn page(ring: &Ring, name: &str, now: UnixMillis, width: usize) -> String {
    let settings = ring.settings_at(now);
    let mut suites: Vec<&str> = ring.keys().iter().map(|k| k.suite().as_str()).collect();
    suites.sort_unstable();
    suites.dedup();
    let (serial, in_words) = (ring.serial(), Words(settings));
    let mut out = format!("{name}, serial {serial}, at {now}\n{in_words}, {}\n", suites.join(" and "));
    if let Some(next) = ring.next_settings().filter(|next| next.from > now) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "from {} on: {}", next.from, Words(&next.settings));
    }
    out.push('\n');
    let head = ["kid", "state", "", "mints from", "until"].map(String::from);
    let rows = ring.status(now).map(|status| {
        // To the second, because people read this. The JSON has the milliseconds.
        let date =
            |time: Option<UnixMillis>| time.map_or("-".into(), |at| at.saturating_sub(at.get() % 1_000).to_string());
        [
            status.key.kid().to_string(),
            status.state.to_string(),
            remark(&status, now),
            date(status.key.activates_at()),
            date(retires_at(ring, &status)),
        ]
    });
    let table: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    write_table(&mut out, &table, width);
    out.push('\n');
    let rows = ring.status(now).map(|s| Row::of(&s, retires_at(ring, &s), prunable_at(ring, &s)));
    let rows: Vec<Row> = rows.collect();
    out.push_str(&ascii_timeline::draw(&rows, now, width));
    out
}

/// Columns that do not fit are left out, from the right. The timeline below still shows their dates.
fn write_table(out: &mut String, table: &[[String; 5]], width: usize) {
    let mut widths = [0_usize; 5];
    for row in table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    let mut end = 0_usize;
    let fits = widths.iter().take_while(|column| {
        end = end.saturating_add(**column);
        let fits = end <= width;
        end = end.saturating_add(2);
        fits
    });
    let shown = fits.count().max(2);
    for row in table {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row).take(shown) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// What an operator wants to know next about a key in this state.
fn remark(status: &KeyStatus<'_>, now: UnixMillis) -> String {
    let from_now = |time: Option<UnixMillis>| time.map(|at| time::from_now(at, now));
    match status.state {
        KeyState::Staged => match from_now(status.key.activates_at()) {
            Some(when) => when,
            None => "no date".into(),
        },
        KeyState::Active => match status.key.activates_at().filter(|at| *at <= now) {
            Some(at) => format!("for {}", Span::from_ms(now.since(at))),
            None => "see to the clock".into(),
        },
        KeyState::Retiring => from_now(status.prunable_at).map(|when| format!("prune {when}")).unwrap_or_default(),
        KeyState::Prunable => "prune now".into(),
        KeyState::Revoked => from_now(status.key.revoked_at()).unwrap_or_default(),
    }
}

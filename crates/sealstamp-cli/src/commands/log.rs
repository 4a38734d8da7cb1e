//! `log`: who changed the ring, when and why.

use std::fmt::Write as _;
use std::io;

use sealstamp::Ring;
use serde::Serialize;

use crate::audit::{Entry, Log as Lines, Version};
use crate::cli::Log;
use crate::digest;
use crate::outcome::{Failure, Outcome};
use crate::stdout;
use crate::store::Store;

pub(super) fn run(args: &Log, store: &Store) -> Result<Outcome, Failure> {
    let Store::File(file) = store else {
        return Err(Failure::usage("a ring that comes from a pipe has no log beside it")
            .hint("what stores the ring keeps its history"));
    };
    let log = Lines::beside(file.path());
    let name = log.path().display();
    let lines = log.read().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(format_args!("{name}: there is no log"))
            .hint("the next change of the ring begins one; if there was one, look at the path of the ring"),
        _ => Failure::new(format_args!("{name}: {error}")),
    })?;
    let ring = store.read().ok();
    let told = tell(&lines, ring.as_ref().map(Version::of));
    if args.json {
        for line in &told {
            stdout::write(&format!("{}\n", serde_json::to_string(line).map_err(Failure::new)?))?;
        }
    } else {
        stdout::write(&page(&told, ring.as_ref()))?;
    }
    Ok(Outcome::Done)
}

/// A line of the log, and whether what it says was done.
#[derive(Serialize)]
struct Told<'l> {
    #[serde(flatten)]
    entry: Option<&'l Entry>,
    /// None if the log does not tell.
    done: Option<bool>,
}

/// A change was done if the next one began at its ring, or if the ring is still that one.
fn tell(lines: &[Option<Entry>], ring: Option<Version>) -> Vec<Told<'_>> {
    let told = lines.iter().enumerate().map(|(nth, line)| {
        let Some(entry) = line else { return Told { entry: None, done: None } };
        let next = lines.iter().skip(nth).skip(1).flatten().next();
        let then = next.map_or(ring.clone(), |next| next.from.clone());
        let done = match then {
            Some(then) if then == entry.to => Some(true),
            Some(then) if Some(&then) == entry.from.as_ref() => Some(false),
            _ => None,
        };
        Told { entry: Some(entry), done }
    });
    told.collect()
}

fn page(told: &[Told<'_>], ring: Option<&Ring>) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    for Told { entry, done } in told {
        let Some(entry) = entry else {
            out.push_str("a line that cannot be read: its write was cut off, or somebody edited the log\n\n");
            continue;
        };
        let from = entry.from.as_ref().map_or("none".into(), |from| from.serial.to_string());
        let _ = writeln!(
            out,
            "{}  {}{}  serial {from} -> {}",
            entry.at,
            entry.what,
            if entry.forced { " --force" } else { "" },
            entry.to.serial
        );
        let user = entry.by.user.as_deref().unwrap_or("somebody");
        let uid = entry.by.uid.map(|uid| format!(" (uid {uid})")).unwrap_or_default();
        let host = entry.by.host.as_deref().map(|host| format!(" on {host}")).unwrap_or_default();
        let _ = writeln!(out, "  by {user}{uid}{host}");
        if let Some(reason) = &entry.reason {
            let _ = writeln!(out, "  because: {reason}");
        }
        for change in &entry.changes {
            let _ = writeln!(out, "  {change}");
        }
        let _ = writeln!(out, "  digest {}...", digest::brief(&entry.to.digest));
        match done {
            Some(true) => {}
            Some(false) => out.push_str("  NOT DONE: the ring stayed as it was, or an older one was put back\n"),
            None => {
                out.push_str("  what came after this does not follow from it: the ring was replaced by other means\n")
            }
        }
        out.push('\n');
    }
    // A terminal must not act on what somebody wrote into the log.
    out.retain(|c| c == '\n' || !c.is_control());
    match ring {
        Some(ring) => {
            let _ = writeln!(out, "now: serial {}, digest {}...", ring.serial(), digest::brief(&digest::hex(ring)));
        }
        None => out.push_str("now: no ring that can be read\n"),
    }
    out
}

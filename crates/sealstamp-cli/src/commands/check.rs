//! `check`: is the ring healthy?

use sealstamp::{EPOCH_MS, Exposure, KeyState, KeyStatus, Ring, UnixMillis};
use serde::Serialize;

use crate::cli::Check;
use crate::commands::against::{self, Comparison};
use crate::commands::finding::{Finding, Severity, problem};
use crate::outcome::{Failure, Outcome};
use crate::policy::late_date;
use crate::span::Span;
use crate::store::Store;
use crate::{digest, stderr, stdout, time};

/// How many messages one AES-GCM key may seal under 96-bit IVs that are not counted up (NIST SP 800-38D section 8.3).
const NONCES_PER_KEY: u64 = 1 << 32;

pub(super) fn run(args: &Check, store: &Store) -> Result<Outcome, Failure> {
    let now = args.moment.now.unwrap_or_else(time::clock);
    let report = match store.read() {
        Ok(ring) => {
            // The file's time comes from the real clock, so it is not compared with a time from the command line.
            let modified_at = store.modified_at().filter(|_| args.moment.now.is_none());
            let nonces = args.rate.saturating_mul(EPOCH_MS / 1_000);
            let mut findings = of_ring(&ring, args.max_age, modified_at, now);
            findings.extend(of_file(store));
            findings.extend(too_many_nonces(nonces));
            let (against, differences) = against::compare(&ring, &args.against, modified_at, now);
            findings.extend(differences);
            Report { against, ..Report::new(now, nonces, findings).of(&ring, now) }
        }
        Err(unfit) => {
            let hint = unfit.hint.unwrap_or_default();
            Report::new(now, args.rate.saturating_mul(EPOCH_MS / 1_000), vec![problem(unfit.code, unfit.message, hint)])
        }
    };
    if args.json {
        stdout::write_json(&report)?;
    } else if !(report.healthy && stderr::is_quiet()) {
        stdout::write(&report.page(&store.to_string()))?;
    }
    Ok(if report.healthy { Outcome::Done } else { Outcome::NotHealthy })
}

/// What somebody must see to, for timers. Without a time from the command line, the real clock counts.
pub(super) fn problems(ring: &Ring, store: &Store, max_age: Span, now: Option<UnixMillis>) -> Vec<Finding> {
    let modified_at = store.modified_at().filter(|_| now.is_none());
    let mut findings = of_ring(ring, max_age, modified_at, now.unwrap_or_else(time::clock));
    findings.extend(of_file(store));
    findings.retain(|finding| finding.severity == Severity::Problem);
    findings
}

/// `sealstamp-check/1`, described in docs/cli.md. What there is to say of a ring is `null` if none could be read.
#[derive(Serialize)]
struct Report {
    format: &'static str,
    now: String,
    serial: Option<u64>,
    digest: Option<String>,
    healthy: bool,
    findings: Vec<Finding>,
    against: Vec<Comparison>,
    active: Option<String>,
    active_age_s: Option<u64>,
    nonces_per_epoch_key: u64,
    nonces_per_epoch_key_limit: u64,
}

fn of_ring(ring: &Ring, max_age: Span, modified_at: Option<UnixMillis>, now: UnixMillis) -> Vec<Finding> {
    let keys: Vec<KeyStatus<'_>> = ring.status(now).collect();
    let found = [
        overdue(ring, max_age, now),
        late(ring, max_age, now),
        no_successor(&keys),
        leftovers(&keys, now),
        clock(ring, modified_at, now),
    ];
    found.into_iter().flatten().collect()
}

fn of_file(store: &Store) -> impl Iterator<Item = Finding> {
    store.exposures().into_iter().map(|exposure| {
        let hint = match exposure {
            Exposure::WorldReadable => {
                "the keys may have leaked; chmod o= on the file, or defaultMode: 0440 in Kubernetes"
            }
            Exposure::GroupWritable => "chmod g-w on the file",
            Exposure::FolderWritable => "chmod go-w on the folder",
            _ => "see docs/operations.md",
        };
        problem(exposure.as_str(), exposure.to_string(), hint)
    })
}

fn active_age(ring: &Ring, now: UnixMillis) -> Span {
    Span::from_ms(ring.active(now).activates_at().map_or(0, |at| now.since(at)))
}

fn overdue(ring: &Ring, limit: Span, now: UnixMillis) -> Option<Finding> {
    let age = active_age(ring, now);
    (age > limit && ring.pending(now).is_none()).then(|| {
        let message = format!("key {} has been active for {age}, longer than {limit}", ring.active(now).kid());
        problem("overdue_rotation", message, "sealstamp rotate")
    })
}

fn late(ring: &Ring, limit: Span, now: UnixMillis) -> Option<Finding> {
    late_date(ring, limit, now).map(|late| {
        let (before, key, date) = (late.before.kid(), late.key.kid(), late.date);
        let message =
            format!("key {before} mints until {date}, when key {key} takes over, and will be older than {limit}");
        problem("late_rotation", message, "sealstamp rotate --at TIME, or sealstamp rotate --cancel")
    })
}

fn no_successor(keys: &[KeyStatus<'_>]) -> Option<Finding> {
    let staged = |k: &KeyStatus<'_>| k.state == KeyState::Staged && k.key.activates_at().is_none();
    (!keys.iter().any(staged)).then(|| {
        let message = "no key is staged: if the active one leaked, no other is known to the replicas".into();
        problem("no_staged_key", message, "sealstamp rotate")
    })
}

fn leftovers(keys: &[KeyStatus<'_>], now: UnixMillis) -> Option<Finding> {
    let done = keys.iter().filter(|k| k.prunable_at.is_some_and(|at| at <= now));
    let kids: Vec<String> = done.map(|k| k.key.kid().to_string()).collect();
    (!kids.is_empty()).then(|| {
        let noun = if kids.len() == 1 { "key is" } else { "keys are" };
        Finding {
            severity: Severity::Warning,
            ..problem(
                "prunable_keys",
                format!("{} {noun} of no more use: {}", kids.len(), kids.join(", ")),
                "sealstamp prune, any day",
            )
        }
    })
}

/// These times are ahead of this clock: either the clock that wrote them is fast, or this one is slow.
fn clock(ring: &Ring, modified_at: Option<UnixMillis>, now: UnixMillis) -> Option<Finding> {
    let skew = Span::from_s(ring.margins().max_skew_s()).ms();
    let written = ring.keys().iter().flat_map(|k| [Some(k.created_at()), k.revoked_at()]);
    let latest = written.chain([modified_at]).flatten().max()?;
    (latest > now.saturating_add(skew)).then(|| {
        let ahead = Span::from_ms(latest.since(now));
        let message = format!("the ring was written at {latest}, and to this clock that is yet to come, in {ahead}");
        problem("clock_behind", message, "see to the clock of this machine, or of the one that wrote the ring")
    })
}

fn too_many_nonces(nonces: u64) -> Option<Finding> {
    (nonces > NONCES_PER_KEY).then(|| {
        let message = format!("an epoch key would seal {nonces} nonces in its 4,096 s, more than 2^32");
        problem("too_many_nonces", message, "divide the fleet: a ring and an audience for each part")
    })
}

impl Report {
    fn new(now: UnixMillis, nonces: u64, findings: Vec<Finding>) -> Self {
        Self {
            format: "sealstamp-check/1",
            now: now.to_string(),
            serial: None,
            digest: None,
            healthy: findings.iter().all(|f| f.severity == Severity::Warning),
            findings,
            against: Vec::new(),
            active: None,
            active_age_s: None,
            nonces_per_epoch_key: nonces,
            nonces_per_epoch_key_limit: NONCES_PER_KEY,
        }
    }

    fn of(self, ring: &Ring, now: UnixMillis) -> Self {
        Self {
            serial: Some(ring.serial()),
            digest: Some(digest::hex(ring)),
            active: Some(ring.active(now).kid().to_string()),
            active_age_s: Some(active_age(ring, now).ms() / 1_000),
            ..self
        }
    }

    fn page(&self, name: &str) -> String {
        let verdict = if self.healthy { "healthy" } else { "not healthy" };
        let mut out = format!("{name}: {verdict}\n");
        if let (Some(serial), Some(active), Some(age)) = (self.serial, &self.active, self.active_age_s) {
            out.push_str(&format!(
                "serial {serial}, key {active} active for {}, {} nonces per epoch key of at most {}\n",
                Span::from_ms(age.saturating_mul(1_000)),
                self.nonces_per_epoch_key,
                self.nonces_per_epoch_key_limit,
            ));
        }
        out.extend(self.against.iter().map(Comparison::line));
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Problem => "problem",
                Severity::Warning => "warning",
            };
            out.push_str(&format!("{severity}: {}\n", finding.message));
            if !finding.hint.is_empty() {
                out.push_str(&format!("  hint: {}\n", finding.hint));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_nonces_from_both_sides() {
        assert!(too_many_nonces(NONCES_PER_KEY).is_none());
        assert!(too_many_nonces(NONCES_PER_KEY + 1).is_some());
    }
}

//! `check`: is the ring healthy?

use sealstamp::{EPOCH_MS, KeyState, KeyStatus, Ring, UnixMillis};
use serde::Serialize;

use crate::cli::Check;
use crate::outcome::{Failure, Outcome};
use crate::span::Span;
use crate::store::{FileFacts, Store};
use crate::{stdout, time};

/// How many messages one AES-GCM key may seal under 96-bit IVs that are not counted up (NIST SP 800-38D section 8.3).
const NONCES_PER_KEY: u64 = 1 << 32;

pub(super) fn run(args: &Check, store: &Store) -> Result<Outcome, Failure> {
    let ring = store.load()?;
    // The file's time comes from the real clock, so it is not compared with a time from the command line.
    let facts =
        store.facts().map(|f| FileFacts { modified_at: f.modified_at.filter(|_| args.moment.now.is_none()), ..f });
    let report = report(args, &ring, facts, args.moment.now.unwrap_or_else(time::clock));
    if args.json {
        stdout::write_json(&report)?;
    } else {
        stdout::write(&report.page(&store.to_string()))?;
    }
    Ok(if report.healthy { Outcome::Done } else { Outcome::NotHealthy })
}

/// `sealstamp-check/1`, described in docs/cli.md.
#[derive(Serialize)]
struct Report {
    format: &'static str,
    now: String,
    serial: u64,
    healthy: bool,
    findings: Vec<Finding>,
    active: String,
    active_age_s: u64,
    nonces_per_epoch_key: u64,
    nonces_per_epoch_key_limit: u64,
}

#[derive(Serialize)]
struct Finding {
    code: &'static str,
    severity: Severity,
    message: String,
    hint: String,
}

/// Only a problem makes a ring unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Problem,
    Warning,
}

fn problem(code: &'static str, message: String, hint: impl Into<String>) -> Finding {
    Finding { code, severity: Severity::Problem, message, hint: hint.into() }
}

fn report(args: &Check, ring: &Ring, facts: Option<FileFacts>, now: UnixMillis) -> Report {
    let keys: Vec<KeyStatus<'_>> = ring.status(now).collect();
    let active = ring.active(now);
    let age = Span::from_ms(active.activates_at().map_or(0, |at| now.since(at)));
    let nonces = args.rate.saturating_mul(EPOCH_MS / 1_000);
    let findings: Vec<Finding> = [
        overdue(ring, age, args.max_age, now),
        no_successor(&keys),
        leftovers(&keys, now),
        facts.and_then(|f| f.mode).and_then(permissions),
        clock(ring, facts.and_then(|f| f.modified_at), now),
        too_many_nonces(nonces),
    ]
    .into_iter()
    .flatten()
    .collect();
    Report {
        format: "sealstamp-check/1",
        now: now.to_string(),
        serial: ring.serial(),
        healthy: findings.iter().all(|f| f.severity == Severity::Warning),
        findings,
        active: active.kid().to_string(),
        active_age_s: age.ms() / 1_000,
        nonces_per_epoch_key: nonces,
        nonces_per_epoch_key_limit: NONCES_PER_KEY,
    }
}

fn overdue(ring: &Ring, age: Span, limit: Span, now: UnixMillis) -> Option<Finding> {
    (age > limit && ring.pending(now).is_none()).then(|| {
        let message = format!("key {} has been active for {age}, longer than {limit}", ring.active(now).kid());
        problem("overdue_rotation", message, "sealstamp rotate")
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
        problem(
            "prunable_keys",
            format!("{} {noun} of no more use: {}", kids.len(), kids.join(", ")),
            "sealstamp prune",
        )
    })
}

fn permissions(mode: u32) -> Option<Finding> {
    let (code, severity, message, hint) = if mode & 0o022 != 0 {
        ("writable_by_others", Severity::Problem, "others may replace the keys", "chmod go-w")
    } else if mode & 0o077 != 0 {
        (
            "readable_by_others",
            Severity::Warning,
            "others may read the keys",
            "chmod 600; in a Kubernetes Secret mount with fsGroup mode 0440 is normal, and the group is the pod's own",
        )
    } else {
        return None;
    };
    Some(Finding { code, severity, message: format!("mode {mode:04o}: {message}"), hint: hint.into() })
}

/// These times are ahead of this clock: either the clock that wrote them is fast, or this one is slow.
fn clock(ring: &Ring, modified_at: Option<UnixMillis>, now: UnixMillis) -> Option<Finding> {
    let skew = Span::from_s(ring.settings().max_skew_s()).ms();
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
    fn page(&self, name: &str) -> String {
        let verdict = if self.healthy { "healthy" } else { "not healthy" };
        let mut out = format!(
            "{name}: {verdict}\nserial {}, key {} active for {}, {} nonces per epoch key of at most {}\n",
            self.serial,
            self.active,
            Span::from_ms(self.active_age_s.saturating_mul(1_000)),
            self.nonces_per_epoch_key,
            self.nonces_per_epoch_key_limit,
        );
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Problem => "problem",
                Severity::Warning => "warning",
            };
            out.push_str(&format!("{severity}: {}\n  hint: {}\n", finding.message, finding.hint));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_from_both_sides() {
        for (mode, code) in [
            (0o600, None),
            (0o400, None),
            (0o640, Some("readable_by_others")),
            (0o440, Some("readable_by_others")),
            (0o604, Some("readable_by_others")),
            (0o620, Some("writable_by_others")),
            (0o602, Some("writable_by_others")),
            (0o666, Some("writable_by_others")),
        ] {
            assert_eq!(permissions(mode).map(|f| f.code), code, "{mode:o}");
        }
    }

    #[test]
    fn the_limit_of_nonces_from_both_sides() {
        assert!(too_many_nonces(NONCES_PER_KEY).is_none());
        assert!(too_many_nonces(NONCES_PER_KEY + 1).is_some());
    }
}

//! `check --against`: a ring file, compared with what replicas report and with other copies.

use sealstamp::{Ring, RingId, UnixMillis};
use serde::Serialize;

use crate::commands::finding::{Finding, problem, warning};
use crate::reports::Report;
use crate::span::Span;

/// What one source is to the file.
#[derive(Serialize)]
pub(super) struct Comparison {
    source: String,
    relation: &'static str,
    serial: Option<u64>,
    digest: Option<String>,
}

/// How another ring stands to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Same,
    /// This ring comes from the other one, in so many changes.
    Behind(u64),
    /// The other ring comes from this one.
    Ahead(u64),
    AnotherLine,
    /// There is no telling: it was more than 64 changes ago, or one of the two is of the format that could not say.
    Unclear,
}

impl Relation {
    fn of(ring: &Ring, other: RingId, ancestors: &[RingId]) -> Self {
        let this = ring.id();
        let reaches = ancestors.last().is_some_and(|oldest| oldest.serial <= this.serial);
        if other == this {
            Self::Same
        } else if other.serial == this.serial {
            Self::AnotherLine
        } else if other.serial < this.serial {
            match (ring.is_successor_of(other), ring.reaches(other.serial)) {
                (true, _) => Self::Behind(this.serial.saturating_sub(other.serial)),
                (false, true) => Self::AnotherLine,
                (false, false) => Self::Unclear,
            }
        } else if ancestors.contains(&this) {
            Self::Ahead(other.serial.saturating_sub(this.serial))
        } else if reaches {
            Self::AnotherLine
        } else {
            Self::Unclear
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Behind(_) => "behind",
            Self::Ahead(_) => "ahead",
            Self::AnotherLine => "another_line",
            Self::Unclear => "unclear",
        }
    }
}

/// Compares the ring with each source. `written` is when the file was, if that is known.
pub(super) fn compare(
    ring: &Ring,
    sources: &[String],
    written: Option<UnixMillis>,
    now: UnixMillis,
) -> (Vec<Comparison>, Vec<Finding>) {
    let (mut comparisons, mut findings) = (Vec::new(), Vec::new());
    let propagation = Span::from_s(ring.margins().propagation_s());
    let had_time = written.is_none_or(|at| now.since(at) > propagation.ms());
    let mut audience: Option<(String, String)> = None;
    for source in sources {
        let report = match Report::read(source, now) {
            Ok(report) => report,
            Err(failure) => {
                let hint = if source.starts_with("http") {
                    "see whether the replica runs, and what its page shows"
                } else {
                    "name a status of a replica, or a copy of the ring"
                };
                let hint = failure.hint.unwrap_or_else(|| hint.into());
                findings.push(problem("no_report", failure.message, hint));
                comparisons.push(Comparison {
                    source: source.clone(),
                    relation: "no_report",
                    serial: None,
                    digest: None,
                });
                continue;
            }
        };
        let relation = Relation::of(ring, report.id, &report.ancestors);
        findings.extend(of_relation(relation, ring, &report, had_time, now));
        findings.extend(of_keys(ring, &report));
        if let Some(status) = report.status {
            if let Some(fault) = status.fault {
                let message = format!("{source}: reports {fault}, and keeps serial {}", report.id.serial);
                findings.push(problem(
                    "replica_fault",
                    message,
                    "docs/operations.md, \"A replica that does not reload\"",
                ));
            }
            match &audience {
                Some((first, theirs)) if *theirs != status.audience => {
                    let message = format!("{source}: has audience {}, and {first} has {theirs}", status.audience);
                    let hint = "each refuses the other's nonces: give all servers of the fleet one audience";
                    findings.push(problem("another_audience", message, hint));
                }
                Some(_) => {}
                None => audience = Some((source.clone(), status.audience)),
            }
        }
        let (serial, digest) = (report.id.serial, report.id.to_string());
        let digest = digest.split_once(':').map(|(_, digest)| digest.to_owned());
        comparisons.push(Comparison {
            source: report.source,
            relation: relation.as_str(),
            serial: Some(serial),
            digest,
        });
    }
    (comparisons, findings)
}

fn of_relation(relation: Relation, ring: &Ring, report: &Report, had_time: bool, now: UnixMillis) -> Option<Finding> {
    let (source, theirs, ours) = (&report.source, report.id.serial, ring.serial());
    let settings = report.settings.filter(|settings| settings != ring.settings_at(now));
    let and_settings = if settings.is_some() { ", and has other settings" } else { "" };
    match relation {
        Relation::Same => None,
        Relation::Behind(n) if had_time => Some(problem(
            "behind",
            format!("{source}: is {n} behind, at serial {theirs}{and_settings}, longer than propagation allows"),
            "docs/operations.md, \"A replica that does not reload\"",
        )),
        Relation::Behind(n) => Some(warning(
            "behind",
            format!("{source}: is {n} behind, at serial {theirs}{and_settings}; the file is new"),
            "look again when propagation is over",
        )),
        Relation::Ahead(n) => Some(problem(
            "ahead",
            format!(
                "{source}: is {n} ahead, at serial {theirs}{and_settings}: the file is an older copy, serial {ours}"
            ),
            "restart no replica: it would start with the old file. Put the newest copy back: sealstamp recover",
        )),
        Relation::AnotherLine => Some(problem(
            "another_line",
            format!(
                "{source}: is of another line, at serial {theirs}{and_settings}: neither ring comes from the other"
            ),
            "restart no replica. Find who else writes the ring, and stop that; then: sealstamp recover",
        )),
        Relation::Unclear => Some(problem(
            "unclear",
            format!(
                "{source}: is at serial {theirs}{and_settings}, and the two rings do not say whether one comes from the other"
            ),
            "restart no replica before you know which ring is the right one",
        )),
    }
}

/// A key that comes back from the dead.
fn of_keys(ring: &Ring, report: &Report) -> Option<Finding> {
    let back = ring.keys().iter().find(|key| key.revoked_at().is_none() && report.revoked.contains(&key.kid()))?;
    Some(problem(
        "revived_key",
        format!("{}: has key {} revoked, and in the file it is live", report.source, back.kid()),
        "restart no replica: it would use the key again. Put the newest copy back: sealstamp recover",
    ))
}

impl Comparison {
    /// A line of the page.
    pub(super) fn line(&self) -> String {
        let relation = self.relation.replace('_', " ");
        match self.serial {
            Some(serial) => format!("against {}: {relation}, serial {serial}\n", self.source),
            None => format!("against {}: {relation}\n", self.source),
        }
    }
}

#[cfg(test)]
mod tests {
    use sealstamp::{Force, Fresh, Settings, Suite};

    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);

    fn next(ring: &Ring, seed: u64) -> Ring {
        ring.rotate(None, NOW, Fresh::insecure_from_seed(seed), Force::YesAtACost).unwrap().ring
    }

    #[test]
    fn each_relation_from_both_sides() {
        let first = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(1));
        let second = next(&first, 2);
        let third = next(&second, 3);
        let other = next(&first, 4);
        let other_third = next(&other, 5);
        let of = |ring: &Ring, other: &Ring| Relation::of(ring, other.id(), other.ancestors().unwrap());
        assert_eq!(of(&second, &second), Relation::Same);
        assert_eq!(of(&third, &first), Relation::Behind(2));
        assert_eq!(of(&first, &third), Relation::Ahead(2));
        for (a, b) in [(&second, &other), (&third, &other), (&third, &other_third)] {
            assert_eq!((of(a, b), of(b, a)), (Relation::AnotherLine, Relation::AnotherLine));
        }
        // A bare name has no ancestors to tell by.
        assert_eq!(Relation::of(&first, third.id(), &[]), Relation::Unclear);
        assert_eq!(Relation::of(&second, other.id(), &[]), Relation::AnotherLine);
        let mut far = third.clone();
        for seed in 10..75 {
            far = next(&far, seed);
        }
        assert_eq!((of(&far, &third), of(&third, &far)), (Relation::Unclear, Relation::Unclear));
    }

    /// A status shows what is in force when it is made.
    #[test]
    fn settings_are_compared_as_they_are_in_force() {
        let first = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(1));
        let from = NOW.saturating_add(3_600_000);
        let longer = Settings::new(300, 5, 600).unwrap();
        let second = first.change_settings(longer, Some(from), NOW, Force::No).unwrap().ring;
        let third = next(&second, 3);
        for (now, in_force, other) in
            [(from.saturating_sub(1), Settings::default(), longer), (from, longer, Settings::default())]
        {
            for (settings, differ) in [(in_force, false), (other, true)] {
                let report = Report {
                    source: "replica".into(),
                    id: second.id(),
                    ancestors: Vec::new(),
                    status: None,
                    revoked: Vec::new(),
                    settings: Some(settings),
                };
                let found = of_relation(Relation::Behind(1), &third, &report, true, now).unwrap();
                assert_eq!(found.message.contains("and has other settings"), differ, "{}", found.message);
            }
        }
    }
}

//! The model of a fleet as a property: whatever the chance, the promises hold; and outside their conditions they do
//! not, so that the model is known to see it.
#![allow(missing_docs, clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a test stops by panicking")]

use proptest::prelude::*;
use sealstamp_model::{Plan, Report, run};

const MAX_SKEW: u64 = 5_000;
const PROPAGATION: u64 = 600_000;
const LIFETIME: u64 = 120_000;

fn plan(seed: u64) -> Plan {
    Plan { replicas: 8, requests: 4_000, rotations: 12, skew_ms: MAX_SKEW, load_delay_ms: PROPAGATION, seed }
}

fn broken(report: &Report) -> u64 {
    report.false_rejections + report.late_acceptances + report.unexplained_second_retries
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// I1, I2, I4, I9 over many replicas, skews, delays and sequences of commands.
    #[test]
    fn i1_i2_i4_i9_hold(
        seed: u64,
        replicas in 1..12_usize,
        skew_ms in prop_oneof![Just(MAX_SKEW), 0..=MAX_SKEW],
        load_delay_ms in prop_oneof![Just(PROPAGATION), 0..=PROPAGATION],
    ) {
        let report = run(&Plan { replicas, skew_ms, load_delay_ms, ..plan(seed) });
        prop_assert_eq!(report.false_rejections, 0, "{:?}", report);
        prop_assert_eq!(report.late_acceptances, 0, "{:?}", report);
        prop_assert_eq!(report.unexplained_second_retries, 0, "{:?}", report);
        prop_assert!(report.worst_retries_without_revocation <= 1, "{:?}", report);
        prop_assert!(report.worst_retries_once_caught_up <= 1, "{:?}", report);
        prop_assert!(report.latest_revocation_rejection_ms <= PROPAGATION + LIFETIME, "{:?}", report);
        prop_assert_eq!((report.requests, report.commands.rotate), (4_000, 12));
        let refusals = report.first_nonces
            + report.expired_nonces
            + report.revocation_rejections
            + report.rejections_of_another_line;
        prop_assert_eq!(report.retries, refusals);
    }
}

#[test]
fn files_that_come_too_late_are_seen_and_one_retry_heals_once_they_have_come() {
    let late = run(&Plan { load_delay_ms: 3 * PROPAGATION, requests: 20_000, rotations: 60, ..plan(1) });
    assert!(late.false_rejections > 0, "{late:?}");
    assert!(late.late_acceptances > 0, "a key that was revoked is still in use somewhere: {late:?}");
    assert!(late.worst_retries_once_caught_up <= 1, "{late:?}");
    assert_eq!(late.false_rejections, late.false_rejections_by_reason.values().sum::<u64>());
}

/// Otherwise the property above would say nothing of dates that are moved or taken back.
#[test]
fn every_command_is_tried() {
    let commands = run(&Plan { rotations: 200, ..plan(1) }).commands;
    let all = serde_json::to_value(commands).unwrap();
    assert!(all.as_object().unwrap().values().all(|count| count.as_u64() > Some(0)), "{all}");
}

/// Nor of backups and second writers: many files of another line come, some are taken by a replica that is behind, and
/// that costs refusals, all of them where the status says so.
#[test]
fn other_lines_come_and_are_told_apart() {
    let report = run(&Plan { rotations: 200, requests: 40_000, ..plan(1) });
    assert!(report.stray_files > 20 && report.went_astray > 2, "{report:?}");
    assert!(report.stray_files > 2 * report.went_astray, "{report:?}");
    assert!(report.rejections_of_another_line > 0, "{report:?}");
    assert_eq!(broken(&report), 0, "{report:?}");
}

#[test]
fn clocks_that_are_too_far_apart_are_seen() {
    let skewed = run(&Plan { skew_ms: 4 * MAX_SKEW, requests: 20_000, ..plan(1) });
    assert!(skewed.false_rejections > 0, "{skewed:?}");
    assert!(skewed.false_rejections_by_reason.contains_key("in_future"), "{skewed:?}");
}

#[test]
fn the_same_plan_gives_the_same_report() {
    assert_eq!(run(&plan(7)), run(&plan(7)));
    assert_ne!(run(&plan(7)), run(&plan(8)));
}

#[test]
fn a_run_without_rotations_or_requests_ends() {
    let calm = run(&Plan { rotations: 0, ..plan(1) });
    assert_eq!((calm.requests, calm.commands.rotate, broken(&calm)), (4_000, 0, 0));
    let idle = run(&Plan { requests: 0, replicas: 1, ..plan(1) });
    assert_eq!((idle.requests, idle.commands.rotate, broken(&idle)), (0, 12, 0));
}

#[test]
fn the_report_has_the_names_that_it_promises() {
    let json = serde_json::to_value(run(&plan(1))).unwrap();
    for name in [
        "requests",
        "false_rejections",
        "late_acceptances",
        "revocation_rejections",
        "retries",
        "worst_retries_per_request",
    ] {
        assert!(json.get(name).is_some_and(serde_json::Value::is_u64), "{name}");
    }
}

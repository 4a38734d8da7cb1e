//! What a run found, as one JSON object.

use std::collections::BTreeMap;

use sealstamp::{Refusal, Ring};
use serde::Serialize;

use crate::command::{Command, Target};
use crate::judge::{Judge, Verdict};
use crate::plan::Plan;

/// What a run found. The order of the members is that of the JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Requests by clients, retries not counted.
    pub requests: u64,
    /// Nonces refused within their lifetime that no revocation of theirs explains. Any is a broken promise (I1, I2).
    pub false_rejections: u64,
    /// Nonces accepted past lifetime and twice the skew, or of a key revoked longer ago than the propagation (I4), or
    /// forged with a stolen key that had retired. Any is a broken promise.
    pub late_acceptances: u64,
    /// Nonces refused within their lifetime because of a revocation: expected, and bounded.
    pub revocation_rejections: u64,
    /// Nonces refused within their lifetime that were minted or opened by a replica whose status says `not_a_successor`.
    pub rejections_of_another_line: u64,
    /// Refusals of all kinds: each is answered with a fresh nonce, and the client tries again.
    pub retries: u64,
    /// The most retries that one request took.
    pub worst_retries_per_request: u64,
    /// The same, of requests that no revocation can have touched. More than 1 is a broken promise (I9).
    pub worst_retries_without_revocation: u64,
    /// The same, of requests that met only replicas with the newest ring. More than 1 is a broken promise (I9).
    pub worst_retries_once_caught_up: u64,
    /// Requests with more than one retry while neither an unpropagated key had stepped in nor two revocations overlapped,
    /// by a client that had a nonce within its lifetime. Any is a broken promise (I9).
    pub unexplained_second_retries: u64,
    /// How long after a revocation the last nonce was refused for it, in milliseconds. At most `propagation + lifetime`.
    pub latest_revocation_rejection_ms: u64,
    /// Refusals of a nonce past its lifetime.
    pub expired_nonces: u64,
    /// First requests of clients, which have no nonce yet.
    pub first_nonces: u64,
    /// Nonces that came with a good response (RFC 9449 section 8.2).
    pub renewals: u64,
    /// Nonces minted with a stolen key and refused.
    pub forgeries_refused: u64,
    /// False rejections by reason.
    pub false_rejections_by_reason: BTreeMap<&'static str, u64>,
    /// What the operator did.
    pub commands: Commands,
    /// Ring files that reached a replica.
    pub loads: u64,
    /// Those that came after a newer one.
    pub skipped_files: u64,
    /// Ring files of another line that came to a replica.
    pub stray_files: u64,
    /// Those that a replica took into use, since it knew no more than the ring that they were made from.
    pub went_astray: u64,
    /// Replicas that were started anew.
    pub restarts: u64,
    /// Clocks that were set.
    pub clock_steps: u64,
    /// True time that went by, in minutes.
    pub simulated_minutes: u64,
    /// Replicas of the fleet.
    pub replicas: usize,
    /// Within which all clocks were, in milliseconds.
    pub skew_ms: u64,
    /// The longest that any replica took to load a file, in milliseconds.
    pub load_delay_ms: u64,
    /// The ring's propagation, in milliseconds.
    pub propagation_ms: u64,
    /// Where all chance came from.
    pub seed: u64,
}

/// How often the operator did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Commands {
    /// Rotations.
    pub rotate: u64,
    /// Dates that were moved.
    pub move_date: u64,
    /// Dates that were taken back.
    pub cancel: u64,
    /// Prunings.
    pub prune: u64,
    /// Changes of the settings.
    pub change_settings: u64,
    /// Revocations of the active key.
    pub revoke_active: u64,
    /// Of the key that was to take over.
    pub revoke_pending: u64,
    /// Of a key without a date.
    pub revoke_staged: u64,
    /// Of a key that had been active.
    pub revoke_retiring: u64,
    /// Of every key.
    pub revoke_all: u64,
    /// Commands refused, for being too early or about a revoked key.
    pub refused: u64,
}

impl Commands {
    pub(crate) fn count(&mut self, command: Command) {
        let counter = match command {
            Command::Rotate { .. } | Command::RotateTooEarly => &mut self.rotate,
            Command::MoveDate => &mut self.move_date,
            Command::Cancel => &mut self.cancel,
            Command::Prune => &mut self.prune,
            Command::ChangeSettings => &mut self.change_settings,
            Command::Revoke { state: Target::Active } => &mut self.revoke_active,
            Command::Revoke { state: Target::Pending } => &mut self.revoke_pending,
            Command::Revoke { state: Target::Staged } => &mut self.revoke_staged,
            Command::Revoke { state: Target::Retiring | Target::Revoked } => &mut self.revoke_retiring,
            Command::RevokeAll => &mut self.revoke_all,
        };
        *counter += 1;
    }
}

impl Report {
    pub(crate) fn count(&mut self, verdict: Verdict, refusal: Refusal) {
        match verdict {
            Verdict::Expired => self.expired_nonces += 1,
            Verdict::Revocation { after_ms } => {
                self.revocation_rejections += 1;
                self.latest_revocation_rejection_ms = self.latest_revocation_rejection_ms.max(after_ms);
            }
            Verdict::AnotherLine => self.rejections_of_another_line += 1,
            Verdict::False => {
                self.false_rejections += 1;
                *self.false_rejections_by_reason.entry(refusal.as_str()).or_default() += 1;
            }
        }
    }

    pub(crate) fn count_retries(&mut self, retries: u64, calm: bool, caught_up: bool, second_explained: bool) {
        self.retries += retries;
        let worst = |counts: bool, so_far: u64| if counts { so_far.max(retries) } else { so_far };
        self.worst_retries_per_request = worst(true, self.worst_retries_per_request);
        self.worst_retries_without_revocation = worst(calm, self.worst_retries_without_revocation);
        self.worst_retries_once_caught_up = worst(caught_up, self.worst_retries_once_caught_up);
        self.unexplained_second_retries += u64::from(retries > 1 && !second_explained);
    }

    pub(crate) fn finish(mut self, plan: &Plan, took_ms: u64, judge: &Judge, newest: &Ring) -> Self {
        debug_assert_eq!(judge.serial(), newest.serial());
        self.simulated_minutes = took_ms / 60_000;
        self.replicas = plan.replicas;
        self.skew_ms = plan.skew_ms;
        self.load_delay_ms = plan.load_delay_ms;
        self.propagation_ms = u64::from(newest.settings().propagation_s()) * 1_000;
        self.seed = plan.seed;
        self
    }
}

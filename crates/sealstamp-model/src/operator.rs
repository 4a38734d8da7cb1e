//! The operator: every command of the tool, through the real transitions, at times good and bad.

use fastrand::Rng;
use sealstamp::{Force, Fresh, KeyState, Kid, Ring, Settings, Suite, Transition, TransitionError, UnixMillis};

use crate::command::{Command, Target};
use crate::replica::Clock;
use crate::report::Report;

/// Try again when the operator's clock shows this.
pub(crate) struct Retry(UnixMillis);

impl Retry {
    pub(crate) fn at(&self, clock: Clock) -> u64 {
        clock.when(self.0)
    }
}

pub(crate) struct Operator {
    settings: Settings,
    /// All files ever written, oldest first.
    versions: Vec<Ring>,
    /// Where the fresh secrets come from.
    seed: u64,
    rotations_left: u64,
    window: u64,
}

impl Operator {
    pub(crate) fn new(settings: Settings, rotations: u64, start: u64, seed: u64) -> Self {
        let ring = Ring::init(settings, Suite::Aes256Gcm, Clock::TRUE.at(start), Fresh::insecure_from_seed(seed));
        Self { settings, versions: vec![ring], seed, rotations_left: rotations, window: 0 }
    }

    #[expect(clippy::expect_used, reason = "the first version is there from the start")]
    pub(crate) fn newest(&self) -> &Ring {
        self.versions.last().expect("a version")
    }

    pub(crate) fn newest_version(&self) -> usize {
        self.versions.len() - 1
    }

    pub(crate) fn version(&self, version: usize) -> &Ring {
        &self.versions[version]
    }

    pub(crate) fn rotations_left(&self) -> u64 {
        self.rotations_left
    }

    pub(crate) fn window(&self) -> u64 {
        self.window
    }

    pub(crate) fn pending_date(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.newest().pending(now)?.activates_at()
    }

    /// The first moment from `now` on at which something may be pruned.
    pub(crate) fn first_prunable(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.newest().status(now).filter_map(|s| s.prunable_at).min()
    }

    /// Runs the command by a clock. If it was refused and is worth waiting for, says until when.
    pub(crate) fn run(
        &mut self,
        command: Command,
        time: u64,
        clock: Clock,
        rng: &mut Rng,
        report: &mut Report,
    ) -> Option<Retry> {
        let now = clock.at(time);
        let ring = self.newest().clone();
        let propagation = u64::from(self.settings.propagation_s()) * 1_000;
        let fresh = self.fresh();
        let done = match command {
            Command::Rotate { window } if window != self.window || self.rotations_left == 0 => return None,
            Command::Rotate { .. } => {
                let date = match rng.u8(0..5) {
                    0 => Some(now.saturating_add(propagation)),
                    1 => Some(now.saturating_add(propagation + rng.u64(0..=propagation))),
                    _ => None,
                };
                match ring.rotate(date, now, fresh, Force::No) {
                    Err(TransitionError::TooEarly { legal_at }) => {
                        report.commands.refused += 1;
                        ring.rotate(Some(legal_at), now, self.fresh(), Force::No)
                    }
                    done => done,
                }
            }
            Command::RotateTooEarly => {
                ring.rotate(Some(now.saturating_add(rng.u64(0..propagation))), now, fresh, Force::No)
            }
            Command::MoveDate => {
                let date = now.saturating_add(rng.u64(0..=3 * propagation));
                match ring.move_date(date, now, Force::No) {
                    Err(TransitionError::TooEarly { legal_at }) => {
                        report.commands.refused += 1;
                        ring.move_date(legal_at, now, Force::No)
                    }
                    done => done,
                }
            }
            Command::Cancel => ring.cancel(now, Force::No),
            Command::Prune => ring.prune(now, Force::No),
            Command::ChangeSettings => {
                let (lifetime_s, max_skew_s) = (rng.choice([60, 90, 120]), rng.choice([5, 8]));
                let propagation_s = rng.choice([600, 900]);
                #[expect(clippy::expect_used, reason = "all of these are within their ranges")]
                let settings =
                    Settings::new(lifetime_s.unwrap_or(120), max_skew_s.unwrap_or(5), propagation_s.unwrap_or(600))
                        .expect("settings");
                let date = rng.bool().then(|| now.saturating_add(rng.u64(0..=3 * propagation)));
                match ring.change_settings(settings, date, now, Force::No) {
                    Err(TransitionError::TooEarly { legal_at }) => {
                        report.commands.refused += 1;
                        ring.change_settings(settings, Some(legal_at), now, Force::No)
                    }
                    done => done,
                }
            }
            Command::Revoke { state } => match pick(&ring, state, now, rng) {
                Some(kid) => ring.revoke(kid, now, fresh, Force::No),
                None => return None,
            },
            Command::RevokeAll => ring.revoke_all(now, fresh),
        };
        match done {
            Ok(transition) => {
                report.commands.count(command);
                if command.is_rotation() {
                    self.rotations_left -= 1;
                    self.window += 1;
                }
                self.write(&transition);
                None
            }
            Err(refused) => {
                report.commands.refused += 1;
                let worth_it = matches!(refused, TransitionError::Pending { .. }) && command.is_rotation();
                refused.legal_at().filter(|_| worth_it).map(Retry)
            }
        }
    }

    /// A ring of another line: somebody took one of the last versions, but not the newest, and went on from there. Its
    /// serial may be above or below that of the newest. Also the version that it was made from.
    pub(crate) fn stray(&mut self, time: u64, rng: &mut Rng) -> Option<(usize, Ring)> {
        let newest = self.newest_version();
        let from = rng.usize(newest.saturating_sub(8)..newest.max(1)).min(newest.checked_sub(1)?);
        let now = Clock::TRUE.at(time);
        let mut ring = self.versions[from].clone();
        for _ in 0..=rng.u8(0..12) {
            let kid = ring.active(now).kid();
            let fresh = self.fresh();
            let next = match rng.u8(0..3) {
                0 => ring.revoke(kid, now, fresh, Force::YesAtACost),
                _ => ring.rotate(None, now, fresh, Force::YesAtACost),
            };
            ring = next.map_or(ring, |done| done.ring);
        }
        Some((from, ring))
    }

    fn fresh(&mut self) -> Fresh {
        self.seed = self.seed.wrapping_add(1);
        Fresh::insecure_from_seed(self.seed)
    }

    /// The next version, as the bytes that replicas get.
    #[expect(clippy::expect_used, reason = "a ring that transitions made and that cannot be read back is a finding")]
    fn write(&mut self, transition: &Transition) {
        let file = transition.ring.to_json();
        let ring = Ring::parse(file.as_bytes()).expect("the file of a transition can be read");
        assert_eq!(ring, transition.ring, "a file says what the ring was");
        self.versions.push(ring);
    }
}

/// Some key in this state.
fn pick(ring: &Ring, target: Target, now: UnixMillis, rng: &mut Rng) -> Option<Kid> {
    let pending = ring.pending(now).map(sealstamp::Key::kid);
    let fits = |state: KeyState, kid: Kid| match target {
        Target::Active => state == KeyState::Active,
        Target::Pending => Some(kid) == pending,
        Target::Staged => state == KeyState::Staged && Some(kid) != pending,
        Target::Retiring => matches!(state, KeyState::Retiring | KeyState::Prunable),
        Target::Revoked => state == KeyState::Revoked,
    };
    let kids: Vec<Kid> = ring.status(now).filter(|s| fits(s.state, s.key.kid())).map(|s| s.key.kid()).collect();
    rng.choice(kids)
}

//! A replica: a clock that is wrong, a way to get files late, and the real handle.

use std::collections::HashSet;

use fastrand::Rng;
use sealstamp::{Audience, Fleet, Kid, Nonce, Ring, SwapError, UnixMillis};

use crate::plan::Plan;

/// How far a clock is off true time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Clock(i64);

impl Clock {
    pub(crate) const TRUE: Self = Self(0);

    /// Off by at most half of `skew_ms`, and half of the time by exactly that.
    pub(crate) fn random(skew_ms: u64, rng: &mut Rng) -> Self {
        let most = i64::try_from(skew_ms / 2).unwrap_or(i64::MAX);
        Self(match rng.u8(0..4) {
            0 => most,
            1 => -most,
            _ => rng.i64(-most..=most),
        })
    }

    /// What it shows at a true time.
    pub(crate) fn at(self, time: u64) -> UnixMillis {
        UnixMillis::new(time.saturating_add_signed(self.0))
    }

    /// The true time at which it shows this.
    pub(crate) fn when(self, shown: UnixMillis) -> u64 {
        shown.get().saturating_add_signed(-self.0)
    }
}

/// How fast files reach a replica.
#[derive(Clone, Copy)]
enum Habit {
    AtOnce,
    AtTheLast,
    Anyhow,
}

/// A nonce; when it was minted, in true time and by the clock of the replica; and whether that replica was astray.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) nonce: Nonce,
    pub(crate) minted: u64,
    pub(crate) shown: UnixMillis,
    pub(crate) astray: bool,
}

pub(crate) struct Replica {
    pub(crate) clock: Clock,
    habit: Habit,
    /// None while it is down.
    fleet: Option<Fleet>,
    /// The version of the ring file that it uses.
    version: usize,
    /// The newest one that has come to its host.
    delivered: usize,
    /// Whether it uses a ring of another line, and its status says `not_a_successor`.
    astray: bool,
    /// Every key that this process has seen revoked.
    revoked: HashSet<Kid>,
}

impl Replica {
    pub(crate) fn new(ring: &Ring, plan: &Plan, rng: &mut Rng) -> Self {
        let habit = match rng.u8(0..4) {
            0 => Habit::AtOnce,
            1 => Habit::AtTheLast,
            _ => Habit::Anyhow,
        };
        let clock = Clock::random(plan.skew_ms, rng);
        let fleet = Some(handle(ring.clone(), rng));
        Self { clock, habit, fleet, version: 0, delivered: 0, astray: false, revoked: HashSet::new() }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.fleet.is_some()
    }

    pub(crate) fn fleet(&self) -> Option<&Fleet> {
        self.fleet.as_ref()
    }

    pub(crate) fn version(&self) -> usize {
        self.version
    }

    pub(crate) fn delivered(&self) -> usize {
        self.delivered
    }

    pub(crate) fn is_astray(&self) -> bool {
        self.astray
    }

    /// Whether it must not open a nonce of this key any more. One that went astray can know only what it has seen.
    pub(crate) fn knows_better(&self, kid: Kid) -> bool {
        !self.astray || self.revoked.contains(&kid)
    }

    pub(crate) fn load_delay(&self, longest: u64, rng: &mut Rng) -> u64 {
        match self.habit {
            Habit::AtOnce => 0,
            Habit::AtTheLast => longest,
            Habit::Anyhow => rng.u64(0..=longest),
        }
    }

    /// A file comes to its host, and is loaded if the process is up. True if a newer one had come before.
    pub(crate) fn deliver(&mut self, version: usize, ring: Ring) -> bool {
        self.delivered = self.delivered.max(version);
        let Some(fleet) = &self.fleet else { return false };
        let skipped = match fleet.swap(ring) {
            Ok(()) => false,
            Err(_) if self.astray => return false,
            Err(SwapError::OlderSerial { .. }) => true,
            Err(other) => unreachable!("these files are of one line: {other}"),
        };
        assert!(!self.astray, "a ring of the fleet's line does not come from another line");
        assert_eq!(skipped, version < self.version, "I5: the serial in use never goes back");
        self.learn();
        self.version = self.version.max(version);
        skipped
    }

    /// A ring of another line stands in its file for a moment: a backup that was rotated, or a second writer's. It was
    /// made from version `from`. Then the newest file is put back. True if the replica went over to the other line.
    pub(crate) fn mislead(&mut self, from: usize, stray: &Ring, newest: Ring) -> bool {
        let Some(fleet) = &self.fleet else { return false };
        let taken = fleet.swap(stray.clone());
        if self.astray {
            // It may be on the very line that this one goes on with.
            self.learn();
            return false;
        }
        assert_eq!(taken.is_ok(), self.version <= from, "a process that knew more than the backup took it: {taken:?}");
        if taken.is_err() {
            return false;
        }
        let back = fleet.swap(newest);
        let told = matches!(back, Err(SwapError::NotASuccessor { .. } | SwapError::Conflict { .. }));
        // The other line may be ahead by less than its own serials say: then the newest is not older, but apart.
        assert!(told, "the status does not show that this replica went astray: {back:?}");
        self.astray = true;
        self.learn();
        true
    }

    fn learn(&mut self) {
        let Some(fleet) = &self.fleet else { return };
        let ring = fleet.ring();
        for key in ring.keys() {
            if key.revoked_at().is_some() {
                self.revoked.insert(key.kid());
            } else {
                assert!(!self.revoked.contains(&key.kid()), "a key was revoked here, and lives again");
            }
        }
    }

    pub(crate) fn stop(&mut self) {
        self.fleet = None;
    }

    /// A new process on the same host or another, which remembers nothing.
    pub(crate) fn start(&mut self, version: usize, ring: Ring, rng: &mut Rng) {
        self.version = version;
        self.delivered = version;
        self.fleet = Some(handle(ring, rng));
        self.astray = false;
        self.revoked.clear();
        self.learn();
    }
}

/// A handle as a server has it.
pub(crate) fn handle(ring: Ring, rng: &mut Rng) -> Fleet {
    let mut seed = [0; 32];
    rng.fill(&mut seed);
    #[expect(clippy::expect_used, reason = "the name is neither empty nor long")]
    let audience = Audience::new("https://mcp.example.com/mcp").expect("an audience");
    Fleet::with_seed(ring, audience, seed, 0)
}

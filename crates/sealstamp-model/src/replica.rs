//! A replica: a clock that is wrong, a way to get files late, and the real handle.

use fastrand::Rng;
use sealstamp::{Audience, Fleet, Ring, SwapError, UnixMillis};

use crate::Plan;

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

pub(crate) struct Replica {
    pub(crate) clock: Clock,
    habit: Habit,
    /// None while it is down.
    fleet: Option<Fleet>,
    /// The version of the ring file that it uses.
    version: usize,
    /// The newest one that has come to its host.
    delivered: usize,
}

impl Replica {
    pub(crate) fn new(ring: &Ring, plan: &Plan, rng: &mut Rng) -> Self {
        let habit = match rng.u8(0..4) {
            0 => Habit::AtOnce,
            1 => Habit::AtTheLast,
            _ => Habit::Anyhow,
        };
        let clock = Clock::random(plan.skew_ms, rng);
        Self { clock, habit, fleet: Some(handle(ring.clone(), rng)), version: 0, delivered: 0 }
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
            Err(SwapError::OlderSerial { .. }) => true,
            Err(other) => unreachable!("one operator writes: {other}"),
        };
        assert_eq!(skipped, version < self.version, "I5: the serial in use never goes back");
        self.version = self.version.max(version);
        skipped
    }

    pub(crate) fn stop(&mut self) {
        self.fleet = None;
    }

    /// A new process on the same host or another, which remembers nothing.
    pub(crate) fn start(&mut self, version: usize, ring: Ring, rng: &mut Rng) {
        self.version = version;
        self.delivered = version;
        self.fleet = Some(handle(ring, rng));
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

//! A model of a fleet under key rotation: replicas with skewed and stepping clocks that load every ring file late,
//! restarts, an operator who may do anything that the rules permit at any time, and clients that follow RFC 9449.
//!
//! The transitions, the ring file's bytes and the nonces are the real ones; only time and chance are the model's. It
//! runs in true time, in milliseconds, which no replica knows. The same plan gives the same report, to the last digit.
//!
//! It is there to be broken: a rule of rotation that is wrong shows as a count that is not zero.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "every time, count and index here is the model's own, and a panic is a finding"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use command::Command;
use fastrand::Rng;
use judge::Judge;
use operator::Operator;
pub use plan::Plan;
use replica::{Clock, Held, Replica};
pub use report::Report;
use sealstamp::{Binding, Fleet, Settings, Thumbprint, UnixMillis};

mod command;
mod judge;
mod operator;
mod plan;
mod replica;
mod report;

/// The time at which every run starts: 2026-11-22T19:00:00Z.
const START: u64 = 1_795_374_000_000;
/// A client that is still refused after this many retries gives up.
const PATIENCE: u64 = 16;

/// Runs the plan to its end.
#[must_use]
pub fn run(plan: &Plan) -> Report {
    let mut world = World::new(*plan);
    while let Some(Reverse(next)) = world.events.pop() {
        world.now = next.at;
        world.happen(next.what);
        if world.report.requests == plan.requests && world.operator.rotations_left() == 0 {
            break;
        }
    }
    world.report.finish(plan, world.now - START, &world.judge, world.operator.newest())
}

/// What can happen. At one moment, what stands first happens first: a file that is due has been loaded when requests
/// come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Load { replica: usize, version: usize },
    Step { replica: usize },
    Stop { replica: usize },
    Start { replica: usize },
    Command { command: Command, clock: Clock },
    Mislead { replica: usize },
    Heal { replica: usize },
    Steal,
    Request,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: u64,
    what: Event,
}

/// A client of RFC 9449: it keeps the newest nonce and what it is told to use next.
#[derive(Clone)]
struct Client {
    binding: Binding,
    nonce: Option<Held>,
}

struct World {
    plan: Plan,
    settings: Settings,
    now: u64,
    rng: Rng,
    events: BinaryHeap<Reverse<Due>>,
    operator: Operator,
    replicas: Vec<Replica>,
    clients: Vec<Client>,
    judge: Judge,
    report: Report,
}

impl World {
    fn new(plan: Plan) -> Self {
        let settings = Settings::default();
        let mut rng = Rng::with_seed(plan.seed);
        let operator = Operator::new(settings, plan.rotations, START, rng.u64(..));
        let replicas = (0..plan.replicas.max(1)).map(|_| Replica::new(operator.newest(), &plan, &mut rng)).collect();
        // So many that a nonce is used a minute after it was minted, on average: some fresh, some long expired.
        let clients = (plan.requests / (plan.rotations + 1) / 12).clamp(1, 10_000);
        let client = |n: u64| {
            let mut thumbprint = [0; 32];
            thumbprint[..8].copy_from_slice(&n.to_be_bytes());
            let bound = Binding::Thumbprint(Thumbprint::new(thumbprint));
            Client { binding: if n.is_multiple_of(2) { Binding::None } else { bound }, nonce: None }
        };
        let judge = Judge::new(settings, operator.newest(), START);
        let mut world = Self {
            plan,
            settings,
            now: START,
            rng,
            events: BinaryHeap::new(),
            operator,
            replicas,
            clients: (0..clients).map(client).collect(),
            judge,
            report: Report::default(),
        };
        for replica in 0..world.replicas.len() {
            world.later(1_200_000, Event::Step { replica });
            world.later(14_400_000, Event::Stop { replica });
        }
        let propagation = world.propagation();
        world.later(propagation, Event::Command { command: Command::Rotate { window: 0 }, clock: Clock::TRUE });
        world.plan_requests(START + propagation, plan.requests - plan.requests / (plan.rotations + 1) * plan.rotations);
        world
    }

    fn propagation(&self) -> u64 {
        u64::from(self.settings.propagation_s()) * 1_000
    }

    fn at(&mut self, at: u64, what: Event) {
        self.events.push(Reverse(Due { at: at.max(self.now), what }));
    }

    /// At some time within the next `within` milliseconds.
    fn later(&mut self, within: u64, what: Event) {
        let at = self.now + self.rng.u64(0..=within);
        self.at(at, what);
    }

    fn happen(&mut self, what: Event) {
        match what {
            Event::Request => self.request(),
            Event::Steal => self.steal(),
            Event::Command { command, clock } => self.command(command, clock),
            Event::Load { replica, version } => {
                let file = self.operator.version(version).clone();
                let skipped = self.replicas[replica].deliver(version, file);
                self.report.loads += 1;
                self.report.skipped_files += u64::from(skipped);
            }
            Event::Mislead { replica } => {
                let Some((from, stray)) = self.operator.stray(self.now, &mut self.rng) else { return };
                let newest = self.operator.newest().clone();
                self.report.stray_files += 1;
                if self.replicas[replica].mislead(from, &stray, newest) {
                    self.report.went_astray += 1;
                    self.later(self.propagation(), Event::Heal { replica });
                }
            }
            Event::Heal { replica } => {
                // Somebody has read the status, and starts it anew.
                if self.replicas[replica].is_up() && self.replicas[replica].is_astray() {
                    let version = self.operator.newest_version();
                    let file = self.operator.version(version).clone();
                    self.replicas[replica].start(version, file, &mut self.rng);
                    self.report.restarts += 1;
                }
            }
            Event::Step { replica } => {
                self.replicas[replica].clock = Clock::random(self.plan.skew_ms, &mut self.rng);
                self.report.clock_steps += 1;
                self.later(1_200_000, Event::Step { replica });
            }
            Event::Stop { replica } => {
                let others = self.replicas.iter().filter(|r| r.is_up()).count() > 1;
                if others {
                    self.replicas[replica].stop();
                    self.report.restarts += 1;
                    self.later(60_000, Event::Start { replica });
                } else {
                    self.later(60_000, Event::Stop { replica });
                }
            }
            Event::Start { replica } => {
                // On its old host it finds the file that has come there; on another, the newest.
                let moved = self.rng.bool().then(|| self.operator.newest_version());
                let version = self.replicas[replica].delivered().max(moved.unwrap_or_default());
                let file = self.operator.version(version).clone();
                self.replicas[replica].start(version, file, &mut self.rng);
                self.later(14_400_000, Event::Stop { replica });
            }
        }
    }

    /// The operator does something; if the ring changes, the new file sets out to the replicas.
    fn command(&mut self, command: Command, clock: Clock) {
        if let Some(retry) = self.operator.run(command, self.now, clock, &mut self.rng, &mut self.report) {
            self.at(retry.at(clock), Event::Command { command, clock });
        }
        if self.operator.newest().serial() == self.judge.serial() {
            return;
        }
        self.judge.written(self.operator.newest(), command.is_revocation(), clock.at(self.now), self.now);
        let version = self.operator.newest_version();
        for replica in 0..self.replicas.len() {
            let delay = self.replicas[replica].load_delay(self.plan.load_delay_ms, &mut self.rng);
            self.at(self.now + delay, Event::Load { replica, version });
        }
        if command.is_rotation() {
            self.plan_window();
        }
        if self.rng.u8(..) < 64 {
            self.judge.steal_a_key(self.operator.newest(), &mut self.rng);
            for _ in 0..4 {
                self.later(3 * self.propagation(), Event::Steal);
            }
        }
    }

    /// What is to happen until the key that was just dated takes over, and when the next rotation is tried.
    fn plan_window(&mut self) {
        let window = self.operator.window();
        let clock = Clock::random(self.plan.skew_ms, &mut self.rng);
        let date = self.operator.pending_date(clock.at(self.now)).unwrap_or(clock.at(self.now));
        let next = Command::Rotate { window };
        // At the first moment that is legal, or some time later, as seen by the operator's own clock.
        let pause = if self.rng.bool() { 0 } else { self.rng.u64(0..=300_000) };
        self.at(clock.when(date) + pause, Event::Command { command: next, clock });
        let length = clock.when(date).saturating_sub(self.now);
        if self.rng.u8(..) < 40 {
            // Too early: to be refused, unless a revocation has used the dated key up by then.
            self.later(length, Event::Command { command: next, clock });
        }
        if self.rng.u8(..) < 40 {
            self.later(length, Event::Command { command: Command::RotateTooEarly, clock });
        }
        if self.rng.u8(..) < 60 {
            self.later(length, Event::Command { command: Command::MoveDate, clock });
        }
        if self.rng.u8(..) < 60 {
            self.later(length, Event::Command { command: Command::Cancel, clock });
        }
        if self.rng.u8(..) < 80 {
            self.later(length, Event::Command { command: Command::ChangeSettings, clock });
        }
        if self.rng.u8(..) < 80 {
            let replica = self.rng.usize(..self.replicas.len());
            self.later(length, Event::Mislead { replica });
        }
        if let Some(prunable) = self.operator.first_prunable(clock.at(self.now)).filter(|_| self.rng.bool()) {
            self.at(clock.when(prunable), Event::Command { command: Command::Prune, clock });
        } else {
            self.later(length, Event::Command { command: Command::Prune, clock });
        }
        if self.rng.u8(..) < 64 {
            let command = Command::random_revocation(&mut self.rng);
            self.later(length, Event::Command { command, clock });
        }
        self.plan_requests(clock.when(date), self.plan.requests / (self.plan.rotations + 1));
    }

    /// Half of the requests come at any time until `end`, half around what happens then.
    fn plan_requests(&mut self, end: u64, count: u64) {
        let grace = u64::from(self.settings.lifetime_s() + 2 * self.settings.max_skew_s()) * 1_000;
        for nth in 0..count {
            let around = match nth % 8 {
                0 => self.now + 5_000,
                1 => end,
                2 => end + grace,
                3 => self.now + self.plan.load_delay_ms,
                _ => self.now + self.rng.u64(0..=end.saturating_sub(self.now)),
            };
            let at = (around + self.rng.u64(0..=20_000)).saturating_sub(10_000);
            self.at(at, Event::Request);
        }
    }

    /// One request by one client, with as many retries as it takes, each over some replica.
    fn request(&mut self) {
        self.report.requests += 1;
        let client = self.rng.usize(..self.clients.len());
        let Client { binding, mut nonce } = self.clients[client].clone();
        let had_good_nonce = nonce.is_some_and(|held| self.judge.is_fresh(&held, self.now));
        let mut caught_up = true;
        let mut astray = nonce.is_some_and(|held| held.astray);
        let mut retries = 0;
        while retries <= PATIENCE {
            let replica = self.some_replica();
            caught_up &= self.replicas[replica].version() == self.operator.newest_version();
            let replica = &self.replicas[replica];
            astray |= replica.is_astray();
            let clock = replica.clock.at(self.now);
            let mint = |fleet: &Fleet| Held {
                nonce: fleet.mint(clock, &binding),
                minted: self.now,
                shown: clock,
                astray: replica.is_astray(),
            };
            let Some(fleet) = replica.fleet() else { continue };
            let tried = nonce.map(|held| (held, fleet.open(&held.nonce, clock, &binding)));
            match tried {
                Some((held, Ok(opened))) => {
                    self.report.late_acceptances += u64::from(self.judge.is_late(&opened, &held, replica, self.now));
                    // RFC 9449 section 8.2: the next nonce comes with a good response, before the old one expires.
                    if opened.renew() {
                        self.report.renewals += 1;
                        nonce = Some(mint(fleet));
                    }
                    break;
                }
                Some((held, Err(refusal))) => {
                    let verdict = self.judge.refused(refusal, &held, replica, self.now);
                    self.report.count(verdict, refusal);
                }
                None => self.report.first_nonces += 1,
            }
            nonce = Some(mint(fleet));
            retries += 1;
        }
        self.clients[client].nonce = nonce;
        // While a replica is astray, requests over it and over others cost as many retries as the balancer sends them there.
        let explained = retries < 2 || astray || self.judge.may_take_more_than_one_retry(had_good_nonce, self.now);
        let calm = self.judge.is_calm(self.now) && !astray;
        self.report.count_retries(retries, calm, caught_up && !astray, explained);
    }

    /// Somebody who has a secret of the ring mints with it and tries it.
    fn steal(&mut self) {
        let replica = self.some_replica();
        let replica = &self.replicas[replica];
        let (Some(fleet), Some(thief)) = (replica.fleet(), self.judge.some_thief(&mut self.rng)) else { return };
        let forged = thief.mint(UnixMillis::new(self.now), &Binding::None);
        match fleet.open(&forged, replica.clock.at(self.now), &Binding::None) {
            Ok(opened) => self.report.late_acceptances += u64::from(self.judge.is_forgery(&opened, replica, self.now)),
            Err(_) => self.report.forgeries_refused += 1,
        }
    }

    fn some_replica(&mut self) -> usize {
        loop {
            let one = self.rng.usize(..self.replicas.len());
            if self.replicas[one].is_up() {
                return one;
            }
        }
    }
}

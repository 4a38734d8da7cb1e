//! The clock: two tasks side by side, batch by batch, on a machine that has other things to do as well.
//!
//! Ours and one other run in turn, for about 40 us each, a few thousand times. Whatever slows the machine down for
//! longer than that slows both, so the ratio is taken pair by pair and the median of the ratios is reported. Times are
//! medians too. Allocations are counted apart, with the clock off; while it runs, the counter is switched off, and the
//! crate that counts adds about a nanosecond to each allocation of whoever makes one.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// How long one batch takes, about.
const BATCH: Duration = Duration::from_micros(40);
/// Pairs of batches, at most.
const ROUNDS: usize = 4_000;

/// Something to measure, by its name in the results.
pub struct Task<'t> {
    name: &'static str,
    batch: Box<dyn FnMut(u32) + 't>,
    calls: u32,
}

impl<'t> Task<'t> {
    /// One call of `run` is the unit. What it returns is made, and thrown away.
    pub fn new<T>(name: &'static str, mut run: impl FnMut() -> T + 't) -> Self {
        let batch = move |calls| {
            for _ in 0..calls {
                black_box(run());
            }
        };
        Self { name, batch: Box::new(batch), calls: 1 }
    }

    fn time(&mut self) -> f64 {
        let start = Instant::now();
        (self.batch)(self.calls);
        start.elapsed().as_nanos() as f64 / f64::from(self.calls)
    }

    /// Warms up, and chooses how many calls a batch has.
    fn warm_up(&mut self) {
        let each = median((0..50).map(|_| self.time()).collect());
        self.calls = (BATCH.as_nanos() as f64 / each).clamp(1.0, 1_000.0) as u32;
        self.time();
    }

    fn allocations(&mut self) -> f64 {
        const CALLS: u32 = 100;
        // What only the first call of a process or an epoch makes is not what a call costs.
        (self.batch)(1);
        let counted = allocation_counter::measure(|| (self.batch)(CALLS));
        counted.count_total as f64 / f64::from(CALLS)
    }
}

/// What one call costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Nanoseconds, the median of all batches.
    pub ns: f64,
    /// Heap allocations.
    pub allocations: f64,
}

/// One of those that ours was compared with.
#[derive(Clone, Debug)]
pub struct Other {
    /// Who.
    pub name: &'static str,
    /// Its cost.
    pub cost: Cost,
    /// Ours divided by it, the median over all pairs.
    pub ratio: f64,
}

/// Ours beside the others.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What was done.
    pub name: &'static str,
    /// The cost of ours.
    pub ours: Cost,
    /// The others, in the order given.
    pub others: Vec<Other>,
}

impl Comparison {
    /// Ours divided by the other of that name; of all that were compared, one is.
    #[must_use]
    pub fn ratio(&self, name: &str) -> f64 {
        self.others.iter().find(|other| other.name == name).map_or(f64::NAN, |other| other.ratio)
    }

    /// Ours divided by the fastest whose name `is_meant`.
    #[must_use]
    pub fn ratio_to_fastest(&self, is_meant: impl Fn(&str) -> bool) -> f64 {
        self.others.iter().filter(|other| is_meant(other.name)).map(|other| other.ratio).fold(f64::NAN, f64::max)
    }
}

/// Runs ours in turn with each of the others, for so long in all.
pub fn side_by_side(mut ours: Task<'_>, mut others: Vec<Task<'_>>, budget: Duration) -> Comparison {
    let allocations: Vec<f64> = others.iter_mut().map(Task::allocations).collect();
    let our_allocations = ours.allocations();
    let mut our_times = Vec::new();
    let mut times: Vec<(Vec<f64>, Vec<f64>)> = vec![(Vec::new(), Vec::new()); others.len()];
    allocation_counter::opt_out(|| {
        ours.warm_up();
        others.iter_mut().for_each(Task::warm_up);
        let start = Instant::now();
        while start.elapsed() < budget && times.iter().all(|(times, _)| times.len() < ROUNDS) {
            for (other, (times, ratios)) in others.iter_mut().zip(&mut times) {
                // Who goes first alternates: neither has always the warmer cache.
                let (mine, theirs) = if times.len() % 2 == 0 {
                    let mine = ours.time();
                    (mine, other.time())
                } else {
                    let theirs = other.time();
                    (ours.time(), theirs)
                };
                our_times.push(mine);
                times.push(theirs);
                ratios.push(mine / theirs);
            }
        }
    });
    let others = others.iter().zip(times).zip(allocations).map(|((other, (times, ratios)), allocations)| Other {
        name: other.name,
        cost: Cost { ns: median(times), allocations },
        ratio: median(ratios),
    });
    let others = others.collect();
    Comparison { name: ours.name, ours: Cost { ns: median(our_times), allocations: our_allocations }, others }
}

/// How long a burst of threads is counted, about, and how long it runs before: a scheduler needs a moment to give each
/// thread a core of its own.
const BURST: Duration = Duration::from_millis(20);
const BEFORE: Duration = Duration::from_millis(5);

/// The throughput of two threads divided by that of one, for calls on what all threads share.
///
/// Bursts of one and of two threads alternate; in each, a thread counts its own time. Whatever else runs takes from two
/// threads on two cores more than from one, so each is judged by the best tenth of its bursts.
pub fn two_threads_over_one<T>(run: impl Fn() -> T + Sync, budget: Duration) -> f64 {
    let mut one = Task::new("one", &run);
    one.warm_up();
    let calls = (BURST.as_nanos() as f64 / one.time()).max(1.0) as u32;
    let burst = |threads: usize| -> f64 {
        let together = Barrier::new(threads);
        let rate = || {
            let mut seconds = 0.0;
            allocation_counter::opt_out(|| {
                together.wait();
                let start = Instant::now();
                while start.elapsed() < BEFORE {
                    black_box(run());
                }
                let start = Instant::now();
                for _ in 0..calls {
                    black_box(run());
                }
                seconds = start.elapsed().as_secs_f64();
            });
            f64::from(calls) / seconds
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(rate)).collect();
            workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
        })
    };
    let start = Instant::now();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    while start.elapsed() < budget {
        one.push(burst(1));
        two.push(burst(2));
    }
    quantile(two, 0.9) / quantile(one, 0.9)
}

/// The middle of the values: half are smaller.
#[must_use]
pub fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * part) as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_counted_and_ratios_are_ours_over_theirs() {
        let spin = |turns: u32| (0..turns).fold(1_u64, |sum, turn| black_box(sum.wrapping_mul(3) ^ u64::from(turn)));
        let ours = Task::new("ours", || spin(1_000));
        let others = vec![Task::new("slow", || spin(4_000)), Task::new("boxed", || Box::new(spin(1_000)))];
        let compared = side_by_side(ours, others, Duration::from_millis(200));
        assert_eq!(compared.ours.allocations, 0.0);
        assert_eq!(compared.others[1].cost.allocations, 1.0);
        assert!((0.15..0.4).contains(&compared.ratio("slow")), "{compared:?}");
        assert_eq!(compared.ratio_to_fastest(|_| true), compared.ratio("boxed"));
        assert!(compared.ratio("nobody").is_nan());
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert!(median(vec![]).is_nan());
    }
}

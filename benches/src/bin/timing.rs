//! Does the time of `open` tell where a nonce was tampered with? A measurement after dudect (Reparaz, Balasch and
//! Verbauwhede 2017): `cargo run --release -p sealstamp-bench --bin timing [measurements]`.
//!
//! Two classes of inputs are measured in random order, call by call, and compared by Welch's t-test: over all
//! measurements, and over those below each of several percentiles, since what interrupts a machine is slow and says
//! nothing. |t| above 4.5 is a suspicion, above 10 a leak. Two controls say whether the tool can see anything at all: a
//! class against itself, and a comparison that stops at the first wrong byte.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

use std::hint::black_box;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp::{Binding, Fleet, Nonce, Suite, Thumbprint, UnixMillis};
use sealstamp_bench::{clock, ours};

/// Different nonces in each class, so that no input is special.
const INPUTS: usize = 512;
/// Calls for one measurement: the clock's own step is about a tenth of a call.
const CALLS: u32 = 4;
const PERCENTILES: [f64; 6] = [1.0, 0.99, 0.95, 0.9, 0.75, 0.5];

/// A small generator, so that the order of the classes is no pattern that a processor learns.
struct Order(u64);

impl Order {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Welch's t of two samples.
fn welch(samples: [&[f64]; 2]) -> f64 {
    let [a, b] = samples.map(|sample| {
        let n = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / n;
        let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    });
    (a.0 - b.0) / (a.1 + b.1).sqrt()
}

/// The greatest |t| over all crops, and the difference of the medians in nanoseconds a call.
///
/// Each input is copied to one place before the clock starts: where it lies in memory would tell the classes apart.
fn compare<I: Copy>(classes: [&[I]; 2], measurements: usize, mut run: impl FnMut(&I)) -> (f64, f64) {
    let mut order = Order(0x9E37_79B9_7F4A_7C15);
    let mut times: [Vec<f64>; 2] = [Vec::with_capacity(measurements), Vec::with_capacity(measurements)];
    for n in 0..2 * measurements + 1_000 {
        let random = order.next();
        let class = (random & 1) as usize;
        let input = black_box(classes[class][(random >> 1) as usize % classes[class].len()]);
        let start = Instant::now();
        for _ in 0..CALLS {
            run(black_box(&input));
        }
        let time = start.elapsed().as_nanos() as f64 / f64::from(CALLS);
        if n >= 1_000 {
            times[class].push(time);
        }
    }
    let mut all: Vec<f64> = times.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let greatest = PERCENTILES.iter().map(|percentile| {
        let limit = all[((all.len() - 1) as f64 * percentile) as usize];
        let cropped =
            [0, 1].map(|class: usize| times[class].iter().copied().filter(|t| *t <= limit).collect::<Vec<_>>());
        welch([&cropped[0], &cropped[1]]).abs()
    });
    let greatest = greatest.fold(0.0, f64::max);
    let [a, b] = times.map(sealstamp_bench::measure::median);
    (greatest, a - b)
}

/// A nonce's 60 characters, and what it is opened for.
type Input = ([u8; 60], Binding);

fn input(nonce: &str, binding: Binding) -> Input {
    (nonce.as_bytes().try_into().expect("60 characters"), binding)
}

/// Nonces with their 45 bytes changed.
fn tampered(nonces: &[Nonce], change: impl Fn(&mut [u8])) -> Vec<Input> {
    let change = |nonce: &Nonce| {
        let mut raw = URL_SAFE_NO_PAD.decode(nonce.as_str()).expect("a nonce");
        change(&mut raw);
        input(&URL_SAFE_NO_PAD.encode(raw), Binding::None)
    };
    nonces.iter().map(change).collect()
}

/// What no comparison of secrets may be.
fn stops_at_the_first_difference(one: &[u8; 16], other: &[u8; 16]) -> bool {
    one.iter().zip(other).all(|(a, b)| black_box(a) == black_box(b))
}

fn main() {
    let measurements = std::env::args().nth(1).map_or(300_000, |n| n.parse().expect("a number of measurements"));
    println!("{measurements} measurements of {CALLS} calls for each class\n");
    println!("| suite | one class | the other | greatest |t| | difference of the medians |\n|---|---|---|---|---|");
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let fleet = ours::fleet(suite);
        let start = clock();
        pairs(suite, &fleet, start, measurements);
    }
    let right = [[0; 16]; INPUTS];
    let at = |place: usize| {
        let mut wrong = [[0; 16]; INPUTS];
        wrong.iter_mut().for_each(|tag| tag[place] = 1);
        wrong
    };
    let (t, ns) = compare([&at(0), &at(15)], measurements, |tag| {
        black_box(stops_at_the_first_difference(tag, black_box(&right[0])));
    });
    println!("| control: a naive comparison | wrong in byte 0 | wrong in byte 15 | {t:.1} | {ns:.1} ns |");
}

fn pairs(suite: Suite, fleet: &Fleet, now: UnixMillis, measurements: usize) {
    let nonces: Vec<Nonce> = (0..INPUTS).map(|_| fleet.mint(now, &Binding::None)).collect();
    let byte = |at: usize| tampered(&nonces, move |raw| raw[at] ^= 0x40);
    let tag_first = byte(29);
    let whole_tag = tampered(&nonces, |raw| raw[29..].iter_mut().for_each(|b| *b ^= 0xa5));
    let bound = Binding::Thumbprint(Thumbprint::new([7; 32]));
    let other = Binding::Thumbprint(Thumbprint::new([0xf8; 32]));
    let last_byte = Binding::Thumbprint(Thumbprint::new({
        let mut bytes = [7; 32];
        bytes[31] = 6;
        bytes
    }));
    let bound_nonces: Vec<Nonce> = (0..INPUTS).map(|_| fleet.mint(now, &bound)).collect();

    let line = |one: &str, another: &str, (t, ns): (f64, f64)| {
        println!("| {suite} | {one} | {another} | {t:.1} | {ns:.1} ns |");
    };
    let open = |(nonce, binding): &Input| {
        let nonce = std::str::from_utf8(nonce).expect("ASCII");
        black_box(fleet.open(nonce, now, binding).is_ok());
    };
    let pairs = [
        ("tag's first byte wrong", "the same class: a control", byte(29)),
        ("tag's first byte wrong", "tag's middle byte wrong", byte(37)),
        ("tag's first byte wrong", "tag's last byte wrong", byte(44)),
        ("tag's first byte wrong", "every byte of the tag wrong", whole_tag),
        ("tag's first byte wrong", "ciphertext's first byte wrong", byte(21)),
        ("tag's first byte wrong", "ciphertext's last byte wrong", byte(28)),
        ("tag's first byte wrong", "IV's first byte wrong", byte(9)),
        ("tag's first byte wrong", "IV's last byte wrong", byte(20)),
    ];
    for (one, another, inputs) in &pairs {
        line(one, another, compare([&tag_first, inputs], measurements, open));
    }
    let inputs: [Vec<Input>; 2] =
        [other, last_byte].map(|binding| bound_nonces.iter().map(|nonce| input(nonce, binding)).collect());
    let result = compare([&inputs[0], &inputs[1]], measurements, open);
    line("another key's binding, every byte", "another key's binding, last byte", result);
    // These two do differ, and may: what is refused is not decrypted. Whoever sent the nonce learns which from the
    // answer.
    let valid = tampered(&nonces, |_| {});
    line("valid", "tag's first byte wrong", compare([&valid, &tag_first], measurements, open));
}

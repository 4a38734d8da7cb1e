//! One operation, over and over, for a profiler to look at: `valgrind --tool=callgrind target/release/calls open 1000`.
//! What a call costs is the difference of two runs, divided by the difference of their counts.

#![allow(clippy::expect_used, reason = "a measurement that goes wrong should stop")]

use std::hint::black_box;
use std::process::ExitCode;

use sealstamp::{Binding, Suite};
use sealstamp_bench::inputs::{Client, request};
use sealstamp_bench::{clock, floor, ours};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, count] = &arguments[..] else { return usage() };
    let Ok(count) = count.parse() else { return usage() };
    let (what, suite) = match what.strip_suffix("-chacha") {
        Some(what) => (what, Suite::ChaCha20Poly1305),
        None => (what.as_str(), Suite::Aes256Gcm),
    };
    let fleet = ours::fleet(suite);
    let nonce = fleet.mint(clock(), &Binding::None);
    let (aes, chacha) = (floor::aes(), floor::chacha());
    let client = Client::new();
    let verifier = ours::Ours::new(&fleet, client.thumbprint());
    let request = |nonce: &str| request("token", &client.proof("token", nonce));
    let layer = ours::Layer::warm(&fleet, &client, 1);
    let signed = floor::Signed::take_apart(layer.proof(), client.point());
    let (good, bad) = (request(&nonce), request(&ours::forged(&nonce)));
    let now = clock();
    let text = nonce.as_str();
    match (what, suite) {
        ("mint", _) => repeat(count, || fleet.mint(black_box(now), &Binding::None)),
        ("open", _) => repeat(count, || fleet.open(black_box(text), now, &Binding::None).expect("fresh")),
        ("floor", Suite::Aes256Gcm) => repeat(count, || black_box(&aes).mint()),
        ("floor", Suite::ChaCha20Poly1305) => repeat(count, || black_box(&chacha).mint()),
        ("verify", _) => repeat(count, || verifier.verify(black_box(&good))),
        ("layer", _) => repeat(count, || layer.call()),
        ("signature", _) => repeat(count, || black_box(&signed).verify()),
        ("refuse", _) => repeat(count, || verifier.refuse(black_box(&bad))),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn repeat<T>(count: u32, run: impl Fn() -> T) {
    (0..count).for_each(|_| drop(black_box(run())));
}

fn usage() -> ExitCode {
    eprintln!("usage: calls mint|open|floor|verify|layer|signature|refuse[-chacha] COUNT");
    ExitCode::from(2)
}

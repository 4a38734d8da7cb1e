//! How cost grows with the ring and with the request: `cargo run --release -p sealstamp-bench --bin growth`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use sealstamp::{Binding, Fleet, Ring, Suite, UnixMillis};
use sealstamp_bench::clock;
use sealstamp_bench::inputs::{Client, request};
use sealstamp_bench::measure::{Task, side_by_side};
use sealstamp_bench::ours::{self, Ours};
use sealstamp_bench::report::duration;

const BUDGET: Duration = Duration::from_millis(700);

fn main() {
    println!("{:<44}{:>12}{:>16}", "", "median", "of the first");
    keys();
    requests();
}

/// Measures each task in turn with the first.
fn print<'t>(tasks: Vec<(String, Box<dyn Fn() -> Task<'t> + 't>)>) {
    let (_, base) = &tasks[0];
    for (label, task) in &tasks {
        let compared = side_by_side(task(), vec![base()], BUDGET);
        println!("{label:<44}{:>12}{:>16.3}", duration(compared.ours.ns), compared.others[0].ratio);
    }
    println!();
}

fn row<'t, T: 't>(label: String, run: impl Fn() -> T + Copy + 't) -> (String, Box<dyn Fn() -> Task<'t> + 't>) {
    (label, Box::new(move || Task::new("", run)))
}

fn keys() {
    let fleets = [1_usize, 2, 3, 10, 100, 1_000].map(|keys| (keys, ours::fleet_of(keys)));
    let minted = fleets.each_ref().map(|(_, fleet)| fleet.mint(clock(), &Binding::None));
    let forged = fleets.each_ref().map(|(_, fleet)| forged_under_each_key(fleet));
    let each = || fleets.iter().zip(&minted);

    let mint = |fleet: &Fleet| fleet.mint(clock(), black_box(&Binding::None));
    print(fleets.iter().map(|(keys, fleet)| row(format!("mint, ring of {keys}"), move || mint(fleet))).collect());

    let open = |fleet: &Fleet, nonce: &str| fleet.open(black_box(nonce), clock(), &Binding::None).expect("fresh");
    print(
        each().map(|((keys, fleet), nonce)| row(format!("open, ring of {keys}"), move || open(fleet, nonce))).collect(),
    );

    // Forgers may name any key; what a client was given names the active one, or the one before it.
    let turn = &Cell::new(0_usize);
    let refuse = |fleet: &Fleet, nonces: &[String]| {
        turn.set(turn.get().wrapping_add(1));
        let nonce = black_box(&nonces[turn.get() % nonces.len()]);
        fleet.open(nonce, clock(), &Binding::None).expect_err("forged")
    };
    let rows = fleets.iter().zip(&forged);
    print(
        rows.map(|((keys, fleet), nonces)| {
            row(format!("refuse, each of {keys} keys in turn"), move || refuse(fleet, nonces))
        })
        .collect(),
    );

    // Each call is the first of its epoch: it derives the keys of three.
    let epoch = &Cell::new(0_u64);
    let enter = |fleet: &Fleet| {
        epoch.set(epoch.get() + 1);
        let then = clock().get() + epoch.get() % 1_000 * sealstamp::EPOCH_MS;
        fleet.mint(UnixMillis::new(then), &Binding::None)
    };
    print(
        fleets
            .iter()
            .map(|(keys, fleet)| row(format!("first mint of an epoch, ring of {keys}"), move || enter(fleet)))
            .collect(),
    );

    let files = fleets.each_ref().map(|(keys, fleet)| (*keys, fleet.ring().to_json()));
    let parse = |file: &str| Ring::parse(black_box(file.as_bytes())).expect("a ring");
    print(files.iter().map(|(keys, file)| row(format!("parse a ring file of {keys}"), move || parse(file))).collect());
}

/// For each key of the ring, a nonce that names it and is not its.
fn forged_under_each_key(fleet: &Fleet) -> Vec<String> {
    let nonce = URL_SAFE_NO_PAD.decode(fleet.mint(clock(), &Binding::None).as_str()).expect("base64url");
    let ring = fleet.ring();
    let naming = ring.keys().iter().map(|key| {
        let mut nonce = nonce.clone();
        nonce[1..5].copy_from_slice(&u32::from_str_radix(&key.kid().to_string(), 16).expect("hex").to_be_bytes());
        nonce[44] ^= 1;
        URL_SAFE_NO_PAD.encode(nonce)
    });
    naming.collect()
}

fn requests() {
    let client = Client::new();
    let fleet = ours::fleet(Suite::Aes256Gcm);
    let ours = &Ours::new(&fleet, client.thumbprint());
    let nonce = || fleet.mint(clock(), &Binding::None);
    let verify = |request: &Parts| ours.verify(black_box(request));

    let with_token = |length: usize| {
        let token = "t".repeat(length);
        (length, request(&token, &client.proof(&token, &nonce())))
    };
    let requests = [64, 512, 1_024, 4_096, 16_384].map(with_token);
    print(
        requests
            .iter()
            .map(|(size, request)| row(format!("verify, token of {size} bytes"), move || verify(request)))
            .collect(),
    );

    let with_claims = |length: usize| {
        let more = format!(r#","more":"{}""#, "m".repeat(length));
        let request = request("token", &client.proof_with("token", &nonce(), &more));
        (request.headers["dpop"].len(), request)
    };
    let requests = [0, 512, 2_048, 5_200].map(with_claims);
    print(
        requests
            .iter()
            .map(|(size, request)| row(format!("verify, proof of {size} bytes"), move || verify(request)))
            .collect(),
    );

    let with_fields = |count: usize| {
        let mut request = request("token", &client.proof("token", &nonce()));
        for field in 0..count {
            let name = format!("x-field-{field}").parse::<http::HeaderName>().expect("a name");
            request.headers.insert(name, "a value of no interest".parse().expect("a value"));
        }
        (count, request)
    };
    let requests = [0, 10, 100].map(with_fields);
    print(
        requests
            .iter()
            .map(|(size, request)| row(format!("verify, {size} more header fields"), move || verify(request)))
            .collect(),
    );
}

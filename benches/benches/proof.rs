//! A whole proof beside the bare signature, and the refusals of a bad nonce, in one run:
//! `cargo bench -p sealstamp-bench --bench proof`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sealstamp::{Binding, Suite};
use sealstamp_bench::clock;
use sealstamp_bench::floor::Signed;
use sealstamp_bench::inputs::{Client, Issuer, request};
use sealstamp_bench::ours::{self, Ours};

fn proof(c: &mut Criterion) {
    let client = Client::new();
    let token = Issuer::new().token(Some(client.thumbprint()));
    let fleet = ours::fleet(Suite::Aes256Gcm);
    let verifier = Ours::new(&fleet, client.thumbprint());
    let mint = || fleet.mint(clock(), &Binding::None);
    let with_nonce = |nonce: &str| request(&token, &client.proof(&token, nonce));

    let mut group = c.benchmark_group("proof");
    // A nonce lives for two minutes: each batch verifies one of its own.
    group.bench_function("verify", |b| {
        let request = with_nonce(&mint());
        b.iter(|| verifier.verify(black_box(&request)));
    });
    group.bench_function("verify, floor", |b| {
        let signed = Signed::take_apart(&client.proof(&token, &mint()), client.point());
        b.iter(|| black_box(&signed).verify());
    });
    group.bench_function("verify, floor, key from a cache", |b| {
        let signed = Signed::take_apart(&client.proof(&token, &mint()), client.point());
        let key = signed.parsed();
        b.iter(|| black_box(&signed).verify_with(black_box(&key)));
    });
    group.bench_function("refuse, forged", |b| {
        let request = with_nonce(&ours::forged(&mint()));
        b.iter(|| verifier.refuse(black_box(&request)));
    });
    group.bench_function("refuse, expired", |b| {
        let request = with_nonce(&ours::expired(&fleet));
        b.iter(|| verifier.refuse(black_box(&request)));
    });
    group.finish();
}

criterion_group!(benches, proof);
criterion_main!(benches);

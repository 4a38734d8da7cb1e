//! Mint and open beside the bare AEAD call, in one run: `cargo bench -p sealstamp-bench --bench nonce`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sealstamp::{Binding, Suite, Thumbprint};
use sealstamp_bench::{clock, floor, ours};

fn nonce(c: &mut Criterion) {
    let bound = Binding::Thumbprint(Thumbprint::new([7; 32]));
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let fleet = ours::fleet(suite);
        let mut group = c.benchmark_group(suite.as_str());
        let (aes, chacha) = (floor::aes(), floor::chacha());
        group.bench_function("mint", |b| b.iter(|| fleet.mint(clock(), black_box(&Binding::None))));
        group.bench_function("mint, bound", |b| b.iter(|| fleet.mint(clock(), black_box(&bound))));
        group.bench_function("mint, floor", |b| match suite {
            Suite::Aes256Gcm => b.iter(|| black_box(&aes).mint()),
            Suite::ChaCha20Poly1305 => b.iter(|| black_box(&chacha).mint()),
        });
        // A nonce lives for two minutes: each batch opens one of its own.
        let open = |text: &str| fleet.open(text, clock(), black_box(&Binding::None)).expect("fresh");
        group.bench_function("open", |b| {
            let minted = fleet.mint(clock(), &Binding::None);
            b.iter(|| open(black_box(&minted)));
        });
        group.bench_function("open, floor", |b| match suite {
            Suite::Aes256Gcm => {
                let minted = aes.mint();
                b.iter(|| black_box(&aes).open(black_box(&minted)));
            }
            Suite::ChaCha20Poly1305 => {
                let minted = chacha.mint();
                b.iter(|| black_box(&chacha).open(black_box(&minted)));
            }
        });
        group.finish();
    }
}

criterion_group!(benches, nonce);
criterion_main!(benches);

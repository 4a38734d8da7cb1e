//! What a refused request may cost: a bound on memory for whatever is sent, and nothing that grows with a flood.
//!
//! Time is measured by `cargo run --release -p sealstamp-bench --bin refusals`; figures are in `docs/testing.md`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

#[path = "battery/cases/mod.rs"]
#[allow(dead_code, reason = "the cases alone are needed, not what is expected of them")]
mod cases;
mod support;

use allocation_counter::AllocationInfo;
use http::request::Parts;
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite};
use sealstamp_dpop::{MAX_PROOF_BYTES, RequestHead};
use sealstamp_testkit::{PUBLIC_URL, quoted};
use support::{NOW, World};

/// Rules 1 to 9 and the response. What rule 10 needs is the token validator's.
fn cost(world: &World, parts: &Parts) -> Option<AllocationInfo> {
    let refuse = || {
        let refused = world.verifier.check(RequestHead::of(parts), world.now).err()?;
        Some(world.verifier.resource_server_response(&refused))
    };
    // The first response of a kind makes what its successors share.
    refuse()?;
    Some(allocation_counter::measure(|| drop(refuse())))
}

/// Twice the longest proof for its decoding and its strings, and 2 KiB for the response: whatever is sent, no more than
/// this is held, and it is given back.
const BOUND: u64 = 2 * MAX_PROOF_BYTES as u64 + 2 * 1024;

#[test]
fn a_refusal_holds_a_bounded_amount_of_memory() {
    let world = World::new().without(cases::case::NOT_TAKEN);
    let (mut refused, mut most, mut most_of) = (0, 0, "");
    for case in cases::all() {
        let parts = world.draft().but(|draft| (case.defect)(draft, &world)).parts();
        let Some(cost) = cost(&world, &parts) else { continue };
        assert!(cost.bytes_max <= BOUND, "{}: {} bytes", case.name, cost.bytes_max);
        assert_eq!(cost.bytes_current, 0, "{} keeps something", case.name);
        refused += 1;
        if cost.bytes_max > most {
            (most, most_of) = (cost.bytes_max, case.name);
        }
    }
    assert!(refused > 300, "{refused} refusals before rule 10");
    println!("at most {most} bytes, for: {most_of}");
}

/// Fields of any length: what is too long is not copied, let alone decoded.
#[test]
fn memory_does_not_grow_with_a_header() {
    let world = World::new();
    for length in [MAX_PROOF_BYTES, MAX_PROOF_BYTES + 1, 100_000, 1_000_000] {
        for filler in ["A", ".", ",", "{", "=", "~"] {
            let text = filler.repeat(length);
            let proof = world.draft().but(|draft| draft.on_proof(move |_| vec![text.clone()]));
            let text = filler.repeat(length);
            let token = world.draft().but(|draft| draft.on_authorization(move |_| vec![format!("DPoP {text}")]));
            for draft in [proof, token] {
                if let Some(cost) = cost(&world, &draft.parts()) {
                    assert!(cost.bytes_max <= BOUND, "{filler} {length}: {} bytes", cost.bytes_max);
                }
            }
        }
    }
}

/// A flood of forged nonces, known kids and unknown ones: the process is no larger after it than before, and each costs
/// the memory of the first.
#[test]
fn a_flood_leaves_nothing_behind() {
    let world = World::new();
    let other = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(77));
    let other = Fleet::new(other, Audience::new(PUBLIC_URL).unwrap()).unwrap();
    let forged = |n: usize| {
        let mut nonce = world.nonce().into_bytes();
        nonce[40 + n % 20] = if nonce[40 + n % 20] == b'A' { b'B' } else { b'A' };
        String::from_utf8(nonce).unwrap()
    };
    let requests: Vec<Parts> = (0..200)
        .map(|n| {
            let nonce = if n % 2 == 0 { forged(n) } else { other.mint(NOW, &Binding::None).to_string() };
            world.draft().but(|draft| draft.claims.set("nonce", quoted(nonce))).parts()
        })
        .collect();
    let first = cost(&world, &requests[0]).unwrap();
    let flood = allocation_counter::measure(|| {
        for n in 0..10_000 {
            let refused = world.verifier.check(RequestHead::of(&requests[n % requests.len()]), NOW).unwrap_err();
            drop(world.verifier.resource_server_response(&refused));
        }
    });
    assert_eq!(flood.bytes_current, 0);
    assert!(flood.bytes_max <= first.bytes_max + 64, "{} bytes, {} for the first", flood.bytes_max, first.bytes_max);
    assert_eq!(world.verifier.counters().signature_checks(), 0);
    println!("a forged nonce: {} allocations, {} bytes at most", first.count_total, first.bytes_max);
}

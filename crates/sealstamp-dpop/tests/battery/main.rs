//! Requests that are right but for one thing, and the one decision each must get.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod cases;
#[cfg(feature = "tower")]
mod http;

use sealstamp_dpop::{Algorithm, Answer, Reason};
use sealstamp_testkit::quoted;
use support::{World, key};

/// SEP-1, SEP-3, and every check of RFC 9449 section 4.3: see the ids in `cases/`.
#[test]
fn each_defect_gets_its_answer_and_reason() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        let world = World::new().without(cases::case::NOT_TAKEN);
        let draft = world.draft().but(|draft| (case.defect)(draft, &world));
        let decision = world.decide_draft(&draft);
        let got = decision.as_ref().map(drop).map_err(|refused| (refused.answer(), refused.reason()));
        if got != case.expected {
            wrong.push(format!("{} {}: {got:?} instead of {:?}", case.ids, case.name, case.expected));
        }
        // A client that does as it is told must get further: every refusal hands out a nonce.
        assert!(decision.is_ok() || decision.unwrap_err().nonce().is_some(), "{}", case.name);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases::all().count(), wrong.join("\n"));
}

#[test]
fn case_names_are_distinct_and_most_cases_refuse() {
    let mut names: Vec<_> = cases::all().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases::all().count());
    let refusing = cases::all().filter(|case| case.expected.is_err()).count();
    assert!(refusing > 150, "{refusing} refusing cases");
}

/// R43-5, R43-6, R43-7: every pair of an algorithm and another's key, and every signature under another algorithm's
/// name.
#[test]
fn an_algorithm_takes_its_own_keys_only() {
    let world = World::new();
    for named in Algorithm::ALL {
        for used in Algorithm::ALL {
            let draft = world.draft_signed_by(used).but(|draft| draft.header.set("alg", quoted(named)));
            let got = world.decide_draft(&draft).map(drop).map_err(|refused| refused.reason());
            let same_key = draft.jwk.get("kty") == key(named).jwk().get("kty")
                && draft.jwk.0.iter().find(|(name, _)| name == "crv")
                    == key(named).jwk().0.iter().find(|(name, _)| name == "crv");
            let expected = match (named, used) {
                _ if named == used => Ok(()),
                // Two names of one algorithm (RFC 9864).
                (Algorithm::EdDSA, Algorithm::Ed25519) | (Algorithm::Ed25519, Algorithm::EdDSA) => Ok(()),
                _ if same_key => Err(Reason::BadSignature),
                _ => Err(Reason::KeyMismatch),
            };
            assert_eq!(got, expected, "a key for {used} under {named}");
        }
    }
}

/// R43-5, SEP-5, R116-1: no symmetric algorithm with any key.
#[test]
fn no_key_makes_a_symmetric_algorithm_acceptable() {
    let world = World::new();
    for named in ["HS256", "HS384", "HS512", "none", "dir", "A256KW", "A128GCMKW", "PBES2-HS256+A128KW"] {
        for used in Algorithm::ALL {
            let draft = world.draft_signed_by(used).but(|draft| draft.header.set("alg", quoted(named)));
            let refused = world.decide_draft(&draft).unwrap_err();
            assert_eq!(refused.reason(), Reason::AlgorithmNotAllowed, "a key for {used} under {named}");
        }
    }
}

/// R43-6: every bit of the proof counts.
#[test]
fn any_flipped_bit_of_a_signature_is_noticed() {
    let world = World::new();
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        let draft = world.draft_signed_by(algorithm);
        assert!(world.decide_draft(&draft).is_ok());
        for bit in 0..512 {
            let draft = draft.clone().but(|draft| {
                draft.on_signature(move |_, _, mut signature| {
                    signature[bit / 8] ^= 1 << (bit % 8);
                    signature
                });
            });
            let refused = world.decide_draft(&draft).unwrap_err();
            assert_eq!(refused.reason(), Reason::BadSignature, "{algorithm}, bit {bit}");
            assert_eq!(refused.answer(), Answer::InvalidDpopProof);
        }
    }
}

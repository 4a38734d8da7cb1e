//! What operators read: the message of each error, and what a ring or a handle looks like in a log.
//!
//! A message is made of fixed text, numbers, times and kids. Nothing of what was refused is in it.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test stops by panicking")]

use std::fmt::Display;

use sealstamp::{
    Audience, Fleet, Force, Fresh, KeyState, Kid, Refusal, Ring, RingErrorKind, RingId, Settings, Suite, SwapError,
    Thumbprint, TransitionError, UnixMillis,
};

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);

fn ring() -> Ring {
    Ring::init(Settings::default(), Suite::ChaCha20Poly1305, NOW, Fresh::insecure_from_seed(1))
}

fn message<T>(result: Result<T, impl Display>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn of_values_that_are_none() {
    assert_eq!(message(Audience::new("")), "an audience is 1 to 1,024 bytes");
    assert_eq!(message("x".parse::<Thumbprint>()), "a thumbprint is 43 characters of base64url without padding");
    assert_eq!(message("x".parse::<Kid>()), "a kid is 8 lower-case hexadecimal digits");
    assert_eq!(message("x".parse::<Suite>()), "a suite is aes-256-gcm or chacha20-poly1305");
}

/// The message and the member are those of the first setting that is out of its range.
#[test]
fn of_settings() {
    for (settings, member, range) in [
        (Settings::new(0, 61, 0), "lifetime_s", "1 to 3,600"),
        (Settings::new(3_601, 0, 0), "lifetime_s", "1 to 3,600"),
        (Settings::new(1, 61, 2_592_001), "max_skew_s", "0 to 60"),
        (Settings::new(1, 0, 2_592_001), "propagation_s", "0 to 2,592,000"),
    ] {
        let error = settings.unwrap_err();
        assert_eq!((error.member(), error.to_string()), (member, format!("{member} is {range}")));
    }
    assert!(Settings::new(1, 0, 0).is_ok());
    let greatest = Settings::new(3_600, 60, 2_592_000).unwrap();
    assert_eq!((greatest.lifetime_s(), greatest.max_skew_s(), greatest.propagation_s()), (3_600, 60, 2_592_000));
}

#[test]
fn of_refused_transitions() {
    let (kid, legal_at, revoked_at) = ("00c0ffee".parse().unwrap(), NOW, NOW.saturating_add(1));
    for (refused, says, helps) in [
        (TransitionError::Pending { kid, legal_at }, "key 00c0ffee is to become active at 2026-11-22T19:00:00Z", true),
        (
            TransitionError::TooEarly { legal_at },
            "replicas may not have loaded the ring by then; the earliest date is 2026-11-22T19:00:00Z",
            true,
        ),
        (
            TransitionError::NotYetPrunable { legal_at },
            "every key that has retired or was revoked is still needed; the first may be pruned at 2026-11-22T19:00:00Z",
            true,
        ),
        (TransitionError::NothingPending, "no key has a date that is still to come", false),
        (
            TransitionError::DateStands { kid, legal_at },
            "key 00c0ffee takes over at 2026-11-22T19:00:00Z, and replicas may act on that before they can have loaded \
             another date",
            true,
        ),
        (TransitionError::NothingToPrune, "no key is retiring or revoked", false),
        (
            TransitionError::OnlyKey { legal_at },
            "no other key could mint; rotate first, then the fleet can do without this one at 2026-11-22T19:00:00Z",
            true,
        ),
        (TransitionError::UnknownKid, "no key of the ring has this kid", false),
        (TransitionError::AlreadyRevoked { revoked_at }, "the key was revoked at 2026-11-22T19:00:00.001Z", false),
        (TransitionError::OutOfRange, "a time, the serial or the number of keys would be out of range", false),
    ] {
        assert_eq!(refused.to_string(), says);
        assert_eq!(refused.legal_at(), helps.then_some(legal_at), "{says}");
    }
}

#[test]
fn of_refused_rings() {
    let older = SwapError::OlderSerial { current: 7, offered: 6 };
    assert_eq!(older.to_string(), "the ring has serial 6, older than serial 7 in use");
    let conflict = SwapError::Conflict { serial: 7 };
    assert_eq!(conflict.to_string(), "the ring differs from the one in use and has its serial 7");
    let [current, offered] = [(6, 0xAB), (7, 0xCD)].map(|(serial, byte)| RingId { serial, digest: [byte; 32] });
    let apart = SwapError::NotASuccessor { current, offered };
    assert_eq!(
        apart.to_string(),
        "the ring (serial 7, digest cdcdcdcd...) does not come from the one in use (serial 6, digest abababab...)"
    );
    let back = SwapError::Unrevoked { kid: ring().keys()[0].kid() };
    assert_eq!(back.to_string(), format!("key {} was revoked, and is live in the ring", ring().keys()[0].kid()));
    let kinds = [older, conflict, apart, back].map(|error| error.as_str());
    assert_eq!(kinds, ["older_serial", "conflict", "not_a_successor", "unrevoked"]);
}

/// The message says where and why. `ring_format.rs` tests this for every kind.
#[test]
fn of_ring_files() {
    let file = ring().to_json();
    let kid = ring().keys()[0].kid();
    for (broken, says) in [
        (String::new(), "line 1: not plain JSON, or cut short".to_owned()),
        (
            file.replace("ring/2", "ring/3"),
            "format: the format is neither sealstamp-ring/2 nor sealstamp-ring/1".to_owned(),
        ),
        (file.replace(&kid.to_string(), "x"), "key number 1, kid: wrong length or alphabet".to_owned()),
        (file.replacen("\"secret\": \"", "\"secret\": \"_", 1), format!("key {kid}, secret: wrong length or alphabet")),
        (
            file.replacen("19:00:00Z", "25:00:00Z", 1),
            format!("key {kid}, created_at: not a time like 2026-11-22T19:00:00Z"),
        ),
        (" ".repeat(Ring::MAX_FILE_LEN + 1), "the file is larger than 1 MiB".to_owned()),
    ] {
        assert_eq!(message(Ring::parse(broken.as_bytes())), says);
    }
    // The format has no escapes, and all of it is UTF-8.
    let before = file.split("chacha").next().unwrap();
    let line = before.lines().count();
    for broken in [format!("{before}\\u0063hacha").into_bytes(), [before.as_bytes(), b"\xff"].concat()] {
        let error = Ring::parse(&broken).unwrap_err();
        assert_eq!((error.kind(), error.line(), error.kid()), (RingErrorKind::Syntax, Some(line), None));
        assert_eq!(error.to_string(), format!("line {line}: not plain JSON, or cut short"));
    }
    let keyless = format!("{}[], \"ancestors\": [] }}\n", file.split('[').next().unwrap());
    assert_eq!(message(Ring::parse(keyless.as_bytes())), "keys: no key can mint");
}

#[test]
fn of_refused_nonces() {
    for (refusal, says) in [
        (Refusal::Malformed, "the nonce is not 60 characters of base64url"),
        (Refusal::UnknownVersion, "the nonce has an unknown version"),
        (Refusal::UnknownKey, "no key has the nonce's kid"),
        (Refusal::RevokedKey, "the nonce's key was revoked"),
        (Refusal::OutsideWindow, "the nonce is from another hour"),
        (Refusal::NotAuthentic, "the nonce is not authentic"),
        (Refusal::KeyRetired, "the nonce was minted after its key had retired"),
        (Refusal::Expired { by_ms: 1 }, "the nonce expired 1 ms ago"),
        (Refusal::InFuture { by_ms: 2 }, "the nonce is 2 ms too far in the future"),
    ] {
        assert_eq!(refusal.to_string(), says);
    }
}

#[test]
fn of_states() {
    let labels = [KeyState::Staged, KeyState::Active, KeyState::Retiring, KeyState::Prunable, KeyState::Revoked];
    assert_eq!(labels.map(KeyState::as_str), ["staged", "active", "retiring", "prunable", "revoked"]);
    assert_eq!(labels.map(|state| state.to_string()), labels.map(KeyState::as_str));
}

/// A ring in a log shows which keys it has, and no secret in any spelling.
#[test]
fn a_printed_ring_shows_its_keys_and_no_secret() {
    let ring = ring();
    let revoked = ring.revoke(ring.keys()[1].kid(), NOW, Fresh::insecure_from_seed(2), Force::No).unwrap().ring;
    let fleet = Fleet::new(revoked.clone(), Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap();
    for shown in [format!("{revoked:?}"), format!("{fleet:?}")] {
        for key in revoked.keys() {
            assert!(shown.contains(&format!("Key {{ kid: {}, suite: chacha20-poly1305", key.kid())), "{shown}");
        }
        assert!(shown.contains(&format!("revoked_at: Some({})", NOW.get())), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("prk"), "{shown}");
    }
    assert!(format!("{fleet:?}").contains("https://mcp.example.com/mcp"));
}

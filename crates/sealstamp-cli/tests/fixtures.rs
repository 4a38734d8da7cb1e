//! The rings that the transcripts work on. They are made here from fixed seeds, so their secrets are known to
//! everybody, and the code says how each file came to be. `SEALSTAMP_WRITE_FIXTURES=1` writes them anew.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use std::path::Path;

use sealstamp::{Audience, Binding, Fleet, Force, Fresh, Ring, Settings, Suite, Transition, UnixMillis};
use serde_json::json;

const AUDIENCE: &str = "https://mcp.example.com/mcp";

fn at(text: &str) -> UnixMillis {
    UnixMillis::from_system_time(humantime::parse_rfc3339(text).unwrap())
}

fn fresh(seed: u64) -> Fresh {
    Fresh::insecure_from_seed(seed)
}

fn init(time: &str) -> Ring {
    Ring::init(Settings::default(), Suite::Aes256Gcm, at(time), fresh(1))
}

fn rotate(ring: &Ring, time: &str, seed: u64) -> Ring {
    done(ring.rotate(None, at(time), fresh(seed), Force::No))
}

/// Rotated to a date far ahead.
fn dated(ring: &Ring, date: &str) -> Ring {
    done(ring.rotate(Some(at(date)), at("2026-11-22T19:30:00Z"), fresh(2), Force::No))
}

/// A change of the lifetime, far ahead.
fn longer(ring: &Ring) -> Ring {
    let settings = Settings::new(300, 5, 600).unwrap();
    let from = Some(at("2026-12-01T03:00:00Z"));
    done(ring.change_settings(settings, from, at("2026-11-22T19:30:00Z"), Force::No))
}

/// A ring that goes on from a common one, by a second writer.
fn other_line(ring: &Ring) -> Ring {
    let ring = rotate(ring, "2026-11-22T19:31:00Z", 6);
    done(ring.rotate(None, at("2026-11-22T19:50:00Z"), fresh(7), Force::No))
}

fn leaked(ring: &Ring) -> Ring {
    let now = at("2026-11-22T19:30:00Z");
    done(ring.revoke(ring.active(now).kid(), now, fresh(3), Force::No))
}

/// What a replica with this ring shows, as far as the tool reads it.
fn status(ring: &Ring, audience: &str, settings: Settings, fault: Option<&str>) -> String {
    let now = at("2026-11-22T20:00:00Z");
    let id = ring.id().to_string();
    let keys = ring.status(now).map(|s| json!({ "kid": s.key.kid().to_string(), "state": s.state.as_str() }));
    let status = json!({
        "format": "sealstamp-status/1",
        "audience": audience,
        "serial": ring.serial(),
        "digest": id.split_once(':').unwrap().1,
        "ancestors": ring.ancestors().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "settings": {
            "lifetime_s": settings.lifetime_s(),
            "max_skew_s": settings.max_skew_s(),
            "propagation_s": settings.propagation_s(),
        },
        "keys": keys.collect::<Vec<_>>(),
        "error": fault.map(|kind| json!({ "kind": kind })),
    });
    format!("{status:#}\n")
}

fn done(result: Result<Transition, sealstamp::TransitionError>) -> Ring {
    result.unwrap().ring
}

/// Every state at 2026-11-22T20:00:00Z.
fn every_state() -> Ring {
    let ring = rotate(&init("2026-09-01T09:00:00Z"), "2026-10-01T09:00:00Z", 2);
    let leaked = ring.active(at("2026-11-20T03:00:00Z")).kid();
    let ring = done(ring.revoke(leaked, at("2026-11-20T03:00:00Z"), fresh(3), Force::No));
    let ring = rotate(&ring, "2026-11-22T19:48:30Z", 4);
    rotate(&ring, "2026-11-22T19:59:00Z", 5)
}

/// The ring as the version of the file format before wrote it. The transcripts read such files, and write the current
/// one.
fn version_1(ring: &Ring) -> String {
    let text = ring.to_json();
    let (before, _) = text.split_once(",\n  \"ancestors\"").unwrap();
    format!("{before}\n}}\n").replace("sealstamp-ring/2", "sealstamp-ring/1")
}

/// No command leaves a ring like this: the staged key was taken out by hand.
fn one_key() -> String {
    let text = version_1(&init("2026-11-22T19:00:00Z"));
    let (first, _) = text.split_once("    },\n").unwrap();
    let (_, rest) = text.split_once("\n  ]").unwrap();
    format!("{first}    }}\n  ]{rest}")
}

/// One character of the first secret is wrong.
fn damaged(mut text: String) -> String {
    let start = text.find("\"secret\": \"").unwrap() + 11;
    let other = if text[start..].starts_with('A') { "B" } else { "A" };
    text.replace_range(start..=start, other);
    text
}

#[test]
fn the_rings_of_the_transcripts_are_these() {
    let new = init("2026-11-22T19:00:00Z");
    let text = version_1;
    let version_2 = |ring: &Ring| ring.to_json().to_string();
    let shorter = Settings::new(60, 5, 600).unwrap();
    let files = [
        ("new.json", text(&new)),
        ("pending.json", text(&rotate(&new, "2026-11-22T19:55:00Z", 2))),
        ("retiring.json", text(&rotate(&new, "2026-11-22T19:48:30Z", 2))),
        ("dated.json", version_2(&dated(&new, "2026-12-01T03:00:00Z"))),
        ("mistyped.json", version_2(&dated(&new, "2062-12-01T03:00:00Z"))),
        ("longer.json", version_2(&longer(&new))),
        ("older.json", version_2(&new)),
        ("in-use.json", version_2(&leaked(&new))),
        ("other-line.json", version_2(&other_line(&new))),
        ("status-in-use.json", status(&leaked(&new), AUDIENCE, Settings::default(), None)),
        ("status-older.json", status(&new, AUDIENCE, Settings::default(), Some("older_serial"))),
        ("status-other.json", status(&other_line(&new), "https://other.example.com/mcp", shorter, None)),
        ("states.json", text(&every_state())),
        ("overdue.json", text(&init("2026-07-01T09:00:00Z"))),
        ("one-key.json", one_key()),
        ("cut-short.json", text(&new)[..400].to_owned()),
        ("edited.json", text(&new).replacen("\"serial\": 1,", "\"serial\": 1,\n  \"comment\": \"mine\",", 1)),
        ("damaged.json", damaged(text(&new))),
    ];
    for (name, expected) in files {
        is_on_disk(&format!("rings/{name}"), &expected);
    }
}

fn is_on_disk(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if std::env::var_os("SEALSTAMP_WRITE_FIXTURES").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "{name}");
}

/// The nonces that the transcript of `open` explains, each by its name.
#[test]
fn the_nonces_of_the_transcripts_are_these() {
    let audience = Audience::new(AUDIENCE).unwrap();
    let mint = |ring: &Ring, time: &str, binding: &Binding| {
        Fleet::with_seed(ring.clone(), audience.clone(), [7; 32], 0).mint(at(time), binding).to_string()
    };
    let bound = Binding::Thumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".parse().unwrap());
    let states = every_state();
    let before = rotate(&init("2026-09-01T09:00:00Z"), "2026-10-01T09:00:00Z", 2);
    let late = done(before.revoke(
        before.active(at("2026-11-20T03:00:00Z")).kid(),
        at("2026-11-20T03:00:00Z"),
        fresh(3),
        Force::No,
    ));
    let foreign = Ring::init(Settings::default(), Suite::ChaCha20Poly1305, at("2026-11-01T00:00:00Z"), fresh(9));
    let fresh = mint(&states, "2026-11-22T19:59:40Z", &Binding::None);
    let nonces = [
        ("fresh", fresh.clone()),
        ("renewable", mint(&states, "2026-11-22T19:58:45.250Z", &Binding::None)),
        ("bound", mint(&states, "2026-11-22T19:59:40Z", &bound)),
        ("expired", mint(&states, "2026-11-22T19:50:00Z", &Binding::None)),
        ("old", mint(&states, "2026-11-22T09:00:00Z", &Binding::None)),
        ("future", mint(&states, "2026-11-22T20:00:30Z", &Binding::None)),
        ("late", mint(&late, "2026-11-22T19:59:40Z", &Binding::None)),
        ("revoked", mint(&before, "2026-11-20T02:59:00Z", &Binding::None)),
        ("foreign", mint(&foreign, "2026-11-22T19:59:40Z", &Binding::None)),
        ("damaged", format!("{}A", &fresh[..59])),
        ("versionless", format!("{}{}", "_w", &fresh[2..])),
    ];
    let lines: String = nonces.iter().map(|(name, nonce)| format!("{name} {nonce}\n")).collect();
    is_on_disk("nonces.txt", &lines);
    let transcript =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd/open.trycmd")).unwrap();
    for (name, nonce) in nonces {
        assert!(transcript.contains(&nonce), "open.trycmd explains no {name} nonce");
    }
}

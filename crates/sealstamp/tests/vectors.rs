//! Every vector of `docs/vectors/`, which a second implementation made from `docs/wire-format.md`.
//!
//! The format of the files is that of `docs/vectors/README.md`. The accumulated test beside them is in
//! `accumulated.rs`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its helpers do too"
)]

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use sealstamp::{Audience, Binding, Fleet, Ring, Thumbprint, UnixMillis};
use serde_json::Value;

/// Where `docs/wire-format.md` says which lengths the fields of a nonce have: version, kid, epoch, IV, ciphertext, tag.
const FIELDS: [(&str, usize); 6] =
    [("version", 1), ("kid", 4), ("epoch", 4), ("iv", 12), ("ciphertext", 8), ("tag", 16)];

fn file(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors").join(name);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn number(value: &Value, name: &str) -> u64 {
    text(value, name).parse().unwrap()
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn binding(value: &Value) -> Binding {
    match &value["binding"] {
        Value::Null => Binding::None,
        Value::String(digits) => Binding::Thumbprint(Thumbprint::new(hex(digits).try_into().unwrap())),
        other => panic!("a binding of {other}"),
    }
}

/// The replica that `value` describes: its ring, audience, and, for a minter, seed and counter.
fn fleet(rings: &Value, value: &Value) -> Fleet {
    let ring = Ring::parse(rings[text(value, "ring")].to_string().as_bytes()).unwrap();
    let audience = Audience::new(text(value, "audience")).unwrap();
    match &value["seed"] {
        Value::String(seed) => {
            Fleet::with_seed(ring, audience, hex(seed).try_into().unwrap(), number(value, "counter"))
        }
        _ => Fleet::with_seed(ring, audience, [0; 32], 0),
    }
}

/// I8, and the boundaries of the window and of the key window from both sides.
#[test]
fn every_nonce_gets_its_verdict() {
    let file = file("nonces.json");
    let mut reasons = BTreeSet::new();
    for vector in file["vectors"].as_array().unwrap() {
        let name = text(vector, "name");
        let expect = &vector["expect"];
        let now = UnixMillis::new(number(vector, "now"));
        let opened = fleet(&file["rings"], vector).open(text(vector, "given"), now, &binding(vector));
        match opened {
            Ok(opened) => {
                assert_eq!(text(expect, "verdict"), "opened", "{name}");
                assert_eq!(text(expect, "kid"), opened.kid().to_string(), "{name}");
                assert_eq!(number(expect, "iat"), opened.minted_at().get(), "{name}");
                assert_eq!(number(expect, "age_ms"), opened.age_ms(), "{name}");
                assert_eq!(expect["renew"].as_bool().unwrap(), opened.renew(), "{name}");
            }
            Err(refusal) => {
                use sealstamp::Refusal::{Expired, InFuture};
                assert_eq!(text(expect, "verdict"), refusal.as_str(), "{name}");
                let by = match refusal {
                    Expired { by_ms } | InFuture { by_ms } => Some(by_ms.to_string()),
                    _ => None,
                };
                assert_eq!(expect["by_ms"].as_str(), by.as_deref(), "{name}");
                reasons.insert(refusal.as_str());
            }
        }
    }
    assert_eq!(reasons.len(), 9, "vectors for each reason: {reasons:?}");
}

/// A nonce depends on every intermediate value, so an equal nonce shows that all of them are equal.
#[test]
fn an_honest_minter_makes_these_nonces() {
    let file = file("nonces.json");
    let mut minted = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let sealed = &vector["sealed"];
        if sealed["minted"].as_bool().unwrap() {
            let nonce = fleet(&file["rings"], sealed).mint(UnixMillis::new(number(sealed, "iat")), &binding(sealed));
            assert_eq!(text(sealed, "nonce"), nonce.as_str(), "{}", text(vector, "name"));
            minted += 1;
        }
    }
    assert!(minted > 100, "{minted}");
}

/// The files agree with themselves: the fields are what the nonce is made of.
#[test]
fn the_fields_make_up_the_nonce() {
    for vector in file("nonces.json")["vectors"].as_array().unwrap() {
        let sealed = &vector["sealed"];
        let name = text(vector, "name");
        let nonce = BASE64URL.decode(text(sealed, "nonce")).unwrap();
        let fields: Vec<u8> = FIELDS
            .iter()
            .flat_map(|&(field, length)| match &sealed[field] {
                Value::Number(number) => {
                    let bytes = number.as_u64().unwrap().to_be_bytes();
                    bytes[8 - length..].to_vec()
                }
                digits => {
                    let bytes = hex(digits.as_str().unwrap());
                    assert_eq!(bytes.len(), length, "{name}: {field}");
                    bytes
                }
            })
            .collect();
        assert_eq!(nonce, fields, "{name}");
    }
}

/// The bytes of a ring file, given in one of the ways of `docs/vectors/README.md`.
fn ring_file(vector: &Value) -> Vec<u8> {
    if let Some(text) = vector["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(digits) = vector["hex"].as_str() {
        return hex(digits);
    }
    let mut bytes = Vec::new();
    for piece in vector["pieces"].as_array().unwrap() {
        if let Some(text) = piece.as_str() {
            bytes.extend_from_slice(text.as_bytes());
        } else if let Some(spaces) = piece["spaces"].as_u64() {
            bytes.resize(bytes.len() + usize::try_from(spaces).unwrap(), b' ');
        } else {
            let count = u32::try_from(piece["tombstones"].as_u64().unwrap()).unwrap();
            for number in 1..=count {
                let mut fingerprint = [0; 32];
                fingerprint[..4].copy_from_slice(&number.to_be_bytes());
                let fingerprint = BASE64URL.encode(fingerprint);
                bytes.extend_from_slice(
                    format!(r#"{{"kid":"{number:08x}","fingerprint":"{fingerprint}","suite":"aes-256-gcm","#)
                        .as_bytes(),
                );
                bytes
                    .extend_from_slice(br#""created_at":"1970-01-01T00:00:00Z","revoked_at":"1970-01-01T00:00:00Z"},"#);
            }
        }
    }
    bytes
}

#[test]
fn every_ring_file_is_read_or_refused() {
    let mut kinds = BTreeSet::new();
    let mut wrong = Vec::new();
    for vector in file("rings.json")["vectors"].as_array().unwrap() {
        let name = text(vector, "name");
        let expect = text(vector, "expect");
        match Ring::parse(&ring_file(vector)) {
            Ok(ring) if expect == "ok" => {
                assert_eq!(number(vector, "serial"), ring.serial(), "{name}");
                let id = format!("{}:{}", ring.serial(), text(vector, "digest"));
                assert_eq!(id, ring.id().to_string(), "{name}");
                match &vector["kids"] {
                    Value::Array(kids) => {
                        let read: Vec<_> = ring.keys().iter().map(|key| key.kid().to_string()).collect();
                        assert_eq!(kids, &read, "{name}");
                    }
                    count => assert_eq!(count.as_u64(), Some(ring.keys().len() as u64), "{name}"),
                }
                minting(vector, &ring);
            }
            Ok(_) => wrong.push(format!("{name}: {expect}, but read")),
            Err(error) => {
                let kind = error.kind().as_str();
                if kind != expect {
                    wrong.push(format!("{name}: {expect}, but {kind}: {error}"));
                }
                kinds.insert(kind);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(kinds.len(), 21, "vectors for each kind: {kinds:?}");
}

/// What a process does that uses one ring and finds another.
#[test]
fn every_succession_gets_its_verdict() {
    let audience = Audience::new("https://mcp.example.com/mcp").unwrap();
    let mut verdicts = BTreeSet::new();
    for vector in file("rings.json")["successions"].as_array().unwrap() {
        let rings: Vec<Ring> = vector["rings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ring| Ring::parse(ring.as_str().unwrap().as_bytes()).unwrap())
            .collect();
        let (offered, used) = rings.split_last().unwrap();
        let fleet = Fleet::with_seed(used[0].clone(), audience.clone(), [0; 32], 0);
        for ring in &used[1..] {
            fleet.swap(ring.clone()).unwrap();
        }
        let before = fleet.ring();
        let verdict = match fleet.swap(offered.clone()) {
            Ok(()) if *before == *offered => "same",
            Ok(()) => "taken",
            Err(error) => error.as_str(),
        };
        assert_eq!(text(vector, "expect"), verdict, "{}", text(vector, "name"));
        assert_eq!(*fleet.ring() == *offered, ["same", "taken"].contains(&verdict));
        verdicts.insert(verdict);
    }
    assert_eq!(verdicts.len(), 6, "vectors for each verdict: {verdicts:?}");
}

/// Which key mints when; and the ring survives being written and read again.
fn minting(vector: &Value, ring: &Ring) {
    let audience = Audience::new("https://mcp.example.com/mcp").unwrap();
    let again = Ring::parse(ring.to_json().as_bytes()).unwrap();
    for ring in [ring.clone(), again] {
        let fleet = Fleet::with_seed(ring, audience.clone(), [0; 32], 0);
        for entry in vector["minting"].as_array().unwrap() {
            let now = UnixMillis::new(number(entry, "now"));
            let nonce = BASE64URL.decode(fleet.mint(now, &Binding::None).as_str()).unwrap();
            assert_eq!(hex(text(entry, "kid")), nonce[1..5], "{} at {now:?}", text(vector, "name"));
        }
    }
}

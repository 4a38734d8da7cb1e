//! Each nonce has one spelling, and no other text opens as it (I8).
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use proptest::prelude::*;
use sealstamp::{
    Audience, Binding, EPOCH_MS, Fleet, Fresh, Refusal, Ring, Settings, Suite, Thumbprint, UnixMillis, UnverifiedHeader,
};

const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);

fn fleet(suite: Suite) -> Fleet {
    let ring = Ring::init(Settings::default(), suite, NOW, Fresh::insecure_from_seed(1));
    Fleet::new(ring, Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap()
}

fn bindings() -> [Binding; 2] {
    [Binding::None, Binding::Thumbprint(Thumbprint::new([0xA5; 32]))]
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Flips one bit of the 45 bytes, by way of the character that carries it.
fn flip(nonce: &str, bit: usize) -> String {
    let mut chars = nonce.as_bytes().to_vec();
    let value = ALPHABET.iter().position(|c| *c == chars[bit / 6]).unwrap();
    chars[bit / 6] = ALPHABET[value ^ (0x20 >> (bit % 6))];
    String::from_utf8(chars).unwrap()
}

/// A nonce is the same text whichever way it is asked for, and its claims can be read without a key.
#[test]
fn a_nonce_as_text_and_what_it_claims() {
    for (suite, version) in SUITES.into_iter().zip([1, 2]) {
        let fleet = fleet(suite);
        let nonce = fleet.mint(NOW, &Binding::None);
        let text: &str = nonce.as_ref();
        assert_eq!((text, nonce.to_string().as_str()), (nonce.as_str(), nonce.as_str()));
        assert_eq!(format!("{nonce:?}"), format!("Nonce({text})"));

        let header = UnverifiedHeader::read(text).unwrap();
        assert_eq!((header.version(), header.kid()), (version, fleet.ring().active(NOW).kid()));
        assert_eq!(u64::from(header.epoch()), NOW.get() / EPOCH_MS);
        let start = header.epoch_starts_at().get();
        assert!((start..start + EPOCH_MS).contains(&NOW.get()) && start.is_multiple_of(EPOCH_MS));
        assert_eq!(UnverifiedHeader::read(&text[1..]), None);
    }
}

#[test]
fn every_single_bit_flip_is_refused() {
    for suite in SUITES {
        let fleet = fleet(suite);
        for binding in bindings() {
            let nonce = fleet.mint(NOW, &binding);
            assert!(fleet.open(&nonce, NOW, &binding).is_ok());
            for bit in 0..360 {
                let flipped = flip(&nonce, bit);
                let refusal = fleet.open(&flipped, NOW, &binding).unwrap_err();
                // The reason that an operator sees depends on the field.
                let expected = match bit {
                    6 | 7 => [Refusal::UnknownVersion, Refusal::NotAuthentic], // 1 and 2 are both versions
                    0..8 => [Refusal::UnknownVersion; 2],
                    8..40 => [Refusal::UnknownKey; 2],
                    40..72 => [Refusal::OutsideWindow, Refusal::NotAuthentic],
                    _ => [Refusal::NotAuthentic; 2],
                };
                assert!(expected.contains(&refusal), "{suite}, bit {bit}: {refusal:?}");
            }
        }
    }
}

#[test]
fn every_other_length_is_malformed() {
    for suite in SUITES {
        let fleet = fleet(suite);
        let nonce = fleet.mint(NOW, &Binding::None);
        let endless = nonce.repeat(4);
        for len in (0..=200).filter(|len| *len != 60) {
            assert_eq!(fleet.open(&endless[..len], NOW, &Binding::None), Err(Refusal::Malformed), "{suite} {len}");
        }
        for padded in [format!("{nonce}="), format!("{nonce}\n"), format!(" {nonce}")] {
            assert_eq!(fleet.open(&padded, NOW, &Binding::None), Err(Refusal::Malformed), "{suite} {padded:?}");
        }
    }
}

#[test]
fn every_foreign_character_in_every_place_is_malformed() {
    for suite in SUITES {
        let fleet = fleet(suite);
        let nonce = fleet.mint(NOW, &Binding::None);
        for place in 0..60 {
            let foreign =
                (0..=0x7F_u8).filter(|c| !ALPHABET.contains(c)).map(char::from).chain(['é', 'Ａ', '\u{1F511}']);
            for c in foreign {
                let mut text: Vec<char> = nonce.chars().collect();
                text[place] = c;
                let same_count: String = text.iter().collect();
                // A character of several bytes in 60 characters, and in 60 bytes.
                let same_bytes: String = same_count.chars().take(61 - c.len_utf8()).collect();
                for text in [same_count, same_bytes] {
                    assert_eq!(
                        fleet.open(&text, NOW, &Binding::None),
                        Err(Refusal::Malformed),
                        "{suite} {place} {c:?}"
                    );
                }
            }
        }
    }
}

/// R9-2: a server does not open the nonce of another server or of the authorization server, nor one that is bound to
/// another client's key.
#[test]
fn r9_2_another_audience_or_binding_is_not_authentic() {
    for suite in SUITES {
        let ring = Ring::init(Settings::default(), suite, NOW, Fresh::insecure_from_seed(1));
        let fleet = |name: &str| Fleet::new(ring.clone(), Audience::new(name).unwrap()).unwrap();
        let names = ["https://mcp.example.com/mcp", "https://mcp.example.com/mcp/", "https://as.example.com", "x"];
        let bindings = [
            Binding::None,
            Binding::Thumbprint(Thumbprint::new([0; 32])),
            Binding::Thumbprint(Thumbprint::new([1; 32])),
        ];
        for (i, minter) in names.iter().enumerate() {
            for (j, opener) in names.iter().enumerate() {
                for bound in &bindings {
                    for presented in &bindings {
                        let opened = fleet(opener).open(&fleet(minter).mint(NOW, bound), NOW, presented);
                        let same = i == j && bound == presented;
                        assert_eq!(opened.err(), (!same).then_some(Refusal::NotAuthentic), "{minter} {opener}");
                    }
                }
            }
        }
    }
}

/// R8-2: the syntax is `1*NQCHAR`, and the value cannot be predicted: two mints have only version, kid and epoch in
/// common.
#[test]
fn r8_2_nonces_are_nqchar_and_unlike_each_other() {
    for suite in SUITES {
        let fleet = fleet(suite);
        let nonces: Vec<_> = (0..1_000).map(|_| fleet.mint(NOW, &Binding::None)).collect();
        for (i, nonce) in nonces.iter().enumerate() {
            assert_eq!(nonce.len(), 60);
            assert!(nonce.bytes().all(|c| matches!(c, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)));
            assert!(nonces[..i].iter().all(|other| nonce[12..28] != other[12..28]), "an IV was used twice");
        }
    }
}

/// "A replica that never minted refused everything", "an idle replica refused fresh and accepted stale nonces": what a
/// handle did before has no effect on what it says now (I7).
#[test]
fn i7_a_new_process_and_an_old_one_behave_alike() {
    let later = NOW.saturating_add(3 * 3_600_000);
    for suite in SUITES {
        let ring = Ring::init(Settings::default(), suite, NOW, Fresh::insecure_from_seed(1));
        let fleet = || Fleet::new(ring.clone(), Audience::new("a").unwrap()).unwrap();
        let (busy, idle, new) = (fleet(), fleet(), fleet());
        for second in 0..600 {
            let now = NOW.saturating_add(second * 1_000);
            assert!(busy.open(&busy.mint(now, &Binding::None), now, &Binding::None).is_ok());
        }
        let stale = idle.mint(NOW, &Binding::None);
        let fresh = busy.mint(later, &Binding::None);
        for replica in [&busy, &idle, &new] {
            assert!(replica.open(&fresh, later, &Binding::None).is_ok());
            assert!(replica.open(&stale, later, &Binding::None).is_err());
            assert!(replica.open(&stale, NOW, &Binding::None).is_ok(), "a clock that was set back");
        }
    }
}

proptest! {
    #[test]
    fn opening_gives_back_what_was_minted(
        suite in prop::sample::select(&SUITES[..]),
        name in ".{1,64}",
        bound in prop::option::of(any::<[u8; 32]>()),
        iat in 0..17_592_186_044_415_999_u64,
        age in 0..=125_000_u64,
        seed in any::<u64>(),
    ) {
        let now = UnixMillis::new(iat).saturating_add(age);
        let minted_at = UnixMillis::new(iat);
        let ring = Ring::init(Settings::default(), suite, minted_at, Fresh::insecure_from_seed(seed));
        let kid = ring.active(minted_at).kid();
        let binding = bound.map_or(Binding::None, |b| Binding::Thumbprint(Thumbprint::new(b)));
        let audience = Audience::new(&name).unwrap();
        let minter = Fleet::new(ring.clone(), audience.clone()).unwrap();
        let opener = Fleet::new(ring, audience).unwrap();
        let opened = opener.open(&minter.mint(minted_at, &binding), now, &binding);
        prop_assert!(opened.is_ok(), "{opened:?}");
        let opened = opened.unwrap();
        prop_assert_eq!((opened.kid(), opened.minted_at(), opened.age_ms(), opened.renew()), (kid, minted_at, age, age > 60_000));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}", now in any::<u64>()) {
        let refused = fleet(Suite::Aes256Gcm).open(&text, UnixMillis::new(now), &Binding::None);
        prop_assert!(refused.is_err());
    }

    #[test]
    fn no_45_bytes_open(raw in any::<[u8; 32]>(), tail in any::<[u8; 13]>(), version in 0..4_u8, now in any::<u64>()) {
        use base64::Engine as _;
        let mut bytes = [&raw[..], &tail[..]].concat();
        bytes[0] = version;
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        prop_assert!(fleet(Suite::Aes256Gcm).open(&text, UnixMillis::new(now), &Binding::None).is_err());
    }
}

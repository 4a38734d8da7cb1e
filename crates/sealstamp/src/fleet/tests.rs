//! Tests that need the inside of the crate: seals that no correct minter makes, and how often keys are derived.

use super::*;
use crate::binding::Thumbprint;
use crate::kid::Kid;
use crate::ring::key::Key;
use crate::ring::transition::Force;
use crate::secret::Fresh;
use crate::settings::Settings;
use crate::suite::Suite;
use crate::time::EPOCH_MS;

/// An instant in the middle of an epoch, so that no window of a test crosses its ends by chance.
const NOW: u64 = 438_320 * EPOCH_MS + EPOCH_MS / 2;
const LIFETIME: u64 = 120_000;
const SKEW: u64 = 5_000;
const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];

fn at(ms: u64) -> UnixMillis {
    UnixMillis::new(ms)
}

fn ring(suite: Suite) -> Ring {
    Ring::init(Settings::default(), suite, at(NOW - 1_000_000), Fresh::insecure_from_seed(1))
}

fn fleet(ring: Ring) -> Fleet {
    Fleet::with_seed(ring, Audience::new("https://mcp.example.com/mcp").unwrap(), [7; 32], 0)
}

/// Seals any time under any epoch, with the key that is active at `now`.
fn forge_with_key(fleet: &Fleet, now: u64, epoch: u32, iat: u64) -> Nonce {
    let keys = fleet.keys_at(at(now).epoch().unwrap());
    let (kid, _, _) = keys.minting(at(now)).unwrap();
    let version = fleet.ring().active(at(now)).suite().version();
    let key = keys.find(version, kid, epoch).unwrap().key;
    nonce::seal(key, kid, epoch, at(iat), &Binding::None, &Unique { seed: [7; 32], counter: 9 })
}

#[test]
fn authentic_seals_of_every_time() {
    let current = at(NOW).epoch().unwrap();
    for suite in SUITES {
        let fleet = fleet(ring(suite));
        let open = |nonce: &str, now: u64| fleet.open(nonce, at(now), &Binding::None).map(|o| o.minted_at().get());
        let cases = [
            (NOW, Ok(NOW)),
            (NOW + SKEW, Ok(NOW + SKEW)),
            (NOW + SKEW + 1, Err(Refusal::InFuture { by_ms: 1 })),
            (NOW - LIFETIME - SKEW, Ok(NOW - LIFETIME - SKEW)),
            (NOW - LIFETIME - SKEW - 1, Err(Refusal::Expired { by_ms: 1 })),
            // Sealed under the current epoch, and of no epoch or another.
            (0, Err(Refusal::NotAuthentic)),
            (1, Err(Refusal::NotAuthentic)),
            (u64::MAX, Err(Refusal::NotAuthentic)),
            (u64::MAX - 1, Err(Refusal::NotAuthentic)),
            (u64::from(current) * EPOCH_MS - 1, Err(Refusal::NotAuthentic)),
            (u64::from(current + 1) * EPOCH_MS, Err(Refusal::NotAuthentic)),
        ];
        for (iat, expected) in cases {
            let nonce = forge_with_key(&fleet, NOW, current, iat);
            assert_eq!(open(&nonce, NOW), expected, "{suite} {iat}");
        }
    }
}

#[test]
fn epochs_meet_without_a_gap() {
    for suite in SUITES {
        let fleet = fleet(ring(suite));
        let boundary = u64::from(at(NOW).epoch().unwrap() + 1) * EPOCH_MS;
        for (iat, now) in
            [(boundary - 1, boundary - 1), (boundary - 1, boundary), (boundary, boundary - 1), (boundary, boundary)]
        {
            let nonce = fleet.mint(at(iat), &Binding::None);
            assert!(fleet.open(&nonce, at(now), &Binding::None).is_ok(), "{suite} {iat} {now}");
        }
        let far = fleet.mint(at(boundary - 1), &Binding::None);
        assert!(matches!(fleet.open(&far, at(boundary + EPOCH_MS - 1), &Binding::None), Err(Refusal::Expired { .. })));
        assert_eq!(fleet.open(&far, at(boundary + EPOCH_MS), &Binding::None), Err(Refusal::OutsideWindow));
        let ahead = fleet.mint(at(boundary), &Binding::None);
        assert!(matches!(fleet.open(&ahead, at(boundary - EPOCH_MS), &Binding::None), Err(Refusal::InFuture { .. })));
        assert_eq!(fleet.open(&ahead, at(boundary - EPOCH_MS - 1), &Binding::None), Err(Refusal::OutsideWindow));
    }
}

/// The first and the last epoch have only one neighbour. A clock beyond the last epoch refuses everything and still
/// mints.
#[test]
fn clocks_at_the_ends_of_time() {
    let fleet = fleet(ring(Suite::Aes256Gcm));
    let last = u64::from(u32::MAX) * EPOCH_MS;
    for now in [0, 1, EPOCH_MS - 1, EPOCH_MS, 2 * EPOCH_MS, last - 1, last, last + EPOCH_MS - 1] {
        let nonce = fleet.mint(at(now), &Binding::None);
        assert!(fleet.open(&nonce, at(now), &Binding::None).is_ok(), "{now}");
    }
    for now in [last + EPOCH_MS, u64::MAX] {
        let nonce = fleet.mint(at(now), &Binding::None);
        assert_eq!(fleet.open(&nonce, at(now), &Binding::None), Err(Refusal::OutsideWindow), "{now}");
        assert_eq!(fleet.open(&nonce, at(last), &Binding::None), Err(Refusal::NotAuthentic), "{now}");
    }
}

#[test]
fn a_key_opens_nothing_minted_past_its_successors_date() {
    let rotated = ring(Suite::Aes256Gcm).rotate(None, at(NOW), Fresh::insecure_from_seed(2), Force::No).unwrap().ring;
    let date = NOW + 600_000;
    let fleet = fleet(rotated);
    let epoch = at(date).epoch().unwrap();
    for (iat, good) in [(date - 1, true), (date + SKEW, true), (date + SKEW + 1, false)] {
        // `forge_with_key` with the first key: it is the active one just before the date.
        let nonce = forge_with_key(&fleet, date - 1, epoch, iat);
        let opened = fleet.open(&nonce, at(iat), &Binding::None);
        assert_eq!(opened.err(), (!good).then_some(Refusal::KeyRetired), "{iat}");
    }
}

/// A staged key opens from the start, without a lower bound on the mint time.
#[test]
fn a_staged_key_opens_before_its_date() {
    let ring = ring(Suite::Aes256Gcm);
    let late = fleet(ring.clone());
    let promoted =
        ring.revoke(ring.active(at(NOW)).kid(), at(NOW), Fresh::insecure_from_seed(3), Force::No).unwrap().ring;
    let early = fleet(promoted);
    let nonce = early.mint(at(NOW), &Binding::None);
    assert!(late.open(&nonce, at(NOW), &Binding::None).is_ok(), "a replica that has not heard of the promotion");
    let old = late.mint(at(NOW), &Binding::None);
    assert_eq!(early.open(&old, at(NOW), &Binding::None), Err(Refusal::RevokedKey));
}

/// Keys are derived once in an epoch and once for each new ring. The thread that brings the ring derives them, so no
/// request pays for a swap.
#[test]
fn keys_are_derived_when_an_epoch_or_a_ring_is_new() {
    let fleet = fleet(ring(Suite::Aes256Gcm));
    let use_it = |now: u64| {
        let nonce = fleet.mint(at(now), &Binding::None);
        assert!(fleet.open(&nonce, at(now), &Binding::None).is_ok());
        fleet.0.derivations.load(Ordering::Relaxed)
    };
    assert_eq!([use_it(NOW), use_it(NOW + 1), use_it(NOW + EPOCH_MS), use_it(NOW + EPOCH_MS)], [1, 1, 2, 2]);
    let rotated = fleet.ring().rotate(None, at(NOW), Fresh::insecure_from_seed(2), Force::No).unwrap().ring;
    fleet.swap(rotated).unwrap();
    assert_eq!(fleet.0.derivations.load(Ordering::Relaxed), 3);
    assert_eq!(use_it(NOW + EPOCH_MS), 3);
}

#[test]
fn no_forged_nonce_causes_a_derivation() {
    let fleet = fleet(ring(Suite::Aes256Gcm));
    let genuine = fleet.mint(at(NOW), &Binding::None);
    let warm = fleet.0.derivations.load(Ordering::Relaxed);
    assert_eq!(warm, 1, "the first mint derives");

    let kids: Vec<Kid> = fleet.ring().keys().iter().map(Key::kid).collect();
    let current = at(NOW).epoch().unwrap();
    let mut refused = 0;
    for n in 0..100_000_u32 {
        // Known and unknown kids, epochs near and far, both versions: every header that could look worth a derivation.
        let kid = if n % 3 == 0 { Kid(n.to_be_bytes()) } else { kids[n as usize % kids.len()] };
        let epoch = current.wrapping_sub(2).wrapping_add(n % 5).wrapping_add(if n % 7 == 0 { n } else { 0 });
        let mut raw = vec![1 + u8::from(n % 11 == 0)];
        raw.extend(kid.0);
        raw.extend(epoch.to_be_bytes());
        raw.extend(n.to_be_bytes().repeat(9));
        let text = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, raw);
        refused += u32::from(fleet.open(&text, at(NOW), &Binding::None).is_err());
    }
    assert_eq!(refused, 100_000);
    assert_eq!(fleet.0.derivations.load(Ordering::Relaxed), warm);
    assert!(fleet.open(&genuine, at(NOW), &Binding::None).is_ok());
}

/// The IV of a minted nonce.
fn iv(nonce: &Nonce) -> Vec<u8> {
    base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, nonce.as_str()).unwrap()[9..21].to_vec()
}

/// A cloned process has the seed and counter of its twin. Each line is a mint that differs from the first one in only
/// one field of the HMAC's input. Without that field, the two would share an IV.
#[test]
fn clones_never_share_an_iv() {
    let bound = |n: u8| Binding::Thumbprint(Thumbprint::new([n; 32]));
    let ring = ring(Suite::Aes256Gcm);
    let audience = Audience::new("https://mcp.example.com/mcp").unwrap();
    let mint = |seed: u8, counter: u64, now: u64, binding: &Binding| {
        Fleet::with_seed(ring.clone(), audience.clone(), [seed; 32], counter).mint(at(now), binding)
    };
    let one = mint(7, 3, NOW, &bound(1));
    assert_eq!(mint(7, 3, NOW, &bound(1)), one, "all equal: the same nonce, which tells nobody anything");
    let others = [
        ("seed", mint(8, 3, NOW, &bound(1))),
        ("counter", mint(7, 4, NOW, &bound(1))),
        ("counter, high half", mint(7, 3 + (1 << 32), NOW, &bound(1))),
        ("time", mint(7, 3, NOW + 1, &bound(1))),
        ("binding", mint(7, 3, NOW, &bound(2))),
        ("binding or none", mint(7, 3, NOW, &Binding::None)),
    ];
    for (field, other) in others {
        assert_ne!(iv(&other), iv(&one), "{field}");
    }
}

/// The IV is computed again as the document says, field by field. If the input lost a field, the two would differ.
#[test]
fn the_iv_is_the_documented_hmac() {
    use hmac::Mac as _;
    let fleet = fleet(ring(Suite::ChaCha20Poly1305));
    let thumbprint = [0xC3; 32];
    let nonce = fleet.mint(at(NOW), &Binding::Thumbprint(Thumbprint::new(thumbprint)));
    let ring = fleet.ring();
    let key = ring.active(at(NOW));
    let epoch = at(NOW).epoch().unwrap().to_be_bytes();
    let audience = b"https://mcp.example.com/mcp";
    let info = [&b"sealstamp v1 epoch"[..], &[2], &epoch, &[0, 27], audience].concat();
    let material = key.material.as_ref().unwrap().prk.expand::<64>(&info);
    let aad = [&[2][..], &key.kid().0, &epoch, &[1], &thumbprint].concat();
    let input = [&[7; 32][..], &0_u64.to_be_bytes(), &NOW.to_be_bytes(), &aad].concat();
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&material[32..]).unwrap();
    mac.update(&input);
    assert_eq!(iv(&nonce), mac.finalize().into_bytes()[..12]);
}

use hmac::KeyInit as _;

#[test]
fn debug_of_everything_that_holds_a_secret() {
    let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, at(10_000), Fresh::insecure_from_seed(1));
    let shown = "Ring { serial: 1, settings: Settings { lifetime_s: 120, max_skew_s: 5, propagation_s: 600 }, \
        next_settings: None, keys: [\
        Key { kid: KID0, suite: aes-256-gcm, created_at: 10000, activates_at: Some(5000), revoked_at: None, .. }, \
        Key { kid: KID1, suite: aes-256-gcm, created_at: 10000, activates_at: None, revoked_at: None, .. }], \
        lineage: Some(Lineage([])) }"
        .replace("KID0", &ring.keys()[0].kid().to_string())
        .replace("KID1", &ring.keys()[1].kid().to_string());
    assert_eq!(format!("{ring:?}"), shown);
    let fleet = Fleet::with_seed(ring, Audience::new("a").unwrap(), [0x5A; 32], 0);
    assert_eq!(format!("{fleet:?}"), format!("Fleet {{ audience: Audience(\"a\"), ring: {shown}, .. }}"));
    let keys = fleet.keys_at(0);
    assert_eq!(format!("{:?}", &**keys), format!("EpochKeys {{ ring: {shown}, around: Some(0), .. }}"));
    let (_, _, key) = keys.minting(at(0)).unwrap();
    assert_eq!(format!("{key:?}"), "EpochKey(..)");
}

#[test]
fn swap_takes_newer_rings_only() {
    let old = ring(Suite::Aes256Gcm);
    let new = old.rotate(None, at(NOW), Fresh::insecure_from_seed(2), Force::No).unwrap().ring;
    let twin = old.rotate(None, at(NOW), Fresh::insecure_from_seed(3), Force::No).unwrap().ring;
    let fleet = fleet(old.clone());
    let nonce = fleet.mint(at(NOW), &Binding::None);
    assert_eq!(fleet.swap(new.clone()), Ok(()));
    assert_eq!(fleet.swap(old), Err(SwapError::OlderSerial { current: 2, offered: 1 }));
    assert_eq!(fleet.swap(twin), Err(SwapError::Conflict { serial: 2 }));
    assert_eq!(fleet.swap(new.clone()), Ok(()), "the ring in use is taken again");
    assert_eq!(*fleet.ring(), new);
    assert!(fleet.open(&nonce, at(NOW), &Binding::None).is_ok(), "the swap lost nothing");
}

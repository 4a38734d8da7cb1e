//! Reading a ring file: every error, the place that it names, and that no message quotes the file.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use proptest::prelude::*;
use sealstamp::{Force, Fresh, Ring, RingError, RingErrorKind, Settings, Suite, TransitionError, UnixMillis};

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);

/// A ring with an active, a pending, a revoked and a staged key.
fn ring() -> Ring {
    let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(1));
    let ring = ring.rotate(None, NOW, Fresh::insecure_from_seed(2), Force::No).unwrap().ring;
    let staged = ring.keys()[2].kid();
    ring.revoke(staged, NOW.saturating_add(1), Fresh::insecure_from_seed(3), Force::No).unwrap().ring
}

fn file() -> String {
    ring().to_json().to_string()
}

fn refusal(text: &str) -> RingError {
    Ring::parse(text.as_bytes()).expect_err("this is no ring")
}

#[test]
fn what_is_written_is_read_back() {
    let ring = ring();
    assert_eq!(Ring::parse(ring.to_json().as_bytes()), Ok(ring));
}

/// Each row breaks one thing: (what the file has, what to put there instead, the error and the place that it names).
#[test]
fn every_refusal_and_its_place() {
    use RingErrorKind as K;
    let ring = ring();
    let kid = |n: usize| ring.keys()[n].kid().to_string();
    let secret_line = |n: usize| file().lines().filter(|l| l.contains("\"secret\"")).nth(n).unwrap().to_string();
    let secret = |n: usize| secret_line(n).trim().split('"').nth(3).unwrap().to_string();
    let fingerprint = |n: usize| {
        let line = file().lines().filter(|l| l.contains("\"fingerprint\"")).nth(n).unwrap().to_string();
        line.trim().split('"').nth(3).unwrap().to_string()
    };
    let key = |n: usize| format!("key {}", kid(n));
    let zero = "A".repeat(43);
    let digest = |n: usize| ring.ancestors().unwrap()[n].to_string().split_once(':').unwrap().1.to_owned();
    let next = |from: &str, lifetime: u32, skew: u32, propagation: u32| {
        format!(
            r#""next_settings": {{"from": "{from}", "lifetime_s": {lifetime}, "max_skew_s": {skew}, "propagation_s": {propagation}}}, "keys""#
        )
    };
    assert!(Ring::parse(file().replace("\"keys\"", &next("2026-11-22T20:00:00Z", 120, 5, 600)).as_bytes()).is_ok());
    let rows: Vec<(String, String, K, String)> = [
        ("sealstamp-ring/2", "sealstamp-ring/3", K::Format, "format"),
        ("sealstamp-ring/2", "sealstamp-ring/1", K::UnknownField, "ancestors"),
        ("\"serial\": 3", "\"serial\": 0", K::OutOfRange, "serial"),
        ("\"serial\": 3", "\"serial\": 9007199254740992", K::OutOfRange, "serial"),
        ("\"serial\": 3", "\"serial\": -1", K::OutOfRange, "line 3"),
        ("\"serial\": 3", "\"serial\": 3.0", K::WrongType, "line 3"),
        ("\"serial\": 3", "\"serial\": \"3\"", K::WrongType, "line 3"),
        ("\"serial\": 3", "\"serial\": null", K::WrongType, "line 3"),
        ("\"serial\": 3", "\"serial\": 3,\n  \"serial\": 3", K::DuplicateMember, "line 4"),
        ("\"serial\": 3", "\"cereal\": 3", K::UnknownField, "line 3"),
        ("\"serial\": 3,", "", K::MissingField, "serial"),
        ("\"lifetime_s\": 120", "\"lifetime_s\": 0", K::OutOfRange, "lifetime_s"),
        ("\"lifetime_s\": 120", "\"lifetime_s\": 3601", K::OutOfRange, "lifetime_s"),
        ("\"lifetime_s\": 120", "\"lifetime_s\": 4294967416", K::OutOfRange, "lifetime_s"),
        ("\"max_skew_s\": 5", "\"max_skew_s\": 61", K::OutOfRange, "max_skew_s"),
        ("\"propagation_s\": 600", "\"propagation_s\": 2592001", K::OutOfRange, "propagation_s"),
        ("\"propagation_s\": 600,", "", K::MissingField, "propagation_s"),
        ("\"keys\": [", "\"keys\": {", K::WrongType, "line"),
        ("\"suite\": \"aes-256-gcm\"", "\"suite\": \"AES-256-GCM\"", K::BadSuite, "suite"),
        ("\"suite\": \"aes-256-gcm\"", "\"suite\": \"\\u0061es-256-gcm\"", K::Syntax, "line"),
        ("\"suite\": \"aes-256-gcm\",\n", "", K::MissingField, "suite"),
        ("2026-11-22T19:00:00Z", "2026-11-22T19:00:00.000Z", K::BadTime, "created_at"),
        ("2026-11-22T19:00:00Z", "2026-11-22T19:00:00+00:00", K::BadTime, "created_at"),
        ("2026-11-22T19:00:00Z", "2026-11-22 19:00:00Z", K::BadTime, "created_at"),
        ("2026-11-22T19:00:00Z", "2026-11-22T19:00:00.1Z", K::BadTime, "created_at"),
        ("2026-11-22T19:00:00Z", "2026-02-29T19:00:00Z", K::BadTime, "created_at"),
        ("2026-11-22T19:00:00Z", "1969-12-31T23:59:59Z", K::BadTime, "created_at"),
        ("2026-11-22T19:00:00Z", "2036-11-22T19:00:00Z", K::DateOrder, &key(1)),
        ("2026-11-22T19:10:00Z", "2026-11-22T18:59:55Z", K::DateOrder, &key(1)),
        ("2026-11-22T19:10:00Z", "2026-11-22T18:00:00Z", K::DateOrder, &key(1)),
        (&kid(1), &kid(1).to_uppercase(), K::BadEncoding, "key number 2, kid"),
        (&kid(1), "00000000", K::KidMismatch, "key 00000000"),
        (&fingerprint(1), &fingerprint(1)[1..], K::BadEncoding, "fingerprint"),
        (&fingerprint(0), &format!("{}AAAAA", &fingerprint(0)[..38]), K::FingerprintMismatch, &key(0)),
        (&secret(0), &secret(1), K::FingerprintMismatch, &key(0)),
        (&secret(0), &secret(0)[1..], K::BadEncoding, "secret"),
        (&secret(0), &format!("{}=", secret(0)), K::BadEncoding, "secret"),
        (&secret(0), &zero, K::ZeroSecret, &key(0)),
        (&secret_line(0), "", K::MissingSecret, &key(0)),
        ("\"revoked_at\"", &format!("\"secret\": \"{zero}\", \"revoked_at\""), K::RevokedWithSecret, &key(2)),
        ("\"activates_at\"", "\"activated_at\"", K::UnknownField, "line"),
        ("\"ancestors\": [", "\"ancestors\": {", K::WrongType, "line"),
        ("\"ancestors\"", "\"parents\"", K::UnknownField, "line"),
        ("\"serial\": 2", "\"serial\": 3", K::Lineage, "ancestors"),
        ("\"serial\": 1", "\"serial\": 0", K::OutOfRange, "ancestors, serial"),
        ("\"serial\": 1", "\"kid\": 1", K::UnknownField, "line"),
        ("\"serial\": 1,", "", K::MissingField, "ancestors, serial"),
        (&digest(1), &digest(0), K::Lineage, "ancestors"),
        (&digest(1), &digest(1).to_uppercase(), K::BadEncoding, "ancestors, digest"),
        (&digest(1), &digest(1)[1..], K::BadEncoding, "ancestors, digest"),
        ("\"digest\"", "\"hash\"", K::UnknownField, "line"),
        ("\"keys\"", r#""next_settings": {}, "keys""#, K::MissingField, "from"),
        ("\"keys\"", r#""next_settings": [], "keys""#, K::WrongType, "line"),
        ("\"keys\"", &next("2026-11-22T20:00:00Z", 0, 5, 600), K::OutOfRange, "lifetime_s"),
        ("\"keys\"", &next("2026-11-22T20:00:00Z", 120, 61, 600), K::OutOfRange, "max_skew_s"),
        ("\"keys\"", &next("2026-11-22T20:00:00Z", 120, 5, 2_592_001), K::OutOfRange, "propagation_s"),
        ("\"keys\"", &next("2026-11-22T20:00:00.000Z", 120, 5, 600), K::BadTime, "from"),
        ("\"keys\"", &next("2026-11-22T20:00:00Z", 120, 5, 600).replace("from", "at"), K::UnknownField, "line"),
    ]
    .into_iter()
    .map(|(a, b, kind, place)| (a.to_string(), b.to_string(), kind, place.to_string()))
    .collect();
    for (from, to, kind, place) in rows {
        assert!(file().contains(&from), "the row breaks nothing: {from}");
        let error = refusal(&file().replacen(&from, &to, 1));
        assert_eq!(error.kind(), kind, "{from} -> {to}");
        assert!(error.to_string().contains(&place), "{from} -> {to}: {error} does not name {place}");
    }
}

#[test]
fn faults_of_the_whole_list() {
    use RingErrorKind as K;
    let file = file();
    let keys = &file[file.find('[').unwrap() + 1..file.find(']').unwrap()];
    let with_keys = |new: &str| file.replace(keys, new);
    assert!(Ring::parse(with_keys(keys).as_bytes()).is_ok());
    assert_eq!(refusal(&with_keys("")).kind(), K::NoActiveKey);
    let one: Vec<&str> = keys.split("},").collect();
    assert_eq!(refusal(&with_keys(one.last().unwrap())).kind(), K::NoActiveKey, "only a staged key");
    let twice = refusal(&with_keys(&format!("{}}},{}", one[0], keys)));
    assert_eq!(twice.kind(), K::DuplicateKid);
    assert_eq!(twice.kid(), Some(ring().keys()[0].kid()));
    let tombstone = r#"{"kid":"KID","fingerprint":"FP","suite":"aes-256-gcm","created_at":"2026-11-22T19:00:00Z","revoked_at":"2026-11-22T19:00:00Z"}"#;
    let many = |count: u32| {
        let stones = (0..count).map(|n| {
            let fingerprint = [&n.to_be_bytes()[..], &[1; 28]].concat();
            let text = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, fingerprint);
            tombstone.replace("KID", &format!("{n:08x}")).replace("FP", &text)
        });
        let live = one[0].to_string() + "}";
        with_keys(&[live].into_iter().chain(stones).collect::<Vec<_>>().join(","))
    };
    assert!(Ring::parse(many(1_023).as_bytes()).is_ok());
    assert_eq!(refusal(&many(1_024)).kind(), K::TooManyKeys);
    // A transition has the same bound. This one adds two keys.
    let rotate = |tombstones| {
        let ring = Ring::parse(many(tombstones).as_bytes()).unwrap();
        ring.rotate(None, NOW, Fresh::insecure_from_seed(4), Force::YesAtACost).map(|t| t.ring.keys().len())
    };
    assert_eq!(rotate(1_021), Ok(1_024));
    assert_eq!(rotate(1_022), Err(TransitionError::OutOfRange));
    let padded = |len: usize| file.clone() + &" ".repeat(len - file.len());
    assert!(Ring::parse(padded(Ring::MAX_FILE_LEN).as_bytes()).is_ok());
    assert_eq!(refusal(&padded(Ring::MAX_FILE_LEN + 1)).kind(), K::TooLarge);
    assert_eq!(refusal(&(file.clone() + "{}")).kind(), K::Syntax, "more after the end");
    assert_eq!(refusal(&"[".repeat(100_000)).kind(), K::WrongType);
    assert_eq!(
        refusal(&file.replace("\"serial\": 3", &format!("\"serial\": {}", "[".repeat(10_000)))).kind(),
        K::WrongType
    );
    assert_eq!(Ring::parse(b"\xFF").unwrap_err().line(), Some(1));
}

/// Keystone: a full disk left empty and half-written key files.
#[test]
fn every_truncated_file_is_refused() {
    let file = file();
    // The line feed at the end may be missing.
    for len in 0..file.len() - 1 {
        let error = refusal(&file[..len]);
        assert_eq!(error.kind(), RingErrorKind::Syntax, "{len}");
        assert!(error.line().is_some());
    }
    assert!(Ring::parse(file.trim_end().as_bytes()).is_ok());
}

/// GnuTLS used an all-zero key until its first rotation. Here the first keys of a ring are as secret as all others.
#[test]
fn no_ring_starts_with_a_known_key() {
    let rings = [1, 2].map(|_| Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::from_os().unwrap()));
    let kids: Vec<_> = rings.iter().flat_map(Ring::keys).map(sealstamp::Key::kid).collect();
    assert!(kids.iter().enumerate().all(|(i, kid)| !kids[..i].contains(kid)), "{kids:?}");
    let zero = refusal(&rings[0].to_json().replacen(&secrets(&rings[0].to_json())[0], &"A".repeat(43), 1));
    assert_eq!(zero.kind(), RingErrorKind::ZeroSecret);
}

fn secrets(file: &str) -> Vec<String> {
    let lines = file.lines().filter_map(|line| line.trim().strip_prefix("\"secret\": \""));
    lines.map(|rest| rest[..43].to_string()).collect()
}

proptest! {
    /// A message holds no run of characters from a secret, wherever the file is damaged.
    #[test]
    fn no_message_quotes_a_secret(cut in 0..2_000_usize, with in "[\"\\\\{}a-zA-Z0-9:,\u{e9}\n]{0,3}", over in 0..50_usize) {
        let file = file();
        let cut = cut % file.len();
        let damaged = format!("{}{}{}", &file[..cut], with, &file[(cut + over).min(file.len())..]);
        if let Err(error) = Ring::parse(damaged.as_bytes()) {
            let shown = format!("{error} {error:?}");
            for secret in secrets(&file) {
                for piece in secret.as_bytes().windows(6) {
                    prop_assert!(!shown.contains(std::str::from_utf8(piece).unwrap()), "{}", shown);
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Ring::parse(&bytes).is_err());
    }
}

//! Which ring a process goes on to: successors over any number of steps, backups and second writers told apart, and no
//! revoked key taken back.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use proptest::prelude::*;
use sealstamp::{
    Audience, Binding, Fleet, Force, Fresh, Kid, Refusal, Ring, RingErrorKind, RingId, Settings, Suite, SwapError,
    TransitionError, UnixMillis,
};

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);

fn fresh(seed: u64) -> Fresh {
    Fresh::insecure_from_seed(seed)
}

fn init() -> Ring {
    Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, fresh(1))
}

/// A rotation, whatever the rules say: what matters here is where the ring comes from.
fn forced(ring: &Ring, seed: u64) -> Ring {
    ring.rotate(None, NOW, fresh(seed), Force::YesAtACost).unwrap().ring
}

/// `count` more rings of this line, each from the one before.
fn line(from: &Ring, count: usize, seed: u64) -> Vec<Ring> {
    let next = |ring: &mut Ring, step: u64| {
        *ring = forced(ring, seed + step);
        Some(ring.clone())
    };
    (0..count as u64).scan(from.clone(), |ring, step| next(ring, step)).collect()
}

fn fleet(ring: &Ring) -> Fleet {
    Fleet::new(ring.clone(), Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap()
}

fn kind(result: Result<(), SwapError>) -> &'static str {
    result.map_or_else(|error| error.as_str(), |()| "taken")
}

/// A file of version 1: what the last version of the software wrote.
fn version_1(ring: &Ring) -> Ring {
    let file = ring.to_json();
    let end = file.find(",\n  \"ancestors\"").unwrap();
    let text = format!("{}\n}}\n", &file[..end]).replace("sealstamp-ring/2", "sealstamp-ring/1");
    Ring::parse(text.as_bytes()).unwrap()
}

/// A replica runs serial 6 with a key revoked. Serial 3 comes out of a backup, and rotations are forced on that old
/// line.
#[test]
fn a_backup_does_not_bring_a_revoked_key_back() {
    let first = init();
    let backup = line(&first, 2, 10).pop().unwrap();
    let leaked = backup.active(NOW).kid();
    let revoked = line(&backup, 1, 20)[0].revoke(leaked, NOW, fresh(30), Force::YesAtACost).unwrap().ring;
    let in_use = forced(&revoked, 31);
    assert_eq!((backup.serial(), in_use.serial()), (3, 6));
    let replica = fleet(&in_use);

    assert_eq!(kind(replica.swap(backup.clone())), "older_serial");
    let old_line = line(&backup, 6, 40);
    let kinds: Vec<_> = old_line.iter().map(|ring| kind(replica.swap(ring.clone()))).collect();
    assert_eq!(kinds[0], "not_a_successor", "serial 4 of the old line: the replica knows another 4");
    assert_eq!(kinds[2], "conflict", "serial 6");
    assert_eq!(kinds[3..], ["not_a_successor"; 3]);
    assert_eq!(*replica.ring(), in_use);
    let stolen = fleet(&backup).mint(NOW, &Binding::None);
    assert_eq!(replica.open(&stolen, NOW, &Binding::None), Err(Refusal::RevokedKey));
}

/// Two hosts rotate copies of one ring.
#[test]
fn two_writers_are_told_apart() {
    let common = line(&init(), 3, 10).pop().unwrap();
    let (one, other) = (line(&common, 3, 20), line(&common, 5, 30));
    let replica = fleet(&common);
    assert_eq!(kind(replica.swap(one[1].clone())), "taken", "over more than one step");
    assert_eq!(kind(replica.swap(other[0].clone())), "not_a_successor", "below the serial in use");
    assert_eq!(kind(replica.swap(other[1].clone())), "conflict", "at the serial in use");
    assert_eq!(kind(replica.swap(other[2].clone())), "not_a_successor", "above it");
    assert_eq!(kind(replica.swap(one[0].clone())), "older_serial", "late, and of this line");
    assert_eq!(kind(replica.swap(one[2].clone())), "taken");
    let SwapError::NotASuccessor { current, offered } = replica.swap(other[4].clone()).unwrap_err() else {
        panic!("another error");
    };
    assert_eq!((current, offered), (one[2].id(), other[4].id()));
}

/// The ancestor of 64 steps before is named, and the one of 65 is not.
#[test]
fn a_successor_is_known_over_64_steps() {
    let first = init();
    let rings = line(&first, 66, 10);
    assert_eq!(kind(fleet(&first).swap(rings[63].clone())), "taken");
    assert_eq!(kind(fleet(&first).swap(rings[64].clone())), "not_a_successor");
    assert_eq!(kind(fleet(&rings[0]).swap(rings[64].clone())), "taken");
    assert_eq!(rings[62].ancestors().unwrap().len(), 63);
    assert_eq!(rings[63].ancestors().unwrap().len(), 64);
    assert_eq!(rings[65].ancestors().unwrap().len(), 64);
    // Below the list, nothing is known: older, and no more.
    assert!(rings[65].reaches(3) && !rings[65].reaches(2));
    assert_eq!(kind(fleet(&rings[65]).swap(rings[1].clone())), "older_serial");
    assert_eq!(kind(fleet(&rings[65]).swap(first.clone())), "older_serial");
    let twin = line(&first, 2, 500);
    assert_eq!(kind(fleet(&rings[65]).swap(twin[0].clone())), "older_serial", "serial 2");
    assert_eq!(kind(fleet(&rings[65]).swap(twin[1].clone())), "not_a_successor", "serial 3");
}

/// A ring with all that it may have, each at its longest, is far below the most that a file may have.
#[test]
fn the_largest_ring_fits_into_a_file() {
    let keys = (0..512).flat_map(|seed| {
        let ring = Ring::init(Settings::default(), Suite::ChaCha20Poly1305, NOW, fresh(seed));
        let file = ring.to_json().to_string();
        let objects = file[file.find('[').unwrap() + 1..file.find(']').unwrap()].split("},");
        objects.map(|object| object.split(",\n      \"created_at\"").next().unwrap().to_owned()).collect::<Vec<_>>()
    });
    let dated = (1..).zip(keys).map(|(n, key)| {
        let date = NOW.saturating_add(n);
        format!("{key}, \"created_at\": \"2026-11-22T19:00:00.001Z\", \"activates_at\": \"{date}\" }}")
    });
    let settings = r#""lifetime_s": 3600, "max_skew_s": 60, "propagation_s": 2592000"#;
    let ancestors = (0..64).map(|n| format!(r#"{{"serial": {}, "digest": "{n:064x}"}}"#, (1_u64 << 53) - 2 - n));
    let text = format!(
        r#"{{"format": "sealstamp-ring/2", "serial": {}, {settings}, "keys": [{}], "ancestors": [{}],
            "next_settings": {{"from": "9999-12-31T23:59:59.999Z", {settings}}} }}"#,
        (1_u64 << 53) - 1,
        dated.collect::<Vec<_>>().join(","),
        ancestors.collect::<Vec<_>>().join(",")
    );
    let ring = Ring::parse(text.as_bytes()).unwrap();
    assert_eq!((ring.keys().len(), ring.ancestors().unwrap().len()), (1_024, 64));
    let file = ring.to_json();
    assert!(file.len() < Ring::MAX_FILE_LEN / 2, "{}", file.len());
    assert_eq!(Ring::parse(file.as_bytes()), Ok(ring));
}

/// An old file is read, keeps the digest that its replicas report, and names it when it is next written.
#[test]
fn a_file_of_version_1_is_upgraded_by_the_next_write() {
    let old = version_1(&line(&init(), 4, 10).pop().unwrap());
    assert_eq!((old.serial(), old.ancestors()), (5, None));
    assert!(old.to_json().contains("sealstamp-ring/1"));
    assert_eq!(Ring::parse(old.to_json().as_bytes()), Ok(old.clone()));

    let new = forced(&old, 20);
    assert!(new.to_json().contains("sealstamp-ring/2"));
    assert_eq!(new.ancestors(), Some(&[old.id()][..]));
    let replica = fleet(&old);
    assert_eq!(kind(replica.swap(forced(&new, 21))), "taken");
    // Back to version 1, with any serial: no.
    let before: Vec<Ring> = line(&old, 6, 30).iter().map(version_1).collect();
    assert_eq!(kind(replica.swap(before[0].clone())), "not_a_successor", "serial 6");
    assert_eq!(kind(replica.swap(before[5].clone())), "not_a_successor", "serial 11");
    // Two rings of version 1 have only their serials.
    let replica = fleet(&old);
    assert_eq!(kind(replica.swap(before[5].clone())), "taken");
    assert_eq!(kind(replica.swap(before[0].clone())), "older_serial");
}

/// Not even a ring that names the one in use makes a revoked key live again, nor does one whose serial is all it has.
#[test]
fn nothing_takes_a_revoked_key_back() {
    let first = init();
    let leaked = first.active(NOW).kid();
    let revoked = first.revoke(leaked, NOW, fresh(2), Force::No).unwrap().ring;
    let replica = fleet(&revoked);
    // Somebody put the old file back, and wrote the names of the rings in use into it by hand.
    let names = |rings: &[&Ring]| -> String {
        let one = |ring: &&Ring| {
            let id = ring.id().to_string();
            let (serial, digest) = id.split_once(':').unwrap();
            format!(r#"{{"serial": {serial}, "digest": "{digest}"}}"#)
        };
        rings.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let by_hand = |serial: u64, rings: &[&Ring]| {
        let file = first.to_json().replace("\"serial\": 1", &format!("\"serial\": {serial}"));
        Ring::parse(file.replace("\"ancestors\": []", &format!("\"ancestors\": [{}]", names(rings))).as_bytes())
            .unwrap()
    };
    let refused = Err(SwapError::Unrevoked { kid: leaked });
    assert_eq!(replica.swap(by_hand(3, &[&revoked])), refused);
    // Also when the tombstone has been pruned since, for as long as the process lives.
    let pruned = revoked.prune(NOW, Force::YesAtACost).unwrap().ring;
    assert!(pruned.keys().iter().all(|key| key.kid() != leaked));
    assert_eq!(kind(replica.swap(pruned.clone())), "taken");
    assert_eq!(replica.swap(by_hand(4, &[&pruned, &revoked])), refused);
    assert_eq!(kind(fleet(&pruned).swap(by_hand(4, &[&pruned, &revoked]))), "taken", "a new process cannot know");
    // In version 1 the serial is all that there is.
    let replica = fleet(&version_1(&revoked));
    assert_eq!(replica.swap(version_1(&by_hand(9, &[]))), refused);
}

/// The newest copy is lost, and the operator reads off the replicas what they use.
#[test]
fn a_recovered_ring_is_taken_by_those_that_it_names() {
    let backup = line(&init(), 2, 10).pop().unwrap();
    let leaked = backup.active(NOW).kid();
    let revoked = backup.revoke(leaked, NOW, fresh(20), Force::YesAtACost).unwrap().ring;
    let in_use = line(&revoked, 10, 30).pop().unwrap();
    // One replica is behind, and one was not asked.
    let behind = line(&revoked, 9, 30).pop().unwrap();
    let stray = line(&backup, 11, 300).pop().unwrap();

    let recovered = backup.recover(&[in_use.id(), behind.id()], NOW, fresh(90)).unwrap();
    assert_eq!(recovered.ring.serial(), in_use.serial() + 1);
    assert_eq!(recovered.cost.retries_until, backup.revoke_all(NOW, fresh(90)).unwrap().cost.retries_until);
    for (ring, expected) in
        [(&in_use, "taken"), (&behind, "taken"), (&backup, "taken"), (&stray, "not_a_successor"), (&init(), "taken")]
    {
        assert_eq!(kind(fleet(ring).swap(recovered.ring.clone())), expected, "{}", ring.serial());
    }
    // Whatever was revoked after the copy was made stays revoked, because all of the copy is.
    assert!(
        recovered
            .ring
            .keys()
            .iter()
            .all(|key| backup.keys().iter().all(|old| old.kid() != key.kid()) || key.revoked_at().is_some())
    );
    assert_eq!(kind(fleet(&recovered.ring).swap(forced(&recovered.ring, 91))), "taken");
    let ids: Vec<u64> = recovered.ring.ancestors().unwrap().iter().map(|id| id.serial).collect();
    assert_eq!(ids, [in_use.serial(), behind.serial(), 3, 2, 1]);
}

#[test]
fn a_ring_is_recovered_without_any_copy() {
    let in_use = line(&init(), 40, 10).pop().unwrap();
    let settings = Settings::new(60, 2, 300).unwrap();
    let recovered =
        Ring::recover_without_copy(&[in_use.id()], settings, Suite::ChaCha20Poly1305, NOW, fresh(900)).unwrap();
    assert_eq!((recovered.ring.serial(), recovered.ring.ancestors()), (in_use.serial() + 1, Some(&[in_use.id()][..])));
    assert_eq!(recovered.cost.retries_until, Some(NOW.saturating_add(300_000 + 64_000)));
    assert_eq!(recovered.cost.unknown_key_until, Some(NOW.saturating_add(302_000)));
    assert_eq!(kind(fleet(&in_use).swap(recovered.ring.clone())), "taken");
    let alone = Ring::recover_without_copy(&[], settings, Suite::Aes256Gcm, NOW, fresh(900)).unwrap().ring;
    assert_eq!((alone.serial(), alone.ancestors()), (1, Some(&[][..])));
}

/// None of the rings that were named may fall out of the list, and none may be above the ring.
#[test]
fn recover_names_all_or_none() {
    let copy = line(&init(), 70, 10).pop().unwrap();
    let id = |n: u64| RingId { serial: n, digest: [u8::try_from(n).unwrap(); 32] };
    let ids = |count: u64| (1..=count).map(id).collect::<Vec<_>>();
    let recover = |ids: &[RingId]| copy.recover(ids, NOW, fresh(500)).map(|t| t.ring);
    let without = |ids: &[RingId]| {
        Ring::recover_without_copy(ids, Settings::default(), Suite::Aes256Gcm, NOW, fresh(500)).map(|t| t.ring)
    };
    assert!(ids(63).iter().all(|id| recover(&ids(63)).unwrap().is_successor_of(*id)));
    assert!(recover(&ids(63)).unwrap().is_successor_of(copy.id()));
    assert_eq!(recover(&ids(64)), Err(TransitionError::OutOfRange));
    assert!(ids(64).iter().all(|id| without(&ids(64)).unwrap().is_successor_of(*id)));
    assert_eq!(without(&ids(65)), Err(TransitionError::OutOfRange));
    let last = RingId { serial: (1 << 53) - 1, digest: [1; 32] };
    assert_eq!(without(&[last]), Err(TransitionError::OutOfRange));
    assert_eq!(without(&[RingId { serial: last.serial - 1, ..last }]).unwrap().serial(), last.serial);
}

#[test]
fn names_have_one_spelling() {
    let id = RingId { serial: 7, digest: [0xAB; 32] };
    let text = id.to_string();
    assert_eq!(text, format!("7:{}", "ab".repeat(32)));
    assert_eq!(text.parse(), Ok(id));
    assert_eq!(format!("{id:?}"), format!("RingId({text})"));
    let digest = "ab".repeat(32);
    for bad in [
        "",
        "7",
        &digest,
        &format!("07:{digest}"),
        &format!("+7:{digest}"),
        &format!("0:{digest}"),
        &format!("7:{}", digest.to_uppercase()),
        &format!("7:{digest}0"),
        &format!("9007199254740992:{digest}"),
        &format!("-1:{digest}"),
        &format!(" 7:{digest}"),
    ] {
        assert!(bad.parse::<RingId>().is_err(), "{bad}");
    }
    assert!(format!("9007199254740991:{digest}").parse::<RingId>().is_ok());
    let error = "x".parse::<RingId>().unwrap_err().to_string();
    assert_eq!(error, "a ring's name is its serial, a colon and the 64 lower-case hexadecimal digits of its digest");
}

/// The list in a file is as long as it may be, and no longer; it goes down, and names no ring twice.
#[test]
fn a_lineage_in_a_file_is_in_order() {
    let read = |serial: u64, ids: &[(u64, u8)]| {
        let one = |(serial, byte): &(u64, u8)| {
            format!(r#"{{"serial":{serial},"digest":"{}"}}"#, format!("{byte:02x}").repeat(32))
        };
        let list = ids.iter().map(one).collect::<Vec<_>>().join(",");
        let file = init().to_json().replace("\"serial\": 1", &format!("\"serial\": {serial}"));
        let file = file.replace("\"ancestors\": []", &format!("\"ancestors\": [{list}]"));
        Ring::parse(file.as_bytes()).map(|ring| ring.ancestors().unwrap().len()).map_err(|error| error.kind())
    };
    let many = |count: u8| (0..count).rev().map(|n| (u64::from(n) + 1, n)).collect::<Vec<_>>();
    let fault = Err(RingErrorKind::Lineage);
    assert_eq!(read(100, &many(64)), Ok(64));
    assert_eq!(read(100, &many(65)), fault);
    assert_eq!((read(8, &[(7, 1)]), read(7, &[(7, 1)]), read(6, &[(7, 1)])), (Ok(1), fault, fault));
    assert_eq!(read(9, &[(6, 1), (7, 2)]), fault, "up");
    assert_eq!(read(9, &[(7, 1), (7, 2)]), Ok(2), "two lines that were joined");
    assert_eq!(read(9, &[(7, 1), (6, 1)]), fault, "one digest twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Of any two rings of one line, at most 64 apart, the later one is known as the successor. Of any two on either side
    /// of a fork, neither is. And what is taken, and what is not, is what the names say.
    #[test]
    fn lines_are_told_apart(
        trunk in 0..20_usize,
        arms in (1..70_usize, 1..70_usize),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 12),
    ) {
        let trunk = [vec![init()], line(&init(), trunk, 10)].concat();
        let fork = trunk.last().unwrap();
        let left = line(fork, arms.0, 1_000);
        let right = line(fork, arms.1, 2_000);
        let one_line = [trunk.clone(), left.clone()].concat();
        for (a, b) in picks {
            let (one, two) = (a.get(&one_line), b.get(&one_line));
            let steps = two.serial().checked_sub(one.serial()).filter(|steps| *steps > 0);
            prop_assert_eq!(two.is_successor_of(one.id()), steps.is_some_and(|steps| steps <= 64));
            let expected = match steps {
                _ if one == two => "taken",
                None => "older_serial",
                Some(1..=64) => "taken",
                Some(_) => "not_a_successor",
            };
            prop_assert_eq!(kind(fleet(one).swap(two.clone())), expected);

            let (one, two) = (a.get(&left), b.get(&right));
            prop_assert!(!two.is_successor_of(one.id()) && !one.is_successor_of(two.id()));
            let expected = match two.serial().cmp(&one.serial()) {
                std::cmp::Ordering::Equal => "conflict",
                std::cmp::Ordering::Less if !one.reaches(two.serial()) => "older_serial",
                _ => "not_a_successor",
            };
            prop_assert_eq!(kind(fleet(one).swap(two.clone())), expected);
        }
    }

    /// Whatever is swapped in, and in whatever order: a key that a process has seen revoked never opens there again.
    #[test]
    fn a_revoked_key_stays_dead_in_a_process(
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0..5_u8, any::<bool>()), 1..40),
    ) {
        // Rings of many lines, made of one another, some written by the version before.
        let mut rings = vec![init()];
        for (seed, (from, what, old)) in (10..).zip(&steps) {
            let from = from.get(&rings).clone();
            let kid = from.active(NOW).kid();
            let next = match what {
                0 | 1 => from.rotate(None, NOW, fresh(seed), Force::YesAtACost),
                2 => from.revoke(kid, NOW, fresh(seed), Force::YesAtACost),
                3 => from.prune(NOW, Force::YesAtACost),
                _ => from.recover(&[rings.last().unwrap().id()], NOW, fresh(seed)),
            };
            let Ok(next) = next else { continue };
            rings.push(if *old { version_1(&next.ring) } else { next.ring });
        }
        let replica = fleet(&rings[0]);
        let mut dead: Vec<Kid> = Vec::new();
        for (pick, ..) in steps.iter().chain(&steps) {
            let _ = replica.swap(pick.get(&rings).clone());
            let ring = replica.ring();
            for key in ring.keys() {
                prop_assert!(key.revoked_at().is_some() || !dead.contains(&key.kid()));
            }
            dead.extend(ring.keys().iter().filter(|key| key.revoked_at().is_some()).map(sealstamp::Key::kid));
        }
    }
}

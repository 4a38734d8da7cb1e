//! The life of a ring: each transition, its refusals from both sides of their time, and the fleet's promises I1 to I4
//! under random sequences of them.
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
    Audience, Binding, Cost, Fleet, Force, Fresh, KeyState, Kid, Refusal, Ring, Settings, Suite, Transition,
    TransitionError, UnixMillis,
};

const NOW: u64 = 1_795_374_000_000;
const LIFETIME: u64 = 120_000;
const SKEW: u64 = 5_000;
const PROPAGATION: u64 = 600_000;
const GRACE: u64 = LIFETIME + 2 * SKEW;

fn at(ms: u64) -> UnixMillis {
    UnixMillis::new(ms)
}

fn fresh(seed: u64) -> Fresh {
    Fresh::insecure_from_seed(seed)
}

fn ring() -> Ring {
    Ring::init(Settings::default(), Suite::Aes256Gcm, at(NOW), fresh(1))
}

fn rotated(ring: &Ring, now: u64, seed: u64) -> Ring {
    ring.rotate(None, at(now), fresh(seed), Force::No).unwrap().ring
}

fn states(ring: &Ring, now: u64) -> Vec<KeyState> {
    ring.status(at(now)).map(|s| s.state).collect()
}

fn kid(ring: &Ring, index: usize) -> Kid {
    ring.keys()[index].kid()
}

fn dates(ring: &Ring) -> Vec<Option<u64>> {
    ring.keys().iter().map(|k| k.activates_at().map(UnixMillis::get)).collect()
}

use KeyState::{Active, Prunable, Retiring, Revoked, Staged};

/// I3: the time that a refusal names is legal, even if a forced rotation left two keys to come.
#[test]
fn rotation_waits_for_the_last_pending_key() {
    let once = rotated(&ring(), NOW, 2);
    let twice = once.rotate(Some(at(NOW + 2 * PROPAGATION)), at(NOW), fresh(3), Force::YesAtACost).unwrap().ring;
    let refused = TransitionError::Pending { kid: kid(&twice, 2), legal_at: at(NOW + 2 * PROPAGATION) };
    for now in [NOW, NOW + PROPAGATION, NOW + 2 * PROPAGATION - 1] {
        assert_eq!(twice.rotate(None, at(now), fresh(4), Force::No).unwrap_err(), refused);
    }
    assert!(twice.rotate(None, at(NOW + 2 * PROPAGATION), fresh(4), Force::No).is_ok());
}

/// I9: a key that has just retired is still active to a slow clock. When it is revoked, that replica must go on with
/// the next key, and not back to the one before, whose nonces nobody takes any more.
#[test]
fn a_slow_clock_does_not_go_back_to_a_key_before_a_tombstone() {
    let second = NOW + PROPAGATION;
    let third = second + PROPAGATION;
    let ring = rotated(&rotated(&ring(), NOW, 2), second, 3);
    for now in [third, third + 1, third + SKEW - 1, third + SKEW, third + SKEW + 1] {
        let revoked = ring.revoke(kid(&ring, 1), at(now), fresh(4), Force::No).unwrap().ring;
        let fleet = Fleet::new(revoked.clone(), Audience::new("a").unwrap()).unwrap();
        for clock in [now - SKEW, now - SKEW / 2, now, now + SKEW] {
            assert_eq!(revoked.active(at(clock)).kid(), kid(&ring, 2), "{}", now - clock);
            let nonce = fleet.mint(at(clock), &Binding::None);
            assert!(fleet.open(&nonce, at(clock), &Binding::None).is_ok());
        }
        assert_eq!(dates(&revoked)[2], Some((now - SKEW).min(third)));
    }
}

/// I9: two keys of which a slow clock may still use the first, revoked one after the other. The tombstone between the
/// first and the key that steps in must not hold that key's date back.
#[test]
fn a_slow_clock_does_not_go_back_over_two_tombstones() {
    let third = NOW + 2 * PROPAGATION;
    let ring = rotated(&rotated(&ring(), NOW, 2), NOW + PROPAGATION, 3);
    for (now, later) in
        [(third, third), (third, third + 1), (third + 1, third + SKEW - 1), (third + 1, third + SKEW + 1)]
    {
        let once = ring.revoke(kid(&ring, 2), at(now), fresh(4), Force::No).unwrap().ring;
        let twice = once.revoke(kid(&ring, 1), at(later), fresh(5), Force::No).unwrap().ring;
        let fleet = Fleet::new(twice.clone(), Audience::new("a").unwrap()).unwrap();
        for clock in [later - SKEW, later - SKEW / 2, later, later + SKEW] {
            assert_eq!(twice.active(at(clock)).kid(), kid(&ring, 3), "{now} {later} {clock}");
            let nonce = fleet.mint(at(clock), &Binding::None);
            assert!(fleet.open(&nonce, at(clock), &Binding::None).is_ok());
        }
        let held = (later > third + SKEW).then_some(third);
        assert_eq!(dates(&twice)[2], held, "a date that every clock has seen stays");
    }
}

/// I9: three, revoked from the middle. Of the tombstones between, the one whose date the slowest clock sees just now
/// loses it, since the key that steps in takes that very date; the one before keeps its own.
#[test]
fn a_slow_clock_does_not_go_back_over_three_tombstones() {
    let now = NOW + 3 * PROPAGATION;
    let ring = rotated(&rotated(&rotated(&ring(), NOW, 2), NOW + PROPAGATION, 3), NOW + 2 * PROPAGATION, 4);
    let revoked = [2, 3, 1].into_iter().zip(5..).fold(ring, |ring, (index, seed)| {
        ring.revoke(kid(&ring, index), at(now), fresh(seed), Force::No).unwrap().ring
    });
    assert_eq!(states(&revoked, now - SKEW)[..5], [Prunable, Revoked, Revoked, Revoked, Active]);
    let (second, third) = (NOW + PROPAGATION, NOW + 2 * PROPAGATION);
    assert_eq!(dates(&revoked)[1..5], [Some(second), Some(third), None, Some(now - SKEW)]);
}

#[test]
fn init_makes_one_active_and_one_staged_key() {
    let ring = ring();
    assert_eq!(ring.serial(), 1);
    assert_eq!(dates(&ring), [Some(NOW - SKEW), None]);
    // The slowest and the fastest clock of the fleet, and one that is far outside the bounds.
    for now in [NOW - SKEW, NOW, NOW + SKEW, 0, u64::MAX] {
        assert_eq!(states(&ring, now), [Active, Staged], "{now}");
    }
}

#[test]
fn a_key_goes_from_staged_to_pruned() {
    let ring = rotated(&ring(), NOW, 2);
    let date = NOW + PROPAGATION;
    assert_eq!(ring.serial(), 2);
    assert_eq!(dates(&ring), [Some(NOW - SKEW), Some(date), None]);
    assert_eq!(ring.pending(at(date - 1)).map(sealstamp::Key::kid), Some(kid(&ring, 1)));
    assert_eq!(ring.pending(at(date)), None);
    for (now, expected) in [
        (date - 1, [Active, Staged, Staged]),
        (date, [Retiring, Active, Staged]),
        (date + GRACE - 1, [Retiring, Active, Staged]),
        (date + GRACE, [Prunable, Active, Staged]),
    ] {
        assert_eq!(states(&ring, now), expected, "{now}");
    }
    assert_eq!(
        ring.prune(at(date + GRACE - 1), Force::No).unwrap_err(),
        TransitionError::NotYetPrunable { legal_at: at(date + GRACE) }
    );
    let pruned = ring.prune(at(date + GRACE), Force::No).unwrap();
    assert_eq!(pruned.cost, Default::default());
    assert_eq!(states(&pruned.ring, date + GRACE), [Active, Staged]);
    assert_eq!(pruned.ring.prune(at(date + GRACE), Force::No).unwrap_err(), TransitionError::NothingToPrune);
}

/// Only the removed keys count for the cost, however long the others are still needed.
#[test]
fn pruning_costs_what_the_removed_keys_could_still_open() {
    let ring = rotated(&rotated(&ring(), NOW, 2), NOW + PROPAGATION, 3);
    let date = NOW + 2 * PROPAGATION;
    assert_eq!(states(&ring, date), [Prunable, Retiring, Active, Staged]);
    let pruned = ring.prune(at(date), Force::No).unwrap();
    assert_eq!((states(&pruned.ring, date).len(), pruned.cost), (3, Default::default()));
    let forced = ring.prune(at(date), Force::YesAtACost).unwrap();
    assert_eq!((states(&forced.ring, date).len(), forced.cost.retries_until), (2, Some(at(date + GRACE))));
}

/// A key that mints, or may yet, is never pruned, although the date of its successor is known; a tombstone is, wherever
/// it stands.
#[test]
fn what_may_still_mint_is_not_pruned() {
    let once = rotated(&ring(), NOW, 2);
    let twice = once.rotate(Some(at(NOW + 2 * PROPAGATION)), at(NOW), fresh(3), Force::YesAtACost).unwrap().ring;
    assert_eq!(states(&twice, NOW), [Active, Staged, Staged, Staged]);
    assert!(twice.status(at(NOW)).all(|s| s.prunable_at.is_none()));
    for force in [Force::No, Force::YesAtACost] {
        assert_eq!(twice.prune(at(NOW), force).unwrap_err(), TransitionError::NothingToPrune);
    }
    let revoked = twice.revoke(kid(&twice, 3), at(NOW), fresh(4), Force::No).unwrap().ring;
    let gone = NOW + PROPAGATION + GRACE;
    let prunable: Vec<_> = revoked.status(at(NOW)).map(|s| s.prunable_at).collect();
    assert_eq!(prunable, [None, None, None, Some(at(gone)), None]);
    let forced = revoked.prune(at(NOW), Force::YesAtACost).unwrap().ring;
    assert_eq!(states(&forced, NOW), [Active, Staged, Staged, Staged]);
}

/// Keystone refused everybody after two rotations before the copies of the first had arrived (I3).
#[test]
fn i3_a_second_rotation_waits_for_the_first() {
    let ring = rotated(&ring(), NOW, 2);
    let date = NOW + PROPAGATION;
    let again = |now: u64| ring.rotate(None, at(now), fresh(3), Force::No);
    let refused = again(date - 1).unwrap_err();
    assert_eq!(refused, TransitionError::Pending { kid: kid(&ring, 1), legal_at: at(date) });
    assert_eq!(refused.legal_at(), Some(at(date)));
    assert_eq!(dates(&again(date).unwrap().ring)[2], Some(date + PROPAGATION));
}

#[test]
fn i3_no_date_before_every_replica_can_know_it() {
    let at_date = |date: u64| ring().rotate(Some(at(date)), at(NOW), fresh(2), Force::No);
    for early in [0, NOW - 1, NOW, NOW + PROPAGATION - 1] {
        assert_eq!(
            at_date(early).unwrap_err(),
            TransitionError::TooEarly { legal_at: at(NOW + PROPAGATION) },
            "{early}"
        );
    }
    for date in [NOW + PROPAGATION, NOW + 86_400_000] {
        let rotated = at_date(date).unwrap();
        assert_eq!((dates(&rotated.ring)[1], rotated.cost), (Some(date), Default::default()));
    }
    let forced = ring().rotate(Some(at(NOW)), at(NOW), fresh(2), Force::YesAtACost).unwrap();
    assert_eq!(dates(&forced.ring)[1], Some(NOW));
    assert_eq!(forced.cost.retries_until, Some(at(NOW + PROPAGATION + GRACE)));
    assert_eq!(at_date(u64::MAX).unwrap_err(), TransitionError::OutOfRange);
    assert_eq!(ring().rotate(None, at(u64::MAX), fresh(2), Force::No).unwrap_err(), TransitionError::OutOfRange);
}

/// I1: a key that a revocation has just made needs a skew more. The operator's clock was fast then and is slow now.
#[test]
fn i3_a_key_that_was_just_made_is_dated_a_skew_later() {
    let (fast, slow) = (|time: u64| time + SKEW / 2, |time: u64| time - SKEW / 2);
    let written = NOW + 10 * PROPAGATION;
    let revoked = ring().revoke_all(at(fast(written)), fresh(2)).unwrap().ring;
    let staged = revoked.keys().len() - 1;
    let rotate = |now: u64, date: Option<u64>| revoked.rotate(date.map(at), at(now), fresh(3), Force::No);
    let legal_at = fast(written) + SKEW + PROPAGATION;
    for now in [slow(written + 1), fast(written), fast(written) + SKEW] {
        assert_eq!(dates(&rotate(now, None).unwrap().ring)[staged], Some(legal_at), "{now}");
        assert!(rotate(now, Some(legal_at)).is_ok());
        assert_eq!(rotate(now, Some(legal_at - 1)).unwrap_err(), TransitionError::TooEarly { legal_at: at(legal_at) });
    }
    // The fastest clock mints with it when the slowest replica has loaded the file that brought it.
    assert!(slow(legal_at) >= written + PROPAGATION);
    let later = fast(written) + SKEW + 1;
    assert_eq!(dates(&rotate(later, None).unwrap().ring)[staged], Some(later + PROPAGATION));
}

#[test]
fn revoking_the_active_key_promotes_the_next() {
    let now = NOW + 10 * PROPAGATION;
    let revoked = ring().revoke(kid(&ring(), 0), at(now), fresh(2), Force::No).unwrap();
    assert_eq!(dates(&revoked.ring), [Some(NOW - SKEW), Some(now - SKEW), None]);
    assert_eq!(states(&revoked.ring, now - SKEW), [Revoked, Active, Staged], "the slowest clock agrees");
    assert_eq!(revoked.cost.retries_until, Some(at(now + PROPAGATION + GRACE)));
    assert_eq!(revoked.cost.unknown_key_until, None, "the heir has been everywhere for long");
    assert!(!revoked.ring.to_json().contains(&secret_text(&ring(), 0)), "the secret is erased");

    // At once after init: the heir is as young as the ring, and its date is a millisecond after the revoked one's.
    let young = ring().revoke(kid(&ring(), 0), at(NOW), fresh(2), Force::No).unwrap();
    assert_eq!(dates(&young.ring)[1], Some(NOW - SKEW + 1));
    let known = NOW + PROPAGATION + SKEW;
    assert_eq!(young.cost.unknown_key_until, Some(at(known)));
    for (now, unknown) in [(known - 1, Some(at(known))), (known, None)] {
        let revoked = ring().revoke(kid(&ring(), 0), at(now), fresh(2), Force::No).unwrap();
        assert_eq!(revoked.cost.unknown_key_until, unknown, "{now}");
    }
}

/// If a key is to come, that key steps in: its date moves towards now.
#[test]
fn revoking_the_active_key_promotes_the_pending_one() {
    let ring = rotated(&ring(), NOW, 2);
    let now = NOW + 60_000;
    let revoked = ring.revoke(kid(&ring, 0), at(now), fresh(3), Force::No).unwrap().ring;
    assert_eq!(dates(&revoked), [Some(NOW - SKEW), Some(now - SKEW), None]);
    assert_eq!(states(&revoked, now), [Revoked, Active, Staged]);
}

#[test]
fn revoking_the_pending_key_hands_its_date_on() {
    let ring = rotated(&ring(), NOW, 2);
    let date = NOW + PROPAGATION;
    let now = NOW + 60_000;
    let revoked = ring.revoke(kid(&ring, 1), at(now), fresh(3), Force::No).unwrap();
    assert_eq!(dates(&revoked.ring), [Some(NOW - SKEW), None, Some(date), None]);
    assert_eq!(states(&revoked.ring, now), [Active, Revoked, Staged, Staged]);
    assert_eq!(revoked.cost.retries_until, Some(at(now + PROPAGATION + GRACE)), "a late replica still mints with it");
    assert_eq!(revoked.cost.unknown_key_until, Some(at(NOW + PROPAGATION + SKEW)));
}

#[test]
fn revoking_a_staged_or_a_retiring_key_touches_no_date() {
    let base = ring();
    let staged = base.revoke(kid(&base, 1), at(NOW), fresh(2), Force::No).unwrap();
    assert_eq!(states(&staged.ring, NOW), [Active, Revoked, Staged]);
    assert_eq!(dates(&staged.ring), [Some(NOW - SKEW), None, None]);
    assert_eq!(staged.cost, Default::default(), "nobody has seen a nonce of it");

    let later = NOW + PROPAGATION + SKEW;
    let base = rotated(&base, NOW, 2);
    let retiring = base.revoke(kid(&base, 0), at(later), fresh(3), Force::No).unwrap();
    assert_eq!(states(&retiring.ring, later), [Revoked, Active, Staged]);
    assert_eq!(dates(&retiring.ring), dates(&base));
    assert_eq!(retiring.cost.retries_until, Some(at(later + PROPAGATION + GRACE)));
}

#[test]
fn a_tombstone_stays_until_every_replica_knows_it() {
    let base = ring();
    let now = NOW + PROPAGATION;
    let revoked = base.revoke(kid(&base, 0), at(now), fresh(2), Force::No).unwrap().ring;
    let gone = now + PROPAGATION + GRACE;
    assert_eq!(
        revoked.prune(at(gone - 1), Force::No).unwrap_err(),
        TransitionError::NotYetPrunable { legal_at: at(gone) }
    );
    assert_eq!(states(&revoked.prune(at(gone), Force::No).unwrap().ring, gone), [Active, Staged]);
    let forced = revoked.prune(at(now), Force::YesAtACost).unwrap();
    assert_eq!((forced.ring.keys().len(), forced.cost.retries_until), (2, Some(at(gone))));
}

#[test]
fn revoke_refuses_what_it_cannot_do() {
    let ring = ring();
    let kids = [kid(&ring, 0), kid(&ring, 1)];
    assert_eq!(
        ring.revoke("00000000".parse().unwrap(), at(NOW), fresh(2), Force::No).unwrap_err(),
        TransitionError::UnknownKid
    );
    let revoked = ring.revoke(kids[1], at(NOW), fresh(2), Force::No).unwrap().ring;
    let again = revoked.revoke(kids[1], at(NOW + 1), fresh(3), Force::YesAtACost).unwrap_err();
    assert_eq!(again, TransitionError::AlreadyRevoked { revoked_at: at(NOW) });
}

/// Two of a thousand keys may share a kid by chance, and a ring with both could not be read.
#[test]
fn a_kid_that_is_taken_is_not_taken_again() {
    let ring = rotated(&ring(), NOW, 2);
    let now = NOW + PROPAGATION;
    assert_eq!(ring.rotate(None, at(now), fresh(2), Force::YesAtACost).unwrap_err(), TransitionError::KidTaken);
    assert!(ring.rotate(None, at(now), fresh(3), Force::No).is_ok());
}

/// A ring that somebody cut down to one key by hand.
#[test]
fn i3_the_only_key_is_not_revoked() {
    let ring = only_key();
    let known = NOW + PROPAGATION + SKEW;
    let revoke = |ring: &Ring, now: u64, force| ring.revoke(kid(ring, 0), at(now), fresh(2), force);
    assert_eq!(revoke(&ring, NOW, Force::No).unwrap_err(), TransitionError::OnlyKey { legal_at: at(known) });
    let forced = revoke(&ring, NOW, Force::YesAtACost).unwrap();
    assert_eq!(states(&forced.ring, NOW), [Revoked, Active, Staged]);
    assert_eq!(forced.cost.unknown_key_until, Some(at(known)));
    // The advice that the refusal gives: rotate first.
    let rotated = rotated(&ring, NOW, 3);
    assert_eq!(dates(&rotated), [Some(NOW - SKEW), Some(known), None]);
    let revoked = revoke(&rotated, known, Force::No).unwrap();
    assert_eq!(revoked.cost.unknown_key_until, None);
}

/// I3: a date is moved or taken back only while no replica can act on it before it has loaded the new ring. Both bounds
/// from both sides, and the costs of going past them.
#[test]
fn i3_a_date_that_is_near_stands() {
    let date = NOW + 10 * PROPAGATION;
    let base = ring().rotate(Some(at(date)), at(NOW), fresh(2), Force::No).unwrap().ring;
    let stands = TransitionError::DateStands { kid: kid(&base, 1), legal_at: at(date) };
    let last = date - PROPAGATION - SKEW;
    let later = at(date + 1);

    let moved = base.move_date(later, at(last), Force::No).unwrap();
    assert_eq!((dates(&moved.ring), moved.cost), (vec![Some(NOW - SKEW), Some(date + 1), None], Cost::default()));
    assert_eq!(moved.ring.serial(), 3);
    assert_eq!(base.move_date(later, at(last + 1), Force::No).unwrap_err(), stands);
    let forced = base.move_date(later, at(last + 1), Force::YesAtACost).unwrap().cost;
    assert_eq!((forced.retries_until, forced.unknown_key_until), (Some(at(last + 1 + PROPAGATION + GRACE)), None));

    let cancelled = base.cancel(at(last), Force::No).unwrap();
    assert_eq!((dates(&cancelled.ring), cancelled.cost), (vec![Some(NOW - SKEW), None], Cost::default()));
    assert_eq!(base.cancel(at(last + 1), Force::No).unwrap_err(), stands);
    let forced = base.cancel(at(last + 1), Force::YesAtACost).unwrap();
    assert_eq!(dates(&forced.ring), [Some(NOW - SKEW), None]);
    assert_eq!(forced.cost.retries_until, Some(at(last + 1 + PROPAGATION + GRACE)));

    // Forward: to the earliest date that `rotate` gives, and no further. After that only the date itself helps.
    let now = date - PROPAGATION - 1;
    let known = at(now + PROPAGATION);
    assert_eq!(dates(&base.move_date(known, at(now), Force::No).unwrap().ring)[1], Some(date - 1));
    let early = at(now + PROPAGATION - 1);
    assert_eq!(base.move_date(early, at(now), Force::No).unwrap_err(), TransitionError::TooEarly { legal_at: known });
    assert_eq!(base.move_date(early, at(now + 1), Force::No).unwrap_err(), stands);
    assert_eq!(base.move_date(early, at(date - 1), Force::No).unwrap_err(), stands);
    let forced = base.move_date(early, at(now), Force::YesAtACost).unwrap();
    assert_eq!(dates(&forced.ring)[1], Some(now + PROPAGATION - 1));
    assert_eq!(forced.cost.retries_until, Some(at(now + PROPAGATION + GRACE)));

    for nothing in [base.move_date(later, at(date), Force::YesAtACost), base.cancel(at(date), Force::YesAtACost)] {
        assert_eq!(nothing.unwrap_err(), TransitionError::NothingPending);
    }
}

/// A key that a revocation has just staged is not known everywhere, so it cannot come sooner.
#[test]
fn a_young_key_is_not_brought_forward() {
    let base = ring();
    let date = NOW + 10 * PROPAGATION;
    let revoked = base.revoke(kid(&base, 1), at(NOW + 1_000), fresh(2), Force::No).unwrap().ring;
    let pending = revoked.rotate(Some(at(date)), at(NOW + 2_000), fresh(3), Force::No).unwrap().ring;
    let everywhere = NOW + 1_000 + SKEW + PROPAGATION;
    let early = pending.move_date(at(everywhere - 1), at(NOW + 2_000), Force::No).unwrap_err();
    assert_eq!(early, TransitionError::TooEarly { legal_at: at(everywhere) });
    assert!(pending.move_date(at(everywhere), at(NOW + 2_000), Force::No).is_ok());
    let forced = pending.move_date(at(everywhere - 1), at(NOW + 2_000), Force::YesAtACost).unwrap().cost;
    assert_eq!(forced.unknown_key_until, Some(at(everywhere)));
}

/// Of several that are to come, the last one is moved, and it stays behind the others.
#[test]
fn the_last_pending_key_is_moved() {
    let far = |n: u64| NOW + n * 10 * PROPAGATION;
    let once = ring().rotate(Some(at(far(1))), at(NOW), fresh(2), Force::No).unwrap().ring;
    let twice = once.rotate(Some(at(far(2))), at(NOW), fresh(3), Force::YesAtACost).unwrap().ring;
    let moved = twice.move_date(at(NOW + PROPAGATION + SKEW), at(NOW), Force::No).unwrap().ring;
    assert_eq!(dates(&moved), [Some(NOW - SKEW), Some(far(1)), Some(far(1) + 1), None]);
    let back = twice.cancel(at(NOW), Force::No).unwrap().ring;
    assert_eq!((back.keys(), back.serial()), (once.keys(), 4));
}

fn only_key() -> Ring {
    let file = ring().to_json().to_string();
    let cut = file.find("    },\n").unwrap();
    Ring::parse(format!("{}    }}\n  ],\n  \"ancestors\": []\n}}\n", &file[..cut]).as_bytes()).unwrap()
}

#[test]
fn revoke_all_starts_again() {
    let base = rotated(&ring(), NOW, 2);
    let now = NOW + 60_000;
    let Transition { ring: new, cost, .. } = base.revoke_all(at(now), fresh(3)).unwrap();
    assert_eq!(states(&new, now), [Revoked, Revoked, Revoked, Active, Staged]);
    assert_eq!(states(&new, now - SKEW)[3], Active, "the slowest clock agrees");
    // A tombstone keeps its date if it has come; one to come would stand after the new key's.
    assert_eq!(dates(&new), [Some(NOW - SKEW), None, None, Some(now - SKEW), None]);
    assert_eq!(cost.unknown_key_until, Some(at(now + PROPAGATION + SKEW)));
    let file = new.to_json();
    assert!((0..3).all(|n| !file.contains(&secret_text(&base, n))));
    assert_eq!(new.prune(at(now + PROPAGATION + GRACE), Force::No).unwrap().ring.keys().len(), 2);
}

fn secret_text(ring: &Ring, index: usize) -> String {
    let file = ring.to_json();
    let line = file.lines().filter(|l| l.contains("\"secret\"")).nth(index).unwrap();
    line.trim().split('"').nth(3).unwrap().to_string()
}

/// The last serial and the last time that a file can write can be used. After them everything is refused.
#[test]
fn serials_and_dates_end() {
    let all = |ring: &Ring, now: u64| {
        [
            ring.rotate(None, at(now), fresh(3), Force::YesAtACost),
            ring.revoke(kid(ring, 0), at(now), fresh(3), Force::YesAtACost),
            ring.revoke(kid(ring, 1), at(now), fresh(3), Force::No),
            ring.revoke_all(at(now), fresh(3)),
            ring.prune(at(now), Force::YesAtACost),
        ]
    };
    let numbered = |serial: u64| {
        let file = rotated(&ring(), NOW, 2).to_json().replace("\"serial\": 2,", &format!("\"serial\": {serial},"));
        Ring::parse(file.as_bytes()).unwrap()
    };
    let (last, date) = ((1 << 53) - 1, NOW + PROPAGATION);
    for next in all(&numbered(last - 1), date) {
        assert_eq!(next.unwrap().ring.serial(), last);
    }
    for next in all(&numbered(last), date) {
        assert_eq!(next.unwrap_err(), TransitionError::OutOfRange);
    }
    let end = UnixMillis::MAX_DATE.get();
    assert!(ring().revoke(kid(&ring(), 1), at(end), fresh(2), Force::No).is_ok());
    let dated = |date: u64| ring().rotate(Some(at(date)), at(NOW), fresh(2), Force::No).map(|t| dates(&t.ring)[1]);
    assert_eq!((dated(end), dated(end + 1)), (Ok(Some(end)), Err(TransitionError::OutOfRange)));
    for next in all(&ring(), end + 1) {
        assert_eq!(next.unwrap_err(), TransitionError::OutOfRange);
    }
}

/// An operator's clock that was set back an hour breaks no rule of the ring, and the file can still be read.
#[test]
fn a_clock_set_back_makes_no_unreadable_ring() {
    let back = NOW - 3_600_000;
    let base = rotated(&ring(), NOW, 2);
    let all = [
        base.rotate(None, at(back), fresh(3), Force::YesAtACost),
        base.revoke(kid(&base, 0), at(back), fresh(3), Force::No),
        base.revoke(kid(&base, 1), at(back), fresh(3), Force::No),
        base.revoke(kid(&base, 2), at(back), fresh(3), Force::No),
        base.revoke_all(at(back), fresh(3)),
    ];
    for next in all {
        let next = next.unwrap().ring;
        assert_eq!(Ring::parse(next.to_json().as_bytes()), Ok(next));
    }
    assert!(matches!(base.rotate(None, at(back), fresh(3), Force::No), Err(TransitionError::Pending { .. })));
}

/// What an operator may do, at random.
#[derive(Clone, Debug)]
enum Act {
    Rotate {
        later: u64,
    },
    /// To `later` after now.
    MoveDate {
        later: u64,
    },
    Cancel,
    Prune,
    Revoke {
        index: usize,
    },
    RevokeAll,
}

fn act(revoking: bool) -> impl Strategy<Value = Act> {
    let calm = prop_oneof![
        3 => (0..3 * PROPAGATION).prop_map(|later| Act::Rotate { later }),
        2 => (0..4 * PROPAGATION).prop_map(|later| Act::MoveDate { later }),
        1 => Just(Act::Cancel),
        1 => Just(Act::Prune),
    ];
    let alarm = prop_oneof![5 => (0..8_usize).prop_map(|index| Act::Revoke { index }), 1 => Just(Act::RevokeAll)];
    if revoking { prop_oneof![2 => calm, 1 => alarm].boxed() } else { calm.boxed() }
}

fn apply(ring: &Ring, act: &Act, now: UnixMillis, seed: u64) -> Option<Ring> {
    let next = match act {
        Act::Rotate { later } => {
            let date = at(now.get() + PROPAGATION + later);
            ring.rotate(Some(date).filter(|_| later % 2 == 0), now, fresh(seed), Force::No)
        }
        Act::MoveDate { later } => ring.move_date(at(now.get() + later), now, Force::No),
        Act::Cancel => ring.cancel(now, Force::No),
        Act::Prune => ring.prune(now, Force::No),
        Act::Revoke { index } => ring.revoke(ring.keys()[index % ring.keys().len()].kid(), now, fresh(seed), Force::No),
        Act::RevokeAll => ring.revoke_all(now, fresh(seed)),
    };
    next.ok().map(|t| t.ring)
}

/// Versions of a ring and when each was written, in true time.
fn history(acts: &[(u64, Act)]) -> (Vec<(u64, Ring)>, Vec<u64>) {
    let (mut versions, mut alarms) = (vec![(NOW, ring())], Vec::new());
    let mut now = NOW;
    for (seed, (pause, act)) in (10..).zip(acts) {
        now += pause;
        if let Some(next) = apply(&versions.last().unwrap().1, act, at(now), seed) {
            versions.push((now, next));
            if matches!(act, Act::Revoke { .. } | Act::RevokeAll) {
                alarms.push(now);
            }
        }
    }
    (versions, alarms)
}

/// A replica: how far its clock is off, and how late it loads each file.
#[derive(Clone, Debug)]
struct Replica {
    fast: bool,
    off: u64,
    delay: u64,
}

fn replica() -> impl Strategy<Value = Replica> {
    (any::<bool>(), 0..=SKEW / 2, 0..=PROPAGATION).prop_map(|(fast, off, delay)| Replica { fast, off, delay })
}

impl Replica {
    fn clock(&self, time: u64) -> UnixMillis {
        at(if self.fast { time + self.off } else { time - self.off })
    }

    /// The fleet handle of this replica at a true time, with the ring that it has loaded by then.
    fn fleet(&self, versions: &[(u64, Ring)], time: u64) -> Fleet {
        let loaded = versions.iter().rev().find(|(written, _)| written + self.delay <= time);
        let ring = loaded.map_or(&versions[0].1, |(_, ring)| ring).clone();
        Fleet::new(ring, Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// I1, I2: every nonce minted anywhere opens everywhere for its lifetime, through any rotations and prunings; with
    /// revocations among them, outside a revocation's propagation.
    #[test]
    fn i1_i2_what_one_replica_mints_all_open(
        acts in prop_oneof![
            prop::collection::vec((0..PROPAGATION, act(false)), 1..12),
            prop::collection::vec((0..PROPAGATION, act(true)), 1..12),
        ],
        minter in replica(),
        opener in replica(),
        moments in prop::collection::vec((any::<prop::sample::Index>(), 0..=LIFETIME), 1..20),
    ) {
        let (versions, alarms) = history(&acts);
        let end = versions.last().unwrap().0 + 5 * PROPAGATION;
        for (moment, age) in moments {
            let minted = NOW + moment.index(usize::try_from(end - NOW).unwrap()) as u64;
            let opened = minted + age;
            if alarms.iter().any(|alarm| (*alarm..=alarm + PROPAGATION + GRACE).contains(&opened)) {
                continue;
            }
            let nonce = minter.fleet(&versions, minted).mint(minter.clock(minted), &Binding::None);
            let result = opener.fleet(&versions, opened).open(&nonce, opener.clock(opened), &Binding::None);
            prop_assert!(result.is_ok(), "minted {}, opened {age} later: {result:?}", minted - NOW);
        }
    }

    /// I4: a revoked key neither mints nor opens anywhere after `propagation`.
    #[test]
    fn i4_a_revoked_key_is_dead_after_propagation(
        acts in prop::collection::vec((0..PROPAGATION, act(true)), 1..12),
        replica in replica(),
        later in PROPAGATION..3 * PROPAGATION,
    ) {
        let (versions, _) = history(&acts);
        for (index, (written, ring)) in versions.iter().enumerate() {
            for key in ring.keys().iter().filter(|k| k.revoked_at() == Some(at(*written))) {
                let before = Fleet::new(versions[index - 1].1.clone(), Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap();
                let time = written + later;
                let fleet = replica.fleet(&versions, time);
                let now = replica.clock(time);
                let minted = fleet.mint(now, &Binding::None);
                prop_assert_ne!(fleet.open(&minted, now, &Binding::None).unwrap().kid(), key.kid());
                // Whoever kept the old ring mints with the revoked key if it is the active one.
                let held = before.mint(now, &Binding::None);
                if before.ring().active(now).kid() == key.kid() {
                    let refusal = fleet.open(&held, now, &Binding::None).unwrap_err();
                    prop_assert!(matches!(refusal, Refusal::RevokedKey | Refusal::UnknownKey), "{refusal}");
                }
            }
        }
    }

    /// Taking a date back undoes the rotation, whatever went before it.
    #[test]
    fn cancel_undoes_rotate(acts in prop::collection::vec((0..2 * PROPAGATION, act(true)), 0..20), later in PROPAGATION + SKEW..9 * PROPAGATION) {
        let (versions, _) = history(&acts);
        let (written, ring) = versions.last().unwrap();
        let now = at(written + 3 * PROPAGATION);
        if let Ok(rotated) = ring.rotate(Some(at(now.get() + PROPAGATION + later)), now, fresh(9), Force::No) {
            let back = rotated.ring.cancel(now, Force::No).unwrap();
            prop_assert_eq!(back.ring.keys(), ring.keys());
            prop_assert_eq!((back.ring.serial(), back.cost), (ring.serial() + 2, Cost::default()));
        }
    }

    /// Every ring that transitions make can be read back, has a key to mint with, and exactly one.
    #[test]
    fn every_ring_on_the_way_is_sound(acts in prop::collection::vec((0..2 * PROPAGATION, act(true)), 0..30), back in 0..3_600_000_u64) {
        let (versions, _) = history(&acts);
        for (serial, (written, ring)) in (1..).zip(&versions) {
            prop_assert_eq!(ring.serial(), serial);
            prop_assert_eq!(&Ring::parse(ring.to_json().as_bytes()).unwrap(), ring);
            for now in [written - back, *written, written + back, 0, u64::MAX] {
                let active = states(ring, now).iter().filter(|s| **s == Active).count();
                prop_assert_eq!(active, 1, "at {}", now);
                let live_staged = ring.keys().iter().filter(|k| k.revoked_at().is_none() && k.activates_at().is_none()).count();
                prop_assert_eq!(live_staged, 1);
            }
        }
    }
}

//! The life of a ring: any sequence of transitions, by a clock that goes where it likes.

use sealstamp::{
    Binding, Cost, Fleet, Force, Fresh, Key, Kid, Refusal, Ring, RingId, Settings, Suite, Transition, TransitionError,
    UnixMillis,
};

use crate::input::Input;
use crate::rings;

/// A ring grows by two keys a step at most, and the checks take the square of that.
const STEPS: usize = 24;

#[derive(Clone, Copy, Debug)]
enum Step {
    Rotate(Option<UnixMillis>, Force),
    Revoke(Kid, Force),
    RevokeAll,
    Prune(Force),
    MoveDate(UnixMillis, Force),
    Cancel(Force),
    Settings(Settings, Option<UnixMillis>, Force),
    Recover(RingId),
}

/// Input: lifetime and propagation (2 bytes each), skew (1), suite (1), a time, then steps: a time, the kind of step,
/// its arguments.
pub fn transitions(data: &[u8]) {
    let mut input = Input::new(data);
    let lifetime = u32::from(input.u16()) % 3_600 + 1;
    let propagation = u32::from(input.u16()) * 40 % 2_592_001;
    let skew = u32::from(input.u8()) % 61;
    let settings = Settings::new(lifetime, skew, propagation).expect("settings within their ranges");
    let suite = input.pick(&[Suite::Aes256Gcm, Suite::ChaCha20Poly1305]);
    let start = UnixMillis::new(1_795_361_400_000);
    let mut seed = 0;
    let mut fresh = || {
        seed += 1;
        Fresh::insecure_from_seed(seed)
    };

    let mut ring = Ring::init(settings, suite, start, fresh());
    let mut now = next_time(start, &ring, &mut input);
    let (mut latest, mut forward) = (now, skew > 0 && start <= now);
    if input.flag() {
        ring = Ring::init(settings, suite, now, fresh());
        forward = skew > 0;
    }
    let fleet = rings::replica(&ring);
    let mut replica = rings::replica(&ring);
    check(&ring);
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        now = next_time(now, &ring, &mut input);
        // What the fleet is promised holds as long as the operator's clock goes forward. And without any skew allowed,
        // a nonce of the millisecond between a tombstone's date and its heir's may be one too late.
        forward &= latest <= now;
        latest = latest.max(now);
        if forward {
            check_clocks(&replica, now);
        }
        let step = step(&ring, now, &mut input);
        match apply(&ring, step, now, fresh()) {
            Ok(Transition { ring: next, cost, .. }) => {
                let successor = rings::replica(&next);
                check_step(&replica, step, now, &successor, cost);
                replica = successor;
                check(&next);
                if forward {
                    check_clocks(&replica, now);
                }
                // I5: the serial in use only grows.
                assert_eq!(fleet.swap(next.clone()), Ok(()));
                assert_eq!(fleet.swap(next.clone()), Ok(()));
                assert!(fleet.swap(ring).is_err());
                ring = next;
            }
            Err(refused) => check_refused(&ring, step, now, refused, fresh()),
        }
    }
    rings::odd_times(&ring).into_iter().for_each(|at| rings::check_status(&ring, at));
}

fn next_time(now: UnixMillis, ring: &Ring, input: &mut Input<'_>) -> UnixMillis {
    let kind = input.u8();
    let amount = u64::from(input.u16());
    match kind % 12 {
        0 => now,
        1 => now.saturating_add(amount),
        2 => now.saturating_sub(amount),
        3 => now.saturating_add(amount * 1_000),
        4 => now.saturating_sub(amount * 1_000),
        5 => now.saturating_add(amount * 3_600_000),
        6 => UnixMillis::MAX_DATE.saturating_sub(amount),
        7 => UnixMillis::new(u64::MAX - amount),
        8 => UnixMillis::new(amount),
        // Where something changes.
        _ => {
            let times = rings::odd_times(ring);
            times[usize::from(input.u8()) % times.len()]
        }
    }
}

fn step(ring: &Ring, now: UnixMillis, input: &mut Input<'_>) -> Step {
    let kind = input.u8();
    let force = if kind & 0x80 == 0 { Force::No } else { Force::YesAtACost };
    if kind & 0x60 == 0x40 {
        let (lifetime, propagation) = (u32::from(input.u16()) % 3_600 + 1, u32::from(input.u16()) * 40 % 2_592_001);
        // Not 0, for the reason given above.
        let settings = Settings::new(lifetime, u32::from(input.u8()) % 60 + 1, propagation);
        let settings = settings.expect("settings within their ranges");
        // Now and then what is in force, to take a change back.
        let settings = if kind & 1 == 0 { settings } else { *ring.settings() };
        let at = if kind & 2 == 0 { None } else { Some(next_time(now, ring, input)) };
        return Step::Settings(settings, at, force);
    }
    if kind & 0x60 == 0x60 {
        let serial = u64::from(input.u16()) + 1;
        return Step::Recover(RingId { serial, digest: [kind; 32] });
    }
    match kind % 9 {
        0 | 1 => Step::Rotate(None, force),
        2 => Step::Rotate(Some(next_time(now, ring, input)), force),
        3 | 4 => {
            let index = usize::from(input.u8());
            // Now and then one that the ring does not know.
            Step::Revoke(ring.keys().get(index % (ring.keys().len() + 1)).map_or_else(unknown_kid, Key::kid), force)
        }
        5 => Step::Prune(force),
        7 => Step::MoveDate(next_time(now, ring, input), force),
        8 => Step::Cancel(force),
        _ => Step::RevokeAll,
    }
}

fn unknown_kid() -> Kid {
    "00000000".parse().expect("eight digits")
}

fn apply(ring: &Ring, step: Step, now: UnixMillis, fresh: Fresh) -> Result<Transition, TransitionError> {
    match step {
        Step::Rotate(at, force) => ring.rotate(at, now, fresh, force),
        Step::Revoke(kid, force) => ring.revoke(kid, now, fresh, force),
        Step::RevokeAll => ring.revoke_all(now, fresh),
        Step::Prune(force) => ring.prune(now, force),
        Step::MoveDate(at, force) => ring.move_date(at, now, force),
        Step::Cancel(force) => ring.cancel(now, force),
        Step::Settings(settings, at, force) => ring.change_settings(settings, at, now, force),
        Step::Recover(lost) => ring.recover(&[lost], now, fresh),
    }
}

/// What holds for every ring on the way.
fn check(ring: &Ring) {
    rings::check_file(ring);
    rings::check_order(ring);
    for at in [UnixMillis::new(0), UnixMillis::MAX_DATE, UnixMillis::new(u64::MAX)] {
        rings::check_status(ring, at);
    }
    let mut live = ring.keys().iter().filter(|key| key.revoked_at().is_none());
    assert!(live.any(|key| key.activates_at().is_none()), "no successor is staged");
}

/// What a replica mints opens, on every clock of the fleet.
fn check_clocks(replica: &Fleet, now: UnixMillis) {
    let half = u64::from(replica.ring().settings_at(now).max_skew_s()) * 500;
    for at in [now.saturating_sub(half), now, now.saturating_add(half)] {
        rings::check_status(&replica.ring(), at);
        if at <= UnixMillis::MAX_DATE {
            let opened = replica.open(&replica.mint(at, &Binding::None), at, &Binding::None);
            assert_eq!(opened.map(|opened| opened.minted_at()), Ok(at), "a replica's own nonce is refused");
        }
    }
}

/// What a transition did to the ring, and what it did not do.
fn check_step(old: &Fleet, step: Step, now: UnixMillis, new: &Fleet, cost: Cost) {
    let (before, after) = (old.ring(), new.ring());
    let lost = if let Step::Recover(lost) = step { lost.serial } else { 0 };
    assert_eq!(after.serial(), before.serial().max(lost) + 1);
    assert!(after.is_successor_of(before.id()) && !before.is_successor_of(after.id()));
    assert!(after.reaches(before.serial()), "the newest ancestor is named");
    if let Step::Settings(settings, at, force) = step {
        let change = after.next_settings().map_or(*after.settings(), |next| next.settings);
        assert_eq!(change, settings);
        assert!(at.is_none_or(|at| after.next_settings().is_none_or(|next| next.from == at)));
        assert_eq!(after.settings_at(UnixMillis::new(u64::MAX)), &settings);
        if force == Force::No {
            assert_eq!(after.settings_at(now), before.settings_at(now), "a change comes before it is known");
        }
    } else {
        // Old settings go when nothing is judged by them any more, and not before.
        for at in [now, now.saturating_add(1), UnixMillis::new(u64::MAX)] {
            assert_eq!(after.settings_at(at), before.settings_at(at));
        }
        let gone = before.next_settings().is_some() && after.next_settings().is_none();
        assert!(!gone || before.settings_at(now.saturating_sub(lifetime_ms(before.settings()))) == after.settings());
    }
    let find = |kid: Kid| after.keys().iter().find(move |key| key.kid() == kid);
    for key in before.keys() {
        let still = find(key.kid());
        let unused = key.revoked_at().is_none() && key.activates_at().is_none();
        let may_go = matches!(step, Step::Prune(_)) || (matches!(step, Step::Cancel(_)) && unused);
        assert!(still.is_some() || may_go, "a key is gone");
        // A tombstone in the way of the key that steps in loses its date, if a slow clock has not seen that yet:
        // nothing else.
        let next = before.next_settings().map_or(0, |next| next.settings.max_skew_s());
        let skew = u64::from(before.settings().max_skew_s().max(next)) * 1_000;
        let frozen = |key: &Key, still: &Key| {
            let in_the_way = matches!(step, Step::Revoke(..)) && key.activates_at() >= Some(now.saturating_sub(skew));
            let date_lost = in_the_way && still.activates_at().is_none();
            (still.kid(), still.suite(), still.created_at()) == (key.kid(), key.suite(), key.created_at())
                && still.revoked_at() == key.revoked_at()
                && (still.activates_at() == key.activates_at() || date_lost)
        };
        assert!(still.is_none_or(|still| key.revoked_at().is_none() || frozen(key, still)), "a tombstone changed");
    }
    // I4: what is revoked does not open, here as of now.
    let minted = old.mint(now, &Binding::None);
    let was_good = old.open(&minted, now, &Binding::None).is_ok();
    let opened = new.open(&minted, now, &Binding::None);
    let active = before.active(now).kid();
    match step {
        Step::Rotate(_, force) | Step::MoveDate(_, force) | Step::Cancel(force) => {
            if force == Force::No {
                assert_eq!(cost, Cost::default());
                assert!(opened.is_ok() || !was_good, "rotation cost a nonce: {opened:?}");
            }
        }
        Step::Revoke(kid, _) => {
            assert_eq!(find(kid).and_then(Key::revoked_at), Some(now));
            assert_ne!(after.active(now).kid(), kid);
            assert_eq!(opened.err() == Some(Refusal::RevokedKey), kid == active);
        }
        Step::Settings(_, _, force) => {
            assert_eq!(after.keys(), before.keys());
            if force == Force::No {
                assert_eq!(cost, Cost::default());
                assert!(opened.is_ok() || !was_good, "a change of the settings cost a nonce: {opened:?}");
            }
        }
        Step::RevokeAll | Step::Recover(_) => {
            assert!(before.keys().iter().all(|key| find(key.kid()).is_some_and(|key| key.revoked_at().is_some())));
            assert_eq!(after.keys().iter().filter(|key| key.revoked_at().is_none()).count(), 2);
            assert_eq!(opened, Err(Refusal::RevokedKey));
        }
        Step::Prune(force) => {
            assert!(after.keys().len() < before.keys().len());
            assert_eq!(after.active(now).kid(), active);
            assert!(opened.is_ok() || !was_good, "pruning cost a fresh nonce: {opened:?}");
            if force == Force::No {
                assert_eq!(cost, Cost::default());
                for status in before.status(now).filter(|status| find(status.key.kid()).is_none()) {
                    assert!(status.prunable_at.is_some_and(|at| at <= now), "pruned too early");
                }
            }
        }
    }
}

fn lifetime_ms(settings: &Settings) -> u64 {
    u64::from(settings.lifetime_s()) * 1_000
}

/// A refusal that names a time keeps its word.
fn check_refused(ring: &Ring, step: Step, now: UnixMillis, refused: TransitionError, fresh: Fresh) {
    let _ = refused.to_string();
    let Some(legal_at) = refused.legal_at() else {
        return match refused {
            TransitionError::UnknownKid => assert!(matches!(step, Step::Revoke(kid, _) if kid == unknown_kid())),
            TransitionError::AlreadyRevoked { .. } => assert!(matches!(step, Step::Revoke(..))),
            TransitionError::NothingToPrune => assert!(matches!(step, Step::Prune(_))),
            TransitionError::SameSettings => assert!(matches!(step, Step::Settings(..))),
            TransitionError::NothingPending => assert!(matches!(step, Step::MoveDate(..) | Step::Cancel(_))),
            _ => assert_eq!(refused, TransitionError::OutOfRange),
        };
    };
    let kept = match (refused, step) {
        (TransitionError::Pending { .. }, Step::Rotate(_, Force::No)) => ring.rotate(None, legal_at, fresh, Force::No),
        (TransitionError::TooEarly { .. }, Step::Rotate(Some(_), Force::No)) => {
            ring.rotate(Some(legal_at), now, fresh, Force::No)
        }
        (TransitionError::TooEarly { .. }, Step::MoveDate(_, Force::No)) => ring.move_date(legal_at, now, Force::No),
        (TransitionError::DateStands { .. }, Step::MoveDate(..) | Step::Cancel(_)) => {
            ring.rotate(None, legal_at, fresh, Force::No)
        }
        (TransitionError::TooEarly { .. }, Step::Settings(settings, Some(_), Force::No)) => {
            ring.change_settings(settings, Some(legal_at), now, Force::No)
        }
        (TransitionError::SettingsPending { .. }, Step::Settings(settings, _, Force::No)) => {
            ring.change_settings(settings, None, legal_at, Force::No)
        }
        (TransitionError::NotYetPrunable { .. }, Step::Prune(Force::No)) => ring.prune(legal_at, Force::No),
        (TransitionError::OnlyKey { .. }, Step::Revoke(kid, Force::No)) => {
            let rotated = ring.rotate(None, now, fresh, Force::No);
            rotated.and_then(|rotated| rotated.ring.revoke(kid, legal_at, Fresh::insecure_from_seed(0), Force::No))
        }
        _ => panic!("{step:?} is refused with {refused:?}"),
    };
    assert!(matches!(kept, Ok(_) | Err(TransitionError::OutOfRange)), "{refused:?}, and then {:?}", kept.err());
}

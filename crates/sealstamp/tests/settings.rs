//! A change of lifetime, skew and propagation in a running fleet: no nonce is refused for it, and none lives longer
//! than it should.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use proptest::prelude::*;
use sealstamp::{
    Audience, Binding, Cost, Fleet, Force, Fresh, Refusal, Ring, Settings, Suite, TransitionError, UnixMillis,
};

const NOW: u64 = 1_795_374_000_000;

fn at(ms: u64) -> UnixMillis {
    UnixMillis::new(ms)
}

fn fresh(seed: u64) -> Fresh {
    Fresh::insecure_from_seed(seed)
}

fn settings(lifetime_s: u32, max_skew_s: u32, propagation_s: u32) -> Settings {
    Settings::new(lifetime_s, max_skew_s, propagation_s).unwrap()
}

/// Lifetime 120 s, skew 5 s, propagation 600 s.
fn ring() -> Ring {
    Ring::init(Settings::default(), Suite::Aes256Gcm, at(NOW), fresh(1))
}

fn changed(ring: &Ring, to: Settings, now: u64) -> Ring {
    let done = ring.change_settings(to, None, at(now), Force::No).unwrap();
    assert_eq!(done.cost, Cost::default());
    done.ring
}

fn fleet(ring: &Ring) -> Fleet {
    Fleet::new(ring.clone(), Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap()
}

/// The date that a change gets which is asked for at `NOW`, and the settings on both sides of it.
#[test]
fn a_change_comes_when_every_replica_knows_it() {
    for (to, wait) in [
        (settings(300, 5, 600), 605_000),
        (settings(60, 5, 600), 605_000),
        (settings(120, 9, 600), 609_000),
        (settings(120, 2, 600), 605_000),
        (settings(120, 5, 900), 905_000),
        (settings(120, 5, 60), 605_000),
    ] {
        let new = changed(&ring(), to, NOW);
        assert_eq!(new.next_settings().map(|next| (next.from, next.settings)), Some((at(NOW + wait), to)));
        assert_eq!(new.settings_at(at(NOW + wait - 1)), &Settings::default());
        assert_eq!(new.settings_at(at(NOW + wait)), &to);
        assert_eq!(Ring::parse(new.to_json().as_bytes()), Ok(new));
        let ask = |date: u64| ring().change_settings(to, Some(at(date)), at(NOW), Force::No).map(|done| done.cost);
        assert_eq!(ask(NOW + wait - 1), Err(TransitionError::TooEarly { legal_at: at(NOW + wait) }));
        assert_eq!(ask(NOW + wait), Ok(Cost::default()));
        assert_eq!(ask(UnixMillis::MAX_DATE.get()), Ok(Cost::default()));
        assert_eq!(ask(UnixMillis::MAX_DATE.get() + 1), Err(TransitionError::OutOfRange));
        let forced = ring().change_settings(to, Some(at(NOW + wait - 1)), at(NOW), Force::YesAtACost).unwrap();
        let grace = u64::from(to.lifetime_s().max(120) + 2 * to.max_skew_s().max(5)) * 1_000;
        assert_eq!(forced.cost.retries_until, Some(at(NOW + wait + grace)));
    }
}

/// A nonce has the lifetime that was in force when it was minted: on replicas that know of the change, and on those
/// that have not heard of it, while there are any.
#[test]
fn a_nonce_keeps_its_lifetime() {
    for (lifetime_s, max_skew_s) in [(300, 5), (60, 5), (120, 20), (120, 1), (300, 20), (60, 1)] {
        let to = settings(lifetime_s, max_skew_s, 600);
        let new = changed(&ring(), to, NOW);
        let from = new.next_settings().unwrap().from.get();
        let (old, new) = (fleet(&ring()), fleet(&new));
        let skew = u64::from(max_skew_s) * 1_000;
        let before = |minted: u64| (120_000, skew.max(5_000), minted);
        let after = |minted: u64| (u64::from(lifetime_s) * 1_000, skew, minted);
        for (lifetime, skew, minted) in [before(NOW), before(from - 1), after(from), after(from + 1)] {
            let nonce = new.mint(at(minted), &Binding::None);
            let open = |fleet: &Fleet, now: u64| fleet.open(&nonce, at(now), &Binding::None).map(|o| o.renew());
            assert_eq!(open(&new, minted - skew), Ok(false));
            assert_eq!(open(&new, minted - skew - 1), Err(Refusal::InFuture { by_ms: 1 }));
            assert_eq!(open(&new, minted + lifetime / 2), Ok(false));
            assert_eq!(open(&new, minted + lifetime / 2 + 1), Ok(true));
            assert_eq!(open(&new, minted + lifetime + skew), Ok(true));
            assert_eq!(open(&new, minted + lifetime + skew + 1), Err(Refusal::Expired { by_ms: 1 }));
            if minted < from {
                assert_eq!(open(&old, minted + lifetime), Ok(true));
            }
        }
    }
}

/// A key's window ends at its successor's date and the greater of the two skews.
#[test]
fn a_key_window_has_the_greater_skew() {
    for max_skew_s in [1, 20] {
        let rotated = ring().rotate(None, at(NOW), fresh(2), Force::No).unwrap().ring;
        let date = rotated.pending(at(NOW)).unwrap().activates_at().unwrap().get();
        let new = changed(&rotated, settings(120, max_skew_s, 600), NOW + 1);
        let end = date + u64::from(max_skew_s.max(5)) * 1_000;
        assert_eq!(new.status(at(NOW)).next().unwrap().mints_until, Some(at(end)));
        let grace = u64::from(120 + 2 * max_skew_s.max(5)) * 1_000;
        assert_eq!(new.status(at(date)).next().unwrap().prunable_at, Some(at(date + grace)));
        let thief = fleet(&ring());
        let open = |minted: u64| fleet(&new).open(&thief.mint(at(minted), &Binding::None), at(minted), &Binding::None);
        assert!(open(end).is_ok());
        assert_eq!(open(end + 1), Err(Refusal::KeyRetired));
    }
}

/// While a change is under way, rotations wait as long as the greater settings say.
#[test]
fn a_rotation_waits_for_the_greater_propagation() {
    for (to, wait) in [(settings(120, 5, 900), 900_000), (settings(120, 5, 60), 600_000)] {
        let new = changed(&ring(), to, NOW);
        let date = |at_ms: u64| new.rotate(Some(at(at_ms)), at(NOW + 10_000), fresh(2), Force::No).map(|_| ());
        assert_eq!(date(NOW + 10_000 + wait - 1), Err(TransitionError::TooEarly { legal_at: at(NOW + 10_000 + wait) }));
        assert_eq!(date(NOW + 10_000 + wait), Ok(()));
    }
}

/// From the moment on when nothing is fresh that was minted before, the next transition leaves the new settings alone.
#[test]
fn old_settings_go_when_nothing_needs_them() {
    let to = settings(300, 9, 60);
    let new = changed(&ring(), to, NOW);
    let settled = new.next_settings().unwrap().from.get() + 300_000 + 2 * 9_000;
    let rotate = |now: u64| new.rotate(None, at(now), fresh(2), Force::No).unwrap().ring;
    assert!(rotate(settled - 1).next_settings().is_some());
    let after = rotate(settled);
    assert_eq!((after.settings(), after.next_settings()), (&to, None));
    // The date of the next key has the margins that held when it was asked for.
    let date = |ring: &Ring, now: u64| ring.pending(at(now)).unwrap().activates_at().unwrap().get() - now;
    assert_eq!(date(&after, settled), 600_000);
    let later = after.rotate(None, at(settled + 600_000), fresh(3), Force::No).unwrap().ring;
    assert_eq!(date(&later, settled + 600_000), 60_000);
}

/// One change at a time, unless no replica can have begun to follow the one before.
#[test]
fn a_change_can_be_taken_back_in_time() {
    let to = settings(300, 5, 600);
    let date = NOW + 10_000_000;
    let pending = ring().change_settings(to, Some(at(date)), at(NOW), Force::No).unwrap().ring;
    let settled = date + 310_000;
    let (back, other) = (Settings::default(), settings(60, 5, 600));
    let ask = |to: Settings, now: u64| pending.change_settings(to, None, at(now), Force::No).map(|done| done.ring);
    let refused = Err(TransitionError::SettingsPending { legal_at: at(settled) });
    let last = date - 605_000;
    assert_eq!(ask(back, last).unwrap().next_settings(), None);
    assert_eq!(ask(back, last).unwrap().settings(), &back);
    assert_eq!(ask(other, last).unwrap().next_settings().unwrap().from, at(date));
    for now in [last + 1, date - 1, date, settled - 1] {
        assert_eq!(ask(back, now), refused, "{now}");
        assert_eq!(ask(other, now), refused, "{now}");
    }
    assert_eq!(ask(back, settled).unwrap().settings(), &to);
    assert!(ask(other, settled).is_ok());
    for now in [NOW, date, settled] {
        assert_eq!(ask(to, now), Err(TransitionError::SameSettings));
    }
    assert_eq!(
        ring().change_settings(back, None, at(NOW), Force::YesAtACost).unwrap_err(),
        TransitionError::SameSettings
    );
    let forced = pending.change_settings(other, None, at(date), Force::YesAtACost).unwrap();
    assert_eq!(forced.cost.retries_until, Some(at(date + 605_000 + 310_000)));
    assert_eq!((forced.ring.settings(), forced.ring.settings_at(at(date))), (&to, &to));
}

#[test]
fn a_file_of_version_1_takes_a_change() {
    let file = ring().to_json().replace("ring/2", "ring/1").replace(",\n  \"ancestors\": []", "");
    let old = Ring::parse(file.as_bytes()).unwrap();
    let new = changed(&old, settings(60, 5, 600), NOW);
    assert!(new.is_successor_of(old.id()) && new.to_json().contains("\"next_settings\""));
}

#[test]
fn messages() {
    let pending = TransitionError::SettingsPending { legal_at: at(NOW) };
    assert_eq!(pending.to_string(), "the settings are changing; they may be changed again at 2026-11-22T19:00:00Z");
    assert_eq!(TransitionError::SameSettings.to_string(), "the settings are these already");
}

/// A replica: its clock is off by so many milliseconds of `±2,500`, and it loads each file so late.
fn replica() -> impl Strategy<Value = (i64, u64)> {
    let off = prop_oneof![Just(-2_500_i64), Just(2_500), -2_500..=2_500_i64];
    (off, prop_oneof![Just(0), Just(600_000_u64), 0..=600_000_u64])
}

fn in_use(versions: &[(u64, Ring)], time: u64, delay: u64) -> Fleet {
    let loaded = versions.iter().rev().find(|(written, _)| written + delay <= time);
    fleet(&loaded.unwrap_or(&versions[0]).1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Through any changes of the settings, rotations and prunings: what any replica mints opens on all for the lifetime
    /// that was in force, and on none for longer than that and two skews.
    #[test]
    fn no_nonce_is_refused_for_a_change(
        acts in prop::collection::vec((0..900_000_u64, 0..6_u8, 1..240_u32, 5..12_u32, 600..900_u32), 1..14),
        minter in replica(),
        opener in replica(),
        moments in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..1_000_u64), 1..24),
    ) {
        let mut versions = vec![(NOW, ring())];
        let (mut time, mut changes) = (NOW, vec![NOW + 1]);
        for (seed, (pause, what, lifetime, skew, propagation)) in (2..).zip(&acts) {
            time += pause;
            let last = &versions.last().unwrap().1;
            let next = match what {
                0 => last.rotate(None, at(time), fresh(seed), Force::No),
                1 => last.prune(at(time), Force::No),
                2 => last.change_settings(*last.settings(), None, at(time), Force::No),
                _ => last.change_settings(settings(*lifetime, *skew, *propagation), None, at(time), Force::No),
            };
            let Ok(next) = next else { continue };
            prop_assert_eq!(next.cost, Cost::default());
            changes.extend(next.ring.next_settings().map(|next| next.from.get()));
            changes.push(time);
            versions.push((time, next.ring));
        }
        let clock = |(off, _): (i64, u64), time: u64| at(time.saturating_add_signed(off));
        let end = time + 1_500_000;
        for (nth, (moment, change, near)) in moments.iter().enumerate() {
            // At any time, and around what changes.
            let any = NOW + moment.index(usize::try_from(end - NOW).unwrap()) as u64;
            let minted = if nth % 2 == 0 { any } else { change.get(&changes) + near * 10 - 5_000 }.max(NOW);
            let shown = clock(minter, minted);
            let nonce = in_use(&versions, minted, minter.1).mint(shown, &Binding::None);
            // What is in force at a time does not depend on how much later one asks.
            let then = versions.iter().rev().find(|(written, _)| *written <= minted).unwrap().1.settings_at(shown);
            let lifetime = u64::from(then.lifetime_s()) * 1_000;
            let open = |time: u64| in_use(&versions, time, opener.1).open(&nonce, clock(opener, time), &Binding::None);
            for opened in [minted, minted + lifetime / 2, minted + lifetime] {
                prop_assert!(open(opened).is_ok(), "{:?} at {} + {}", open(opened), minted - NOW, opened - minted);
            }
            prop_assert!(open(minted + lifetime + 2 * 12_000 + 1).is_err(), "late, at {}", minted - NOW);
        }
    }
}

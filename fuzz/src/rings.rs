//! What holds for every ring, whether it was read or made.

use sealstamp::{Audience, Fleet, Key, KeyState, Ring, UnixMillis};

/// The ring comes back from its file as it was.
pub(crate) fn check_file(ring: &Ring) {
    let file = ring.to_json();
    let again = Ring::parse(file.as_bytes()).expect("a ring's own file is refused");
    assert!(again == *ring, "a ring's own file is another ring");
    assert!(again.to_json() == file, "a ring has two spellings");
    assert_eq!(again.digest(), ring.digest());
    let _ = format!("{ring:?}");
    let live = ring.keys().iter().filter(|key| key.revoked_at().is_none()).count();
    assert_eq!(file.matches("\"secret\"").count(), live, "a tombstone kept its secret");
}

/// The list is in order: kids are distinct, dates strictly increase, nothing staged stands before a date.
pub(crate) fn check_order(ring: &Ring) {
    let keys = ring.keys();
    let dates: Vec<_> = keys.iter().filter_map(Key::activates_at).collect();
    assert!(dates.is_sorted_by(|a, b| a < b), "dates do not increase: {dates:?}");
    assert!(keys.is_sorted_by_key(Key::created_at), "creation goes back");
    let mut kids: Vec<_> = keys.iter().map(Key::kid).collect();
    kids.sort_unstable();
    kids.dedup();
    assert_eq!(kids.len(), keys.len(), "two keys have one kid");
    let staged = keys.iter().position(|key| key.revoked_at().is_none() && key.activates_at().is_none());
    let dated = keys.iter().rposition(|key| key.activates_at().is_some());
    assert!(staged.is_none_or(|staged| dated < Some(staged)), "a staged key stands before a dated one");
}

/// At any time, one live dated key is active, and it is the one that the rule names.
pub(crate) fn check_status(ring: &Ring, at: UnixMillis) {
    let mut dated: Vec<(UnixMillis, &Key)> = Vec::new();
    for key in ring.keys().iter().filter(|key| key.revoked_at().is_none()) {
        dated.extend(key.activates_at().map(|date| (date, key)));
    }
    let come = dated.iter().filter(|(date, _)| *date <= at).max_by_key(|(date, _)| *date);
    let (_, expected) = come.or_else(|| dated.iter().min_by_key(|(date, _)| *date)).expect("no key can mint");
    assert_eq!(ring.active(at).kid(), expected.kid(), "at {}", at.get());

    let mut active = 0;
    for status in ring.status(at) {
        assert_eq!(status.state == KeyState::Revoked, status.key.revoked_at().is_some());
        match status.state {
            KeyState::Active => {
                active += 1;
                assert_eq!(status.key.kid(), expected.kid());
                assert_eq!(status.prunable_at, None);
            }
            KeyState::Staged => assert_eq!(status.prunable_at, None),
            KeyState::Retiring => assert!(status.prunable_at.is_none_or(|when| when > at)),
            KeyState::Prunable => assert!(status.prunable_at.is_some_and(|when| when <= at)),
            KeyState::Revoked => {}
        }
    }
    assert_eq!(active, 1, "{active} keys are active at {}", at.get());
    assert!(ring.pending(at).is_none_or(|key| key.activates_at() > expected.activates_at()));
}

/// The ends of time, and the times at which something about the ring changes, with their neighbours; of a large ring's
/// thousands, which are all of the same few kinds, 64.
pub(crate) fn odd_times(ring: &Ring) -> Vec<UnixMillis> {
    let mut times = vec![UnixMillis::new(0), UnixMillis::MAX_DATE, UnixMillis::new(u64::MAX)];
    let statuses: Vec<_> = ring.status(UnixMillis::MAX_DATE).collect();
    for status in statuses {
        let key = status.key;
        let dates =
            [Some(key.created_at()), key.activates_at(), key.revoked_at(), status.mints_until, status.prunable_at];
        for date in dates.into_iter().flatten() {
            times.extend([date.saturating_sub(1), date, date.saturating_add(1)]);
        }
    }
    times.sort_unstable();
    times.dedup();
    times.iter().copied().step_by(times.len().div_ceil(64)).collect()
}

/// A replica with this ring, whose seed and counter depend on nothing but this call.
pub(crate) fn replica(ring: &Ring) -> Fleet {
    let audience = Audience::new("https://mcp.example.com/mcp").expect("a good audience");
    Fleet::with_seed(ring.clone(), audience, [0x5a; 32], 0)
}

//! `Ring::parse`, from any bytes. A file that is read has one meaning, and holds at every time.

use sealstamp::{Binding, Refusal, Ring, UnixMillis};

use crate::rings;

/// The last millisecond that a nonce can carry: its epoch outgrows four bytes then.
const LAST: UnixMillis = UnixMillis::new(sealstamp::EPOCH_MS * (1 << 32) - 1);

/// Input: the file.
pub fn ring_file(data: &[u8]) {
    let ring = match Ring::parse(data) {
        Ok(ring) => ring,
        Err(error) => {
            // Fixed words, a number, a kid: nothing of the file's own text can be in there.
            let message = error.to_string();
            assert!(message.is_ascii() && message.len() < 128, "{message}");
            let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!(error.line().is_none_or(|line| (1..=lines).contains(&line)), "{message}");
            return;
        }
    };
    rings::check_file(&ring);
    rings::check_order(&ring);
    let replica = rings::replica(&ring);
    for at in rings::odd_times(&ring) {
        rings::check_status(&ring, at);
        let nonce = replica.mint(at, &Binding::None);
        match replica.open(&nonce, at, &Binding::None) {
            Ok(opened) => assert_eq!((opened.minted_at(), opened.kid()), (at, ring.active(at).kid())),
            // The next dated key may be a tombstone, whose date has come.
            Err(Refusal::KeyRetired) => {
                let end = ring.status(at).find(|status| status.key.kid() == ring.active(at).kid());
                assert!(end.and_then(|status| status.mints_until).is_some_and(|end| end < at));
            }
            Err(refusal) => assert!(at > LAST, "{refusal} at {}", at.get()),
        }
    }
}

//! The verifier under clocks that step, stop and jump: it fails closed, and it recovers by itself.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use sealstamp::{Force, Fresh, UnixMillis};
use sealstamp_dpop::{Accepted, Nonces, Reason, Rejection, Verifier};
use sealstamp_testkit::{PUBLIC_URL, quoted};
use support::{NOW, World, fleet, ring};

const HOUR: i64 = 3_600_000;

fn shifted(time: UnixMillis, ms: i64) -> UnixMillis {
    UnixMillis::new(time.get().checked_add_signed(ms).unwrap())
}

/// A client whose clock is right, at a server whose clock says otherwise. The token's times are not what this is about.
fn request(world: &World, client: UnixMillis, nonce: &str) -> Result<Accepted, Rejection> {
    let draft = world.draft().but(|draft| {
        draft.claims.set("iat", (client.get() / 1000).to_string());
        draft.claims.set("nonce", quoted(nonce));
        draft.token_claims.set("exp", (NOW.get() / 1000 + 1_000_000).to_string());
    });
    world.decide_draft(&draft)
}

/// What the server hands out is good at the same server by whatever its clock says, as far as SEP-2 lets a client's
/// `iat`.
fn first_try_and_retry(world: &World, client: UnixMillis) -> Result<Accepted, Reason> {
    let refused = request(world, client, "").unwrap_err();
    let Some(nonce) = refused.nonce() else { panic!("a refusal without a nonce") };
    request(world, client, nonce).map_err(|refused| refused.reason())
}

/// SEP-2: an hour off, an honest client is refused either way; at the right time again, it is accepted at once.
#[test]
fn a_clock_that_steps_an_hour() {
    let right = World::new();
    let nonce = right.nonce();
    for (step, reason) in [(HOUR, Reason::IatTooOld), (-HOUR, Reason::IatInFuture)] {
        let stepped = World { now: shifted(NOW, step), ..right.clone() };
        assert_eq!(first_try_and_retry(&stepped, NOW).unwrap_err(), reason);
        assert_eq!(request(&stepped, NOW, &nonce).unwrap_err().reason(), reason);
        // A proof of the server's own hour gets no further with a nonce of another one.
        let of_that_hour = request(&stepped, stepped.now, &nonce).unwrap_err().reason();
        assert!(matches!(of_that_hour, Reason::NonceExpired | Reason::NonceInFuture | Reason::NonceOutsideWindow));
        assert!(request(&right, NOW, &nonce).is_ok(), "the same process, its clock set right");
        // What it minted while it was off is worth nothing now.
        let off = stepped.nonce();
        assert!(request(&right, NOW, &off).is_err());
    }
    // Within what SEP-2 allows, nonces work by the server's clock alone, however wrong both are.
    for step in [-299_000, 299_000] {
        assert!(first_try_and_retry(&World { now: shifted(NOW, step), ..right.clone() }, NOW).is_ok(), "{step}");
    }
}

/// A server whose clock stands accepts for five minutes, then refuses honest clients: it fails closed for what is new.
/// What was made while it stood stays good there, and only there; that is what "trusted: the clock" means.
#[test]
fn a_clock_that_stops() {
    let stopped = World::new();
    let running = |ms| World { now: shifted(NOW, ms), ..stopped.clone() };
    for ms in [0, 1_000, 300_000] {
        assert!(first_try_and_retry(&stopped, shifted(NOW, ms)).is_ok(), "{ms}");
    }
    assert_eq!(first_try_and_retry(&stopped, shifted(NOW, 301_000)).unwrap_err(), Reason::IatInFuture);
    let nonce = stopped.nonce();
    assert!(request(&stopped, NOW, &nonce).is_ok());
    assert_eq!(request(&running(125_001), NOW, &nonce).unwrap_err().reason(), Reason::NonceExpired);
    assert!(first_try_and_retry(&running(400_000), shifted(NOW, 400_000)).is_ok(), "the clock goes again");
}

/// A jump past an activation costs a client one retry at most: for the time that passed, not for the key.
#[test]
fn a_clock_that_jumps_past_an_activation() {
    let rotated = ring(NOW).rotate(None, NOW, Fresh::insecure_from_seed(9), Force::No).unwrap().ring;
    let date = shifted(NOW, 600_000);
    let fleet = fleet(rotated, PUBLIC_URL);
    let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).build().unwrap();
    let world = |now| World { now, fleet: fleet.clone(), verifier: verifier.clone(), ..World::new() };
    let (before, after) = (world(shifted(date, -1)), world(shifted(date, 60_000)));
    let (old, new) = (before.nonce(), after.nonce());
    let kid = |world: &World, nonce: &str| *request(world, world.now, nonce).unwrap().proof().unwrap().nonce().unwrap();
    assert_ne!(kid(&before, &old).kid(), kid(&after, &new).kid());
    assert!(request(&after, after.now, &old).is_ok(), "a nonce of the key before lives out its time");
    assert_eq!(request(&before, before.now, &new).unwrap_err().reason(), Reason::NonceInFuture);
    let long_after = world(shifted(date, 2 * HOUR));
    assert!(first_try_and_retry(&long_after, long_after.now).is_ok());
    assert!(first_try_and_retry(&before, before.now).is_ok(), "and back again");
}

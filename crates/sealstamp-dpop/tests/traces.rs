//! What `tracing` is told of a decision: why, and nothing that is a secret or a client's text.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use std::io;
use std::sync::{Arc, Mutex};

use sealstamp_dpop::RequestHead;
use sealstamp_testkit::{Draft, quoted};
use support::{NOW, World};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written at this level while these requests are decided.
fn told(level: LevelFilter, drafts: &[Draft]) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_max_level(level).with_writer(move || writer.clone());
    let _guard = subscriber.finish().set_default();
    let world = World::new();
    for draft in drafts {
        let parts = draft.parts();
        let decided = world.verifier.decide(RequestHead::of(&parts), &world.tokens, NOW);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::pin::pin!(decided).poll(&mut context).is_ready());
    }
    String::from_utf8(std::mem::take(&mut *lines.0.lock().unwrap())).unwrap()
}

#[test]
fn each_decision_is_an_event_in_a_span() {
    let world = World::new();
    let (good, old) = (world.draft(), world.draft().but(|draft| draft.claims.set("iat", 7)));
    let thumbprint = good.key.thumbprint();
    let told_all = told(LevelFilter::TRACE, &[good.clone(), old.clone()]);
    let lines: Vec<_> = told_all.lines().collect();
    assert_eq!(lines.len(), 2, "{told_all}");
    let accepted =
        format!("DEBUG decide: sealstamp_dpop: accepted thumbprint={thumbprint} nonce_age_ms=0 client_clock_s=0");
    assert!(lines[0].ends_with(&accepted), "{}", lines[0]);
    let (start, end) = ("INFO decide: sealstamp_dpop: refused reason=\"iat_too_old\" ", "client_clock_s=-1795361393");
    assert!(lines[1].contains(start) && lines[1].ends_with(end), "{}", lines[1]);

    // Without DEBUG: why requests are refused, and not whose they are.
    let late = world.draft().but(|draft| draft.token_claims.set("aud", quoted("other")));
    let told_info = told(LevelFilter::INFO, &[good, late]);
    assert_eq!(told_info.lines().count(), 1);
    assert!(
        told_info.contains("INFO sealstamp_dpop: refused reason=\"token_wrong_audience\" nonce_age_ms=0"),
        "{told_info}"
    );
    assert!(!told_info.contains(&thumbprint));
}

#[test]
fn no_secret_and_no_text_of_a_client() {
    let world = World::new();
    let secret = "5ecretTextOfTheClient";
    let mut drafts = vec![world.draft()];
    for name in ["jti", "htm", "htu", "nonce", "iat"] {
        drafts.push(world.draft().but(|draft| draft.claims.set(name, quoted(secret))));
    }
    for name in ["iss", "aud", "sub", "exp"] {
        drafts.push(world.draft().but(|draft| draft.token_claims.set(name, quoted(secret))));
    }
    for name in ["typ", "alg", "crit"] {
        drafts.push(world.draft().but(|draft| draft.header.set(name, quoted(secret))));
        drafts.push(world.draft().but(|draft| draft.token_header.set(name, quoted(secret))));
    }
    drafts.push(world.draft().but(|draft| draft.path = format!("/{secret}")));
    drafts.push(world.draft().but(|draft| draft.method = secret.parse().unwrap()));
    drafts.push(world.draft().but(|draft| draft.token = Some(secret.into())));
    let told = told(LevelFilter::TRACE, &drafts);
    assert_eq!(told.lines().count(), drafts.len());
    assert!(!told.contains(secret), "{told}");
    for draft in &drafts {
        let token = draft.token();
        let nonce = draft.claims.get("nonce").trim_matches('"').to_owned();
        for held_back in [token.as_str(), &draft.proof(), &nonce, "a0b1c2"] {
            assert!(!told.contains(held_back), "{held_back} in {told}");
        }
    }
}

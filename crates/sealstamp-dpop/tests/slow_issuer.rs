//! An issuer that takes three seconds to answer, over real HTTP in real time, and two hundred clients that give up
//! after one. The schedule of the fetches has its own tests, by a clock that they move (`src/token/remote/tests.rs`).

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a test that goes wrong should panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use sealstamp_dpop::{Jwks, JwtValidator, RemoteJwtValidator, TokenDefect, TokenValidator as _};
use sealstamp_testkit::{ISSUER, Issuer, PUBLIC_URL};
use support::NOW;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_client_is_served_among_two_hundred_that_hang_up() {
    let (issuer, asked) = (Issuer::new(ISSUER), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let jwks_uri = format!("http://{}/jwks", listener.local_addr().unwrap());
    let (jwks, seen) = (issuer.jwks(), Arc::clone(&asked));
    let slow = Router::new().route(
        "/jwks",
        get(move || async move {
            seen.fetch_add(1, SeqCst);
            sleep(Duration::from_secs(3)).await;
            jwks
        }),
    );
    tokio::spawn(async move { axum::serve(listener, slow).await });

    let tokens = JwtValidator::new(ISSUER, PUBLIC_URL, Jwks::none());
    let tokens = RemoteJwtValidator::start(tokens, &jwks_uri).unwrap();
    assert!(!tokens.is_ready());
    let token = token_of(&issuer);

    let impatient: Vec<_> = (0..200)
        .map(|_| {
            let (tokens, token) = (tokens.clone(), token.clone());
            tokio::spawn(async move { timeout(Duration::from_secs(1), tokens.validate(&token, NOW)).await.is_err() })
        })
        .collect();
    for client in impatient {
        assert!(client.await.unwrap(), "it should have given up");
    }
    assert!(tokens.validate(&token, NOW).await.is_ok());
    assert!(tokens.is_ready());
    // And a flood of keys that nobody has costs the issuer nothing more.
    let forged = token_of(&Issuer::new(ISSUER));
    for _ in 0..200 {
        assert_eq!(tokens.validate(&forged, NOW).await.unwrap_err(), TokenDefect::BadSignature);
    }
    assert_eq!(asked.load(SeqCst), 1);
}

fn token_of(issuer: &Issuer) -> String {
    issuer.token("alice", PUBLIC_URL, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", NOW.get() / 1000)
}

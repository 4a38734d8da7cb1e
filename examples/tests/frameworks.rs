//! The same server under plain hyper and under actix-web: what is refused, what is accepted, and the next nonce.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

#[path = "../frameworks/actix.rs"]
mod actix;
#[path = "../frameworks/hyper.rs"]
mod hyper;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use sealstamp::{Binding, Fleet, Fresh, Ring, Settings, Suite};
use sealstamp_dpop::{Jwks, JwtValidator, Nonces, Verifier, origin_audience};
use sealstamp_examples::client::proof;
use sealstamp_examples::clock::{now, unix_seconds};
use sealstamp_testkit::{ISSUER, Issuer, Key, PUBLIC_URL};
use serde_json::{Value, json};

struct World {
    fleet: Fleet,
    issuer: Issuer,
    verifier: Verifier,
    tokens: JwtValidator,
}

impl World {
    fn new() -> Self {
        // So that a nonce can be past half its life.
        let made = now().saturating_sub(600_000);
        let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, made, Fresh::from_os().unwrap());
        let fleet = Fleet::new(ring, origin_audience(PUBLIC_URL).unwrap()).unwrap();
        let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).build().unwrap();
        let issuer = Issuer::new(ISSUER);
        let tokens = JwtValidator::new(ISSUER, PUBLIC_URL, Jwks::parse(issuer.jwks().as_bytes()).unwrap());
        Self { fleet, issuer, verifier, tokens }
    }

    async fn is_served_at(&self, address: std::net::SocketAddr, gives_back_ids: bool) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let post = || http.post(format!("http://{address}/mcp")).body(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#);
        let bare = post().send().await.unwrap();
        assert_eq!(bare.status(), 401);
        assert!(bare.headers()[WWW_AUTHENTICATE].to_str().unwrap().starts_with("DPoP algs="));
        let nonce = bare.headers()["dpop-nonce"].to_str().unwrap().to_owned();
        let body: Value = serde_json::from_str(&bare.text().await.unwrap()).unwrap();
        assert_eq!(body["id"], if gives_back_ids { json!(7) } else { json!(null) });

        let key = Key::generate("ES256");
        let token = self.issuer.token("alice", PUBLIC_URL, &key.thumbprint(), unix_seconds());
        let old = self.fleet.mint(now().saturating_sub(100_000), &Binding::None).to_string();
        for (nonce, status, renewed) in [(nonce.as_str(), 200, false), (old.as_str(), 200, true), ("no", 401, true)] {
            let proof = proof(&key, "POST", PUBLIC_URL, &token, Some(nonce), unix_seconds()).unwrap();
            let sent = post().header(AUTHORIZATION, format!("DPoP {token}")).header("dpop", proof).send();
            let answer = sent.await.unwrap();
            assert_eq!(answer.status(), status, "{nonce}");
            assert_eq!(answer.headers().contains_key("dpop-nonce"), renewed, "{nonce}");
            if status == 200 {
                assert_eq!(answer.text().await.unwrap(), "hello Some(\"alice\")");
            }
        }
    }
}

#[tokio::test]
async fn plain_hyper() {
    let world = World::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(hyper::serve(listener, world.verifier.clone(), world.tokens.clone()));
    world.is_served_at(address, false).await;
}

/// M-2: the body has been read, so the refusal carries its id.
#[tokio::test]
async fn actix_web() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(actix::serve(listener, world.verifier.clone(), world.tokens.clone()).unwrap());
    world.is_served_at(address, true).await;
}

//! A real MCP server behind the layer, over HTTP, in both protocol revisions: a valid request gets 2xx, and everything
//! that the standards refuse gets 401 with a `DPoP` challenge and a nonce to go on with.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

#[path = "tower_support/mod.rs"]
mod support;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use sealstamp::{Audience, Binding, Fleet};
use sealstamp_dpop::Reason;
use sealstamp_testkit::{Client, Draft, ISSUER, Issuer, Key, Members, PUBLIC_URL, b64, headers, quoted, sha256};
use serde_json::{Value, json};
use support::{METADATA_URL, Server, meta, now, now_s, openings, parameter, token_claims};

/// SEP-8, R43-10: the request that all others spoil in one place.
#[tokio::test]
async fn a_valid_request_opens_either_revision() {
    let server = Server::start().await;
    let client = server.client();
    for (revision, method, params) in openings() {
        for scheme in ["DPoP", "dpop", "DPOP"] {
            let proof = server.draft(&client).proof();
            let answer =
                server.post(revision, method, params.clone(), headers(scheme, &client.token, [proof.as_str()])).await;
            assert_eq!(answer.status(), StatusCode::OK, "{revision} {scheme}");
            let body = answer.text().await.unwrap();
            assert!(body.contains("\"serverInfo\"") || body.contains("supportedVersions"), "{body}");
            assert!(body.contains(revision), "{body}");
        }
    }
    assert_eq!(server.verifier.counters().accepted(), 6);
}

/// A tool reads who is calling.
#[tokio::test]
async fn a_tool_knows_its_caller() {
    let server = Server::start().await;
    let client = server.client();
    let answer = server.call("whoami", server.draft(&client).headers()).await;
    let body = answer.text().await.unwrap();
    assert!(body.contains(&format!("alice {}", client.key.thumbprint())), "{body}");
}

/// An event stream arrives while the tool is still at work.
#[tokio::test]
async fn events_come_as_they_are_sent() {
    let server = Server::start().await;
    let client = server.client();
    let mut params = json!({ "name": "count", "arguments": {}, "_meta": meta() });
    params["_meta"]["progressToken"] = json!("p");
    let started = Instant::now();
    let proof = server.draft(&client).headers();
    let mut answer = server.post("2026-07-28", "tools/call", params, proof).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream");
    let mut first = None;
    let mut all = String::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        all.push_str(std::str::from_utf8(&chunk).unwrap());
        if all.contains("notifications/progress") {
            first.get_or_insert_with(|| started.elapsed());
        }
    }
    assert!(all.contains("done"), "{all}");
    // The tool takes 1.5 s; a response that is held back would show its first event then.
    assert!(first.unwrap() < Duration::from_millis(1_000), "the first event came after {first:?}");
    assert!(started.elapsed() >= Duration::from_millis(1_500));
}

/// D-4, R82-1: the 401 to a request without credentials hands out a nonce, and whoever uses it needs one request fewer.
#[tokio::test]
async fn the_first_401_saves_a_request() {
    for (revision, method, params) in openings() {
        let mut needed = Vec::new();
        for use_first_nonce in [false, true] {
            let server = Server::start().await;
            let client = server.client();
            let post = |headers| server.post(revision, method, params.clone(), headers);
            let bare = post(HeaderMap::new()).await;
            assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
            let challenge = bare.headers()[WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.starts_with("DPoP algs=\""), "no error, since nothing was tried: {challenge}");
            let mut nonce = nonce_of(bare.headers());
            if !use_first_nonce {
                "not one of yours".clone_into(&mut nonce);
            }
            let mut requests = 0;
            loop {
                requests += 1;
                let answer = post(client.draft(&nonce, now_s()).headers()).await;
                if answer.status() == StatusCode::OK {
                    break;
                }
                assert_eq!(parameter(answer.headers(), "error").as_deref(), Some("use_dpop_nonce"));
                assert!(requests < 3, "a retry with the nonce given must succeed");
                nonce = nonce_of(answer.headers());
            }
            needed.push(requests);
        }
        assert_eq!(needed, [2, 1], "{revision}");
    }
}

/// The whole list, over HTTP. A request that is refused must not have reached the MCP server.
#[tokio::test]
async fn everything_else_is_refused() {
    let server = Server::start().await;
    let cases = cases();
    assert!(cases.len() >= 40);
    for (revision, method, params) in openings() {
        for (name, error, make) in &cases {
            let name = format!("{revision} {method}: {name}");
            server.reached.store(0, Ordering::SeqCst);
            let client = server.client();
            let answer = server.post(revision, method, params.clone(), make(&server, &client)).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{name}");
            assert_eq!(server.reached.load(Ordering::SeqCst), 0, "{name}");
            let headers = answer.headers().clone();

            // SEP-3, R71-1, R9-1: one challenge, with its error, the algorithms, and where to learn more (RFC 9728).
            assert_eq!(headers.get_all(WWW_AUTHENTICATE).iter().count(), 1, "{name}");
            assert_eq!(parameter(&headers, "error").as_deref(), Some(*error), "{name}");
            assert_eq!(parameter(&headers, "algs").as_deref(), Some("ES256 ES384 EdDSA Ed25519 PS256 RS256"), "{name}");
            assert_eq!(parameter(&headers, "resource_metadata").as_deref(), Some(METADATA_URL), "{name}");
            // R-CORS.
            assert_eq!(headers["cache-control"], "no-store", "{name}");
            assert!(headers["access-control-expose-headers"].to_str().unwrap().contains("DPoP-Nonce"), "{name}");
            // An MCP client reads a JSON-RPC error.
            let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!((&body["jsonrpc"], &body["error"]["data"]["error"]), (&json!("2.0"), &json!(error)), "{name}");

            // R8-2, I9: the nonce that came along is good at once.
            let nonce = nonce_of(&headers);
            assert_eq!(nonce.len(), 60, "{name}");
            let again = server.post(revision, method, params.clone(), client.draft(&nonce, now_s()).headers()).await;
            assert_eq!(again.status(), StatusCode::OK, "{name}: the retry");
        }
    }
}

/// `iat` and the nonce are judged by the clock of the moment: one millisecond decides.
#[tokio::test]
async fn a_nonce_ages_with_the_clock() {
    let server = Server::start().await;
    let client = server.client();
    // What is left of the lifetime and the skew when the request comes in is a few milliseconds off; a second is not.
    for (ahead, status) in [(124_000, StatusCode::OK), (126_000, StatusCode::UNAUTHORIZED)] {
        let headers = server.draft(&client).headers();
        server.ahead.store(ahead, Ordering::SeqCst);
        let answer = server.call("whoami", headers).await;
        assert_eq!(answer.status(), status, "{ahead}");
        server.ahead.store(0, Ordering::SeqCst);
    }
    assert_eq!(server.verifier.counters().refused(Reason::NonceExpired), 1);
}

/// A head that is too large ends with an answer, not with a panic, and the server goes on.
#[tokio::test]
async fn monstrous_heads_do_no_harm() {
    let server = Server::start().await;
    let client = server.client();
    for (length, status) in [(8 * 1024 + 1, 401), (256 * 1024, 401), (1024 * 1024, 431)] {
        let monster = "A".repeat(length);
        let sent = server.http().post(&server.url).headers(headers("DPoP", &client.token, [monster.as_str()])).send();
        // Past its own limit the HTTP library answers 431, or closes while the client is still sending.
        if let Ok(answer) = sent.await {
            assert_eq!(answer.status(), status, "{length}");
        } else {
            assert_eq!(status, 431, "{length}");
        }
    }
    let answer = server.call("whoami", server.draft(&client).headers()).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

fn nonce_of(headers: &HeaderMap) -> String {
    headers["dpop-nonce"].to_str().unwrap().to_owned()
}

type Make = Box<dyn Fn(&Server, &Client) -> HeaderMap>;

fn cases() -> Vec<(&'static str, &'static str, Make)> {
    let mut cases: Vec<(&'static str, &'static str, Make)> = Vec::new();

    // One member of an otherwise good proof, signed with it.
    let mut proof = |name, error, spoil: fn(&mut Draft)| {
        let make = move |server: &Server, client: &Client| server.draft(client).but(spoil).headers();
        cases.push((name, error, Box::new(make)));
    };
    const PROOF: &str = "invalid_dpop_proof";
    proof("R43-3 no jti", PROOF, |d| d.claims.remove("jti"));
    proof("R43-3 no htm", PROOF, |d| d.claims.remove("htm"));
    proof("R43-3 no htu", PROOF, |d| d.claims.remove("htu"));
    proof("R43-3 no iat", PROOF, |d| d.claims.remove("iat"));
    proof("R43-12a no ath", PROOF, |d| d.ath = Some(None));
    proof("R43-6 no jwk", PROOF, |d| d.header_text = Some(d.header.json()));
    proof("R43-4 no typ", PROOF, |d| d.header.remove("typ"));
    proof("R43-4 wrong typ", PROOF, |d| d.header.set("typ", quoted("JWT")));
    proof("R43-8 wrong htm", PROOF, |d| d.claims.set("htm", quoted("GET")));
    proof("R43-8 htm in lower case", PROOF, |d| d.claims.set("htm", quoted("post")));
    proof("R43-9 another path", PROOF, |d| d.claims.set("htu", quoted("https://mcp.example.com/other")));
    proof("R43-9 another host", PROOF, |d| d.claims.set("htu", quoted("https://other.example.com/mcp")));
    proof("R43-9 the address behind the proxy", PROOF, |d| d.claims.set("htu", quoted("http://127.0.0.1/mcp")));
    proof("R43-12a ath of another token", PROOF, |d| d.ath = Some(Some(quoted(sha256("another")))));
    proof("R43-11, SEP-2 iat 303 s ago", PROOF, |d| d.claims.set("iat", now_s() - 303));
    proof("R43-11, SEP-2 iat 303 s ahead", PROOF, |d| d.claims.set("iat", now_s() + 303));
    proof("iat as a string", PROOF, |d| d.claims.set("iat", quoted(now_s())));
    proof("iat with a fraction, long ago", PROOF, |d| d.claims.set("iat", 1.5));
    proof("iat with an exponent", PROOF, |d| d.claims.set("iat", format!("{}e0", now_s())));
    proof("expired by its own exp", PROOF, |d| d.claims.add("exp", now_s() - 10));
    proof("iat at the end of i64", PROOF, |d| d.claims.set("iat", i64::MAX));
    proof("iat at the beginning of i64", PROOF, |d| d.claims.set("iat", i64::MIN));
    proof("R111-1 jti of 257 characters", PROOF, |d| d.claims.set("jti", quoted("j".repeat(257))));
    proof("R43-5, SEP-5, R116-1 alg none", PROOF, |d| d.header.set("alg", quoted("none")));
    proof("R43-5, SEP-5, R116-1 alg HS256", PROOF, |d| d.header.set("alg", quoted("HS256")));
    proof("R43-5 alg of another key type", PROOF, |d| d.header.set("alg", quoted("ES384")));
    proof("crit", PROOF, |d| d.header.set("crit", json!(["exp"])));
    proof("R43-7 private key in jwk", PROOF, |d| d.jwk.add("d", quoted(b64([7; 32]))));
    proof("symmetric key in jwk", PROOF, |d| d.header.set("jwk", json!({ "kty": "oct", "k": "AAAA" })));
    const NONCE: &str = "use_dpop_nonce";
    proof("R43-10, R9-1 no nonce", NONCE, |d| d.claims.remove("nonce"));
    proof("R43-10 a wrong nonce", NONCE, |d| d.claims.set("nonce", quoted("A".repeat(60))));
    proof("R43-10 an empty nonce", NONCE, |d| d.claims.set("nonce", quoted("")));

    // A nonce that was sealed, but not for here and now.
    cases.push((
        "R43-11, SEP-7 an expired nonce",
        NONCE,
        Box::new(|server, client| {
            let nonce = server.fleet.mint(now().saturating_sub(126_000), &Binding::None);
            client.draft(&nonce, now_s()).headers()
        }),
    ));
    cases.push((
        "a nonce from the future",
        NONCE,
        Box::new(|server, client| {
            let nonce = server.fleet.mint(now().saturating_add(60_000), &Binding::None);
            client.draft(&nonce, now_s()).headers()
        }),
    ));
    cases.push((
        "R9-2 a nonce of another audience",
        NONCE,
        Box::new(|server, client| {
            let other =
                Fleet::new(server.ring.clone(), Audience::new("https://mcp.example.com/other").unwrap()).unwrap();
            client.draft(&other.mint(now(), &Binding::None), now_s()).headers()
        }),
    ));

    // The header fields.
    cases.push((
        "R43-6 tampered signature",
        PROOF,
        Box::new(|server, client| {
            let proof = server.draft(client).proof();
            let (signed, signature) = proof.rsplit_once('.').unwrap();
            let first = if signature.starts_with('A') { "B" } else { "A" };
            let proof = format!("{signed}.{first}{}", &signature[1..]);
            headers("DPoP", &client.token, [proof.as_str()])
        }),
    ));
    cases.push((
        "R43-6 signed by another key",
        PROOF,
        Box::new(|server, client| server.draft(client).but(|d| d.key = Key::generate("ES256")).headers()),
    ));
    cases.push(("R43-1 no DPoP field", PROOF, Box::new(|_, client| headers("DPoP", &client.token, []))));
    cases.push((
        "R43-1 two DPoP fields",
        PROOF,
        Box::new(|server, client| {
            let proof = || server.draft(client).proof();
            headers("DPoP", &client.token, [proof().as_str(), proof().as_str()])
        }),
    ));
    cases.push((
        "R43-1 two proofs in one field",
        PROOF,
        Box::new(|server, client| {
            let proof = || server.draft(client).proof();
            headers("DPoP", &client.token, [format!("{}, {}", proof(), proof()).as_str()])
        }),
    ));
    for (name, text) in [
        ("R43-2 not a JWT", "proof"),
        ("R43-2 two parts", "e30.e30"),
        ("R43-2 an empty field", ""),
        ("R43-2 not base64url", "!!!.e30.AA"),
    ] {
        cases.push((name, PROOF, Box::new(move |_, client| headers("DPoP", &client.token, [text]))));
    }

    // The token, with a proof that is right for it.
    let mut token = |name, make: fn(&Server, Members) -> String| {
        let make = move |server: &Server, client: &Client| {
            let token = make(server, token_claims(server, &client.key));
            let client = Client { key: client.key.clone(), token };
            server.draft(&client).headers()
        };
        cases.push((name, "invalid_token", Box::new(make)));
    };
    token("R43-12b bound to another key", |server, mut claims| {
        claims.set("cnf", json!({ "jkt": Key::generate("ES256").thumbprint() }));
        server.issuer.sign(&claims)
    });
    token("bound to no key", |server, mut claims| {
        claims.remove("cnf");
        server.issuer.sign(&claims)
    });
    token("SEP-6 for another audience", |server, mut claims| {
        claims.set("aud", quoted("https://other.example.com/mcp"));
        server.issuer.sign(&claims)
    });
    token("expired", |server, mut claims| {
        claims.set("exp", now_s() - 31);
        server.issuer.sign(&claims)
    });
    token("from another issuer", |server, mut claims| {
        claims.set("iss", quoted(format!("{ISSUER}.evil.example")));
        server.issuer.sign(&claims)
    });
    token("signed by another issuer", |_, claims| Issuer::new(ISSUER).sign(&claims));
    token("unsigned", |_, claims| {
        format!("{}.{}.", b64(json!({ "typ": "at+jwt", "alg": "none" }).to_string()), b64(claims.json()))
    });
    token("not a JWT", |_, _| "opaque".to_owned());

    // SEP-4, R72-1: the `Bearer` scheme, with a proof and without.
    cases.push((
        "SEP-4, R72-1 a bound token as Bearer",
        "invalid_token",
        Box::new(|_, client| headers("Bearer", &client.token, [])),
    ));
    cases.push((
        "SEP-4, R72-1 a bound token as Bearer, with a proof",
        "invalid_token",
        Box::new(|server, client| {
            let proof = server.draft(client).proof();
            headers("Bearer", &client.token, [proof.as_str()])
        }),
    ));
    cases.push((
        "two Authorization fields",
        "invalid_token",
        Box::new(|server, client| {
            let mut headers = server.draft(client).headers();
            headers.append("authorization", format!("DPoP {}", client.token).parse().unwrap());
            headers
        }),
    ));
    assert!(PUBLIC_URL.starts_with("https:"));
    cases
}

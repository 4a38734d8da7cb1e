//! The server of docs/mcp.md is the one of examples/quickstart, is short, and does what the page says: against an
//! issuer of this test, over HTTP.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

#[path = "../quickstart/main.rs"]
#[allow(dead_code, reason = "the program's own main is not called here")]
mod quickstart;

use axum::routing::get;
use axum::{Json, Router};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, Method};
use sealstamp::Settings;
use sealstamp_examples::client::proof;
use sealstamp_examples::clock::unix_seconds;
use sealstamp_examples::ring_commands::Operator;
use sealstamp_testkit::{Issuer, Key};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const PAGE: &str = include_str!("../../docs/mcp.md");
const PROGRAM: &str = include_str!("../quickstart/main.rs");
const PUBLIC_URL: &str = "https://mcp.example.com/mcp";

/// The program without its first line, which is about itself.
fn code() -> &'static str {
    PROGRAM.split_once('\n').unwrap().1
}

#[test]
fn the_page_shows_the_program() {
    assert!(PAGE.contains(&format!("\n{}```\n", code())), "docs/mcp.md does not have the text of examples/quickstart");
}

/// Lines of code: neither blank nor a comment.
#[test]
fn a_newcomer_writes_at_most_40_lines() {
    let lines = code().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(lines <= 40, "{lines} lines");
}

async fn listen(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());
    url
}

/// An issuer with metadata (RFC 8414) and a JWK set.
async fn issuer() -> Issuer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let issuer = Issuer::new(&url);
    let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") });
    let jwks: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    let app = Router::new()
        .route("/.well-known/oauth-authorization-server", get(async move || Json(metadata)))
        .route("/jwks", get(async move || Json(jwks)));
    tokio::spawn(axum::serve(listener, app).into_future());
    issuer
}

/// What the server at `url` says to a request, with these headers.
struct Ask {
    http: reqwest::Client,
    url: String,
}

impl Ask {
    async fn send(&self, method: Method, path: &str, headers: HeaderMap, body: String) -> (u16, HeaderMap, String) {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.header(HOST, "mcp.example.com").headers(headers).body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.headers().clone(), response.text().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, HeaderMap, String) {
        self.send(Method::GET, path, HeaderMap::new(), String::new()).await
    }

    /// A call of the tool `add`, from a script of `https://app.example.com`.
    async fn call(&self, credentials: Option<(&str, &str)>) -> (u16, HeaderMap, String) {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({ "name": "add", "arguments": { "a": 20, "b": 22 }, "_meta": meta });
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CONTENT_TYPE.as_str(), "application/json"),
            (ACCEPT.as_str(), "application/json, text/event-stream"),
            (ORIGIN.as_str(), "https://app.example.com"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "add"),
        ] {
            headers.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        if let Some((token, proof)) = credentials {
            headers.insert(AUTHORIZATION, format!("DPoP {token}").parse().unwrap());
            headers.insert("dpop", proof.parse().unwrap());
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        self.send(Method::POST, "/mcp", headers, body.to_string()).await
    }
}

#[tokio::test]
async fn the_page_runs() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring.json");
    Operator::init(&ring, Settings::default()).unwrap();
    let issuer = issuer().await;
    let app = quickstart::app(PUBLIC_URL, issuer.url(), ring.to_str().unwrap()).await.unwrap();
    let ask = Ask { http: reqwest::Client::builder().no_proxy().build().unwrap(), url: listen(app).await };

    // A client without a token finds the metadata by the challenge, and the issuer by the metadata.
    let (status, headers, _) = ask.call(None).await;
    assert_eq!(status, 401);
    let challenge = headers[WWW_AUTHENTICATE].to_str().unwrap();
    let (_, url) = challenge.split_once("resource_metadata=\"https://mcp.example.com").expect(challenge);
    let (status, cors, metadata) = ask.get(url.trim_end_matches('"')).await;
    assert_eq!((status, cors["access-control-allow-origin"].to_str().unwrap()), (200, "*"));
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(
        (&metadata["resource"], &metadata["authorization_servers"][0]),
        (&json!(PUBLIC_URL), &json!(issuer.url()))
    );

    // With a token and the nonce of that 401, the first call is served. A script may read both responses.
    let nonce = headers["dpop-nonce"].to_str().unwrap().to_owned();
    let key = Key::generate("ES256");
    let token = issuer.token("alice", PUBLIC_URL, &key.thumbprint(), unix_seconds());
    let sign = |nonce: &str| proof(&key, "POST", PUBLIC_URL, &token, Some(nonce), unix_seconds()).unwrap();
    let (status, served, body) = ask.call(Some((&token, &sign(&nonce)))).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"42\""), "{body}");
    for headers in [&headers, &served] {
        assert_eq!(headers["access-control-allow-origin"], "https://app.example.com");
        let exposed = headers.get_all("access-control-expose-headers").iter();
        assert!(exposed.into_iter().any(|names| names.to_str().unwrap().contains("dpop-nonce")));
    }
    let (status, headers, _) = ask.call(Some((&token, &sign("not one of ours")))).await;
    assert!(status == 401 && headers[WWW_AUTHENTICATE].to_str().unwrap().contains("use_dpop_nonce"));

    // The rest is open, or not there.
    let (status, _, health) = ask.get("/healthz").await;
    assert!(status == 200 && health.contains("\"serial\":1"), "{health}");
    for path in ["/", "/favicon.ico", "/.well-known/oauth-authorization-server"] {
        assert_eq!(ask.get(path).await.0, 404, "{path}");
    }
}

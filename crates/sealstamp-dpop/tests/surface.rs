//! What stands around the rules: names and audiences, the routes that are guarded and those that are not, the metadata,
//! browsers, scopes, the body of a refusal, and what an operator is shown.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::OriginalUri;
use axum::routing::post;
use axum::{Extension, Router};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{
    Accepted, CORS_ALLOW_HEADERS, CORS_EXPOSE_HEADERS, Decision, JsonRpcId, Nonces, Reason, RequestHead, TokenBinding,
    TokenDefect, TokenFacts, TokenValidator, Verifier, VerifierBuilder, origin_audience,
};
use sealstamp_testkit::{Client, Key, PUBLIC_URL, headers, quoted};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_http::cors::CorsLayer;

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);
const NOW_S: u64 = NOW.get() / 1000;
const ISSUER: &str = "https://issuer.example.com";
const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// `bound` and, after a point, its scopes: bound to the client's key. `unbound` is bound to none. As a token can hold
/// neither, `~` stands for a space and `/` for a colon.
#[derive(Clone)]
struct Tokens(String);

impl TokenValidator for Tokens {
    async fn validate(&self, token: &str, _now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        let (kind, scopes) = token.split_once('.').unwrap_or((token, ""));
        let binding = match kind {
            "bound" => TokenBinding::Thumbprint(self.0.parse().unwrap()),
            "unbound" => TokenBinding::None,
            _ => return Err(TokenDefect::Inactive),
        };
        let claims = json!({ "sub": "alice", "scope": scopes.replace('~', " ").replace('/', ":") });
        Ok(TokenFacts::new(binding).with_claims(claims.as_object().unwrap().clone()))
    }
}

struct World {
    ring: Ring,
    fleet: Fleet,
    client: Client,
}

impl World {
    fn new() -> Self {
        let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::from_os().unwrap());
        let fleet = Fleet::new(ring.clone(), origin_audience(PUBLIC_URL).unwrap()).unwrap();
        Self { ring, fleet, client: Client { key: Key::generate("ES256"), token: "bound".to_owned() } }
    }

    fn builder(&self) -> VerifierBuilder {
        Verifier::builder(PUBLIC_URL, Nonces::Required(self.fleet.clone())).authorization_servers([ISSUER])
    }

    fn layer(&self, verifier: &Verifier) -> DpopLayer<Tokens> {
        DpopLayer::new(verifier.clone(), Tokens(self.client.key.thumbprint()))
            .clock(|| NOW)
            .peer_address(|extensions| extensions.get::<IpAddr>().copied())
    }

    /// The server of the documentation: one guarded route, the metadata beside it, and 404 for the rest.
    fn app(&self, verifier: &Verifier) -> Router {
        let metadata = verifier.protected_resource().peer_address(|extensions| extensions.get::<IpAddr>().copied());
        Router::new()
            .route("/mcp", post(|| async { "ok" }))
            .route_layer(self.layer(verifier))
            .route("/healthz", axum::routing::get(|| async { "healthy" }))
            .fallback_service(metadata)
    }

    fn nonce(&self) -> String {
        self.fleet.mint(NOW, &Binding::None).to_string()
    }

    fn good(&self) -> Request<Body> {
        self.with_token("bound")
    }

    fn with_token(&self, token: &str) -> Request<Body> {
        let client = Client { key: self.client.key.clone(), token: token.to_owned() };
        request(client.draft(&self.nonce(), NOW_S).headers())
    }
}

fn request(headers: HeaderMap) -> Request<Body> {
    let mut request = Request::post("/mcp").body(Body::empty()).unwrap();
    *request.headers_mut() = headers;
    request
}

fn ask(method: &Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

fn from_proxy(mut request: Request<Body>, host: &'static str) -> Request<Body> {
    request.headers_mut().insert("x-forwarded-host", HeaderValue::from_static(host));
    request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("https"));
    request.extensions_mut().insert(PROXY);
    request
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

fn challenges(response: &Response<Body>) -> Vec<String> {
    let fields = response.headers().get_all(WWW_AUTHENTICATE).iter();
    fields.map(|field| field.to_str().unwrap().to_owned()).collect()
}

/// A client keeps one nonce for each origin (RFC 9449 section 8.2) and talks to two servers of one origin by turns:
/// with the origin as the audience it never has to send a request twice. With audiences of their own, it always has to:
/// that is the price of keeping them apart.
#[tokio::test]
async fn two_servers_of_one_origin_share_nonces() {
    let world = World::new();
    let urls = ["https://mcp.example.com/a/mcp", "https://mcp.example.com/b/mcp"];
    let by_origin = urls.map(|url| origin_audience(url).unwrap());
    let by_path = urls.map(|url| Audience::new(url).unwrap());
    for (audiences, retries) in [(by_origin, 0), (by_path, 20)] {
        let fleets = audiences.map(|audience| Fleet::new(world.ring.clone(), audience).unwrap());
        let servers = [0, 1].map(|n| {
            let verifier = Verifier::builder(urls[n], Nonces::Required(fleets[n].clone())).build().unwrap();
            let path = urls[n].strip_prefix("https://mcp.example.com").unwrap();
            Router::new().route(path, post(|| async { "ok" })).route_layer(world.layer(&verifier))
        });
        // The nonce of the first 401, from before the client had a token.
        let bare = servers[1].clone().oneshot(ask(&Method::POST, "/b/mcp")).await.unwrap();
        let mut nonce = bare.headers()["dpop-nonce"].to_str().unwrap().to_owned();
        let mut refused = 0;
        for n in 0..20 {
            let url = urls[n % 2];
            loop {
                let draft = world.client.draft(&nonce, NOW_S).but(|d| d.claims.set("htu", quoted(url)));
                let mut request = request(draft.headers());
                *request.uri_mut() = url.strip_prefix("https://mcp.example.com").unwrap().parse().unwrap();
                let response = servers[n % 2].clone().oneshot(request).await.unwrap();
                if let Some(newest) = response.headers().get("dpop-nonce") {
                    nonce = newest.to_str().unwrap().to_owned();
                }
                if response.status() == 200 {
                    break;
                }
                refused += 1;
                assert!(refused <= 20, "{}", challenges(&response)[0]);
            }
        }
        assert_eq!(refused, retries);
    }
}

/// R9-2: the authorization server of the same origin, under the same ring, has an audience of its own by choice.
#[tokio::test]
async fn an_authorization_server_of_the_origin_stays_apart() {
    let world = World::new();
    let audience = Audience::new("https://mcp.example.com/token").unwrap();
    let issuer = Fleet::new(world.ring.clone(), audience).unwrap();
    let app = world.app(&world.builder().build().unwrap());
    for (nonce, status) in [(issuer.mint(NOW, &Binding::None).to_string(), 401), (world.nonce(), 200)] {
        let sent = request(world.client.draft(&nonce, NOW_S).headers());
        assert_eq!(app.clone().oneshot(sent).await.unwrap().status(), status);
    }
}

/// C-1: the MCP route answers 401. All around it is 404, gets no nonce, and is not counted.
#[tokio::test]
async fn the_neighbourhood_is_not_guarded() {
    let world = World::new();
    let verifier = world.builder().build().unwrap();
    let app = world.app(&verifier);
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/other",
        "/favicon.ico",
        "/robots.txt",
        "/",
        "/mcp/",
        "/mcp/x",
        "/MCP",
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let response = app.clone().oneshot(ask(&method, path)).await.unwrap();
            assert_eq!(response.status(), 404, "{method} {path}");
            assert!(!response.headers().contains_key("dpop-nonce"), "{method} {path}");
        }
    }
    assert_eq!(app.clone().oneshot(ask(&Method::GET, "/healthz")).await.unwrap().status(), 200);
    assert_eq!(verifier.counters().refused(Reason::NoCredentials), 0);
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let response = app.clone().oneshot(ask(&method, "/mcp")).await.unwrap();
        assert_eq!(response.status(), 401, "{method}");
        assert!(challenges(&response)[0].starts_with("DPoP algs=\""), "{method}");
    }
    assert_eq!(verifier.counters().refused(Reason::NoCredentials), 3);
    assert_eq!(app.oneshot(world.good()).await.unwrap().status(), 200);
}

/// C-2: with a trailing slash and without, for GET, HEAD and OPTIONS, and for scripts of any origin.
#[tokio::test]
async fn the_metadata_is_there_for_anybody() {
    let world = World::new();
    let verifier = world.builder().scopes(["files:read"]).build().unwrap();
    let app = world.app(&verifier);
    let expected = json!({
        "resource": PUBLIC_URL,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["files:read"],
        "bearer_methods_supported": ["header"],
        "dpop_bound_access_tokens_required": true,
        "dpop_signing_alg_values_supported": ["ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256"],
    });
    let length = verifier.protected_resource().json().len().to_string();
    let slash = format!("{METADATA}/");
    for path in [METADATA, &slash, "/.well-known/oauth-protected-resource/%6Dcp", &format!("{METADATA}?x=1")] {
        let get = app.clone().oneshot(ask(&Method::GET, path)).await.unwrap();
        assert_eq!(get.status(), 200, "{path}");
        assert_eq!(get.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(get.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(get.headers()["content-length"], length);
        assert_eq!(json_of(get).await, expected, "{path}");
        let head = app.clone().oneshot(ask(&Method::HEAD, path)).await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
        assert_eq!(head.headers()["content-length"], length);
        assert_eq!(text(head).await, "");
        let preflight = app.clone().oneshot(ask(&Method::OPTIONS, path)).await.unwrap();
        assert_eq!(preflight.status(), 204, "{path}");
        assert_eq!(preflight.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(preflight.headers()["access-control-allow-headers"], "*");
        assert_eq!(preflight.headers()["access-control-allow-methods"], "GET, HEAD, OPTIONS");
        let post = app.clone().oneshot(ask(&Method::POST, path)).await.unwrap();
        assert_eq!(post.status(), 405, "{path}");
        assert_eq!(post.headers()["allow"], "GET, HEAD, OPTIONS");
    }
}

/// Where the metadata is, by the public URL (RFC 9728 section 3.1), and that the challenge says so.
#[tokio::test]
async fn the_metadata_is_behind_the_well_known_path() {
    for (url, path) in [
        ("https://h", "/.well-known/oauth-protected-resource"),
        ("https://h/", "/.well-known/oauth-protected-resource"),
        ("https://h:443/a/b", "/.well-known/oauth-protected-resource/a/b"),
        ("https://h/a/", "/.well-known/oauth-protected-resource/a/"),
    ] {
        let verifier = Verifier::builder(url, Nonces::Off).authorization_servers([ISSUER]).build().unwrap();
        let metadata = verifier.protected_resource();
        assert_eq!(metadata.path(), path, "{url}");
        assert!(metadata.json().starts_with(&format!("{{\"resource\":\"{url}\",")), "as the operator wrote it");
        for path in [path.trim_end_matches('/').to_owned(), format!("{}/", path.trim_end_matches('/'))] {
            assert_eq!(metadata.respond(&ask(&Method::GET, &path)).status(), 200, "{url} {path}");
        }
        let rejection = verifier.check(RequestHead::of(&ask(&Method::POST, "/").into_parts().0), NOW).unwrap_err();
        let response = verifier.resource_server_response(&rejection);
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.ends_with(&format!("resource_metadata=\"https://h{path}\"")), "{challenge}");
    }
}

/// The resource is one thing, the public URL another, and neither is the audience of tokens or nonces.
#[tokio::test]
async fn a_resource_may_be_wider_than_the_public_url() {
    let world = World::new();
    let verifier = world.builder().resource("https://mcp.example.com").build().unwrap();
    let metadata = verifier.protected_resource();
    assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource");
    assert!(metadata.json().starts_with(r#"{"resource":"https://mcp.example.com","#), "{}", metadata.json());
    let app = world.app(&verifier);
    let bare = app.clone().oneshot(ask(&Method::POST, "/mcp")).await.unwrap();
    let expected = "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource\"";
    assert!(challenges(&bare)[0].ends_with(expected), "{:?}", challenges(&bare));
    assert_eq!(app.oneshot(world.good()).await.unwrap().status(), 200);
}

/// C-3: what the metadata says of unbound Bearer tokens is what happens to them.
#[tokio::test]
async fn the_metadata_agrees_with_what_is_enforced() {
    let world = World::new();
    for (verifier, required) in [
        (world.builder().build().unwrap(), true),
        (world.builder().dangerously_accept_unbound_bearer_tokens().build().unwrap(), false),
    ] {
        let app = world.app(&verifier);
        let metadata = json_of(app.clone().oneshot(ask(&Method::GET, METADATA)).await.unwrap()).await;
        assert_eq!(metadata["dpop_bound_access_tokens_required"], json!(required));
        let bearer = app.oneshot(request(headers("Bearer", "unbound", []))).await.unwrap();
        assert_eq!(bearer.status() == 401, required);
    }
}

/// A server of several names calls itself by the one that the client used, in challenges and in its metadata.
#[tokio::test]
async fn each_client_meets_the_name_that_it_used() {
    let world = World::new();
    let own = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";
    let elsewhere = "https://metadata.example.com/mcp.json";
    for (builder, main, other) in [
        (world.builder(), own, "https://mcp.example.org/.well-known/oauth-protected-resource/mcp"),
        (
            world.builder().resource_metadata("https://mcp.example.com/m"),
            "https://mcp.example.com/m",
            "https://mcp.example.org/m",
        ),
        (world.builder().resource_metadata(elsewhere), elsewhere, elsewhere),
    ] {
        let verifier = builder.trust_proxy([PROXY], ["https://mcp.example.org"]).build().unwrap();
        let app = world.app(&verifier);
        // Before the token is looked at, and after.
        let draft = world
            .client
            .draft(&world.nonce(), NOW_S)
            .but(|d| d.claims.set("htu", quoted("https://mcp.example.org/mcp")));
        let inactive = Client { key: world.client.key.clone(), token: "inactive".to_owned() }
            .draft(&world.nonce(), NOW_S)
            .but(|d| d.claims.set("htu", quoted("https://mcp.example.org/mcp")));
        for (request, status, url) in [
            (ask(&Method::POST, "/mcp"), 401, main),
            (from_proxy(ask(&Method::POST, "/mcp"), "mcp.example.com"), 401, main),
            (from_proxy(ask(&Method::POST, "/mcp"), "mcp.example.org"), 401, other),
            (from_proxy(request(inactive.headers()), "mcp.example.org"), 401, other),
            (from_proxy(request(draft.headers()), "mcp.example.org"), 200, other),
            // Not a name of ours: refused, and told the first.
            (from_proxy(world.good(), "evil.example"), 401, main),
        ] {
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status);
            if status == 401 {
                let challenge = &challenges(&response)[0];
                assert!(challenge.ends_with(&format!("resource_metadata=\"{url}\"")), "{challenge}");
            }
        }
        for (host, resource) in [
            ("mcp.example.com", PUBLIC_URL),
            ("mcp.example.org", "https://mcp.example.org/mcp"),
            ("evil.example", PUBLIC_URL),
        ] {
            let response = app.clone().oneshot(from_proxy(ask(&Method::GET, METADATA), host)).await.unwrap();
            assert_eq!(json_of(response).await["resource"], resource, "{host}");
        }
    }
}

/// R-CORS: a CORS layer further out replaces what is exposed. With the lists of this crate, a script gets all it needs.
#[tokio::test]
async fn a_cors_layer_outside_exposes_the_nonce() {
    let world = World::new();
    let verifier = world.builder().build().unwrap();
    let cors = CorsLayer::new()
        .allow_origin([HeaderValue::from_static("https://app.example.com")])
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(CORS_ALLOW_HEADERS)
        .expose_headers(CORS_EXPOSE_HEADERS);
    let app = Router::new()
        .route("/mcp", post(|| async { "ok" }))
        .route_layer(world.layer(&verifier))
        .route_layer(cors)
        .fallback_service(verifier.protected_resource());
    let from_app = |mut request: Request<Body>| {
        request.headers_mut().insert(ORIGIN, HeaderValue::from_static("https://app.example.com"));
        request
    };

    let mut preflight = from_app(ask(&Method::OPTIONS, "/mcp"));
    preflight.headers_mut().insert("access-control-request-method", HeaderValue::from_static("POST"));
    let response = app.clone().oneshot(preflight).await.unwrap();
    assert_eq!(response.status(), 200);
    let allowed = response.headers()["access-control-allow-headers"].to_str().unwrap().to_owned();
    for name in ["authorization", "content-type", "dpop", "mcp-protocol-version", "mcp-method", "mcp-name"] {
        assert!(allowed.split(',').any(|one| one == name), "{name} is not in {allowed}");
    }

    for (request, status) in [(ask(&Method::POST, "/mcp"), 401), (world.good(), 200)] {
        let response = app.clone().oneshot(from_app(request)).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example.com");
        let exposed: Vec<_> = response.headers().get_all("access-control-expose-headers").iter().collect();
        let exposed = exposed.iter().map(|names| names.to_str().unwrap()).collect::<Vec<_>>().join(",");
        for name in ["dpop-nonce", "www-authenticate", "mcp-session-id"] {
            assert!(exposed.split(',').any(|one| one.trim().eq_ignore_ascii_case(name)), "{name} is not in {exposed}");
        }
    }
    // The metadata stays open to any origin.
    let response = app.oneshot(ask(&Method::GET, METADATA)).await.unwrap();
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
}

/// Two fields while clients migrate, and `Bearer` first: there are clients that read a leading `Bearer` alone.
#[tokio::test]
async fn bearer_comes_first_while_clients_migrate() {
    let world = World::new();
    let builder = world.builder().scopes(["files:read"]).dangerously_accept_unbound_bearer_tokens();
    let app = world.app(&builder.build().unwrap());
    let metadata = "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";
    let algs = "algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"";
    let scope = "scope=\"files:read\"";
    let token = "error=\"invalid_token\", error_description=\"the access token is not valid for this request\"";
    let nonce =
        "error=\"use_dpop_nonce\", error_description=\"the DPoP proof needs the nonce that this response carries\"";
    let stale = request(world.client.draft("stale", NOW_S).headers());
    for (request, bearer, dpop) in [
        (
            ask(&Method::POST, "/mcp"),
            format!("Bearer {scope}, {metadata}"),
            format!("DPoP {algs}, {scope}, {metadata}"),
        ),
        (
            request(headers("Bearer", "inactive", [])),
            format!("Bearer {token}, {scope}, {metadata}"),
            format!("DPoP {token}, {algs}, {scope}, {metadata}"),
        ),
        (stale, format!("Bearer {metadata}"), format!("DPoP {nonce}, {algs}, {metadata}")),
    ] {
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(challenges(&response), [bearer, dpop]);
    }
}

/// M-1: a route, and a tool by its header, ask for scopes; whose token has too few gets 403 and is told which.
#[tokio::test]
async fn m_1_a_token_with_too_few_scopes_is_told_which() {
    let world = World::new();
    for bearer in [false, true] {
        let builder = world.builder().scopes(["files:read"]);
        let builder = if bearer { builder.dangerously_accept_unbound_bearer_tokens() } else { builder };
        let builder = builder.policy(|request, usual| match request.headers().get("mcp-name") {
            Some(name) if name == "delete_file" => usual.with_scopes(["files:read", "files:write"]),
            _ => usual.with_scopes(["files:read"]),
        });
        let verifier = builder.build().unwrap();
        let layer = world.layer(&verifier);
        let app = Router::new().route("/mcp", post(|| async { "ok" })).route_layer(layer);
        for (token, tool, needed) in [
            ("bound.files/read", "read_file", None),
            ("bound.other~files/read~more", "read_file", None),
            ("bound.files/write~files/read", "delete_file", None),
            ("bound", "read_file", Some("files:read")),
            ("bound.FILES/READ", "read_file", Some("files:read")),
            ("bound.files/reading", "read_file", Some("files:read")),
            ("bound.files/read", "delete_file", Some("files:read files:write")),
        ] {
            let refused = verifier.counters().refused(Reason::InsufficientScope);
            let mut request = world.with_token(token);
            request.headers_mut().insert("mcp-name", HeaderValue::from_static(tool));
            let response = app.clone().oneshot(request).await.unwrap();
            let Some(needed) = needed else {
                assert_eq!(response.status(), 200, "{token} {tool}");
                continue;
            };
            assert_eq!(response.status(), 403, "{token} {tool}");
            assert_eq!(verifier.counters().refused(Reason::InsufficientScope), refused + 1);
            let words = "error=\"insufficient_scope\", error_description=\"the access token has not all the scopes that \
                         this request needs\"";
            let metadata = "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";
            let algs = "algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"";
            let mut expected = vec![format!("DPoP {words}, {algs}, scope=\"{needed}\", {metadata}")];
            if bearer {
                expected.insert(0, format!("Bearer {words}, scope=\"{needed}\", {metadata}"));
            }
            assert_eq!(challenges(&response), expected);
            assert_eq!(response.headers()["dpop-nonce"].len(), 60, "the next request needs no extra round trip");
            assert_eq!(json_of(response).await["error"]["data"]["error"], "insufficient_scope");
        }
    }
}

/// M-1: a handler that finds out late gives the same answer.
#[tokio::test]
async fn a_handler_asks_for_scopes() {
    async fn delete(Extension(caller): Extension<Accepted>) -> Response<Body> {
        match caller.require_scopes(&["files:write", "files:read"]) {
            Ok(()) => Response::new(Body::from("deleted")),
            Err(refused) => {
                assert_eq!(refused.scopes(), "files:write files:read");
                assert_eq!(refused.rejection().reason(), Reason::InsufficientScope);
                assert!(refused.to_string().ends_with("files:write files:read"));
                refused.response().map(Body::from)
            }
        }
    }
    let world = World::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let verifier = world.builder().on_decision(move |decision| log.lock().unwrap().push(decision.refused()));
    let verifier = verifier.build().unwrap();
    let app = Router::new().route("/mcp", post(delete)).route_layer(world.layer(&verifier));
    let response = app.clone().oneshot(world.with_token("bound.files/write~files/read")).await.unwrap();
    assert_eq!(response.status(), 200);
    let response = app.oneshot(world.with_token("bound.files/read")).await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(challenges(&response)[0].contains("scope=\"files:write files:read\""), "{:?}", challenges(&response));
    let counters = verifier.counters();
    assert_eq!((counters.accepted(), counters.refused(Reason::InsufficientScope)), (2, 1));
    assert_eq!(*seen.lock().unwrap(), [None, None, Some(Reason::InsufficientScope)]);
}

/// M-2: the refusal carries the id of the request where somebody has read it, and null where nobody has.
#[tokio::test]
async fn m_2_a_refusal_answers_the_request_that_was_read() {
    let world = World::new();
    let app = world.app(&world.builder().build().unwrap());
    for (body, id) in [
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#, json!(7)),
        (r#"{"jsonrpc":"2.0","id":"a\"b","method":"tools/list"}"#, json!("a\"b")),
        (r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#, json!(null)),
    ] {
        let mut request = ask(&Method::POST, "/mcp");
        if let Some(id) = JsonRpcId::of(body.as_bytes()) {
            request.extensions_mut().insert(id);
        }
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 401);
        let refusal = json_of(response).await;
        assert_eq!((&refusal["jsonrpc"], &refusal["id"]), (&json!("2.0"), &id), "{body}");
        assert_eq!(refusal["error"]["code"], -32000);
    }
}

/// A server may answer with a body of its own; status and challenge stay.
#[tokio::test]
async fn a_server_may_word_its_refusals_itself() {
    let world = World::new();
    let verifier = world.builder().build().unwrap();
    let layer = world.layer(&verifier).refusal_body(|rejection, id| {
        let body = format!("{} {}", rejection.reason(), id.map_or("-", JsonRpcId::as_json));
        (HeaderValue::from_static("text/plain"), body.into())
    });
    let app = Router::new().route("/mcp", post(|| async { "ok" })).route_layer(layer);
    let mut request = ask(&Method::POST, "/mcp");
    request.extensions_mut().insert(JsonRpcId::of(br#"{"id":"x"}"#).unwrap());
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain");
    assert!(challenges(&response)[0].starts_with("DPoP "));
    assert_eq!(text(response).await, "no_credentials \"x\"");
    assert_eq!(text(app.oneshot(world.good()).await.unwrap()).await, "ok");
}

/// Every decision is shown once, with what was known of it and nothing that a client wrote.
#[tokio::test]
async fn decisions_are_shown() {
    let world = World::new();
    let seen: Arc<Mutex<Vec<Decision>>> = Arc::default();
    let log = Arc::clone(&seen);
    let verifier = world.builder().on_decision(move |decision| log.lock().unwrap().push(*decision)).build().unwrap();
    let app = world.app(&verifier);
    let aged = |ms| world.fleet.mint(NOW.saturating_sub(ms), &Binding::None).to_string();
    let draft = |nonce: &str, iat: u64| world.client.draft(nonce, iat);
    let forged = draft(&aged(1_000), NOW_S).but(|d| d.key = Key::generate("ES256"));
    let inactive = Client { key: world.client.key.clone(), token: "inactive".to_owned() };
    let thumbprint = Some(world.client.key.thumbprint());
    for (request, refused, known, age, clock) in [
        (request(draft(&aged(2_000), NOW_S + 7).headers()), None, &thumbprint, Some(2_000), Some(7)),
        (ask(&Method::POST, "/mcp"), Some(Reason::NoCredentials), &None, None, None),
        (request(draft("stale", NOW_S - 9).headers()), Some(Reason::NonceMalformed), &None, None, Some(-9)),
        (request(draft(&aged(130_000), NOW_S).headers()), Some(Reason::NonceExpired), &None, Some(130_000), Some(0)),
        (request(draft(&aged(0), NOW_S - 301).headers()), Some(Reason::IatTooOld), &None, None, Some(-301)),
        // Anybody may send a key: it is known once the signature was verified.
        (request(forged.headers()), Some(Reason::BadSignature), &None, Some(1_000), Some(0)),
        (
            request(inactive.draft(&aged(3_000), NOW_S).headers()),
            Some(Reason::TokenInactive),
            &thumbprint,
            Some(3_000),
            Some(0),
        ),
    ] {
        app.clone().oneshot(request).await.unwrap();
        let decisions = std::mem::take(&mut *seen.lock().unwrap());
        let [decision] = decisions[..] else { panic!("{decisions:?}") };
        assert_eq!(decision.refused(), refused);
        assert_eq!(decision.thumbprint().map(ToString::to_string), *known, "{refused:?}");
        assert_eq!((decision.nonce_age_ms(), decision.client_clock_s()), (age, clock), "{refused:?}");
        assert_eq!(decision.at(), NOW);
    }
    // An authorization server's decisions are shown too.
    let proof = world.client.draft(&world.nonce(), NOW_S).headers();
    let (parts, _) = request(proof).into_parts();
    assert!(verifier.check_token_request(RequestHead::of(&parts), NOW).is_ok());
    assert_eq!(seen.lock().unwrap().len(), 1);
}

/// R43-9: axum's `nest` strips the prefix that `htu` names. The layer is told where the whole URI is.
#[tokio::test]
async fn a_nested_router_knows_the_whole_uri() {
    let world = World::new();
    let url = "https://mcp.example.com/api/v1/mcp";
    let verifier = Verifier::builder(url, Nonces::Required(world.fleet.clone())).build().unwrap();
    let told = world.layer(&verifier).original_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0));
    for (layer, status) in [(told, 200), (world.layer(&verifier), 401)] {
        let inner = Router::new().route("/mcp", post(|| async { "ok" })).route_layer(layer);
        let app = Router::new().nest("/api", Router::new().nest("/v1", inner));
        let draft = world.client.draft(&world.nonce(), NOW_S).but(|d| d.claims.set("htu", quoted(url)));
        let mut request = request(draft.headers());
        *request.uri_mut() = "/api/v1/mcp".parse().unwrap();
        assert_eq!(app.oneshot(request).await.unwrap().status(), status);
    }
    assert_eq!(verifier.counters().refused(Reason::WrongUri), 1);
}

//! An MCP server behind the layer, on a real socket, and the means to make any request to it, right or wrong.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::SystemTime;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use rmcp::handler::server::tool::Extension;
use rmcp::model::{Implementation, ProgressNotificationParam, ServerCapabilities, ServerConfig};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler, tool, tool_handler, tool_router};
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{Accepted, Jwks, JwtValidator, Nonces, Verifier};
use sealstamp_testkit::{Client, Draft, ISSUER, Issuer, Key, Members, PUBLIC_URL};
use serde_json::{Value, json};

pub const METADATA_URL: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

pub fn now() -> UnixMillis {
    UnixMillis::from_system_time(SystemTime::now())
}

pub fn now_s() -> u64 {
    now().get() / 1000
}

/// Claims of an access token that is right in everything.
pub fn token_claims(server: &Server, key: &Key) -> Members {
    server.issuer.claims("alice", PUBLIC_URL, &key.thumbprint(), now_s())
}

/// The two protocol revisions, each by the request that opens it.
pub fn openings() -> [(&'static str, &'static str, Value); 2] {
    [
        (
            "2025-11-25",
            "initialize",
            json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": { "name": "test", "version": "1" },
            }),
        ),
        ("2026-07-28", "server/discover", json!({ "_meta": meta() })),
    ]
}

pub fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// An `rmcp` server behind the layer, listening.
pub struct Server {
    pub url: String,
    pub fleet: Fleet,
    pub ring: Ring,
    pub verifier: Verifier,
    pub issuer: Issuer,
    /// Requests that got past the layer.
    pub reached: Arc<AtomicUsize>,
    /// Milliseconds that the layer's clock is ahead.
    pub ahead: Arc<AtomicI64>,
    http: reqwest::Client,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|app| app).await
    }

    /// `around` may put layers outside the DPoP layer.
    pub async fn start_with(around: impl FnOnce(Router) -> Router) -> Self {
        let settings = Settings::new(120, 5, 600).unwrap();
        let ring = Ring::init(settings, Suite::Aes256Gcm, now(), Fresh::from_os().unwrap());
        let fleet = Fleet::new(ring.clone(), Audience::new(PUBLIC_URL).unwrap()).unwrap();
        let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone()))
            .resource_metadata(METADATA_URL)
            .build()
            .unwrap();
        let issuer = Issuer::new(ISSUER);
        let tokens = JwtValidator::new(ISSUER, PUBLIC_URL, Jwks::parse(issuer.jwks().as_bytes()).unwrap());

        let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_sse_keep_alive(None);
        let mcp = StreamableHttpService::new(|| Ok(Tools), Arc::new(NeverSessionManager::default()), config);
        let reached = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&reached);
        let count = middleware::from_fn(move |request: Request, next: Next| {
            counter.fetch_add(1, Ordering::SeqCst);
            next.run(request)
        });
        let ahead = Arc::new(AtomicI64::new(0));
        let offset = Arc::clone(&ahead);
        let clock = move || {
            let now = i64::try_from(now().get()).unwrap();
            UnixMillis::new(u64::try_from(now + offset.load(Ordering::SeqCst)).unwrap())
        };
        let layer = DpopLayer::new(verifier.clone(), tokens).clock(clock);
        let app = around(Router::new().route_service("/mcp", mcp).route_layer(count).route_layer(layer));

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, app).into_future());
        Self {
            url,
            fleet,
            ring,
            verifier,
            issuer,
            reached,
            ahead,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub fn client(&self) -> Client {
        let key = Key::generate("ES256");
        let token = self.issuer.sign(&token_claims(self, &key));
        Client { key, token }
    }

    /// A good request of this client, made now.
    pub fn draft(&self, client: &Client) -> Draft {
        client.draft(&self.nonce(), now_s())
    }

    pub fn nonce(&self) -> String {
        self.fleet.mint(now(), &Binding::None).to_string()
    }

    /// One MCP request with these headers, and only these, about who sends it.
    pub async fn post(&self, revision: &str, method: &str, params: Value, headers: HeaderMap) -> reqwest::Response {
        let name = params["name"].as_str().map(str::to_owned);
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = self
            .http
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        if revision == "2026-07-28" {
            request = request.header("mcp-protocol-version", revision).header("mcp-method", method);
            if let Some(name) = name {
                request = request.header("mcp-name", name);
            }
        }
        request.headers(headers).body(body.to_string()).send().await.unwrap()
    }

    /// A tool call of the newer revision, which needs no opening.
    pub async fn call(&self, tool: &str, headers: HeaderMap) -> reqwest::Response {
        self.post("2026-07-28", "tools/call", json!({ "name": tool, "arguments": {}, "_meta": meta() }), headers).await
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

/// The value of a challenge's parameter.
pub fn parameter(headers: &HeaderMap, name: &str) -> Option<String> {
    let challenge = headers.get("www-authenticate")?.to_str().ok()?;
    let (_, rest) = challenge.strip_prefix("DPoP")?.split_once(&format!(" {name}=\""))?;
    rest.split('"').next().map(str::to_owned)
}

#[derive(Clone)]
pub struct Tools;

#[tool_router]
impl Tools {
    #[tool(description = "Who is calling")]
    async fn whoami(&self, Extension(request): Extension<http::request::Parts>) -> String {
        let caller = request.extensions.get::<Accepted>().unwrap();
        let thumbprint = caller.proof().unwrap().thumbprint();
        format!("{} {thumbprint}", caller.token().subject().unwrap())
    }

    /// Says three things, each half a second after the one before, and then that it is done.
    #[tool(description = "Counts slowly")]
    async fn count(&self, context: RequestContext<RoleServer>) -> String {
        let token = context.meta.get_progress_token().unwrap();
        for step in 1..=3 {
            let progress = ProgressNotificationParam::new(token.clone(), f64::from(step));
            context.peer.notify_progress(progress).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        "done".to_owned()
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("test", "1"))
    }
}

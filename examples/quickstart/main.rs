//! The server of `docs/mcp.md`. A test compares the two, and runs this one.
use std::error::Error;
use std::sync::Arc;

use axum::{Json, Router, routing::get};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use sealstamp::{Fleet, Reloader, RingFile};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{CORS_ALLOW_HEADERS, CORS_EXPOSE_HEADERS, Nonces, RemoteJwtValidator, Verifier, origin_audience};
use sealstamp_examples::tools::Tools;
use tower_http::cors::CorsLayer;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub(crate) async fn app(public_url: &str, issuer: &str, ring: &str) -> Result<Router> {
    // Nonces: sealed with the keys of a ring file, which is read again when it changes.
    let file = RingFile::new(ring);
    let fleet = Fleet::new(file.load()?, origin_audience(public_url)?)?;
    let ring = Arc::new(Reloader::new(file, fleet.clone())?.start(Reloader::EVERY, |status| eprintln!("{status:?}"))?);

    // Proofs: for this URL, and fresh. Tokens: of this issuer, whose keys are fetched and kept current.
    let verifier = Verifier::builder(public_url, Nonces::Required(fleet)).authorization_servers([issuer]).build()?;
    let metadata = verifier.protected_resource();
    let tokens = RemoteJwtValidator::discover(issuer, public_url).await?;

    // Browsers: the origins whose scripts may call.
    let cors = CorsLayer::new()
        .allow_origin(["https://app.example.com".parse()?])
        .allow_methods([http::Method::POST])
        .allow_headers(CORS_ALLOW_HEADERS)
        .expose_headers(CORS_EXPOSE_HEADERS);

    // Your tools, without sessions: any request may reach any replica.
    let config =
        StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_allowed_hosts(["mcp.example.com"]);
    let mcp = StreamableHttpService::new(|| Ok(Tools), Arc::new(NeverSessionManager::default()), config);

    // The layers guard what stands before them: the MCP route, and nothing else.
    Ok(Router::new()
        .route_service("/mcp", mcp)
        .route_layer(DpopLayer::new(verifier, tokens))
        .route_layer(cors)
        .route("/healthz", get(async move || Json(ring.status())))
        .fallback_service(metadata))
}

#[tokio::main]
async fn main() -> Result<()> {
    let app = app("https://mcp.example.com/mcp", "https://issuer.example.com", "ring.json").await?;
    axum::serve(tokio::net::TcpListener::bind("0.0.0.0:8000").await?, app).await?;
    Ok(())
}

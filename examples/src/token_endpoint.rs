//! The token endpoint of an authorization server that wants proofs with fresh nonces too (RFC 9449 sections 5 and 8).
//!
//! Its nonces come from the same ring as those of the resource servers, and are for an audience of its own: the URL of
//! the endpoint. So neither takes the other's, on one origin or on two, and one rotation is the rotation of both.
//!
//! What is around it is as small as it can be: one client with a secret, which gets tokens for one resource
//! (`client_credentials`). An authorization server that exists already has all of that, and takes from here how a
//! request is verified, refused and answered: `token`.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{Response, StatusCode};
use sealstamp::{Audience, Fleet, Reloader, RingFile};
use sealstamp_dpop::{Algorithm, DPOP_NONCE, MemoryStore, Nonces, RequestHead, VerifiedProof, Verifier, WhenAway};
use sealstamp_testkit::Issuer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use crate::clock::{now, unix_seconds};
use crate::server::poll_every;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The flags of `token_endpoint`.
#[derive(Clone, Debug, clap::Args)]
pub struct Flags {
    /// Where to listen; port 0 takes any free one and prints it
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// The origin that clients use, which is the issuer's name. The endpoint is `/token` there [default: the address that
    /// it listens at]
    #[arg(long, value_name = "URL")]
    public_origin: Option<Url>,
    /// The key ring, made by `sealstamp init`; the resource servers' own
    #[arg(long, value_name = "FILE")]
    ring: PathBuf,
    /// Whom tokens are for
    #[arg(long, value_name = "URL")]
    resource: String,
    /// The one client
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Its secret
    #[arg(long, value_name = "SECRET", env = "TOKEN_ENDPOINT_CLIENT_SECRET", hide_env_values = true)]
    client_secret: String,
}

/// An authorization server, as far as it goes.
struct Server {
    verifier: Verifier,
    /// Signs tokens with a key that is new with each start. A real one is kept.
    issuer: Issuer,
    resource: String,
    client_id: String,
    client_secret: String,
}

/// Serves until the process ends. Prints `listening on ADDRESS` once it does.
///
/// # Errors
///
/// When the ring cannot be read, the configuration makes no sense, or the address is taken.
pub async fn serve(flags: Flags) -> Result<()> {
    let listener = TcpListener::bind(flags.listen).await?;
    let address = listener.local_addr()?;
    let origin = match &flags.public_origin {
        Some(url) => url.origin().ascii_serialization(),
        None => format!("http://{address}"),
    };
    let endpoint = format!("{origin}/token");

    let file = RingFile::new(&flags.ring);
    let fleet = Fleet::new(file.load()?, Audience::new(&endpoint)?)?;
    let ring = Reloader::new(file, fleet.clone())?.start(poll_every(&fleet), |status| eprintln!("{status:?}"))?;
    // A proof buys one token. Replicas of this server would need a store that all of them ask.
    let verifier = Verifier::builder(&endpoint, Nonces::Required(fleet))
        .single_use(MemoryStore::new(16 * 1024 * 1024), WhenAway::Refuse)
        .build()?;

    let issuer = Issuer::new(&origin);
    let jwks: Value = serde_json::from_str(&issuer.jwks())?;
    let metadata = json!({
        "issuer": origin,
        "token_endpoint": endpoint,
        "jwks_uri": format!("{origin}/jwks.json"),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "dpop_signing_alg_values_supported": Algorithm::DEFAULT.map(Algorithm::as_str),
    });
    let Flags { resource, client_id, client_secret, .. } = flags;
    let app = Router::new()
        .route("/token", post(token))
        .route("/jwks.json", get(async move || Json(jwks)))
        .route("/.well-known/oauth-authorization-server", get(async move || Json(metadata)))
        .with_state(Arc::new(Server { verifier, issuer, resource, client_id, client_secret }));

    println!("listening on {address}");
    axum::serve(listener, app).await?;
    drop(ring);
    Ok(())
}

/// One request: its proof, then who the client is and what it asks for.
///
/// A refusal is the verifier's to word. It carries a fresh nonce, whatever was wrong, and so does an answer if the
/// client's nonce is getting old (RFC 9449 section 8.2).
async fn token(State(server): State<Arc<Server>>, head: Parts, body: Bytes) -> Response<Body> {
    let proof = match server.verifier.decide_token_request(RequestHead::of(&head), now()).await {
        Ok(proof) => proof,
        Err(rejection) => return server.verifier.authorization_server_response(&rejection).map(Body::from),
    };
    let mut response = match server.issue(&proof, &body) {
        Ok(token) => answer(StatusCode::OK, &token),
        Err(error) => answer(StatusCode::BAD_REQUEST, &json!({ "error": error })),
    };
    if let Some(nonce) = proof.next_nonce().and_then(|nonce| nonce.as_str().parse().ok()) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}

impl Server {
    /// The token response, or an error of RFC 6749 section 5.2 or RFC 8707 section 2.
    fn issue(&self, proof: &VerifiedProof, body: &[u8]) -> std::result::Result<Value, &'static str> {
        let fields: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
        let field = |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str());
        if field("grant_type") != "client_credentials" {
            return Err("unsupported_grant_type");
        }
        let is_secret = verify_slices_are_equal(field("client_secret").as_bytes(), self.client_secret.as_bytes());
        if field("client_id") != self.client_id || is_secret.is_err() {
            return Err("invalid_client");
        }
        if field("resource") != self.resource {
            return Err("invalid_target");
        }
        // RFC 9449 section 6.1: the token is worth nothing without the key that made this proof.
        let thumbprint = proof.thumbprint().to_string();
        let mut claims = self.issuer.claims(&self.client_id, &self.resource, &thumbprint, unix_seconds());
        claims.set("client_id", json!(self.client_id));
        Ok(json!({ "access_token": self.issuer.sign(&claims), "token_type": "DPoP", "expires_in": 600 }))
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

//! An MCP server over streamable HTTP with the DPoP layer around it: what `mcp_server` runs.

use std::error::Error;
use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, Method};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use sealstamp::{Audience, Fleet, KeyState, ReloadStatus, Reloader, RingFile};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{
    ByIssuer, CORS_ALLOW_HEADERS, CORS_EXPOSE_HEADERS, IntrospectionCredentials, IntrospectionValidator, Jwks,
    JwtValidator, MemoryStore, Nonces, Reason, RemoteJwtValidator, Verifier, metrics, origin_audience,
};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::signal;
use tower_http::cors::CorsLayer;
use url::Url;

use crate::clock::now;
use crate::guard::GuardFlags;
use crate::metrics::MetricsFlags;
use crate::store::StoreFlags;
use crate::tools::Tools;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The flags of `mcp_server`.
#[derive(Clone, Debug, clap::Args)]
pub struct Flags {
    /// Where to listen; port 0 takes any free one and prints it
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// The address that clients use, which is what their proofs must name
    #[arg(long, value_name = "URL")]
    public_url: Url,
    /// The key ring, made by `sealstamp init`; read again when it changes
    #[arg(long, value_name = "FILE")]
    ring: PathBuf,
    /// The issuer of access tokens
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// The issuer's JWK set [default: found by the issuer's metadata, fetched and kept current]
    #[arg(long, value_name = "FILE")]
    issuer_jwks: Option<PathBuf>,
    /// Where to ask the issuer about opaque tokens [default: they are refused]
    #[arg(long, value_name = "URL", requires = "introspection_client", requires = "introspection_secret")]
    introspection: Option<String>,
    /// As whom to ask
    #[arg(long, value_name = "ID")]
    introspection_client: Option<String>,
    /// The secret to ask with
    #[arg(long, value_name = "SECRET", env = "MCP_INTROSPECTION_SECRET", hide_env_values = true)]
    introspection_secret: Option<String>,
    /// What clients ask for tokens for, and what the metadata names [default: the public URL]
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// Whom tokens must be for, as the issuer writes it [default: the resource]
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// Whom nonces must be for [default: the origin of the public URL]
    #[arg(long, value_name = "NAME")]
    nonce_audience: Option<String>,
    /// Whether proofs must carry a nonce
    #[arg(long, value_enum, default_value = "required")]
    nonce: NonceFlag,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    guard: GuardFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    /// An origin whose scripts may call this server from a browser; may be repeated [default: none]
    #[arg(long, value_name = "URL")]
    cors_origin: Vec<Url>,
    /// Do not start with a ring of a lower serial than this, which a restored backup may be
    #[arg(long, value_name = "SERIAL", env = "SEALSTAMP_MIN_SERIAL", default_value_t = 0)]
    min_serial: u64,
    /// Answer 503 while the ring in use has not been found in the file for longer than its propagation
    #[arg(long)]
    refuse_unconfirmed: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum NonceFlag {
    Required,
    Off,
}

/// Serves until `shutdown` completes. Prints `listening on ADDRESS` once it does.
///
/// # Errors
///
/// When a file cannot be read, the configuration makes no sense, or the address is taken.
pub async fn serve(flags: Flags, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let audience = match &flags.nonce_audience {
        Some(audience) => Audience::new(audience)?,
        None => origin_audience(flags.public_url.as_str())?,
    };
    let file = RingFile::new(&flags.ring);
    let fleet = Fleet::new(file.load().map_err(|error| StartError::file(&flags.ring, error))?, audience)?;
    let mut ring = Reloader::builder(file, fleet.clone()).min_serial(flags.min_serial);
    if flags.refuse_unconfirmed {
        ring = ring.refuse_unconfirmed();
    }
    let ring = ring.build().map_err(|error| StartError::file(&flags.ring, error))?;
    let path = flags.ring.clone();
    let ring = ring.start(poll_every(&fleet), move |status| report(&path, status))?;
    let listener = TcpListener::bind(flags.listen).await?;
    let (app, state) = app(&flags, fleet, ring)?;
    flags.metrics.serve(move || state.observe()).await?;

    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await?;
    Ok(())
}

/// Completes when the process is asked to stop, by Ctrl-C or by whoever supervises it.
pub async fn asked_to_stop() {
    #[cfg(unix)]
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

fn app(flags: &Flags, fleet: Fleet, ring: Reloader) -> Result<(Router, Arc<State>)> {
    let path = literal_path(&flags.public_url)?;
    let resource = flags.resource.as_deref().unwrap_or(flags.public_url.as_str());
    let nonces = match flags.nonce {
        NonceFlag::Required => Nonces::Required(fleet.clone()),
        NonceFlag::Off => Nonces::Off,
    };
    let verifier = Verifier::builder(flags.public_url.as_str(), nonces)
        .resource(resource)
        .authorization_servers([flags.issuer.as_str()]);
    let (verifier, store) = flags.store.apply(verifier)?;
    let verifier = flags.guard.apply(verifier).build()?;
    let (tokens, issuer) = tokens(flags, flags.audience.as_deref().unwrap_or(resource))?;

    // No sessions: any request may reach any replica. Revision 2026-07-28 has none to begin with.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(hosts(&flags.public_url));
    let mcp = StreamableHttpService::new(|| Ok(Tools), Arc::new(NeverSessionManager::default()), config);

    let metadata = verifier.protected_resource();
    let layer = DpopLayer::new(verifier.clone(), tokens).read_bodies(Body::new);
    let state = Arc::new(State { fleet, ring, issuer, store, verifier });
    let ready = {
        let state = Arc::clone(&state);
        async move || state.page(|ring| ring.serving)
    };
    let health = {
        let state = Arc::clone(&state);
        async move || state.page(|ring| ring.fit)
    };
    // The layers guard what stands before them, the MCP route. The rest is open to anybody: the metadata has to be, and
    // these two pages are. Nothing in them is secret, but they are for operators: keep them off the public listener where
    // you can.
    let mut app = Router::new().route_service(path, mcp).route_layer(layer);
    if !flags.cors_origin.is_empty() {
        app = app.route_layer(cors(&flags.cors_origin)?);
    }
    Ok((app.route("/readyz", get(ready)).route("/healthz", get(health)).fallback_service(metadata), state))
}

/// The paths that this server has for itself.
const OWN_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// The public URL's path, if a router takes it as it stands. axum would read some as patterns, and panic.
fn literal_path(public_url: &Url) -> std::result::Result<&str, StartError> {
    let path = public_url.path();
    if OWN_PATHS.contains(&path) {
        return Err(StartError::OwnPath);
    }
    // A URL holds braces escaped.
    let braces = ["{", "}", "%7B", "%7D", "%7b", "%7d"].iter().any(|brace| path.contains(brace));
    if braces || path.split('/').any(|segment| segment.starts_with([':', '*'])) {
        return Err(StartError::Pattern);
    }
    Ok(path)
}

/// Why the server does not start with these flags.
#[derive(Debug)]
enum StartError {
    Pattern,
    OwnPath,
    File { path: PathBuf, error: Box<dyn Error + Send + Sync> },
}

impl StartError {
    fn file(path: &Path, error: impl Error + Send + Sync + 'static) -> Self {
        Self::File { path: path.to_owned(), error: Box::new(error) }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern => f.write_str(
                "--public-url: the path is one path and no pattern: no braces, and no segment that begins with : or *",
            ),
            Self::OwnPath => f.write_str("--public-url: /healthz and /readyz are this server's own pages"),
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl Error for StartError {}

/// Who validates the issuer's tokens, for those who look at it.
#[derive(Default)]
struct IssuerTokens {
    keys: Option<RemoteJwtValidator>,
    file: Option<JwtValidator>,
    opaque: Option<IntrospectionValidator>,
}

/// The validator of access tokens, and what it is made of.
fn tokens(flags: &Flags, audience: &str) -> Result<(ByIssuer, IssuerTokens)> {
    let issuer = flags.issuer.as_str();
    let (mut tokens, mut parts) = match &flags.issuer_jwks {
        Some(path) => {
            let jwks = std::fs::read(path).map_err(|error| StartError::file(path, error))?;
            let jwks = Jwks::parse(&jwks).map_err(|error| StartError::file(path, error))?;
            for left_out in jwks.left_out() {
                eprintln!("mcp_server: {}: not used: {left_out}", path.display());
            }
            let file = JwtValidator::new(issuer, audience, jwks);
            (ByIssuer::new().issuer(issuer, file.clone()), IssuerTokens { file: Some(file), ..Default::default() })
        }
        None => {
            let expected = JwtValidator::new(issuer, audience, Jwks::none());
            let remote = RemoteJwtValidator::start_discovering(expected)?;
            (ByIssuer::new().issuer(issuer, remote.clone()), IssuerTokens { keys: Some(remote), ..Default::default() })
        }
    };
    if let (Some(endpoint), Some(client), Some(secret)) =
        (&flags.introspection, &flags.introspection_client, &flags.introspection_secret)
    {
        let credentials = IntrospectionCredentials::basic(client, secret)?;
        let opaque = IntrospectionValidator::new(endpoint, credentials, audience)?;
        tokens = tokens.opaque(opaque.clone());
        parts.opaque = Some(opaque);
    }
    Ok((tokens, parts))
}

/// What the operator's pages show.
struct State {
    fleet: Fleet,
    ring: Reloader,
    issuer: IssuerTokens,
    store: Option<Arc<MemoryStore>>,
    verifier: Verifier,
}

impl State {
    /// 200 if the question has a good answer, and 503 if not. The body says why in both cases.
    ///
    /// `/readyz` asks whether a balancer should send requests here, and `/healthz` whether somebody has to look.
    fn page(&self, good: fn(&ReloadStatus) -> bool) -> (StatusCode, Json<Value>) {
        let ring = self.ring.status();
        let keys = self.issuer.keys.as_ref().map(RemoteJwtValidator::status);
        let good = good(&ring) && keys.as_ref().is_none_or(|keys| keys.ready);
        let code = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut page = json!({ "ring": ring, "decisions": decisions(&self.verifier) });
        if let (Some(page), Some(keys)) = (page.as_object_mut(), keys) {
            page.insert("keys".to_owned(), json!(keys));
        }
        (code, Json(page))
    }

    /// What is a state and not a count, for the metrics.
    fn observe(&self) {
        metrics::observe_ring(&self.ring.status(), &self.fleet.ring(), now());
        let IssuerTokens { keys, file, opaque } = &self.issuer;
        if let Some(keys) = keys {
            metrics::observe_keys(&keys.status());
        }
        if let Some(file) = file {
            metrics::observe_tokens(file);
        }
        if let Some(opaque) = opaque {
            metrics::observe_introspection(opaque);
        }
        if let Some(store) = &self.store {
            metrics::observe_store(store);
        }
    }
}

/// What an MCP client in a browser sends, and what its script must be able to read.
///
/// It belongs outside the DPoP layer: a preflight has no credentials, and a 401 needs these headers too.
fn cors(origins: &[Url]) -> Result<CorsLayer> {
    let origins: Vec<_> = origins
        .iter()
        .map(|url| HeaderValue::try_from(url.origin().ascii_serialization()))
        .collect::<std::result::Result<_, _>>()?;
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(CORS_ALLOW_HEADERS)
        // This list replaces the one that the DPoP layer writes.
        .expose_headers(CORS_EXPOSE_HEADERS))
}

/// `rmcp` answers to loopback hosts only, unless told what else it is called: a guard against DNS rebinding.
fn hosts(public_url: &Url) -> Vec<String> {
    let public = public_url.host_str().unwrap_or_default();
    ["localhost", "127.0.0.1", "::1", public].map(str::to_owned).to_vec()
}

/// How often each thing happened, by the reasons that clients are not told.
fn decisions(verifier: &Verifier) -> Map<String, Value> {
    let counters = verifier.counters();
    let refused = Reason::ALL.iter().map(|reason| (reason.as_str(), counters.refused(*reason)));
    let accepted = [("accepted", counters.accepted()), ("accepted_without_store", counters.accepted_without_store())];
    let all = accepted.into_iter().chain(refused);
    all.filter(|(_, count)| *count > 0).map(|(what, count)| (what.to_owned(), count.into())).collect()
}

/// Several times within the ring's propagation, which is the time that operators wait for every replica to have read
/// it.
pub(crate) fn poll_every(fleet: &Fleet) -> Duration {
    let ring = fleet.ring();
    let in_force = ring.settings_at(now()).propagation_s();
    // A shorter one that is to come counts from its date on, and a server polls at one pace from its start on.
    let next = ring.next_settings().map_or(in_force, |next| next.settings.propagation_s());
    Duration::from_millis(250).saturating_mul(in_force.min(next)).min(Reloader::EVERY)
}

/// Never panics, unlike `eprintln!`: where standard error is closed there is nobody to tell.
fn report(ring: &Path, status: &ReloadStatus) {
    let (now, pid, serial) = (now(), std::process::id(), status.serial);
    let active = status.keys.iter().find(|key| key.state == KeyState::Active);
    let kid = active.map(|key| key.kid.to_string()).unwrap_or_default();
    let [a, b, c, d, ..] = status.digest;
    let digest = format_args!("{a:02x}{b:02x}{c:02x}{d:02x}");
    let mut err = std::io::stderr().lock();
    let _ = match &status.error {
        Some(fault) => {
            let (kind, error, path) = (fault.error.as_str(), fault.error, ring.display());
            writeln!(
                err,
                "{now} mcp_server[{pid}]: the ring stays at serial {serial}, digest {digest}: {kind}: {path}: {error}"
            )
        }
        None => writeln!(err, "{now} mcp_server[{pid}]: the ring is at serial {serial}, digest {digest}, key {kid}"),
    };
    for warning in &status.warnings {
        let _ = writeln!(err, "{now} mcp_server[{pid}]: warning: {}: {warning}", warning.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What axum would panic at is refused, by a message that names the flag.
    #[test]
    fn a_public_url_is_no_pattern() {
        let path = |url: &str| literal_path(&Url::parse(url).unwrap()).map(str::to_owned).map_err(|e| e.to_string());
        for good in ["/", "/mcp", "/mcp/", "/a/b:c/d*", "/health", "/healthz/mcp", "/.well-known/x", "/%20", "//"] {
            let served = path(&format!("https://h{good}"));
            assert_eq!(served.as_deref(), Ok(good));
            let _: Router = Router::new().route(good, get(|| async {})).route("/healthz", get(|| async {}));
        }
        for bad in ["/:tenant", "/*", "/*rest", "/a/:b/c", "/{tenant}", "/{*rest}", "/a}", "/%7Btenant%7D", "/healthz"]
        {
            let error = path(&format!("https://h{bad}")).unwrap_err();
            assert!(error.starts_with("--public-url: "), "{bad}: {error}");
        }
    }

    /// An error about a file says which.
    #[test]
    fn a_file_is_named() {
        let error =
            std::fs::read("/nowhere/jwks.json").map_err(|e| StartError::file(Path::new("/nowhere/jwks.json"), e));
        assert!(error.unwrap_err().to_string().starts_with("/nowhere/jwks.json: "));
    }
}

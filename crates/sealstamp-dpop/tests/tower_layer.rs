//! The layer in front of a plain service: what passes, what does not, and that what passes is not touched.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::tower::{DpopLayer, ResponseBody};
use sealstamp_dpop::{Accepted, Nonces, Reason, TokenBinding, TokenDefect, TokenFacts, TokenValidator, Verifier};
use sealstamp_testkit::{Client, Key, PUBLIC_URL, headers, quoted};
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);
const NOW_S: u64 = NOW.get() / 1000;

fn fleet() -> Fleet {
    let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::from_os().unwrap());
    Fleet::new(ring, Audience::new(PUBLIC_URL).unwrap()).unwrap()
}

fn verifier(fleet: &Fleet) -> Verifier {
    Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).build().unwrap()
}

/// Takes any token for one that is bound to the key of this thumbprint.
#[derive(Clone)]
struct BoundTo(String);

impl TokenValidator for BoundTo {
    async fn validate(&self, _token: &str, _now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        // Waits once, as one that asks an issuer does.
        tokio::task::yield_now().await;
        Ok(TokenFacts::new(TokenBinding::Thumbprint(self.0.parse().unwrap())))
    }
}

struct Setup {
    fleet: Fleet,
    verifier: Verifier,
    client: Client,
}

impl Setup {
    fn new() -> Self {
        let fleet = fleet();
        let verifier = verifier(&fleet);
        Self { fleet, verifier, client: Client { key: Key::generate("ES256"), token: "opaque".to_owned() } }
    }

    fn layer(&self) -> DpopLayer<BoundTo> {
        DpopLayer::new(self.verifier.clone(), BoundTo(self.client.key.thumbprint())).clock(|| NOW)
    }

    fn good(&self) -> Request<Body> {
        self.with_nonce(&self.fleet.mint(NOW, &Binding::None))
    }

    fn with_nonce(&self, nonce: &str) -> Request<Body> {
        request(self.client.draft(nonce, NOW_S).headers())
    }
}

fn request(headers: HeaderMap) -> Request<Body> {
    let mut request = Request::post("/mcp").body(Body::empty()).unwrap();
    *request.headers_mut() = headers;
    request
}

async fn ok(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("ok")))
}

async fn text(response: Response<ResponseBody<Body>>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn an_accepted_request_reaches_the_service_with_its_caller() {
    let setup = Setup::new();
    let thumbprint = setup.client.key.thumbprint();
    let service = setup.layer().layer(service_fn(move |request: Request<Body>| {
        let caller = request.extensions().get::<Accepted>().unwrap().clone();
        assert_eq!(caller.proof().unwrap().thumbprint().to_string(), thumbprint);
        assert!(request.headers().contains_key(AUTHORIZATION));
        ok(request)
    }));
    let response = service.oneshot(setup.good()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("dpop-nonce"), "a young nonce needs no successor");
    assert_eq!(text(response).await, "ok");
}

#[tokio::test]
async fn a_refused_request_does_not_reach_the_service() {
    let setup = Setup::new();
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reached);
    let service = setup.layer().layer(service_fn(move |request| {
        counter.fetch_add(1, Ordering::SeqCst);
        ok(request)
    }));
    // SEP-3, R9-1: refused before the token is asked about, and after.
    let stranger = Client { key: Key::generate("ES256"), token: "opaque".to_owned() };
    let nonce = setup.fleet.mint(NOW, &Binding::None);
    let foreign = request(stranger.draft(&nonce, NOW_S).headers());
    for (request, error) in [(setup.with_nonce("x"), "use_dpop_nonce"), (foreign, "invalid_token")] {
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("DPoP ") && challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let mut body = response.into_body();
        assert!(!body.is_end_stream());
        let length = body.size_hint().exact().unwrap();
        let json = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(json.len() as u64, length);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap()["error"]["data"]["error"], error);
        assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
        assert!(body.frame().await.is_none());
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

/// R82-1: an accepted response hands out the next nonce before the old one expires; a cache must not keep it (R-CORS).
#[tokio::test]
async fn a_response_renews_the_nonce_when_it_is_time() {
    let setup = Setup::new();
    for (age_ms, renewed) in [(0, false), (60_000, false), (60_001, true), (125_000, true)] {
        let nonce = setup.fleet.mint(NOW.saturating_sub(age_ms), &Binding::None);
        let response = setup.layer().layer(service_fn(ok)).oneshot(setup.with_nonce(&nonce)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{age_ms}");
        assert_eq!(response.headers().contains_key("dpop-nonce"), renewed, "{age_ms}");
        if renewed {
            let next = response.headers()["dpop-nonce"].to_str().unwrap();
            assert_eq!(setup.fleet.open(next, NOW, &Binding::None).unwrap().age_ms(), 0);
            assert_eq!(response.headers()["cache-control"], "no-store");
            let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap();
            assert!(exposed.contains("DPoP-Nonce"));
        }
    }
}

/// The clock is read for each request, and once.
#[tokio::test]
async fn the_clock_is_read_for_each_request() {
    let setup = Setup::new();
    let reads = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&reads);
    let layer = setup.layer().clock(move || NOW.saturating_add(clock.fetch_add(1, Ordering::SeqCst) * 400_000));
    let service = layer.layer(service_fn(ok));
    let good = setup.with_nonce(&setup.fleet.mint(NOW, &Binding::None));
    assert_eq!(service.clone().oneshot(good).await.unwrap().status(), StatusCode::OK);
    let late = setup.with_nonce(&setup.fleet.mint(NOW, &Binding::None));
    assert_eq!(service.oneshot(late).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(setup.verifier.counters().refused(Reason::IatTooOld), 1);
    assert_eq!(reads.load(Ordering::SeqCst), 2);
}

/// A layer further out may answer with an empty body, and an inner one says what it knows of itself.
#[test]
fn a_body_knows_its_end() {
    let empty = ResponseBody::<Body>::default();
    assert!(empty.is_end_stream() && empty.size_hint().exact() == Some(0));
}

/// Frames come out one by one as they go in, trailers among them.
#[tokio::test]
async fn a_stream_is_not_buffered() {
    let setup = Setup::new();
    let (send, mut receive) = mpsc::channel::<Frame<Bytes>>(1);
    let frames = futures_stream(move |cx| receive.poll_recv(cx));
    let body = Arc::new(std::sync::Mutex::new(Some(StreamBody::new(frames))));
    let service = setup.layer().layer(service_fn(move |_: Request<Body>| {
        let body = body.lock().unwrap().take().unwrap();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    }));
    let mut response = service.oneshot(setup.good()).await.unwrap();
    assert!(!response.body().is_end_stream());
    for text in ["one", "two"] {
        send.send(Frame::data(Bytes::from(text))).await.unwrap();
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-end"), "1".parse().unwrap())]);
    send.send(Frame::trailers(trailers.clone())).await.unwrap();
    assert_eq!(response.body_mut().frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    drop(send);
    assert!(response.body_mut().frame().await.is_none());
}

/// A stream from a poll function.
fn futures_stream<F>(poll: F) -> impl futures_core::Stream<Item = Result<Frame<Bytes>, Infallible>>
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<Frame<Bytes>>> + Unpin,
{
    struct Stream<F>(F);
    impl<F: FnMut(&mut Context<'_>) -> Poll<Option<Frame<Bytes>>> + Unpin> futures_core::Stream for Stream<F> {
        type Item = Result<Frame<Bytes>, Infallible>;
        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            (self.0)(cx).map(|frame| frame.map(Ok))
        }
    }
    Stream(poll)
}

/// The instance that said it was ready is the one that is called.
#[tokio::test]
async fn readiness_is_not_lost() {
    struct Once {
        ready: bool,
        called: Arc<AtomicBool>,
    }
    impl Clone for Once {
        fn clone(&self) -> Self {
            Self { ready: false, called: Arc::clone(&self.called) }
        }
    }
    impl Service<Request<Body>> for Once {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Body>, Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.ready = true;
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Request<Body>) -> Self::Future {
            assert!(self.ready, "called without having been polled");
            self.called.store(true, Ordering::SeqCst);
            std::future::ready(Ok(Response::new(Body::empty())))
        }
    }
    let setup = Setup::new();
    let called = Arc::new(AtomicBool::new(false));
    let mut service = setup.layer().layer(Once { ready: false, called: Arc::clone(&called) });
    for _ in 0..2 {
        let response = service.ready().await.unwrap().call(setup.good()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert!(called.load(Ordering::SeqCst));
}

/// R-CORS: a preflight has no credentials and is refused here; around the layer a CORS layer answers it, and lets a
/// script read the nonce of a 401 and of a 200.
#[tokio::test]
async fn cors_goes_outside() {
    let preflight = || {
        Request::builder()
            .method(Method::OPTIONS)
            .uri("/mcp")
            .header(ORIGIN, "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,dpop")
            .body(Body::empty())
            .unwrap()
    };
    let setup = Setup::new();
    let alone = setup.layer().layer(service_fn(ok)).oneshot(preflight()).await.unwrap();
    assert_eq!(alone.status(), StatusCode::UNAUTHORIZED);

    let cors = tower_http::cors::CorsLayer::new()
        .allow_origin([http::HeaderValue::from_static("https://app.example.com")])
        .allow_methods([Method::POST])
        .allow_headers([AUTHORIZATION, http::HeaderName::from_static("dpop")]);
    let around = || ServiceBuilder::new().layer(cors.clone()).layer(setup.layer()).service(service_fn(ok));
    let response = around().oneshot(preflight()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.com");

    let old = setup.fleet.mint(NOW.saturating_sub(100_000), &Binding::None);
    for (mut request, status) in [(request(HeaderMap::new()), 401), (setup.with_nonce(&old), 200)] {
        request.headers_mut().insert(ORIGIN, "https://app.example.com".parse().unwrap());
        let response = around().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.com");
        assert!(response.headers().contains_key("dpop-nonce"));
        let exposed: Vec<_> = response.headers().get_all("access-control-expose-headers").iter().collect();
        assert!(exposed.iter().any(|names| names.to_str().unwrap().contains("DPoP-Nonce")), "{exposed:?}");
    }
}

/// Forwarded headers count only from a peer that is named, and the peer is what the server says it is.
#[tokio::test]
async fn a_trusted_proxy_is_told_by_its_address() {
    let setup = Setup::new();
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(setup.fleet.clone()))
        .trust_proxy([proxy], ["https://mcp.example.org"])
        .build()
        .unwrap();
    let layer = DpopLayer::new(verifier, BoundTo(setup.client.key.thumbprint()))
        .clock(|| NOW)
        .peer_address(|extensions| extensions.get::<IpAddr>().copied());
    let nonce = setup.fleet.mint(NOW, &Binding::None);
    let draft = setup.client.draft(&nonce, NOW_S).but(|d| d.claims.set("htu", quoted("https://mcp.example.org/mcp")));
    for (peer, status) in [(Some(proxy), 200), (Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2))), 401), (None, 401)] {
        let mut request = request(draft.headers());
        request.headers_mut().insert("x-forwarded-host", "mcp.example.org".parse().unwrap());
        request.headers_mut().insert("x-forwarded-proto", "https".parse().unwrap());
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let response = layer.layer(service_fn(ok)).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{peer:?}");
    }
}

/// SEP-10, SEP-4, R72-1: an unbound token as `Bearer` only where the server opted in, and a bound one nowhere.
#[tokio::test]
async fn bearer_by_opt_in_only() {
    struct Unbound;
    impl TokenValidator for Unbound {
        async fn validate(&self, token: &str, _now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
            let bound = TokenBinding::Thumbprint("A".repeat(43).parse().unwrap());
            Ok(TokenFacts::new(if token == "bound" { bound } else { TokenBinding::None }))
        }
    }
    let fleet = fleet();
    let strict = verifier(&fleet);
    let migrating = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet))
        .dangerously_accept_unbound_bearer_tokens()
        .build()
        .unwrap();
    for (verifier, token, status) in
        [(&strict, "unbound", 401), (&strict, "bound", 401), (&migrating, "unbound", 200), (&migrating, "bound", 401)]
    {
        let layer = DpopLayer::new(verifier.clone(), Unbound).clock(|| NOW);
        let response = layer.layer(service_fn(ok)).oneshot(request(headers("Bearer", token, []))).await.unwrap();
        assert_eq!(response.status(), status, "{token}");
    }
}

/// The error of a service is the service's, and goes through as it is.
#[tokio::test]
async fn errors_pass() {
    let setup = Setup::new();
    let service = setup.layer().layer(service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>("broken") }));
    assert_eq!(service.oneshot(setup.good()).await.unwrap_err(), "broken");
}

/// No part of a configuration is printed that says more than what a client may know.
#[test]
fn debug_is_short() {
    let setup = Setup::new();
    assert!(format!("{:?}", setup.layer()).starts_with("DpopLayer {"));
    assert!(format!("{:?}", setup.layer().layer(())).starts_with("DpopService {"));
    let future = setup.layer().layer(service_fn(ok)).call(setup.good());
    assert_eq!(format!("{future:?}"), "ResponseFuture { .. }");
}

//! Rule 11 and the fields of MCP, through the layer: which bodies pass, that they pass as they came, and what is read.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::tower::{DEFAULT_MAX_BODY_BYTES, DpopLayer, ResponseBody};
use sealstamp_dpop::{
    DigestDemand, McpPolicy, MemoryStore, NonceDemand, Nonces, Reason, TokenBinding, TokenDefect, TokenFacts,
    TokenValidator, Verifier, VerifierBuilder, WhenAway,
};
use sealstamp_testkit::{Client, Key, PUBLIC_URL, quoted};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{Layer, Service, ServiceExt, service_fn};

const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);
const NOW_S: u64 = NOW.get() / 1000;
const BOUND: usize = 1024 * 1024;

/// Takes any token for one that is bound to the key of this thumbprint.
#[derive(Clone)]
struct BoundTo(String);

impl TokenValidator for BoundTo {
    async fn validate(&self, _token: &str, _now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        Ok(TokenFacts::new(TokenBinding::Thumbprint(self.0.parse().unwrap())))
    }
}

struct World {
    fleet: Fleet,
    verifier: Verifier,
    client: Client,
}

impl World {
    fn new(configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Self {
        let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::from_os().unwrap());
        let fleet = Fleet::new(ring, Audience::new(PUBLIC_URL).unwrap()).unwrap();
        let builder = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone()));
        let verifier = configure(builder).build().unwrap();
        Self { fleet, verifier, client: Client { key: Key::generate("ES256"), token: "opaque".to_owned() } }
    }

    fn digests(demand: DigestDemand) -> Self {
        Self::new(|builder| builder.body_digest(demand))
    }

    fn layer(&self) -> DpopLayer<BoundTo> {
        DpopLayer::new(self.verifier.clone(), BoundTo(self.client.key.thumbprint())).clock(|| NOW)
    }

    fn nonce(&self) -> String {
        self.fleet.mint(NOW, &Binding::None).to_string()
    }

    /// A good request whose proof names this body, if it names any.
    fn proof(&self, method: &Method, of: Option<&[u8]>) -> HeaderMap {
        let draft = self.client.draft(&self.nonce(), NOW_S).but(|draft| {
            draft.claims.set("htm", quoted(method));
            if let Some(body) = of {
                draft.claims.add("content_digest", quoted(digest(body)));
            }
        });
        draft.headers()
    }

    /// Sends it to a handler that gives back what it got.
    async fn send(&self, method: Method, headers: HeaderMap, body: impl Into<Body>) -> (StatusCode, Got) {
        let service = self.layer().max_body_bytes(BOUND).read_bodies(Body::new).layer(service_fn(echo));
        let response = service.oneshot(request(method, headers, body.into())).await.unwrap();
        (response.status(), Got::of(response).await)
    }

    fn refused(&self, reason: Reason) -> u64 {
        self.verifier.counters().refused(reason)
    }
}

fn digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

fn request<B>(method: Method, headers: HeaderMap, body: B) -> Request<B> {
    let mut request = Request::builder().method(method).uri("/mcp").body(body).unwrap();
    *request.headers_mut() = headers;
    request
}

async fn echo(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(request.into_body()))
}

/// What came back.
struct Got {
    headers: HeaderMap,
    bytes: Bytes,
    trailers: Option<HeaderMap>,
}

impl Got {
    async fn of(response: Response<ResponseBody<Body>>) -> Self {
        let headers = response.headers().clone();
        let collected = response.into_body().collect().await.unwrap();
        let trailers = collected.trailers().cloned();
        Self { headers, bytes: collected.to_bytes(), trailers }
    }

    fn error(&self) -> String {
        let challenge = self.headers["www-authenticate"].to_str().unwrap();
        let (_, error) = challenge.split_once("error=\"").unwrap();
        error.split('"').next().unwrap().to_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }
}

/// A body of these frames, which counts how often it is asked for one, and may end in an error or never.
struct Frames {
    frames: std::vec::IntoIter<Frame<Bytes>>,
    end: End,
    asked: Arc<AtomicUsize>,
    hint: SizeHint,
}

#[derive(Clone, Copy)]
enum End {
    Well,
    Broken,
    Never,
}

impl Frames {
    fn new(data: impl IntoIterator<Item = Bytes>, end: End) -> Self {
        let frames: Vec<_> = data.into_iter().map(Frame::data).collect();
        Self { frames: frames.into_iter(), end, asked: Arc::default(), hint: SizeHint::default() }
    }
}

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match (self.frames.next(), self.end) {
            (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
            (None, End::Well) => Poll::Ready(None),
            (None, End::Broken) => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
            (None, End::Never) => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

/// D-2. The attack: somebody on the way sends another body with the client's proof. It passes without the option, and
/// with it not.
#[tokio::test]
async fn a_proof_is_for_its_body_alone() {
    let body = br#"{"amount":1}"#;
    for (demand, passes) in
        [(DigestDemand::Off, true), (DigestDemand::IfPresent, false), (DigestDemand::Required, false)]
    {
        let world = World::digests(demand);
        let headers = world.proof(&Method::POST, Some(body));
        let (status, got) = world.send(Method::POST, headers.clone(), body.to_vec()).await;
        assert_eq!((status, &got.bytes[..]), (StatusCode::OK, &body[..]));
        let (status, got) = world.send(Method::POST, headers, br#"{"amount":9}"#.to_vec()).await;
        if passes {
            assert_eq!((status, &got.bytes[..]), (StatusCode::OK, &br#"{"amount":9}"#[..]));
            continue;
        }
        assert_eq!((status, got.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_dpop_proof"));
        assert_eq!(got.headers["dpop-nonce"].len(), 60);
        assert_eq!(world.refused(Reason::WrongContentDigest), 1);
    }
}

/// A proof that names no body: good where digests are looked at if present, and not where they are required.
#[tokio::test]
async fn a_proof_without_a_digest() {
    for (demand, status) in [(DigestDemand::Off, 200), (DigestDemand::IfPresent, 200), (DigestDemand::Required, 401)] {
        let world = World::digests(demand);
        let (got, _) = world.send(Method::POST, world.proof(&Method::POST, None), "anything").await;
        assert_eq!(got, status, "{demand:?}");
        assert_eq!(world.refused(Reason::NoContentDigest), u64::from(status == 401));
    }
}

#[tokio::test]
async fn one_flipped_byte_is_refused() {
    let world = World::digests(DigestDemand::Required);
    let body: Vec<u8> = (0..=255).collect();
    let headers = world.proof(&Method::POST, Some(&body));
    for place in 0..body.len() {
        let mut flipped = body.clone();
        flipped[place] ^= 1 << (place % 8);
        let (status, _) = world.send(Method::POST, headers.clone(), flipped).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{place}");
    }
    for other in [&body[1..], &body[..255], &[&body[..], b"\0"].concat(), b""] {
        let (status, _) = world.send(Method::POST, headers.clone(), other.to_vec()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.refused(Reason::WrongContentDigest), 260);
    let (status, got) = world.send(Method::POST, headers, body.clone()).await;
    assert_eq!((status, got.bytes), (StatusCode::OK, body.into()));
}

/// No body has the digest of no bytes, whatever the method.
#[tokio::test]
async fn an_empty_body_has_a_digest_too() {
    let world = World::digests(DigestDemand::Required);
    for method in [Method::GET, Method::POST, Method::DELETE] {
        for (of, status) in [(Some(&b""[..]), 200), (Some(b"x"), 401), (None, 401)] {
            let (got, _) = world.send(method.clone(), world.proof(&method, of), Body::empty()).await;
            assert_eq!(got, status, "{method} {of:?}");
        }
    }
}

/// The digest is over what was received. A coding is undone inside the layer, and not before.
#[tokio::test]
async fn a_content_coding_is_part_of_the_body() {
    let world = World::digests(DigestDemand::Required);
    // `printf hello | gzip -n`.
    let coded =
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0];
    for (of, status) in [(&coded[..], 200), (b"hello", 401)] {
        let mut headers = world.proof(&Method::POST, Some(of));
        headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        let (got, body) = world.send(Method::POST, headers, coded.to_vec()).await;
        assert_eq!(got, status);
        assert_eq!(body.bytes == coded[..], status == 200);
    }
}

/// However a body is cut into frames, its bytes and its trailers are handed on.
#[tokio::test]
async fn frames_and_trailers_are_handed_on() {
    let world = World::digests(DigestDemand::Required);
    let body: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let trailers = HeaderMap::from_iter([(HeaderName::from_static("x-end"), HeaderValue::from_static("1"))]);
    for size in [1_000, 65_535, 65_536, 65_537, 199_999, 200_000] {
        let mut frames: Vec<_> = body.chunks(size).map(|chunk| Frame::data(Bytes::copy_from_slice(chunk))).collect();
        frames.insert(0, Frame::data(Bytes::new()));
        frames.push(Frame::trailers(trailers.clone()));
        let frames = Frames { frames: frames.into_iter(), ..Frames::new([], End::Well) };
        let headers = world.proof(&Method::POST, Some(&body));
        let (status, got) = world.send(Method::POST, headers, Body::new(frames)).await;
        assert_eq!(
            (status, &got.bytes[..], got.trailers.as_ref()),
            (StatusCode::OK, &body[..], Some(&trailers)),
            "{size}"
        );
    }
}

/// What is announced to be too long is not asked for a byte.
#[tokio::test]
async fn a_body_that_is_announced_too_long_is_not_read() {
    let world = World::digests(DigestDemand::Required);
    for (length, hint, status) in [
        (None, BOUND as u64, 401),
        (None, BOUND as u64 + 1, 413),
        (Some(BOUND), 0, 401),
        (Some(BOUND + 1), 0, 413),
        (Some(10 * BOUND), 0, 413),
    ] {
        let mut body = Frames::new([], End::Well);
        body.hint.set_lower(hint);
        let asked = Arc::clone(&body.asked);
        let mut headers = world.proof(&Method::POST, Some(b"x"));
        if let Some(length) = length {
            headers.insert("content-length", length.into());
        }
        let (got, refusal) = world.send(Method::POST, headers, Body::new(body)).await;
        assert_eq!(got, status, "{length:?} {hint}");
        assert_eq!(asked.load(Ordering::SeqCst) == 0, status == 413);
        if status == 413 {
            assert!(!refusal.headers.contains_key("www-authenticate"));
            assert_eq!(refusal.json()["error"]["data"]["error"], "invalid_request");
        }
    }
    assert_eq!(world.refused(Reason::BodyTooLarge), 3);
}

/// At the bound it passes, and with one byte more it does not.
#[tokio::test]
async fn the_bound_is_exact() {
    let world = World::digests(DigestDemand::Required);
    for (size, status) in [(BOUND - 1, 200), (BOUND, 200), (BOUND + 1, 413)] {
        let body = vec![7; size];
        let frames = Frames::new(body.chunks(10_000).map(Bytes::copy_from_slice), End::Well);
        let (got, _) = world.send(Method::POST, world.proof(&Method::POST, Some(&body)), Body::new(frames)).await;
        assert_eq!(got, status, "{size}");
    }
    assert_eq!(DEFAULT_MAX_BODY_BYTES, BOUND);
}

/// Polls to the end, on this thread.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits")
}

/// 10 MiB against a bound of 1 MiB: 413, as soon as the bound is passed, and never more than the bound in memory, but
/// for one piece of 64 KiB and what any refusal takes.
#[test]
fn ten_times_the_bound_takes_no_more_than_the_bound() {
    let world = World::digests(DigestDemand::Required);
    let chunk = Bytes::from(vec![7; 10_000]);
    let headers = world.proof(&Method::POST, Some(b"x"));
    let service = world
        .layer()
        .max_body_bytes(BOUND)
        .read_bodies(|_| -> Frames { unreachable!() })
        .layer(service_fn(|_: Request<Frames>| async { Ok::<_, Infallible>(Response::new(Body::empty())) }));
    // The same bytes over and over: what is measured is what the layer keeps.
    let frames: Vec<_> = std::iter::repeat_n(chunk, 10 * BOUND / 10_000).collect();
    let body = Frames::new(frames, End::Well);
    let asked = Arc::clone(&body.asked);
    let request = request(Method::POST, headers, body);
    let mut status = None;
    let cost = allocation_counter::measure(|| status = Some(run(service.oneshot(request)).unwrap().status()));
    assert_eq!(status, Some(StatusCode::PAYLOAD_TOO_LARGE));
    assert_eq!(asked.load(Ordering::SeqCst), BOUND / 10_000 + 1);
    println!("at most {} bytes", cost.bytes_max);
    assert!(cost.bytes_max <= (BOUND + 64 * 1024 + 16 * 1024) as u64, "{} bytes", cost.bytes_max);
}

/// A body that breaks off is not shown to the service, and does not use up the proof.
#[tokio::test]
async fn a_body_that_breaks_off() {
    let world = World::new(|builder| {
        let store = MemoryStore::new(1 << 20).clock(|| NOW);
        builder.body_digest(DigestDemand::Required).single_use(store, WhenAway::Refuse)
    });
    let headers = world.proof(&Method::POST, Some(b"hello"));
    let broken = Frames::new([Bytes::from_static(b"hello")], End::Broken);
    let (status, _) = world.send(Method::POST, headers.clone(), Body::new(broken)).await;
    assert_eq!((status, world.refused(Reason::BodyIncomplete)), (StatusCode::BAD_REQUEST, 1));
    let (status, _) = world.send(Method::POST, headers.clone(), "jello").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _) = world.send(Method::POST, headers.clone(), "hello").await;
    assert_eq!(status, StatusCode::OK, "neither attempt used it up");
    let (status, _) = world.send(Method::POST, headers, "hello").await;
    assert_eq!((status, world.refused(Reason::ProofReplayed)), (StatusCode::UNAUTHORIZED, 1));
}

/// A body that never ends is held until somebody else gives up: the layer has no time limit of its own.
#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends() {
    let world = World::digests(DigestDemand::Required);
    let endless = Frames::new([Bytes::from_static(b"hello")], End::Never);
    let headers = world.proof(&Method::POST, Some(b"hello"));
    let sending = world.send(Method::POST, headers.clone(), Body::new(endless));
    assert!(tokio::time::timeout(Duration::from_secs(3_600), sending).await.is_err());
    assert_eq!(world.verifier.counters().accepted(), 0);
    // Where it need not be read, it reaches the service with its first byte.
    let world = World::digests(DigestDemand::Off);
    let endless = Frames::new([Bytes::from_static(b"hello")], End::Never);
    let first = service_fn(|request: Request<Body>| async {
        let first = request.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
        Ok::<_, Infallible>(Response::new(Body::from(first)))
    });
    let request = request(Method::POST, world.proof(&Method::POST, Some(b"hello")), Body::new(endless));
    let service = world.layer().read_bodies(Body::new).layer(first);
    let got = Got::of(service.oneshot(request).await.unwrap()).await;
    assert_eq!(&got.bytes[..], b"hello");
}

/// A layer that may not read bodies refuses what needs them, and nothing else.
#[tokio::test]
async fn a_layer_that_may_not_read_refuses_what_needs_it() {
    let world = World::digests(DigestDemand::IfPresent);
    let service = world.layer().layer(service_fn(echo));
    for (of, status) in [(None, 200), (Some(&b"hello"[..]), 503)] {
        let request = request(Method::POST, world.proof(&Method::POST, of), Body::from("hello"));
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), status);
    }
    assert_eq!(world.refused(Reason::BodyNotSeen), 1);
}

/// A body that nobody may look at.
struct Sealed(&'static str);

impl HttpBody for Sealed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("a body was touched")
    }

    fn is_end_stream(&self) -> bool {
        panic!("a body was touched")
    }

    fn size_hint(&self) -> SizeHint {
        panic!("a body was touched")
    }
}

/// Off, the layer gives the service the very body that it got, and allocates nothing for it: whether it may read bodies
/// or not, and whether there is a `content_digest` or not.
#[test]
fn off_costs_nothing() {
    async fn handler(request: Request<Sealed>) -> Result<Response<Body>, Infallible> {
        assert_eq!(request.body().0, "as it came");
        Ok(Response::new(Body::empty()))
    }
    fn cost<S>(service: &S, request: Request<Sealed>) -> (u64, i64)
    where
        S: Service<Request<Sealed>, Response = Response<ResponseBody<Body>>, Error = Infallible> + Clone,
    {
        let mut response = None;
        let service = service.clone();
        let cost = allocation_counter::measure(|| response = Some(run(service.oneshot(request)).unwrap()));
        assert_eq!(response.unwrap().status(), StatusCode::OK);
        (cost.count_total, cost.bytes_current)
    }
    let off = World::digests(DigestDemand::Off);
    let if_present = World::digests(DigestDemand::IfPresent);
    let bare = |world: &World, of: Option<&[u8]>| {
        let request = request(Method::POST, world.proof(&Method::POST, of), Sealed("as it came"));
        cost(&world.layer().layer(service_fn(handler)), request)
    };
    let may_read = |world: &World| {
        let request = request(Method::POST, world.proof(&Method::POST, None), Sealed("as it came"));
        cost(&world.layer().read_bodies(|_| Sealed("another")).layer(service_fn(handler)), request)
    };
    bare(&off, None);
    let plain = bare(&off, None);
    assert_eq!(may_read(&off), plain);
    assert_eq!(may_read(&if_present), plain, "a proof that names no body");
    // A claim that nobody asked for is read, which takes a list of its keys and the digest, and its body is not.
    assert!(bare(&off, Some(b"x")).0 <= plain.0 + 2);
    println!("{} allocations", plain.0);
}

// The fields of MCP.

fn call(tool: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": tool, "arguments": {} } })
        .to_string()
}

fn list() -> String {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/list" }).to_string()
}

/// Deleting needs a nonce under 10 s old and single use, listing needs nothing.
fn guarded() -> McpPolicy {
    McpPolicy::new()
        .tool("delete_*", |usual| usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_single_use(true))
        .method("tools/list", |usual| usual.with_nonce(NonceDemand::Never).with_single_use(false))
        .method("*", |usual| usual.with_single_use(false))
}

impl World {
    fn mcp(configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Self {
        let store = MemoryStore::new(1 << 20).clock(|| NOW);
        Self::new(|builder| configure(builder.single_use(store, WhenAway::Refuse)))
    }

    /// A proof with a nonce of this age, and these fields.
    fn fields(&self, age_ms: u64, fields: &[(&'static str, &str)]) -> HeaderMap {
        let nonce = self.fleet.mint(NOW.saturating_sub(age_ms), &Binding::None);
        let mut headers = self.client.draft(&nonce, NOW_S).headers();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    async fn post(&self, headers: &HeaderMap, body: &str) -> StatusCode {
        self.send(Method::POST, headers.clone(), body.to_owned()).await.0
    }
}

fn tool(name: &str) -> [(&'static str, &str); 2] {
    [("mcp-method", "tools/call"), ("mcp-name", name)]
}

const LIST: [(&str, &str); 1] = [("mcp-method", "tools/list")];

/// D-1: a guarded tool with a nonce 11 s old is told to use the fresh one, and passes with it. Other calls pass with
/// the old one, and a list with none.
#[tokio::test]
async fn d_1_a_guarded_tool_wants_a_young_nonce() {
    let world = World::mcp(|builder| builder.mcp_policy(guarded()));
    let old = world.fields(11_000, &tool("delete_file"));
    let (status, refusal) = world.send(Method::POST, old, call("delete_file")).await;
    assert_eq!((status, refusal.error().as_str()), (StatusCode::UNAUTHORIZED, "use_dpop_nonce"));
    assert_eq!(world.refused(Reason::NonceTooOldHere), 1);
    let fresh = refusal.headers["dpop-nonce"].to_str().unwrap();
    let mut retry = world.client.draft(fresh, NOW_S).headers();
    retry.extend(
        world
            .fields(0, &tool("delete_file"))
            .into_iter()
            .filter(|(name, _)| name.as_ref().is_some_and(|name| name.as_str().starts_with("mcp-"))),
    );
    assert_eq!(world.post(&retry, &call("delete_file")).await, 200);
    assert_eq!(world.post(&retry, &call("delete_file")).await, 401);
    assert_eq!(world.refused(Reason::ProofReplayed), 1);

    let other = world.fields(11_000, &tool("add"));
    assert_eq!(world.post(&other, &call("add")).await, 200);
    assert_eq!(world.post(&other, &call("add")).await, 200);
    let expired = world.fields(300_000, &LIST);
    assert_eq!(world.post(&expired, &list()).await, 200);
    assert_eq!(world.post(&world.fields(300_000, &tool("add")), &call("add")).await, 401);
}

/// M-3. The attack: a thief of a proof for a list writes what suits into the fields, and calls the guarded tool. It
/// passes where only the fields count, and not where they are compared with the body.
#[tokio::test]
async fn fields_that_contradict_the_body_are_refused() {
    for compared in [false, true] {
        let world = World::mcp(|builder| {
            builder.policy(move |request, usual| {
                let usual = usual.with_mcp_fields(compared);
                match request.headers().get("mcp-method").map(HeaderValue::as_bytes) {
                    Some(b"tools/list") => usual.with_nonce(NonceDemand::Never).with_single_use(false),
                    _ => usual.with_nonce(NonceDemand::Within { seconds: 10 }),
                }
            })
        });
        let stolen = world.fields(100_000, &LIST);
        let (status, got) = world.send(Method::POST, stolen.clone(), call("delete_file")).await;
        if !compared {
            assert_eq!(status, 200, "the tool is called with a proof that is too old for it");
            continue;
        }
        assert_eq!((status, world.refused(Reason::McpFieldsContradict)), (StatusCode::BAD_REQUEST, 1));
        // As MCP 2026-07-28 has it, and with the id of the request, which was read.
        let error = got.json();
        assert_eq!((&error["error"]["code"], &error["id"]), (&json!(-32020), &json!(7)));
        assert!(!got.headers.contains_key("www-authenticate"));
        assert_eq!(world.post(&stolen, &list()).await, 200);
    }
}

/// A name, the method, the age of the nonce in milliseconds, the fields, the body, and what must come of it.
type Kind<'k> = (&'k str, Method, u64, &'k [(&'static str, &'k str)], &'k str, u16, Option<Reason>);

/// What the ready policy makes of each kind of request.
#[tokio::test]
async fn requests_of_every_kind_against_the_ready_policy() {
    let world = World::mcp(|builder| builder.mcp_policy(guarded()));
    let batch = format!("[{},{}]", list(), call("delete_file"));
    let twice = r#"{"method":"tools/list","method":"tools/call","params":{"name":"delete_file"}}"#;
    let young = 0;
    let old = 11_000;
    let cases: &[Kind<'_>] = &[
        ("a list", Method::POST, old, &LIST, &list(), 200, None),
        ("another tool", Method::POST, old, &tool("add"), &call("add"), 200, None),
        ("a list that calls", Method::POST, old, &LIST, &call("delete_file"), 400, Some(Reason::McpFieldsContradict)),
        ("another name", Method::POST, old, &tool("add"), &call("delete_file"), 400, Some(Reason::McpFieldsContradict)),
        ("a batch", Method::POST, old, &LIST, &batch, 400, Some(Reason::McpBodyMalformed)),
        ("a member twice", Method::POST, old, &LIST, twice, 400, Some(Reason::McpBodyMalformed)),
        ("no JSON", Method::POST, old, &LIST, "tools/list", 400, Some(Reason::McpBodyMalformed)),
        ("no body", Method::POST, old, &LIST, "", 400, Some(Reason::McpBodyMalformed)),
        // Without fields, or with fields that cannot be read, the strictest row.
        ("no fields, young", Method::POST, young, &[], &call("delete_file"), 200, None),
        ("no fields", Method::POST, old, &[], &list(), 401, Some(Reason::NonceTooOldHere)),
        ("no fields, a batch", Method::POST, young, &[], &batch, 200, None),
        (
            "no name",
            Method::POST,
            old,
            &[("mcp-method", "tools/call")],
            &call("add"),
            401,
            Some(Reason::NonceTooOldHere),
        ),
        ("no name, young", Method::POST, young, &[("mcp-method", "tools/call")], &call("add"), 200, None),
        (
            "no method, young",
            Method::POST,
            young,
            &[("mcp-name", "add")],
            &call("add"),
            400,
            Some(Reason::McpFieldsContradict),
        ),
        ("a method twice", Method::POST, old, &[LIST[0], LIST[0]], &list(), 401, Some(Reason::NonceTooOldHere)),
        (
            "a method twice, young",
            Method::POST,
            young,
            &[LIST[0], LIST[0]],
            &list(),
            400,
            Some(Reason::McpFieldsMalformed),
        ),
        (
            "bad base64, young",
            Method::POST,
            young,
            &tool("=?base64?YQ?="),
            &call("a"),
            400,
            Some(Reason::McpFieldsMalformed),
        ),
        ("base64", Method::POST, old, &tool("=?base64?YWRk?="), &call("add"), 200, None),
        (
            "base64 of a guarded tool",
            Method::POST,
            old,
            &tool("=?base64?ZGVsZXRlX2ZpbGU=?="),
            &call("delete_file"),
            401,
            Some(Reason::NonceTooOldHere),
        ),
        // A stream of events, and the end of a session: no JSON-RPC, so no fields, so the strictest row.
        ("GET", Method::GET, old, &[], "", 401, Some(Reason::NonceTooOldHere)),
        ("GET, young", Method::GET, young, &[], "", 200, None),
        ("DELETE, young", Method::DELETE, young, &[], "", 200, None),
        ("GET with fields", Method::GET, old, &LIST, "", 400, Some(Reason::McpBodyMalformed)),
    ];
    for (name, method, age_ms, fields, body, status, reason) in cases {
        let nonce = world.fleet.mint(NOW.saturating_sub(*age_ms), &Binding::None);
        let draft = world.client.draft(&nonce, NOW_S).but(|draft| draft.claims.set("htm", quoted(method)));
        let mut headers = draft.headers();
        for (name, value) in *fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let before = reason.map(|reason| world.refused(reason));
        let (got, echoed) = world.send(method.clone(), headers, (*body).to_owned()).await;
        assert_eq!(got, *status, "{name}");
        assert_eq!(reason.map(|reason| world.refused(reason)), before.map(|count| count + 1), "{name}");
        assert!(got != 200 || echoed.bytes == *body, "{name}");
    }
}

/// The full story: fields compared with the body, and the body with the signed digest. Nobody on the way can make
/// another call of it.
#[tokio::test]
async fn fields_body_and_digest_hold_together() {
    let world = World::mcp(|builder| {
        builder.mcp_policy(McpPolicy::new().tool("*", |usual| usual.with_body_digest(DigestDemand::Required)))
    });
    let sign = |of: &str| {
        let draft = world.client.draft(&world.nonce(), NOW_S);
        draft.but(|draft| draft.claims.add("content_digest", quoted(digest(of.as_bytes())))).headers()
    };
    let with = |mut headers: HeaderMap, name: &str| {
        headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
        headers.insert("mcp-name", HeaderValue::from_str(name).unwrap());
        headers
    };
    let other = world.send(Method::POST, with(sign(&call("add")), "delete_file"), call("delete_file")).await;
    assert_eq!((other.0, world.refused(Reason::WrongContentDigest)), (StatusCode::UNAUTHORIZED, 1));
    let fields = world.send(Method::POST, with(sign(&call("add")), "delete_file"), call("add")).await;
    assert_eq!((fields.0, world.refused(Reason::McpFieldsContradict)), (StatusCode::BAD_REQUEST, 1));
    assert_eq!(world.send(Method::POST, with(sign(&call("add")), "add"), call("add")).await.0, 200);
}

/// M-1: a tool asks for scopes of its own, by its name; who does not say a name needs those of all.
#[tokio::test]
async fn m_1_a_tool_asks_for_its_scopes() {
    let world = World::new(|builder| {
        let policy = McpPolicy::new()
            .tool("delete_*", |usual| usual.with_scopes(["files:write"]))
            .tool("pay", |usual| usual.with_scopes(["payments"]));
        builder.mcp_policy(policy)
    });
    let none: [(&str, &str); 0] = [];
    for (fields, body, scopes) in [
        (&tool("add")[..], call("add"), None),
        (&tool("delete_file"), call("delete_file"), Some("scope=\"files:write\"")),
        (&tool("pay"), call("pay"), Some("scope=\"payments\"")),
        (&none, call("add"), Some("scope=\"files:write payments\"")),
    ] {
        let (status, got) = world.send(Method::POST, world.fields(0, fields), body).await;
        let Some(scopes) = scopes else {
            assert_eq!(status, 200);
            continue;
        };
        assert_eq!((status, got.error().as_str()), (StatusCode::FORBIDDEN, "insufficient_scope"));
        assert!(got.headers["www-authenticate"].to_str().unwrap().contains(scopes), "{:?}", got.headers);
    }
}

/// A real server and a socket: chunks, trailers, and a body that does not stop.
#[tokio::test]
async fn over_a_socket() {
    let world = World::digests(DigestDemand::Required);
    let layer = world.layer().max_body_bytes(BOUND).read_bodies(Body::new);
    let app = Router::new().route(
        "/mcp",
        any(async |request: Request<Body>| {
            let collected = request.into_body().collect().await.unwrap();
            let trailer = collected.trailers().map(|trailers| trailers["x-end"].to_str().unwrap().to_owned());
            format!("{} {trailer:?}", collected.to_bytes().len())
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app.route_layer(layer)).into_future());
    let head = |of: &[u8], more: &str| {
        let headers = world.proof(&Method::POST, Some(of));
        let field = |name: &str| headers[name].to_str().unwrap().to_owned();
        format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\nDPoP: {}\r\n{more}\r\n",
            field("authorization"),
            field("dpop")
        )
    };
    let say = async |bytes: Vec<u8>| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut from, mut to) = stream.split();
        let mut heard = Vec::new();
        // A server that has heard enough closes while bytes are still on their way.
        let both = async { tokio::join!(to.write_all(&bytes), from.read_to_end(&mut heard)) };
        let _ = tokio::time::timeout(Duration::from_secs(20), both).await.expect("the server answers or closes");
        String::from_utf8(heard).unwrap()
    };
    let chunked = "Transfer-Encoding: chunked\r\nTrailer: X-End\r\n";
    let good = format!("{}3\r\nhel\r\n2\r\nlo\r\n0\r\nX-End: yes\r\n\r\n", head(b"hello", chunked));
    let said = say(good.clone().into_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("5 Some(\"yes\")"), "{said}");
    let said = say(good.replace("hel", "jel").into_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");

    // A client that asks before it sends is answered by the head alone, if that does not do.
    let asking = "Expect: 100-continue\r\nContent-Length: 5\r\n";
    let said = say(head(b"hello", asking).replace("DPoP: ", "DPoP: x").into_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
    let said = say(format!("{}hello", head(b"hello", asking)).into_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 100") && said.contains("HTTP/1.1 200"), "{said}");

    let long = head(b"x", &format!("Content-Length: {}\r\n", 10 * BOUND));
    let said = say(long.into_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    let mut endless = head(b"x", chunked).into_bytes();
    for _ in 0..10 * BOUND / 1_000 {
        endless.extend(b"3e8\r\n");
        endless.extend([7; 1_000]);
        endless.extend(b"\r\n");
    }
    let said = say(endless).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 413"), "{said}");
    assert_eq!(world.refused(Reason::BodyTooLarge), 2);
    assert_eq!(world.verifier.counters().accepted(), 2);
}

//! A whole server: requests per second and core of an axum server behind each verifier, driven over loopback with
//! proofs signed beforehand: `cargo run --release -p sealstamp-bench --bin server [-- --json]`. Linux only, and about
//! two minutes.
//!
//! Each server has one thread. What is counted is the processor time of that thread, the kernel's share of its sockets
//! included, so neither the driver nor anything else on the machine is in the figure. The servers take turns.
//!
//! The rows of single use are sent proofs that are new each time. Those with Redis need `redis-server`, which is
//! started here, on loopback, and whose own time is in no figure.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use sealstamp::{Binding, Suite};
use sealstamp_bench::inputs::{Client, Issuer};
use sealstamp_bench::measure::median;
use sealstamp_bench::peers::{
    Cipher, DpopVerifierPeer, Huskarl, HuskarlNonce, LIFETIME_S, SetOfJti, Tracker, Turbomcp,
};
use sealstamp_bench::report::Line;
use sealstamp_bench::whole::{
    Bearer, header, is_whole, processor_ns, raw, raw_with_body, router, router_for_any_body, router_with_bearer,
    unauthorized,
};
use sealstamp_bench::{clock, digest, ours};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{CacheBounds, Cached, MemoryStore, VerifierBuilder, WhenAway};
use sealstamp_redis::RedisStore;
use sealstamp_testkit::{StoreProgram, StoreServer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

const CONNECTIONS: usize = 8;
/// Requests signed before each round for most servers; they are sent over and over.
const SIGNED: usize = 256;
/// Requests signed before each round for servers that take each of them once: more than one of them answers in a round.
const SIGNED_ONCE: usize = 6_000;
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(400);
/// Room for all proofs of a run.
const STORE_BYTES: usize = 64 * 1024 * 1024;
/// A busy machine is no reason to stop.
const BOUND: Duration = Duration::from_secs(10);

const BEARER: &str = "Bearer, JWT (jsonwebtoken)";
const WARM: &str = "sealstamp, JWT, cached";
const TURBOMCP: &str = "turbomcp-dpop, JWT (jsonwebtoken), no nonce";

fn main() -> ExitCode {
    let json = match std::env::args().skip(1).collect::<Vec<_>>()[..] {
        [] => false,
        [ref option] if option == "--json" => true,
        _ => {
            eprintln!("usage: server [--json]");
            return ExitCode::from(2);
        }
    };
    jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().expect("the first provider");
    let (client, issuer) = (Client::new(), Issuer::new());
    // As docs/options.md has it. A claim is on the disk a second later.
    let redis = StoreProgram::redis()
        .map(|redis| redis.start_with(|_| vec!["--appendfsync".to_owned(), "everysec".to_owned()]));
    let servers = servers(&client, &issuer, redis.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); servers.len()];
    for _ in 0..ROUNDS {
        for (server, rates) in servers.iter().zip(&mut rates) {
            rates.push(runtime.block_on(server.drive()));
        }
    }
    let rates_of = |name: &str| &rates[servers.iter().position(|server| server.name == name).expect("a server")];
    // Time per request over that of the other, round by round: the rates stand upside down.
    let over =
        |ours: &[f64], theirs: &[f64]| median(theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect());
    let lines = [
        Line::at_most("ours, cached / Bearer", over(rates_of(WARM), rates_of(BEARER)), 1.05),
        Line::at_most("ours, cached / fastest peer", over(rates_of(WARM), rates_of(TURBOMCP)), 0.4),
    ];
    let rows = servers.iter().zip(&rates).map(|(server, rates)| {
        let (rate, ratio) = (median(rates.clone()), over(rates, rates_of(BEARER)));
        (server.name, rate, ratio)
    });
    if json {
        let rows = rows.map(|(name, rate, ratio)| {
            let (us, ratio) = ((1e7 / rate).round() / 10.0, (ratio * 1e3).round() / 1e3);
            json!({ "name": name, "requests_per_s": rate.round(), "us_per_request": us, "ratio": ratio })
        });
        let (rows, lines) = (rows.collect::<Vec<_>>(), lines.each_ref().map(Line::json));
        println!("{:#}", json!({ "rows": rows, "lines": lines }));
    } else {
        println!(
            "{:<44}{:>20}{:>12}{:>11}",
            "one thread, HTTP/1.1, kept alive", "requests/s and core", "per request", "/ Bearer"
        );
        for (name, rate, ratio) in rows {
            println!("{name:<44}{rate:>20.0}{:>9.1} us{ratio:>11.3}", 1e6 / rate);
        }
        println!();
        lines.iter().for_each(|line| print!("{}", line.text()));
    }
    ExitCode::SUCCESS
}

/// A server on a thread of its own, and the requests that it will be sent.
struct Server<'s> {
    name: &'static str,
    address: SocketAddr,
    thread: PathBuf,
    requests: Requests<'s>,
}

/// What a server is sent in a round, signed right before: neither nonces nor proofs are ever old.
struct Requests<'s> {
    sign: Box<dyn Fn() -> Vec<u8> + 's>,
    signed: usize,
    /// Whether each is sent once. Otherwise they are sent over and over.
    once: bool,
}

impl<'s> Requests<'s> {
    fn again(sign: impl Fn() -> Vec<u8> + 's) -> Self {
        Self { sign: Box::new(sign), signed: SIGNED, once: false }
    }

    fn once(sign: impl Fn() -> Vec<u8> + 's) -> Self {
        Self { sign: Box::new(sign), signed: SIGNED_ONCE, once: true }
    }
}

impl<'s> Server<'s> {
    fn start(name: &'static str, router: Router, requests: Requests<'s>) -> Self {
        Self::start_with(name, Builder::new_current_thread().enable_io(), async || router, requests)
    }

    /// A server with a store, which it makes on its own thread.
    fn start_once<F: Future<Output = Router>>(
        name: &'static str,
        router: impl FnOnce() -> F + Send + 'static,
        sign: impl Fn() -> Vec<u8> + 's,
    ) -> Self {
        Self::start_with(name, Builder::new_current_thread().enable_all(), router, Requests::once(sign))
    }

    fn start_with<F: Future<Output = Router>>(
        name: &'static str,
        runtime: &mut Builder,
        router: impl FnOnce() -> F + Send + 'static,
        requests: Requests<'s>,
    ) -> Self {
        let (send, receive) = mpsc::channel();
        let runtime = runtime.build().expect("a runtime");
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let thread = std::fs::canonicalize("/proc/thread-self").expect("Linux");
                let router = router().await;
                send.send((listener.local_addr().expect("an address"), thread)).expect("the main thread waits");
                axum::serve(listener, router).await.expect("no end");
            });
        });
        let (address, thread) = receive.recv().expect("a server");
        Self { name, address, thread, requests }
    }

    /// Requests per second of the server's processor time, over one round.
    async fn drive(&self) -> f64 {
        let Requests { ref sign, signed, once } = self.requests;
        let requests: Arc<[_]> = (0..signed).map(|_| sign()).collect();
        let end = Instant::now() + ROUND;
        let before = processor_ns(&self.thread);
        let connections = (0..CONNECTIONS).map(|first| {
            let requests = Arc::clone(&requests);
            let address = self.address;
            async move {
                let mut stream = TcpStream::connect(address).await.expect("a connection");
                stream.set_nodelay(true).expect("TCP");
                let mut done = 0_u32;
                let mut buffer = vec![0; 4096];
                // Each connection begins at a place of its own. Where none may be sent twice, it ends where the next begins.
                let (from, to) = (first * requests.len() / CONNECTIONS, (first + 1) * requests.len() / CONNECTIONS);
                let most = if once { to - from } else { usize::MAX };
                for request in requests.iter().cycle().skip(from).take(most) {
                    if Instant::now() >= end {
                        break;
                    }
                    stream.write_all(request).await.expect("sent");
                    answer(&mut stream, &mut buffer).await;
                    done += 1;
                }
                done
            }
        });
        let connections: Vec<_> = connections.collect();
        let local = tokio::task::LocalSet::new();
        let handles: Vec<_> = connections.into_iter().map(|connection| local.spawn_local(connection)).collect();
        local.await;
        let mut done = 0;
        for handle in handles {
            done += handle.await.expect("no panic");
        }
        f64::from(done) / (processor_ns(&self.thread) - before) * 1e9
    }
}

/// Reads one response, and insists that it is a 200.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    while !is_whole(&buffer[..filled]) {
        let read = stream.read(&mut buffer[filled..]).await.expect("an answer");
        assert_ne!(read, 0, "the server hung up");
        filled += read;
    }
}

/// A tool call with a proof that has this nonce.
fn signed<'s>(client: &'s Client, token: &Arc<str>, nonce: impl Fn() -> String + 's) -> impl Fn() -> Vec<u8> + 's {
    let token = Arc::clone(token);
    move || raw("DPoP", &token, Some(&client.proof(&token, &nonce())))
}

fn servers<'s>(client: &'s Client, issuer: &'s Issuer, redis: Option<&StoreServer>) -> Vec<Server<'s>> {
    let token: Arc<str> = issuer.token(Some(client.thumbprint())).into();
    let bearer = {
        let unbound = raw("Bearer", &issuer.token(None), None);
        move || unbound.clone()
    };
    let tokens = Arc::new(Bearer::new(&issuer.jwks()));

    let fleet = ours::fleet(Suite::Aes256Gcm);
    let verifier = || ours::verifier(&fleet);
    let validator = || ours::validator(&issuer.jwks());
    let cached = || Cached::new(validator(), CacheBounds::default());
    let nonce = || {
        let fleet = fleet.clone();
        move || fleet.mint(clock(), &Binding::None).to_string()
    };
    let ours = || signed(client, &token, nonce());
    let of_many_tokens = {
        let tokens: Vec<_> = (0..1_000).map(|_| issuer.token(Some(client.thumbprint()))).collect();
        let (nonce, turn) = (nonce(), Cell::new(0));
        move || {
            let token = &tokens[turn.replace((turn.get() + 1) % tokens.len())];
            raw("DPoP", token, Some(&client.proof(token, &nonce())))
        }
    };

    let dpop_verifier = |store| {
        let peer = DpopVerifierPeer::new(Some(client.thumbprint()));
        let state = Arc::new((peer, Arc::clone(&tokens), store));
        router().layer(from_fn_with_state(state, with_dpop_verifier))
    };
    let for_dpop_verifier = || {
        let peer = DpopVerifierPeer::new(Some(client.thumbprint()));
        signed(client, &token, move || peer.mint())
    };
    let huskarl_nonce = HuskarlNonce::new(Cipher::AesGcm);
    let huskarl = Arc::new(Huskarl::with_issuer(Cipher::AesGcm, LIFETIME_S, &issuer.jwks()));
    let for_turbomcp = || signed(client, &token, || "none".to_owned());

    let mut servers = vec![
        Server::start("no check", router(), Requests::again(bearer.clone())),
        Server::start(BEARER, router_with_bearer(&issuer.jwks()), Requests::again(bearer)),
        Server::start(WARM, router().layer(DpopLayer::new(verifier(), cached())), Requests::again(ours())),
        Server::start(
            "sealstamp, JWT, cached, 1,000 tokens",
            router().layer(DpopLayer::new(verifier(), cached())),
            Requests { signed: 1_000, ..Requests::again(of_many_tokens) },
        ),
        Server::start(
            "sealstamp, JWT",
            router().layer(DpopLayer::new(verifier(), validator())),
            Requests::again(ours()),
        ),
        Server::start("dpop-verifier, JWT (jsonwebtoken)", dpop_verifier(None), Requests::again(for_dpop_verifier())),
        Server::start(
            "huskarl, JWT (its own)",
            router().layer(from_fn_with_state(huskarl, with_huskarl)),
            Requests::again(signed(client, &token, move || huskarl_nonce.mint())),
        ),
        Server::start(TURBOMCP, turbomcp(Turbomcp::new(), &tokens), Requests::again(for_turbomcp())),
    ];

    // A digest of the body, and the same body with the option off.
    for (off, on, bytes, signed) in [
        ("sealstamp, JWT, cached, body of 1 KiB", "sealstamp, JWT, cached, digest of 1 KiB", 1 << 10, SIGNED),
        ("sealstamp, JWT, cached, body of 1 MiB", "sealstamp, JWT, cached, digest of 1 MiB", 1 << 20, CONNECTIONS),
    ] {
        let body = digest::body(bytes);
        let sign = || {
            let (token, nonce, body) = (Arc::clone(&token), nonce(), body.clone());
            let claim = digest::claim(&body);
            let sign = move || {
                let proof = client.proof_with(&token, &nonce(), &claim);
                raw_with_body("DPoP", &token, Some(&proof), &body)
            };
            Requests { signed, ..Requests::again(sign) }
        };
        let router = |verifier| router_for_any_body().layer(digest::layer(verifier, cached()));
        servers.push(Server::start(off, router(verifier()), sign()));
        servers.push(Server::start(on, router(digest::verifier(&fleet)), sign()));
    }

    // Single use, each with the store that it has.
    let once =
        |builder: VerifierBuilder| router().layer(DpopLayer::new(builder.build().expect("a verifier"), cached()));
    let in_memory = ours::verifier_builder(&fleet).single_use(MemoryStore::new(STORE_BYTES), WhenAway::Refuse);
    let in_memory = once(in_memory);
    servers.extend([
        Server::start_once("sealstamp, JWT, cached, once, memory", async || in_memory, ours()),
        {
            let router = dpop_verifier(Some(SetOfJti::default()));
            Server::start_once("dpop-verifier, JWT, once, a set", async || router, for_dpop_verifier())
        },
        {
            let router = turbomcp(Tracker::in_memory().validator(), &tokens);
            Server::start_once("turbomcp-dpop, JWT, no nonce, once, memory", async || router, for_turbomcp())
        },
    ]);
    let Some(address) = redis.map(StoreServer::address) else { return servers };
    let ours_in_redis = {
        let (address, cached, builder) = (address.clone(), cached(), ours::verifier_builder(&fleet));
        async move || {
            let store = RedisStore::builder(&address).bound(BOUND).build().expect("a store");
            let verifier = builder.single_use(store, WhenAway::Refuse).build().expect("a verifier");
            router().layer(DpopLayer::new(verifier, cached))
        }
    };
    let theirs_in_redis = async move || turbomcp(Tracker::in_redis(&address).await.validator(), &tokens);
    servers.extend([
        Server::start_once("sealstamp, JWT, cached, once, Redis", ours_in_redis, ours()),
        Server::start_once("turbomcp-dpop, JWT, no nonce, once, Redis", theirs_in_redis, for_turbomcp()),
    ]);
    servers
}

fn turbomcp(validator: Turbomcp, tokens: &Arc<Bearer>) -> Router {
    router().layer(from_fn_with_state(Arc::new((validator, Arc::clone(tokens))), with_turbomcp))
}

type DpopVerifierState = Arc<(DpopVerifierPeer, Arc<Bearer>, Option<SetOfJti>)>;

async fn with_dpop_verifier(State(state): State<DpopVerifierState>, request: Request, next: Next) -> Response {
    let (verifier, tokens, store) = &*state;
    let token = header(&request, "authorization").and_then(|field| field.strip_prefix("DPoP "));
    let accepted = token.zip(header(&request, "dpop")).and_then(|(token, proof)| {
        let proof = match store {
            None => verifier.check(token, proof).ok()?,
            Some(store) => verifier.check_once(store, token, proof).ok()?,
        };
        let claims = tokens.claims(token)?;
        (claims["cnf"]["jkt"].as_str()? == proof.jkt).then_some(())
    });
    match accepted {
        Some(()) => next.run(request).await,
        None => unauthorized(),
    }
}

async fn with_turbomcp(State(state): State<Arc<(Turbomcp, Arc<Bearer>)>>, request: Request, next: Next) -> Response {
    let (verifier, tokens) = &*state;
    let token = header(&request, "authorization").and_then(|field| field.strip_prefix("DPoP "));
    let Some((token, proof)) = token.zip(header(&request, "dpop")) else { return unauthorized() };
    let thumbprint = verifier.verify_once(token, proof).await;
    let is_bound = tokens.claims(token).is_some_and(|claims| claims["cnf"]["jkt"].as_str() == Some(&*thumbprint));
    if is_bound { next.run(request).await } else { unauthorized() }
}

async fn with_huskarl(State(huskarl): State<Arc<Huskarl>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match huskarl.answer(&parts) {
        None => next.run(Request::from_parts(parts, body)).await,
        Some(answer) => answer.map(|()| axum::body::Body::empty()),
    }
}

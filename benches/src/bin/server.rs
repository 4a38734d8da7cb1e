//! A whole server: requests per second and core of an axum server behind each verifier, driven over loopback with
//! proofs signed beforehand: `cargo run --release -p sealstamp-bench --bin server [-- --json]`. Linux only, and about a
//! minute.
//!
//! Each server has one thread. What is counted is the processor time of that thread, the kernel's share of its sockets
//! included, so neither the driver nor anything else on the machine is in the figure. The servers take turns.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

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
use sealstamp_bench::peers::{Cipher, DpopVerifierPeer, Huskarl, HuskarlNonce, LIFETIME_S, Turbomcp};
use sealstamp_bench::report::Line;
use sealstamp_bench::whole::{Bearer, header, raw, router, router_with_bearer, unauthorized};
use sealstamp_bench::{clock, ours};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{CacheBounds, Cached};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 8;
/// Requests signed beforehand for most servers; they are sent over and over.
const SIGNED: usize = 256;
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(400);

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
    let servers = servers(&client, &issuer);
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
struct Server {
    name: &'static str,
    address: SocketAddr,
    thread: PathBuf,
    requests: Vec<Vec<u8>>,
}

impl Server {
    fn start(name: &'static str, router: Router, requests: Vec<Vec<u8>>) -> Self {
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let thread = std::fs::canonicalize("/proc/thread-self").expect("Linux");
                send.send((listener.local_addr().expect("an address"), thread)).expect("the main thread waits");
                axum::serve(listener, router).await.expect("no end");
            });
        });
        let (address, thread) = receive.recv().expect("a server");
        Self { name, address, thread, requests }
    }

    /// Nanoseconds that the server's thread has been on a processor.
    fn busy_ns(&self) -> f64 {
        let text = std::fs::read_to_string(self.thread.join("schedstat")).expect("Linux");
        text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
    }

    /// Requests per second of the server's processor time, over one round.
    async fn drive(&self) -> f64 {
        let end = Instant::now() + ROUND;
        let before = self.busy_ns();
        let connections = (0..CONNECTIONS).map(|first| {
            let requests = self.requests.clone();
            let address = self.address;
            async move {
                let mut stream = TcpStream::connect(address).await.expect("a connection");
                stream.set_nodelay(true).expect("TCP");
                let mut done = 0_u32;
                let mut buffer = vec![0; 4096];
                for request in requests.iter().cycle().skip(first * requests.len() / CONNECTIONS) {
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
        f64::from(done) / (self.busy_ns() - before) * 1e9
    }
}

/// Reads one response, and insists that it is a 200.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("an answer");
        assert_ne!(read, 0, "the server hung up");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled]).expect("text");
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            if body.len() == length.parse::<usize>().expect("a number") {
                return;
            }
        }
    }
}

fn servers(client: &Client, issuer: &Issuer) -> Vec<Server> {
    let token = issuer.token(Some(client.thumbprint()));
    let unbound = issuer.token(None);
    let with_proofs = |nonce: &dyn Fn() -> String| -> Vec<Vec<u8>> {
        (0..SIGNED).map(|_| raw("DPoP", &token, Some(&client.proof(&token, &nonce())))).collect()
    };
    let tokens = Arc::new(Bearer::new(&issuer.jwks()));

    let fleet = ours::fleet(Suite::Aes256Gcm);
    let verifier = || ours::verifier(&fleet);
    let validator = || ours::validator(&issuer.jwks());
    let cached = || Cached::new(validator(), CacheBounds::default());
    let nonce = || fleet.mint(clock(), &Binding::None).to_string();
    let ours = with_proofs(&nonce);
    let of_many_tokens = (0..1_000).map(|_| {
        let token = issuer.token(Some(client.thumbprint()));
        raw("DPoP", &token, Some(&client.proof(&token, &nonce())))
    });

    let dpop_verifier = Arc::new((DpopVerifierPeer::new(Some(client.thumbprint())), Arc::clone(&tokens)));
    let for_dpop_verifier = with_proofs(&|| dpop_verifier.0.mint());
    let huskarl_nonce = HuskarlNonce::new(Cipher::AesGcm);
    let huskarl = Arc::new(Huskarl::with_issuer(Cipher::AesGcm, LIFETIME_S, &issuer.jwks()));
    let turbomcp = Arc::new((Turbomcp::new(), Arc::clone(&tokens)));

    vec![
        Server::start("no check", router(), vec![raw("Bearer", &unbound, None); SIGNED]),
        Server::start(BEARER, router_with_bearer(&issuer.jwks()), vec![raw("Bearer", &unbound, None); SIGNED]),
        Server::start(WARM, router().layer(DpopLayer::new(verifier(), cached())), ours.clone()),
        Server::start(
            "sealstamp, JWT, cached, 1,000 tokens",
            router().layer(DpopLayer::new(verifier(), cached())),
            of_many_tokens.collect(),
        ),
        Server::start("sealstamp, JWT", router().layer(DpopLayer::new(verifier(), validator())), ours),
        Server::start(
            "dpop-verifier, JWT (jsonwebtoken)",
            router().layer(from_fn_with_state(dpop_verifier, with_dpop_verifier)),
            for_dpop_verifier,
        ),
        Server::start(
            "huskarl, JWT (its own)",
            router().layer(from_fn_with_state(huskarl, with_huskarl)),
            with_proofs(&|| huskarl_nonce.mint()),
        ),
        Server::start(
            TURBOMCP,
            router().layer(from_fn_with_state(turbomcp, with_turbomcp)),
            with_proofs(&|| "none".to_owned()),
        ),
    ]
}

type DpopVerifierState = Arc<(DpopVerifierPeer, Arc<Bearer>)>;

async fn with_dpop_verifier(State(state): State<DpopVerifierState>, request: Request, next: Next) -> Response {
    let (verifier, tokens) = &*state;
    let token = header(&request, "authorization").and_then(|field| field.strip_prefix("DPoP "));
    let accepted = token.zip(header(&request, "dpop")).and_then(|(token, proof)| {
        let proof = verifier.check(token, proof).ok()?;
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
    let accepted = token.zip(header(&request, "dpop")).and_then(|(token, proof)| {
        let thumbprint = verifier.verify(token, proof);
        let claims = tokens.claims(token)?;
        (claims["cnf"]["jkt"].as_str()? == thumbprint).then_some(())
    });
    match accepted {
        Some(()) => next.run(request).await,
        None => unauthorized(),
    }
}

async fn with_huskarl(State(huskarl): State<Arc<Huskarl>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match huskarl.answer(&parts) {
        None => next.run(Request::from_parts(parts, body)).await,
        Some(answer) => answer.map(|()| axum::body::Body::empty()),
    }
}

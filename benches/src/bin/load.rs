//! Latency under load: `cargo run --release -p sealstamp-bench --bin load [-- --json]`. Linux only, some three minutes,
//! loopback only.
//!
//! Each server is a process of its own with one thread. The load is open: each request has a time at which it is to be
//! sent, drawn beforehand, and its latency counts from then, whether or not the server was still busy with others. So a
//! server that stalls is charged for all who had to wait (no coordinated omission). In the middle of each run the
//! server swaps in a rotated ring and a JWK set with one more key.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use sealstamp::{Binding, Force, Fresh, Suite};
use sealstamp_bench::inputs::{Client, Issuer};
use sealstamp_bench::measure::median;
use sealstamp_bench::whole::{is_whole, processor_ns, raw, router, router_with_bearer};
use sealstamp_bench::{clock, ours};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{CacheBounds, Cached, Jwks};
use serde_json::json;

const KINDS: [&str; 4] = ["no check", "Bearer", "sealstamp", "sealstamp, cached"];
const LEVELS: [f64; 3] = [0.5, 0.8, 0.95];
const ROUNDS: usize = 6;
const RUN: Duration = Duration::from_millis(1_500);
const BURST: Duration = Duration::from_millis(400);
/// As many requests are under way at most; the others wait, and the wait counts.
const CONNECTIONS: usize = 16;
/// Tokens in use, and proofs for each.
const TOKENS: usize = 100;
const PROOFS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().expect("the first provider");
    match arguments[..] {
        [] => print(false),
        ["--json"] => print(true),
        ["serve", kind, threads, jwks, more] => serve(kind, threads.parse().expect("a number"), jwks, more),
        _ => {
            eprintln!("usage: load [--json]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// One row of the table.
struct Row {
    kind: &'static str,
    level: f64,
    rate: f64,
    /// Microseconds: p50, p99, p99.9, each of its best round: whatever else the machine does only adds.
    latency: [f64; 3],
}

fn print(json: bool) {
    let world = World::new();
    let capacity = KINDS.map(|kind| {
        let server = world.start(kind, 1);
        let requests = world.requests(kind);
        server.closed(&requests, BURST);
        (0..5).map(|_| server.closed(&requests, BURST).0).fold(0.0, f64::max)
    });
    let mut rows: Vec<Row> = Vec::new();
    for level in LEVELS {
        let mut latencies: [Vec<[f64; 3]>; 4] = Default::default();
        for _ in 0..ROUNDS {
            for ((kind, capacity), latencies) in KINDS.iter().zip(capacity).zip(&mut latencies) {
                let requests = world.requests(kind);
                let mut server = world.start(kind, 1);
                server.closed(&requests, BURST);
                latencies.push(server.open(&requests, capacity * level));
            }
        }
        for ((kind, capacity), latencies) in KINDS.iter().zip(capacity).zip(latencies) {
            let best = |place: usize| latencies.iter().map(|latency| latency[place]).fold(f64::INFINITY, f64::min);
            let latency = [0, 1, 2].map(best);
            rows.push(Row { kind, level, rate: capacity * level, latency });
        }
    }
    let requests = world.requests(KINDS[3]);
    let per_second_of_processor = |threads| {
        let server = world.start(KINDS[3], threads);
        server.closed(&requests, BURST);
        median((0..5).map(|_| server.closed(&requests, BURST).1).collect())
    };
    let (one, two) = (per_second_of_processor(1), per_second_of_processor(2));
    let p99 = |kind: &str| rows.iter().find(|row| row.kind == kind && row.level == 0.8).expect("a row").latency[1];
    let ratio = p99(KINDS[3]) / p99(KINDS[1]);
    if json {
        let rows = rows.iter().map(|Row { kind, level, rate, latency: [p50, p99, p999] }| {
            json!({ "name": kind, "load": level, "requests_per_s": rate.round(), "p50_us": p50.round(),
                "p99_us": p99.round(), "p999_us": p999.round() })
        });
        let rows: Vec<_> = rows.collect();
        println!(
            "{:#}",
            json!({ "rows": rows, "p99_cached_over_bearer_at_80": ratio, "threads_2_over_1": 2.0 * two / one })
        );
        return;
    }
    println!("{:<22}{:>10}{:>14}{:>10}{:>10}{:>10}", "", "capacity", "requests/s", "p50", "p99", "p99.9");
    for Row { kind, level, rate, latency } in &rows {
        let [p50, p99, p999] = latency.map(|us| format!("{us:.0} us"));
        println!("{kind:<22}{:>9.0}%{rate:>14.0}{p50:>10}{p99:>10}{p999:>10}", level * 100.0);
    }
    println!("\np99 at 80%, sealstamp, cached / Bearer: {ratio:.3}");
    println!("two server threads / one, by requests per second of processor: {:.3}", 2.0 * two / one);
}

/// The client, the issuer, and what the client has signed.
struct World {
    jwks: [String; 2],
    bearer: Vec<Vec<u8>>,
    client: Client,
    tokens: Vec<String>,
}

impl World {
    fn new() -> Self {
        let (client, issuer, next) = (Client::new(), Issuer::new(), Issuer::new());
        let one = issuer.jwks();
        let next = next.jwks().replace(r#""kid":"1""#, r#""kid":"2""#);
        let next = next.strip_prefix(r#"{"keys":["#).expect("a JWK set");
        let two = format!("{},{next}", one.strip_suffix("]}").expect("a JWK set"));
        let unbound = issuer.token(None);
        let tokens = (0..TOKENS).map(|_| issuer.token(Some(client.thumbprint()))).collect();
        let bearer = vec![raw("Bearer", &unbound, None)];
        Self { jwks: [one, two], bearer, client, tokens }
    }

    /// Proofs carry fresh nonces: a run may begin long after the last.
    fn requests(&self, kind: &str) -> Vec<Vec<u8>> {
        if !kind.starts_with("sealstamp") {
            return self.bearer.clone();
        }
        let fleet = ours::fleet(Suite::Aes256Gcm);
        let proof =
            |token: &String| raw("DPoP", token, Some(&self.client.proof(token, &fleet.mint(clock(), &Binding::None))));
        (0..PROOFS).flat_map(|_| self.tokens.iter().map(proof)).collect()
    }

    fn start(&self, kind: &str, threads: usize) -> Server {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(["serve", kind, &threads.to_string(), &self.jwks[0], &self.jwks[1]])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        Server { child, address: line.trim().parse().expect("an address") }
    }
}

/// A server in a process of its own. It ends with its handle.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_nodelay(true).expect("TCP");
        stream
    }

    /// Seconds that the server's threads have been on a processor.
    fn busy(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("Linux");
        tasks.map(|task| processor_ns(&task.expect("a thread").path())).sum::<f64>() / 1e9
    }

    /// As fast as it goes: requests a second, and requests per second of the server's processor time.
    fn closed(&self, requests: &[Vec<u8>], time: Duration) -> (f64, f64) {
        let (start, before) = (Instant::now(), self.busy());
        let worker = |first: usize| {
            let (mut stream, mut done, mut buffer) = (self.connect(), 0_u32, vec![0; 4096]);
            for request in requests.iter().cycle().skip(first * requests.len() / CONNECTIONS) {
                if start.elapsed() >= time {
                    break;
                }
                exchange(&mut stream, request, &mut buffer);
                done += 1;
            }
            done
        };
        let done: u32 = thread::scope(|scope| {
            let workers: Vec<_> = (0..CONNECTIONS).map(|first| scope.spawn(move || worker(first))).collect();
            workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
        });
        (f64::from(done) / start.elapsed().as_secs_f64(), f64::from(done) / (self.busy() - before))
    }

    /// Latencies at this rate, with a rotation and a refresh in the middle.
    fn open(&mut self, requests: &[Vec<u8>], rate: f64) -> [f64; 3] {
        let due = schedule(rate);
        let next = Mutex::new(0_usize);
        let streams: Vec<_> = (0..CONNECTIONS).map(|_| self.connect()).collect();
        let mut control = self.child.stdin.take().expect("piped");
        let start = Instant::now() + Duration::from_millis(20);
        let worker = |mut stream: TcpStream| {
            rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).expect("Linux");
            let (mut latencies, mut buffer) = (Vec::new(), vec![0; 4096]);
            loop {
                // One worker waits for the next request's time; the others are busy, or wait for their turn.
                let (place, due) = {
                    let mut next = next.lock().expect("no panic");
                    let Some(due) = due.get(*next) else { return latencies };
                    let due = start + *due;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    *next += 1;
                    (*next, due)
                };
                exchange(&mut stream, &requests[place % requests.len()], &mut buffer);
                latencies.push(due.elapsed().as_secs_f64() * 1e6);
            }
        };
        let mut latencies: Vec<f64> = thread::scope(|scope| {
            let workers: Vec<_> = streams.into_iter().map(|stream| scope.spawn(|| worker(stream))).collect();
            thread::sleep(start.saturating_duration_since(Instant::now()) + RUN / 2);
            control.write_all(b"turn\n").expect("the server reads");
            workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
        });
        latencies.sort_by(f64::total_cmp);
        [0.5, 0.99, 0.999].map(|part| latencies[(latencies.len() as f64 * part) as usize])
    }
}

/// Times at which requests come, as from many clients that know nothing of each other: independent of all before.
fn schedule(rate: f64) -> Vec<Duration> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut at = 0.0;
    let times = std::iter::from_fn(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = ((state >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        at -= uniform.ln() / rate;
        (at < RUN.as_secs_f64()).then(|| Duration::from_secs_f64(at))
    });
    times.collect()
}

/// Sends a request and reads its response, and insists that it is a 200.
fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) {
    stream.write_all(request).expect("sent");
    let mut filled = 0;
    while !is_whole(&buffer[..filled]) {
        let read = stream.read(&mut buffer[filled..]).expect("an answer");
        assert_ne!(read, 0, "the server hung up");
        filled += read;
    }
}

/// The server's process: says where it listens, and rotates and refreshes for each line that it reads.
fn serve(kind: &str, threads: usize, jwks: &str, more: &str) {
    let fleet = ours::fleet(Suite::Aes256Gcm);
    let tokens = ours::validator(jwks);
    let router: Router = match kind {
        "no check" => router(),
        "Bearer" => router_with_bearer(jwks),
        "sealstamp" => router().layer(DpopLayer::new(ours::verifier(&fleet), tokens.clone())),
        _ => {
            let cached = Cached::new(tokens.clone(), CacheBounds::default());
            router().layer(DpopLayer::new(ours::verifier(&fleet), cached))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let (send, up) = mpsc::channel();
    for _ in 0..threads {
        let (router, listener, send) = (router.clone(), listener.try_clone().expect("a socket"), send.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
                send.send(()).expect("the main thread waits");
                axum::serve(listener, router).await.expect("no end");
            });
        });
    }
    (0..threads).for_each(|_| up.recv().expect("a thread"));
    println!("{}", listener.local_addr().expect("an address"));
    for line in std::io::stdin().lines() {
        assert_eq!(line.expect("text"), "turn");
        let now = clock();
        let rotated = fleet.ring().rotate(None, now, Fresh::insecure_from_seed(now.get()), Force::No);
        fleet.swap(rotated.expect("a rotation in time").ring).expect("a newer ring");
        tokens.reload(Jwks::parse(more.as_bytes()).expect("a JWK set"));
    }
}

//! The battery once more, as bytes to a running server: what HTTP adds must not change a decision, and what only bytes
//! can say (folded lines, odd white space, trailers, pipelining) must not get anybody in.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::request::Parts;
use sealstamp::UnixMillis;
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{Algorithm, Answer, Reason};
use sealstamp_testkit::quoted;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::cases;
use crate::cases::case::{NOT_TAKEN, Wire};
use crate::support::World;

/// A server behind the layer, on a socket of its own.
struct Server {
    world: World,
    address: SocketAddr,
    /// How many requests got past the layer.
    reached: Arc<AtomicU64>,
}

/// What the server said: statuses in their order, and the last head and body.
#[derive(Debug, Default)]
struct Said {
    statuses: Vec<u16>,
    text: String,
}

impl Said {
    /// The value of the last response's field of that name, in lower case as hyper writes it.
    fn field(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn error(&self) -> Option<&str> {
        self.field("www-authenticate")?.split_once("error=\"")?.1.split('"').next()
    }

    /// The whole response with the nonce and the date blanked: what may differ between two refusals of a nonce.
    fn but_for_the_nonce(&self) -> String {
        let nonce = self.field("dpop-nonce").expect("a refusal carries a nonce");
        assert_eq!(nonce.len(), 60);
        let date = self.field("date").expect("a date");
        self.text.replace(nonce, "NONCE").replace(date, "DATE")
    }
}

impl Server {
    async fn start() -> Self {
        Self::of(World::new().without(NOT_TAKEN)).await
    }

    async fn of(world: World) -> Self {
        let now: UnixMillis = world.now;
        let reached = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&reached);
        let inner = Router::new().fallback(move || {
            count.fetch_add(1, Ordering::SeqCst);
            async { "reached" }
        });
        let layer = DpopLayer::new(world.verifier.clone(), world.tokens.clone()).clock(move || now);
        let app = inner.layer(layer.read_bodies(Body::new));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { world, address, reached }
    }

    /// Sends bytes and reads all that comes. A server that has heard enough may close while bytes are still on their
    /// way.
    async fn say(&self, bytes: &[u8]) -> Said {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (mut from, mut to) = stream.split();
        let mut heard = Vec::new();
        let writing = async {
            match to.write_all(bytes).await {
                Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
                written => written.unwrap(),
            }
        };
        let reading = async {
            match from.read_to_end(&mut heard).await {
                Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
                read => drop(read.unwrap()),
            }
        };
        let both = async { tokio::join!(writing, reading) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("the server answers or closes");
        let text = String::from_utf8(heard).expect("ASCII");
        let statuses = text.match_indices("HTTP/1.").map(|(at, _)| text[at + 9..at + 12].parse().unwrap()).collect();
        let last = text.rfind("HTTP/1.").map_or("", |at| &text[at..]);
        Said { statuses, text: last.to_owned() }
    }

    fn reached(&self) -> u64 {
        self.reached.load(Ordering::SeqCst)
    }

    fn counted(&self, reason: Reason) -> u64 {
        self.world.verifier.counters().refused(reason)
    }
}

/// A request as a client writes it, with `Connection: close` so that the end of the answer is the end of the stream.
fn bytes_of(parts: &Parts) -> Vec<u8> {
    let mut bytes =
        format!("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", parts.method, parts.uri).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"Content-Length: 0\r\n\r\n");
    bytes
}

const fn status_of(answer: Answer) -> u16 {
    match answer {
        Answer::Unavailable => 503,
        _ => 401,
    }
}

/// SEP-3, R9-1, R71-1: status and error of every case, through a socket, and the reason in the operator's counters.
#[tokio::test]
async fn each_defect_gets_its_status_and_error_over_http() {
    let server = Server::start().await;
    let mut wrong = Vec::new();
    for case in cases::all() {
        let draft = server.world.draft().but(|draft| (case.defect)(draft, &server.world));
        let (expected, reason) = match (case.wire, case.expected) {
            (Wire::Trimmed, _) | (Wire::Same, Ok(())) => ((200, None), None),
            (Wire::TooLarge, _) => ((431, None), None),
            (Wire::Same, Err((answer, reason))) => ((status_of(answer), answer.error()), Some(reason)),
        };
        let before = (server.reached(), reason.map_or(0, |reason| server.counted(reason)));
        let said = server.say(&bytes_of(&draft.parts())).await;
        // A server that closes on bytes still coming may lose its own answer with them.
        let silent = case.wire == Wire::TooLarge && said.statuses.is_empty();
        let got = (said.statuses.first().copied().unwrap_or(0), said.error());
        let after = (server.reached(), reason.map_or(0, |reason| server.counted(reason)));
        let counted = (before.0 + u64::from(expected.0 == 200), before.1 + u64::from(reason.is_some()));
        let nonce = reason.is_none() || said.field("dpop-nonce").is_some_and(|nonce| nonce.len() == 60);
        if (got != expected && !silent) || after != counted || !nonce {
            wrong.push(format!("{} {}: {got:?} instead of {expected:?}, {reason:?}", case.ids, case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {} over HTTP:\n{}", wrong.len(), cases::all().count(), wrong.join("\n"));
}

/// R43-5, R43-7: every pair of an algorithm's name and another's key, over HTTP.
#[tokio::test]
async fn an_algorithm_takes_its_own_keys_only_over_http() {
    let server = Server::of(World::new()).await;
    for named in Algorithm::ALL {
        for used in Algorithm::ALL {
            let draft = server.world.draft_signed_by(used).but(|draft| draft.header.set("alg", quoted(named)));
            let said = server.say(&bytes_of(&draft.parts())).await;
            let twins = [named, used].iter().all(|a| matches!(a, Algorithm::EdDSA | Algorithm::Ed25519));
            let expected = if named == used || twins { (200, None) } else { (401, Some("invalid_dpop_proof")) };
            assert_eq!((said.statuses[0], said.error()), expected, "a key for {used} under {named}");
        }
    }
}

/// A client learns one thing: every refusal of a nonce is the same bytes on the wire, but for the nonce (and the date).
#[tokio::test]
async fn refusals_of_a_nonce_are_the_same_bytes() {
    let server = Server::start().await;
    let mut seen = Vec::new();
    let refusing = cases::all().filter(|case| matches!(case.expected, Err((Answer::UseDpopNonce, _))));
    for case in refusing {
        let draft = server.world.draft().but(|draft| (case.defect)(draft, &server.world));
        seen.push(server.say(&bytes_of(&draft.parts())).await.but_for_the_nonce());
    }
    assert!(seen.len() >= 25, "{} refusals of a nonce", seen.len());
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

/// A good request, in pieces that a case can put together wrongly.
struct Good {
    authorization: String,
    proof: String,
}

/// What only bytes can say: a name, the request, and what must come of it. A status of 400 or 431 is the server's own,
/// before the layer; a reason is the verifier's; 200 means that the request is as good as any.
type Raw = (&'static str, fn(&Good) -> Vec<u8>, u16, Option<Reason>);

/// `lines` between a request line and the end of the head. Each brings its own line end.
fn head(line: &str, lines: &str) -> Vec<u8> {
    format!("{line}\r\nHost: localhost\r\nConnection: close\r\n{lines}Content-Length: 0\r\n\r\n").into_bytes()
}

fn post(lines: &str) -> Vec<u8> {
    head("POST /mcp HTTP/1.1", lines)
}

/// The good request's fields.
fn both(good: &Good) -> String {
    format!("Authorization: {}\r\nDPoP: {}\r\n", good.authorization, good.proof)
}

const RAW: &[Raw] = &[
    ("as it should be", |g| post(&both(g)), 200, None),
    (
        "names in lower case",
        |g| post(&format!("authorization: {}\r\ndpop: {}\r\n", g.authorization, g.proof)),
        200,
        None,
    ),
    (
        "names in upper case",
        |g| post(&format!("AUTHORIZATION: {}\r\nDPOP: {}\r\n", g.authorization, g.proof)),
        200,
        None,
    ),
    (
        "tabs and spaces around the values",
        |g| post(&format!("Authorization:\t {} \t\r\nDPoP: \t {}\t \r\n", g.authorization, g.proof)),
        200,
        None,
    ),
    (
        "no space after the colons",
        |g| post(&format!("Authorization:{}\r\nDPoP:{}\r\n", g.authorization, g.proof)),
        200,
        None,
    ),
    (
        "a Host that is another server's: the configured URL counts",
        |g| format!("POST /mcp HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{}\r\n", both(g)).into_bytes(),
        200,
        None,
    ),
    ("a Host and a target of another server's", |g| head("POST http://evil.example/mcp HTTP/1.1", &both(g)), 200, None),
    ("HTTP/1.0", |g| head("POST /mcp HTTP/1.0", &both(g)), 200, None),
    // Folded lines (RFC 9112 section 5.2: a server must reject them, or fold them; this one rejects).
    (
        "a folded proof",
        |g| {
            let (start, end) = g.proof.split_at(40);
            post(&format!("Authorization: {}\r\nDPoP: {start}\r\n {end}\r\n", g.authorization))
        },
        400,
        None,
    ),
    (
        "a proof folded with a tab",
        |g| {
            let (start, end) = g.proof.split_at(40);
            post(&format!("Authorization: {}\r\nDPoP: {start}\r\n\t{end}\r\n", g.authorization))
        },
        400,
        None,
    ),
    (
        "a proof on the line after its name",
        |g| post(&format!("Authorization: {}\r\nDPoP:\r\n {}\r\n", g.authorization, g.proof)),
        400,
        None,
    ),
    (
        "a folded token",
        |g| post(&format!("Authorization: DPoP\r\n {}\r\nDPoP: {}\r\n", &g.authorization[5..], g.proof)),
        400,
        None,
    ),
    ("a second proof folded under the first", |g| post(&format!("{}\t, {}\r\n", both(g), g.proof)), 400, None),
    // Fields twice.
    (
        "Authorization twice",
        |g| post(&format!("{}Authorization: {}\r\n", both(g), g.authorization)),
        401,
        Some(Reason::SeveralAuthorizations),
    ),
    (
        "Authorization twice, in two cases",
        |g| post(&format!("{}aUTHORIZATION: Bearer x\r\n", both(g))),
        401,
        Some(Reason::SeveralAuthorizations),
    ),
    (
        "Authorization first and last, far apart",
        |g| {
            let many: String = (0..50).map(|n| format!("X-{n}: {n}\r\n")).collect();
            post(&format!("{}{many}Authorization: {}\r\n", both(g), g.authorization))
        },
        401,
        Some(Reason::SeveralAuthorizations),
    ),
    (
        "an empty Authorization beside the good one",
        |g| post(&format!("{}Authorization:\r\n", both(g))),
        401,
        Some(Reason::SeveralAuthorizations),
    ),
    (
        "DPoP twice, in two cases",
        |g| post(&format!("{}dpop: {}\r\n", both(g), g.proof)),
        401,
        Some(Reason::SeveralProofs),
    ),
    (
        "an empty DPoP beside the good one",
        |g| post(&format!("DPoP: \r\n{}", both(g))),
        401,
        Some(Reason::SeveralProofs),
    ),
    (
        "three proofs",
        |g| post(&format!("{}DPoP: {}\r\nDPoP: {}\r\n", both(g), g.proof, g.proof)),
        401,
        Some(Reason::SeveralProofs),
    ),
    // Line ends and bytes that some parsers take for one.
    (
        "a bare line feed between two proofs",
        |g| post(&format!("{}DPoP: {}\nDPoP: {}\r\n", both(g), g.proof, g.proof)),
        401,
        Some(Reason::SeveralProofs),
    ),
    (
        "a bare carriage return in a value",
        |g| post(&format!("Authorization: {}\r\nDPoP: {}\rX: y\r\n", g.authorization, g.proof)),
        400,
        None,
    ),
    (
        "a zero byte in a value",
        |g| post(&format!("Authorization: {}\r\nDPoP: {}\0\r\n", g.authorization, g.proof)),
        400,
        None,
    ),
    (
        "a vertical tab after the scheme",
        |g| post(&format!("Authorization: DPoP\x0b{}\r\nDPoP: {}\r\n", &g.authorization[5..], g.proof)),
        400,
        None,
    ),
    (
        "a form feed after the proof",
        |g| post(&format!("Authorization: {}\r\nDPoP: {}\x0c\r\n", g.authorization, g.proof)),
        400,
        None,
    ),
    (
        "a no-break space after the scheme",
        |g| post(&format!("Authorization: DPoP\u{a0}{}\r\nDPoP: {}\r\n", &g.authorization[5..], g.proof)),
        401,
        Some(Reason::MalformedAuthorization),
    ),
    (
        "a no-break space after the proof",
        |g| post(&format!("Authorization: {}\r\nDPoP: {}\u{a0}\r\n", g.authorization, g.proof)),
        401,
        Some(Reason::MalformedProof),
    ),
    // Names that are nearly right.
    (
        "a space before the colon",
        |g| post(&format!("Authorization: {}\r\nDPoP : {}\r\n", g.authorization, g.proof)),
        400,
        None,
    ),
    (
        "a tab before the colon",
        |g| post(&format!("Authorization\t: {}\r\nDPoP: {}\r\n", g.authorization, g.proof)),
        400,
        None,
    ),
    (
        "a space before the first name",
        |g| format!("POST /mcp HTTP/1.1\r\n {}Host: localhost\r\nConnection: close\r\n\r\n", both(g)).into_bytes(),
        400,
        None,
    ),
    ("no colon", |g| post(&format!("Authorization: {}\r\nDPoP {}\r\n", g.authorization, g.proof)), 400, None),
    (
        "D-PoP",
        |g| post(&format!("Authorization: {}\r\nD-PoP: {}\r\n", g.authorization, g.proof)),
        401,
        Some(Reason::NoProof),
    ),
    (
        "DPoP_",
        |g| post(&format!("Authorization: {}\r\nDPoP_: {}\r\n", g.authorization, g.proof)),
        401,
        Some(Reason::NoProof),
    ),
    (
        "a full-width letter in a name",
        |g| post(&format!("Authorization: {}\r\nＤPoP: {}\r\n", g.authorization, g.proof)),
        400,
        None,
    ),
    (
        "Proxy-Authorization",
        |g| post(&format!("Proxy-Authorization: {}\r\nDPoP: {}\r\n", g.authorization, g.proof)),
        401,
        Some(Reason::NoCredentials),
    ),
    // Elsewhere than in the head.
    (
        "the token in the query",
        |g| {
            let target = format!("POST /mcp?access_token={} HTTP/1.1", &g.authorization[5..]);
            head(&target, &format!("DPoP: {}\r\n", g.proof))
        },
        401,
        Some(Reason::NoCredentials),
    ),
    (
        "the proof in a trailer",
        |g| {
            format!(
                "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\n\
             Transfer-Encoding: chunked\r\nTrailer: DPoP\r\n\r\n0\r\nDPoP: {}\r\n\r\n",
                g.authorization, g.proof
            )
            .into_bytes()
        },
        401,
        Some(Reason::NoProof),
    ),
    (
        "both in a trailer",
        |g| {
            format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{}\r\n",
            both(g)
        )
        .into_bytes()
        },
        401,
        Some(Reason::NoCredentials),
    ),
    (
        "both in the body, as a request",
        |g| {
            let inner = format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{}\r\n", both(g));
            format!(
                "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{inner}",
                inner.len()
            )
            .into_bytes()
        },
        401,
        Some(Reason::NoCredentials),
    ),
    ("named by Connection, as a proxy would drop it", |g| post(&format!("{}Connection: DPoP\r\n", both(g))), 200, None),
    // The request's target and method.
    ("another path, escaped", |g| head("POST /%6fther HTTP/1.1", &both(g)), 401, Some(Reason::WrongUri)),
    (
        "dot segments that leave the path",
        |g| head("POST /mcp/../other HTTP/1.1", &both(g)),
        401,
        Some(Reason::WrongUri),
    ),
    ("a method in lower case", |g| head("post /mcp HTTP/1.1", &both(g)), 401, Some(Reason::WrongMethod)),
    ("the asterisk", |g| head("OPTIONS * HTTP/1.1", &both(g)), 401, Some(Reason::WrongMethod)),
    (
        "X-HTTP-Method-Override",
        |g| head("GET /mcp HTTP/1.1", &format!("{}X-HTTP-Method-Override: POST\r\n", both(g))),
        401,
        Some(Reason::WrongMethod),
    ),
    (
        "forwarded headers from nobody in particular",
        |g| post(&format!("{}X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n", both(g))),
        200,
        None,
    ),
    // Sizes.
    (
        "101 fields",
        |g| {
            let many: String = (0..101).map(|n| format!("X-{n}: {n}\r\n")).collect();
            post(&format!("{}{many}", both(g)))
        },
        431,
        None,
    ),
    ("a field of 1 MiB that nobody reads", |g| post(&format!("{}X: {}\r\n", both(g), "x".repeat(1 << 20))), 431, None),
    (
        "a proof of 100 KiB",
        |g| post(&format!("Authorization: {}\r\nDPoP: {}\r\n", g.authorization, "A".repeat(100 << 10))),
        401,
        Some(Reason::ProofTooLong),
    ),
];

/// SEP-3, R43-1: header smuggling.
#[tokio::test]
async fn bytes_that_only_a_socket_can_carry() {
    let server = Server::start().await;
    let draft = server.world.draft();
    let token = draft.token();
    let good = Good { authorization: format!("DPoP {token}"), proof: draft.proof_for(&token) };
    let mut wrong = Vec::new();
    for (name, request, status, reason) in RAW {
        let before = (server.reached(), reason.map_or(0, |reason| server.counted(reason)));
        let said = server.say(&request(&good)).await;
        let after = (server.reached(), reason.map_or(0, |reason| server.counted(reason)));
        let expected = (before.0 + u64::from(*status == 200), before.1 + u64::from(reason.is_some()));
        let silent = *status == 431 && said.statuses.is_empty();
        let error = reason.and_then(|reason| reason.answer().error());
        if !silent && said.statuses != [*status] || said.error() != error || after != expected {
            wrong.push(format!("{name}: {:?}, {:?} instead of {status}, {reason:?}", said.statuses, said.error()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), RAW.len(), wrong.join("\n"));
}

/// What one request on a connection was allowed says nothing about the next.
#[tokio::test]
async fn each_request_on_a_connection_stands_alone() {
    let server = Server::start().await;
    let good = bytes_of(&server.world.draft().parts());
    let good = String::from_utf8(good).unwrap().replace("Connection: close\r\n", "");
    let bare = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let said = server.say(format!("{good}{good}{bare}").as_bytes()).await;
    assert_eq!(said.statuses, [200, 200, 401]);
    assert_eq!(server.reached(), 2);
    assert_eq!(server.counted(Reason::NoCredentials), 1);
}

/// How long the written battery says the same of every case, in milliseconds. Cases at the edge of a window are left
/// out.
const WRITTEN_FOR_MS: u64 = 90_000;

/// Writes the battery for a server that is not in this process: the bytes of each request, what must come of it, and
/// the ring and the keys that the server needs. Its clock is the real one. `e2e/test/battery.test.mjs` sends it through
/// proxies.
#[test]
#[ignore = "writes to the folder that SEALSTAMP_BATTERY_TO names"]
fn write_for_another_server() {
    let folder = std::path::PathBuf::from(std::env::var_os("SEALSTAMP_BATTERY_TO").expect("a folder"));
    let now = UnixMillis::from_system_time(std::time::SystemTime::now());
    let audience = sealstamp_dpop::origin_audience(sealstamp_testkit::PUBLIC_URL).unwrap();
    let fleet = sealstamp::Fleet::new(crate::support::ring(now), audience).unwrap();
    let algorithms: Vec<_> = Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != NOT_TAKEN).collect();
    // A service that is asked about a request's head sees no body, so no digest is compared.
    let nonces = sealstamp_dpop::Nonces::Required(fleet.clone());
    let verifier =
        sealstamp_dpop::Verifier::builder(sealstamp_testkit::PUBLIC_URL, nonces).algorithms(algorithms.clone());
    let world = World { now, fleet, ..World::new() }.with(verifier.build().unwrap());
    let later = World { now: now.saturating_add(WRITTEN_FOR_MS), ..world.clone() };

    let mut written = Vec::new();
    let mut at_an_edge = Vec::new();
    for case in cases::all() {
        let parts = world.draft().but(|draft| (case.defect)(draft, &world)).parts();
        let [first, last] = [&world, &later].map(|world| world.decide(&parts).err().map(|refused| refused.answer()));
        if first != last {
            at_an_edge.push(case.name);
            continue;
        }
        // A nonce of the battery's own audience is refused here, and for another reason than the case's, so reasons are
        // left to the tests in this file.
        let (status, error) = match (case.wire, first) {
            (Wire::Trimmed, _) | (Wire::Same, None) => (200, None),
            (Wire::TooLarge, _) => (431, None),
            (Wire::Same, Some(answer)) => (status_of(answer), answer.error()),
        };
        written.push(one(&format!("{} {}", case.ids, case.name), &bytes_of(&parts), status, error));
    }
    let draft = world.draft();
    let token = draft.token();
    let good = Good { authorization: format!("DPoP {token}"), proof: draft.proof_for(&token) };
    let raw = RAW.iter().map(|(name, request, status, reason)| {
        one(name, &request(&good), *status, reason.and_then(|reason| reason.answer().error()))
    });

    let algorithms: Vec<_> = algorithms.into_iter().map(Algorithm::as_str).collect();
    let raw: Vec<_> = raw.collect();
    let battery = serde_json::json!({
        "algorithms": algorithms, "until_ms": later.now.get(), "cases": written, "at_an_edge": at_an_edge, "raw": raw,
    });
    std::fs::write(folder.join("battery.json"), battery.to_string()).unwrap();
    let mut jwk = sealstamp_testkit::issuer().key.jwk();
    jwk.set("kid", quoted(sealstamp_testkit::Issuer::KID));
    std::fs::write(folder.join("jwks.json"), format!("{{\"keys\":[{}]}}", jwk.json())).unwrap();
    std::fs::write(folder.join("ring.json"), crate::support::ring(now).to_json().as_bytes()).unwrap();
}

fn one(name: &str, bytes: &[u8], status: u16, error: Option<&str>) -> serde_json::Value {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    serde_json::json!({ "name": name, "latin1": text, "status": status, "error": error })
}

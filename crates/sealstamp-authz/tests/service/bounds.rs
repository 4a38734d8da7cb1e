//! Over each bound there is a status, and never a hang.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{CONFIG, Folder, HttpServer, Question, Service, ask, read_reply, until};

/// An issuer that answers about opaque tokens when it is told to.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    open: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Gate {
    /// A folder and a configuration for an issuer behind a gate.
    pub(crate) fn set_up() -> (Self, Folder, String) {
        let gate = Self::default();
        let at_the_issuer = gate.clone();
        let issuer = HttpServer::start(move |_| {
            at_the_issuer.asked.fetch_add(1, Ordering::SeqCst);
            while !at_the_issuer.open.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(10));
            }
            r#"{"active":false}"#.to_owned()
        });
        let folder = Folder::new();
        folder.write("secret", "s3cret");
        let introspection = format!(
            "[resource.introspection]\nendpoint = \"{}\"\nbearer_token_file = \"secret\"\n[[resource.issuer]]",
            issuer.url("/")
        );
        (gate, folder, CONFIG.replace("[[resource.issuer]]", &introspection))
    }

    /// Waits until the issuer has been asked so often.
    pub(crate) fn wait_for(&self, asked: usize) {
        until("the issuer is asked", || self.asked.load(Ordering::SeqCst) == asked);
    }

    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn slow_question(service: &Service, number: usize) -> Question {
    Question::of("caddy", &service.draft().but(|draft| draft.token = Some(format!("opaque-{number}"))))
}

#[test]
fn too_many_requests_at_once_get_503() {
    let (gate, folder, config) = Gate::set_up();
    let service = Service::start_in(folder, &format!("{config}\n[limits]\nrequests = 2\n"));
    let questions: Vec<_> = (0..2).map(|number| slow_question(&service, number)).collect();
    thread::scope(|scope| {
        let slow: Vec<_> = questions.iter().map(|question| scope.spawn(|| service.ask(question).status)).collect();
        gate.wait_for(2);
        let reply = service.ask(&Question::about("caddy", "POST", "/mcp"));
        assert_eq!(reply.status, 503);
        assert!(reply.body.contains("temporarily_unavailable"));
        let reply = service.ask(&Question::about("nginx", "POST", "/mcp"));
        assert_eq!((reply.status, reply.field("x-sealstamp-status")), (403, Some("503")));
        // The operator's pages have room of their own.
        assert_eq!(service.operator("/healthz").status, 200);
        assert!(service.operator("/metrics").body.contains("sealstamp_authz_requests 2\n"));
        gate.open();
        for one in slow {
            // On a slow machine the verifier may have given the issuer up.
            assert!(matches!(one.join().unwrap(), 401 | 503));
        }
    });
    assert_eq!(service.ask(&Question::about("caddy", "POST", "/mcp")).status, 401);
    assert!(service.log().contains("limits.requests"));
}

#[test]
fn a_request_that_takes_too_long_gets_503() {
    let (_gate, folder, config) = Gate::set_up();
    let service = Service::start_in(folder, &format!("{config}\n[limits]\nrequest_s = 1\n"));
    let reply = service.ask(&slow_question(&service, 0));
    assert_eq!(reply.status, 503);
    assert!(service.log().contains("limits.request_s"));
}

#[test]
fn a_slow_head_gets_408_and_an_idle_connection_just_ends() {
    let service = Service::start(&format!("{CONFIG}\n[limits]\nhead_s = 1\n"));
    let mut slow = service.connect("caddy");
    slow.write_all(b"GET /check/mcp HTTP/1.1\r\nHost: a\r\n").unwrap();
    let mut idle = service.connect("caddy");
    let start = Instant::now();
    assert_eq!(read_reply(&mut slow).unwrap().status, 408);
    assert!(start.elapsed() < Duration::from_secs(5));
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
}

/// A proxy that is still sending when the connection is reset would tell its client 500.
#[test]
fn a_large_head_is_heard_to_its_end() {
    let service = Service::start(CONFIG);
    for _ in 0..20 {
        let mut stream = service.connect("caddy");
        stream.write_all(format!("GET /check/mcp HTTP/1.1\r\nx: {}", "a".repeat(2_000_000)).as_bytes()).unwrap();
        assert_eq!(read_reply(&mut stream).unwrap().status, 431);
    }
}

#[test]
fn a_large_head_gets_431() {
    let service = Service::start(&format!("{CONFIG}\n[limits]\nhead_bytes = 16384\n"));
    let with = |bytes: usize| {
        let question = Question::about("caddy", "POST", "/mcp").with("x-large", &"a".repeat(bytes));
        service.ask(&question).status
    };
    assert_eq!(with(15_000), 401);
    assert_eq!(with(17_000), 431);
    let many = (0..120).fold(Question::about("caddy", "POST", "/mcp"), |question, _| question.with("x", "y"));
    assert_eq!(service.ask(&many).status, 431);
}

#[test]
fn too_many_connections_get_503() {
    let service = Service::start(&format!("{CONFIG}\n[limits]\nconnections = 2\n"));
    let held: Vec<_> = (0..2).map(|_| service.connect("caddy")).collect();
    // Connections are taken on in their order, so the third is one too many.
    assert_eq!(read_reply(&mut service.connect("caddy")).unwrap().status, 503);
    drop(held);
    until("there is room again", || {
        let mut stream = service.connect("caddy");
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"GET /metadata/mcp HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").is_ok()
            && read_reply(&mut stream).is_some_and(|reply| reply.status == 200)
    });
    assert_eq!(service.operator("/readyz").status, 200);
}

#[test]
fn what_is_no_http_gets_400() {
    let service = Service::start(CONFIG);
    let mut stream = service.connect("caddy");
    stream.write_all(b"nonsense\r\n\r\n").unwrap();
    assert_eq!(read_reply(&mut stream).unwrap().status, 400);
    assert_eq!(ask(service.connect("operator"), "POST", "/healthz", &[]).status, 405);
    assert_eq!(ask(service.connect("operator"), "GET", "/check/mcp", &[]).status, 404);
}

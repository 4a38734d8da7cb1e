//! Over each bound there is a status, and never a hang.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{CONFIG, Folder, HttpServer, Question, Service, ask, read_reply};

/// An issuer that takes its time for every opaque token.
pub(crate) fn slow_issuer(seconds: u64) -> (Folder, String) {
    let issuer = HttpServer::start(move |_| {
        thread::sleep(Duration::from_secs(seconds));
        r#"{"active":false}"#.to_owned()
    });
    let folder = Folder::new();
    folder.write("secret", "s3cret");
    let introspection = format!(
        "[resource.introspection]\nendpoint = \"{}\"\nbearer_token_file = \"secret\"\n[[resource.issuer]]",
        issuer.url("/")
    );
    (folder, CONFIG.replace("[[resource.issuer]]", &introspection))
}

pub(crate) fn slow_question(service: &Service, number: usize) -> Question {
    Question::of("caddy", &service.draft().but(|draft| draft.token = Some(format!("opaque-{number}"))))
}

#[test]
fn too_many_requests_at_once_get_503() {
    let (folder, config) = slow_issuer(3);
    let service = Service::start_in(folder, &format!("{config}\n[limits]\nrequests = 2\n"));
    let questions: Vec<_> = (0..2).map(|number| slow_question(&service, number)).collect();
    thread::scope(|scope| {
        let slow: Vec<_> = questions.iter().map(|question| scope.spawn(|| service.ask(question).status)).collect();
        crate::support::until("both are under way", || {
            service.ask(&Question::about("caddy", "POST", "/mcp")).status == 503
        });
        let start = Instant::now();
        let reply = service.ask(&Question::about("caddy", "POST", "/mcp"));
        assert_eq!(reply.status, 503);
        assert!(reply.body.contains("temporarily_unavailable"));
        let reply = service.ask(&Question::about("nginx", "POST", "/mcp"));
        assert_eq!((reply.status, reply.field("x-sealstamp-status")), (403, Some("503")));
        assert!(start.elapsed() < Duration::from_secs(2));
        // The operator's pages have room of their own.
        assert_eq!(service.operator("/healthz").status, 200);
        for one in slow {
            assert_eq!(one.join().unwrap(), 401);
        }
    });
    assert_eq!(service.ask(&Question::about("caddy", "POST", "/mcp")).status, 401);
    assert!(service.log().contains("limits.requests"));
}

#[test]
fn a_request_that_takes_too_long_gets_503() {
    let (folder, config) = slow_issuer(4);
    let service = Service::start_in(folder, &format!("{config}\n[limits]\nrequest_s = 1\n"));
    let start = Instant::now();
    let reply = service.ask(&slow_question(&service, 0));
    assert_eq!(reply.status, 503);
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&start.elapsed()));
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
    crate::support::until("there is room again", || {
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

//! SIGTERM: what has begun is finished.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bounds::{Gate, slow_question};
use crate::support::{CONFIG, Question, Service, read_reply, send, until};

#[test]
fn requests_in_flight_are_finished() {
    let (gate, folder, config) = Gate::set_up();
    let mut service = Service::start_in(folder, &config);
    let question = slow_question(&service, 0);
    let mut in_flight = service.connect("caddy");
    let mut idle = service.connect("caddy");
    send(&mut in_flight, &question.method, &question.target, &question.fields, "keep-alive").unwrap();
    gate.wait_for(1);
    service.signal("TERM");
    until("it says that it stops", || service.log().contains("stopping"));
    // Nobody should send more, and nobody can.
    assert_eq!(service.operator("/readyz").status, 503);
    let refused = std::os::unix::net::UnixStream::connect(service.folder.path("caddy.sock"));
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    gate.open();
    assert_eq!(read_reply(&mut in_flight).expect("an answer").status, 401);
    assert!(read_reply(&mut idle).is_none());
    assert_eq!(service.ended(), Some(0));
}

#[test]
fn a_stop_has_an_end() {
    let (gate, folder, config) = Gate::set_up();
    let mut service = Service::start_in(folder, &format!("{config}\n[limits]\nstop_s = 1\nrequest_s = 60\n"));
    let question = slow_question(&service, 0);
    let mut in_flight = service.connect("caddy");
    send(&mut in_flight, &question.method, &question.target, &question.fields, "close").unwrap();
    gate.wait_for(1);
    service.signal("TERM");
    assert_eq!(service.ended(), Some(0));
    assert!(service.log().contains("not finished in time"));
}

/// A second signal, of either kind, changes nothing: supervisors send one to a process and to its group.
#[test]
fn other_signals_cut_nothing_off() {
    let (gate, folder, config) = Gate::set_up();
    let mut service = Service::start_in(folder, &config);
    let question = slow_question(&service, 0);
    let mut in_flight = service.connect("caddy");
    send(&mut in_flight, &question.method, &question.target, &question.fields, "close").unwrap();
    gate.wait_for(1);
    service.signal("TERM");
    until("it says that it stops", || service.log().contains("stopping"));
    for signal in ["TERM", "INT", "HUP"] {
        service.signal(signal);
    }
    assert_eq!(service.operator("/readyz").status, 503);
    assert_eq!(service.reloads(), (0, 0));
    gate.open();
    assert_eq!(read_reply(&mut in_flight).expect("an answer").status, 401);
    assert_eq!(service.ended(), Some(0));
}

/// A connection between two questions ends at once. A head that has begun to come may go on, as long as any head may.
#[test]
fn kept_connections_end_and_a_head_that_has_begun_is_waited_for() {
    let mut service = Service::start(&format!("{CONFIG}\n[limits]\nhead_s = 2\n"));
    let question = Question::about("caddy", "POST", "/mcp");
    let mut kept = service.connect("caddy");
    send(&mut kept, &question.method, &question.target, &question.fields, "keep-alive").unwrap();
    assert_eq!(read_reply(&mut kept).unwrap().status, 401);
    let half = |service: &Service| {
        let mut stream = service.connect("caddy");
        stream.write_all(b"GET /metadata/mcp HTTP/1.1\r\nHost: a\r\n").unwrap();
        stream
    };
    let (mut finished, mut never) = (half(&service), half(&service));
    // One connection after another is taken on, so those have been.
    assert_eq!(service.ask(&question).status, 401);
    service.signal("TERM");
    let start = Instant::now();
    assert!(read_reply(&mut kept).is_none());
    assert!(start.elapsed() < Duration::from_secs(1));
    finished.write_all(b"\r\n").unwrap();
    assert_eq!(read_reply(&mut finished).expect("an answer").status, 200);
    assert_eq!(read_reply(&mut never).expect("an answer").status, 408);
    assert_eq!(service.ended(), Some(0));
    assert!(!service.log().contains("not finished in time"));
}

/// A file that does not come, as on a share that is away, holds no stop up.
#[test]
fn a_reload_that_hangs_does_not_hold_up_a_stop() {
    let mut service = Service::start(CONFIG);
    let file = service.folder.path("authz.toml");
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    service.signal("HUP");
    // Requests go on meanwhile. This one also gives the reload time to begin.
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
    until("the file is being opened", || is_opening(service.id()));
    service.signal("TERM");
    assert_eq!(service.ended(), Some(0));
}

/// Whether a thread of this process waits for the other end of a pipe.
fn is_opening(process: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks.filter_map(Result::ok).any(|task| {
        let call = fs::read_to_string(task.path().join("syscall")).unwrap_or_default();
        // openat, by its number on each of our machines.
        let number = if cfg!(target_arch = "x86_64") { "257 " } else { "56 " };
        call.starts_with(number)
    })
}

/// A replica that was killed leaves its sockets behind, and its successor serves at once. Nonces of the one are good at
/// the other.
#[test]
fn a_killed_one_is_replaced_at_once() {
    let mut service = Service::start(CONFIG);
    let draft = service.draft();
    service.signal("KILL");
    service.ended();
    assert!(service.folder.path("caddy.sock").exists());
    let second = service.restart();
    assert_eq!(second.ask(&crate::support::Question::of("caddy", &draft)).status, 200);
    // A socket that is in use is not taken away from whoever has it.
    let third = std::process::Command::new(crate::support::BINARY)
        .arg("--config")
        .arg(second.folder.path("authz.toml"))
        .output()
        .unwrap();
    assert_eq!(third.status.code(), Some(1));
    assert_eq!(second.ask(&crate::support::Question::of("caddy", &second.draft())).status, 200);
}

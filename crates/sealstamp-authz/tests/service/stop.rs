//! SIGTERM: what has begun is finished.

use crate::bounds::{Gate, slow_question};
use crate::support::{CONFIG, Service, read_reply, send, until};

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

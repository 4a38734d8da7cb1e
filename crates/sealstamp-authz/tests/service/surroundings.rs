//! What a service finds where it runs: files that are not there, an issuer that comes later, a volume of Kubernetes,
//! few file descriptors, a full disk, a service manager.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use sealstamp::{Force, Fresh, RingFile, UnixMillis};

use crate::support::{BINARY, CONFIG, Folder, HttpServer, Question, Service, read_reply, send, until};

/// A start that must fail, and at once.
fn started(folder: &Folder) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = Command::new(BINARY)
        .arg("--config")
        .arg(folder.path("authz.toml"))
        // As where no certificates are installed.
        .envs([("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/nonexistent")])
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_start_names_what_is_missing() {
    let folder = Folder::new();
    folder.configure(CONFIG);
    fs::remove_file(folder.path("ring.json")).unwrap();
    let (code, said) = started(&folder);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("authz.toml:22: ring.file: this ring cannot be used: cannot read the file: No such"),
        "{said}"
    );

    let folder = Folder::new();
    folder.configure(&CONFIG.replace("caddy.sock", "nowhere/caddy.sock"));
    let (code, said) = started(&folder);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("nowhere/caddy.sock: cannot listen: No such file or directory"), "{said}");

    let folder = Folder::new();
    folder.configure(&CONFIG.replace("jwks_file = \"jwks.json\"", ""));
    let (code, said) = started(&folder);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("authz.toml:29: resource.issuer.url: no issuer can be asked from here"), "{said}");
}

/// Not even where it is no socket of ours, or one whose process is too busy to accept.
#[test]
fn nothing_that_is_in_use_is_replaced() {
    let folder = Folder::new();
    folder.configure(CONFIG);
    folder.write("caddy.sock", "somebody's file");
    let (code, said) = started(&folder);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("listener.address: there is something at this path that is no socket"), "{said}");
    assert_eq!(fs::read_to_string(folder.path("caddy.sock")).unwrap(), "somebody's file");

    fs::remove_file(folder.path("caddy.sock")).unwrap();
    let busy = UnixListener::bind(folder.path("caddy.sock")).unwrap();
    rustix::net::listen(&busy, 0).unwrap();
    let _waits = std::os::unix::net::UnixStream::connect(folder.path("caddy.sock")).unwrap();
    let (code, said) = started(&folder);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Address already in use"), "{said}");
    drop(busy);
}

/// It listens before it can judge a token, and says which of the two it does. An issuer that refuses is in `answers`.
#[test]
fn an_issuer_may_answer_later() {
    let answers = Arc::new(AtomicBool::new(false));
    let at_the_issuer = Arc::clone(&answers);
    let issuer = HttpServer::start(move |_| {
        while !at_the_issuer.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        sealstamp_testkit::issuer().jwks()
    });
    let config = CONFIG.replace("jwks_file = \"jwks.json\"", &format!("jwks_uri = \"{}\"", issuer.url("/jwks")));
    let service = Service::start(&config);
    let pages = || ["/livez", "/readyz", "/healthz"].map(|path| service.operator(path).status);
    assert_eq!(pages(), [200, 503, 503]);
    // Nonces need no issuer.
    let draft = service.draft();
    answers.store(true, Ordering::SeqCst);
    until("the keys are there", || pages() == [200, 200, 200]);
    assert_eq!(service.ask(&Question::of("caddy", &draft)).status, 200);
}

/// Kubernetes mounts a Secret as `ring.json -> ..data/ring.json`, and swaps what `..data` points to.
#[test]
fn a_ring_in_a_volume_is_followed() {
    let folder = Folder::new();
    let publish = |name: &str, ring: &[u8]| {
        fs::create_dir(folder.path(name)).unwrap();
        fs::write(folder.path(name).join("ring.json"), ring).unwrap();
        symlink(name, folder.path("..data_tmp")).unwrap();
        fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    };
    let first = fs::read(folder.path("ring.json")).unwrap();
    let master = RingFile::new(folder.path("master.json"));
    fs::rename(folder.path("ring.json"), master.path()).unwrap();
    let now = UnixMillis::from_system_time(std::time::SystemTime::now());
    master.update(|ring| ring.rotate(None, now, Fresh::from_os().unwrap(), Force::No)).unwrap();
    publish("..1", &first);
    symlink("..data/ring.json", folder.path("ring.json")).unwrap();
    publish("..2", &fs::read(master.path()).unwrap());
    fs::remove_file(folder.path("..data")).unwrap();
    symlink("..1", folder.path("..data")).unwrap();

    let service = Service::start_in(folder, CONFIG);
    let serial = || service.status()["rings"][0]["serial"].as_u64().unwrap();
    assert_eq!(serial(), 1);
    let old = service.draft();
    symlink("..2", service.folder.path("..data_tmp")).unwrap();
    fs::rename(service.folder.path("..data_tmp"), service.folder.path("..data")).unwrap();
    fs::remove_dir_all(service.folder.path("..1")).unwrap();
    until("the new ring is in use", || serial() == 2);
    assert_eq!(service.operator("/healthz").status, 200);
    assert_eq!(service.ask(&Question::of("caddy", &old)).status, 200);
}

/// The status of an answer that comes within five seconds.
fn asked(service: &Service) -> Option<u16> {
    let question = Question::about("caddy", "POST", "/mcp");
    let mut stream = service.connect("caddy");
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // A connection that is one too many is answered before anything is read.
    let _ = send(&mut stream, &question.method, &question.target, &question.fields, "close");
    read_reply(&mut stream).map(|reply| reply.status)
}

/// Where there are fewer descriptors than connections, those beyond get a status, and all is well when some have ended.
#[test]
fn few_file_descriptors() {
    let service = Service::start_in_shell(Folder::new(), CONFIG, r#"ulimit -n 64 && exec "$0" "$@""#);
    assert!(service.log().contains("limits.connections"), "{}", service.log());
    let held: Vec<_> = (0..16).map(|_| service.connect("caddy")).collect();
    assert_eq!(asked(&service), Some(503));
    assert_eq!(service.operator("/readyz").status, 200);
    // More at once than there are descriptors at all.
    let flood: Vec<_> = (0..200).map(|_| service.connect("caddy")).collect();
    drop(flood);
    drop(held);
    until("there is room again", || asked(&service) == Some(401));
    assert_eq!(service.operator("/livez").status, 200);
}

/// What a shell gives is not all that there is.
#[test]
fn it_asks_for_the_file_descriptors_that_it_may_have() {
    let service = Service::start_in_shell(Folder::new(), CONFIG, r#"ulimit -Sn 64 && exec "$0" "$@""#);
    let held: Vec<_> = (0..100).map(|_| service.connect("caddy")).collect();
    assert_eq!(asked(&service), Some(401));
    drop(held);
}

/// A line that cannot be written is lost, and no request with it.
#[test]
fn a_full_disk_for_the_log() {
    let mut service = Service::start_in_shell(Folder::new(), CONFIG, r#"exec "$0" "$@" 2>/dev/full"#);
    assert_eq!(service.ask(&Question::about("caddy", "POST", "/mcp")).status, 401);
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
    service.folder.configure("[");
    assert!(!service.reload());
    service.signal("TERM");
    assert_eq!(service.ended(), Some(0));
}

#[test]
fn the_log_as_json() {
    let service = Service::start_in_shell(Folder::new(), CONFIG, r#"exec "$0" "$@" --log-format json --log debug"#);
    let text = "\"}secret\\";
    let question = Question::about("caddy", "POST", "/mcp").with("DPoP", text).with("Authorization", text);
    assert_eq!(service.ask(&question).status, 401);
    assert_eq!(service.ask(&question.named("other")).status, 404);
    until("it is logged", || service.log().contains("not configured"));
    let log = service.log();
    assert!(!log.contains("secret"));
    let mut messages = Vec::new();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        messages.push(line["fields"]["message"].as_str().unwrap_or_default().to_owned());
    }
    assert!(messages.iter().any(|message| message == "ready to answer"));
}

/// As systemd hears it.
#[test]
fn the_service_manager_is_told() {
    let folder = Folder::new();
    let manager = UnixDatagram::bind(folder.path("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let told = || {
        let mut text = [0; 1024];
        let length = manager.recv(&mut text).expect("a message");
        String::from_utf8(text[..length].to_vec()).unwrap()
    };
    let script = r#"NOTIFY_SOCKET="$FOLDER/notify" exec "$0" "$@""#;
    let mut service = Service::start_in_shell(folder, CONFIG, script);
    assert_eq!(told(), "READY=1\nSTATUS=answers proxies\n");
    for (config, status) in [("[", "answers proxies by an old configuration"), (CONFIG, "answers proxies\n")] {
        service.folder.configure(config);
        service.signal("HUP");
        let reloading = told();
        let [first, second] = reloading.lines().collect::<Vec<_>>()[..] else { panic!("{reloading}") };
        assert_eq!(first, "RELOADING=1");
        // The clock of the whole machine, in microseconds.
        let uptime = fs::read_to_string("/proc/uptime").unwrap();
        let uptime_s: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let told_s = second.strip_prefix("MONOTONIC_USEC=").unwrap().parse::<f64>().unwrap() / 1e6;
        assert!(told_s > 0.0 && told_s < uptime_s + 1.0, "{told_s} {uptime_s}");
        let ready = told();
        assert!(ready.starts_with("READY=1\n") && ready.contains(status), "{ready}");
    }
    service.signal("TERM");
    assert!(told().starts_with("STOPPING=1\n"));
    assert_eq!(service.ended(), Some(0));
}

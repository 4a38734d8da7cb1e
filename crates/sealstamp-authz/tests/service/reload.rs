//! SIGHUP: no request fails, a bad file changes nothing, and nothing that must be remembered is forgotten.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use sealstamp::{Force, Fresh, RingFile, UnixMillis};
use sealstamp_testkit::{Draft, Issuer, StoreServer, key};

use crate::support::{CONFIG, Folder, HttpServer, Question, Service, now_s, read_reply, send, until};

#[test]
fn no_request_fails_while_it_reloads() {
    let service = Service::start(CONFIG);
    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for dialect in ["nginx", "caddy", "envoy"] {
            let (service, done, served) = (&service, &done, &served);
            scope.spawn(move || {
                // One connection that is kept, as a proxy has it, and new ones beside it.
                let mut kept = service.connect(dialect);
                let nonce = service.nonce();
                while !done.load(Ordering::Relaxed) {
                    let question = Question::of(dialect, &Draft::new(&key("ES256"), &nonce, now_s()));
                    assert_eq!(service.ask(&question).status, 200);
                    send(&mut kept, &question.method, &question.target, &question.fields, "keep-alive").unwrap();
                    assert_eq!(read_reply(&mut kept).expect("the connection stays").status, 200);
                    served.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        for round in 1..=20 {
            // A good file, and every other time one that is not.
            let bad = round % 2 == 0;
            service.folder.configure(&if bad { format!("{CONFIG}\nnonsense = 1") } else { CONFIG.to_owned() });
            assert_eq!(service.reload(), !bad);
            let before = served.load(Ordering::Relaxed);
            until("requests go on", || served.load(Ordering::Relaxed) > before + 6);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(service.reloads(), (10, 10));
    assert!(served.load(Ordering::Relaxed) > 120);
}

#[test]
fn a_good_file_takes_effect_and_a_bad_one_does_not() {
    let service = Service::start(CONFIG);
    let with = |text: &str| CONFIG.replace("[[resource.issuer]]", &format!("{text}\n[[resource.issuer]]"));
    let status = || service.ask(&Question::of("caddy", &service.draft())).status;
    assert_eq!((status(), service.operator("/healthz").status), (200, 200));

    service.folder.configure(&with("required_scopes = [\"admin\"]"));
    assert!(service.reload());
    assert_eq!(status(), 403);

    for (bad, says) in [
        (with("required_scope = [\"x\"]"), "did you mean required_scopes?"),
        (with("required_scopes = [\"x y\"]"), "a scope must be"),
        (CONFIG.replace("jwks.json", "gone.json"), "this file cannot be read"),
        (CONFIG.replace("caddy.sock", "other.sock"), "listener: this has changed, and needs a restart"),
        (format!("{CONFIG}\n[limits]\nrequests = 7"), "limits: this has changed, and needs a restart"),
        (CONFIG.replace("operator.sock", "other.sock"), "operator: this has changed, and needs a restart"),
        ("[".to_owned(), "this is no TOML"),
    ] {
        service.folder.configure(&bad);
        assert!(!service.reload(), "{bad}");
        assert_eq!(status(), 403);
        // Log and status say so, and health asks somebody to look; the service stays ready.
        assert!(service.log().contains(says), "{says} in {}", service.log());
        let mistakes = service.status()["configuration"]["mistakes"].to_string();
        assert!(mistakes.contains(says), "{mistakes}");
        assert_eq!((service.operator("/healthz").status, service.operator("/readyz").status), (503, 200));
    }
    std::fs::remove_file(service.folder.path("authz.toml")).unwrap();
    assert!(!service.reload());
    assert_eq!(status(), 403);

    service.folder.configure(CONFIG);
    assert!(service.reload());
    assert_eq!((status(), service.operator("/healthz").status), (200, 200));
}

/// A proof that was used stays used.
#[test]
fn a_reload_forgets_no_proof() {
    let config =
        CONFIG.replace("[[resource.issuer]]", "[resource.single_use]\nstore = \"memory\"\n[[resource.issuer]]");
    let service = Service::start(&config);
    let used = Question::of("caddy", &service.draft());
    assert_eq!(service.ask(&used).status, 200);
    assert_eq!(service.ask(&used).status, 401);
    service.folder.configure(&config.replace("[resource.single_use]", "scopes = [\"x\"]\n[resource.single_use]"));
    assert!(service.reload());
    assert_eq!(service.ask(&used).status, 401);
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
}

/// Nonces outlive a reload of the configuration, and a rotation of the ring is followed without one.
#[test]
fn the_ring_is_followed() {
    let service = Service::start(CONFIG);
    let before = service.nonce();
    service.folder.configure(CONFIG);
    assert!(service.reload());
    let serial = || service.status()["rings"][0]["serial"].as_u64().unwrap();
    assert_eq!(serial(), 1);
    let now = UnixMillis::from_system_time(std::time::SystemTime::now());
    let file = RingFile::new(service.folder.path("ring.json"));
    file.update(|ring| ring.rotate(None, now, Fresh::from_os().unwrap(), Force::No)).unwrap();
    until("the new ring is in use", || serial() == 2);
    let draft = Draft::new(&key("ES256"), &before, now_s());
    assert_eq!(service.ask(&Question::of("caddy", &draft)).status, 200);
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
    // A ring that goes away changes nothing for clients, and health says so.
    service.folder.write("ring.json", "{}");
    until("somebody has to look", || service.operator("/healthz").status == 503);
    assert_eq!(service.operator("/readyz").status, 200);
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
}

/// Two replicas with one ring and one store: what was used at the one is used at the other. With the store away, no
/// request passes and nginx is told the real status.
#[test]
fn replicas_share_a_store() {
    for mut store in StoreServer::each_kind() {
        let single_use = "[resource.single_use]\nstore = \"redis\"\naddress_file = \"store\"\nwait_ms = 5000";
        let config = CONFIG.replace("[[resource.issuer]]", &format!("{single_use}\n[[resource.issuer]]"));
        let folder = Folder::new();
        folder.write("store", &store.address());
        let one = Service::start_in(folder, &config);
        let other_folder = Folder::new();
        std::fs::copy(one.folder.path("ring.json"), other_folder.path("ring.json")).unwrap();
        other_folder.write("store", &store.address());
        let other = Service::start_in(other_folder, &config);
        for _ in 0..10 {
            let used = Question::of("caddy", &one.draft());
            assert_eq!((one.ask(&used).status, other.ask(&used).status), (200, 401));
            let used = Question::of("caddy", &one.draft());
            assert_eq!((other.ask(&used).status, one.ask(&used).status), (200, 401));
        }
        store.kill();
        let reply = one.ask(&Question::of("nginx", &one.draft()));
        assert_eq!((reply.status, reply.field("x-sealstamp-status")), (403, Some("503")));
    }
}

/// However close together they come, the file as it was at the last signal is the one in use.
#[test]
fn no_hangup_is_lost() {
    let service = Service::start(CONFIG);
    let with = |scope: &str| format!("required_scopes = [\"{scope}\"]\n\n[[resource.issuer]]");
    for round in 0..20 {
        // Many at once, each after another file; the last one is good, and lets nobody in or everybody.
        for bad in ["nonsense", "[", CONFIG.trim_end_matches("jwks.json\"\n")] {
            service.folder.configure(bad);
            service.signal("HUP");
        }
        let admin = round % 2 == 0;
        let last = if admin { CONFIG.replace("[[resource.issuer]]", &with("admin")) } else { CONFIG.to_owned() };
        service.folder.configure(&last);
        service.signal("HUP");
        let expected = if admin { 403 } else { 200 };
        until("the last file is in use", || service.ask(&Question::of("caddy", &service.draft())).status == expected);
        until("all is well", || service.operator("/healthz").status == 200);
    }
}

/// Everything that a reload cannot change is named, each by its key, and a file that is wrong besides says that first.
#[test]
fn what_needs_a_restart_is_named() {
    let service = Service::start(CONFIG);
    let changed = CONFIG.replace("caddy.sock", "other.sock").replace("operator.sock", "others.sock");
    let changed = format!("{}\n[limits]\nstop_s = 7\n", changed.replace("ring.json", "moved.json"));
    std::fs::copy(service.folder.path("ring.json"), service.folder.path("moved.json")).unwrap();
    let mistakes = |config: &str| {
        service.folder.configure(config);
        assert!(!service.reload(), "{config}");
        let mistakes = service.status()["configuration"]["mistakes"].as_array().unwrap().clone();
        mistakes.iter().map(|line| line.as_str().unwrap().split(": ").nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(mistakes(&changed), ["listener", "operator", "limits", "ring"]);
    assert_eq!(mistakes(&CONFIG.replace("ring.json", "moved.json")), ["ring"]);
    assert_eq!(mistakes(&CONFIG.replace("ring.json\"", "ring.json\"\nmin_serial = 1")), ["ring"]);
    assert_eq!(mistakes(&CONFIG.replace("\"nginx\"", "\"caddy\"")), ["listener"]);
    assert_eq!(mistakes(&changed.replace("jwks.json", "gone.json")), ["resource.issuer.jwks_file"]);
    // What is written otherwise and means the same has not changed.
    service.folder.configure(&format!("{CONFIG}\n[limits]\nrequests = 1024\n"));
    assert!(service.reload());
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
}

/// A resource that is gone is unknown, one that came is served, and one that has another issuer takes its tokens.
#[test]
fn resources_and_issuers_come_and_go() {
    let other = Issuer::new("https://other.example.com");
    let folder = Folder::new();
    folder.write("other.json", &other.jwks());
    let service = Service::start_in(folder, CONFIG);
    let of_other = |draft: Draft| {
        let token = other.token("bob", "https://mcp.example.com/mcp", &key("ES256").thumbprint(), now_s());
        draft.but(|draft| draft.token = Some(token))
    };
    let status = |draft: Draft, name: &str| service.ask(&Question::of("caddy", &draft).named(name)).status;
    // Good for whichever resource there is, as all are of one origin.
    let nonce = service.nonce();
    let seen = || {
        let draft = || Draft::new(&key("ES256"), &nonce, now_s());
        (status(draft(), "mcp"), status(of_other(draft()), "mcp"), status(draft(), "second"))
    };
    assert_eq!(seen(), (200, 401, 404));

    let issuer = "\n[[resource.issuer]]\nurl = \"https://other.example.com\"\njwks_file = \"other.json\"\n";
    service.folder.configure(&format!("{CONFIG}{issuer}"));
    assert!(service.reload());
    assert_eq!(seen(), (200, 200, 404));

    // The same resource under another name is another one.
    service.folder.configure(&CONFIG.replace("name = \"mcp\"", "name = \"second\""));
    assert!(service.reload());
    assert_eq!(seen(), (404, 404, 200));
    assert_eq!(service.status()["resources"], serde_json::json!(["second"]));

    service.folder.configure(CONFIG);
    assert!(service.reload());
    assert_eq!(seen(), (200, 401, 404));
}

/// The files that the configuration names are read again as well: a secret, keys of an issuer, a signing key.
#[test]
fn files_that_are_named_are_read_again() {
    let authorization = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&authorization);
    let asked = HttpServer::start(move |request| {
        let lower = request.to_ascii_lowercase();
        let at = lower.find("authorization: ").unwrap();
        *heard.lock().unwrap() = request[at..].lines().next().unwrap().to_owned();
        r#"{"active":false}"#.to_owned()
    });
    let folder = Folder::new();
    folder.write("secret", "first\n");
    let introspection = format!(
        "[resource.introspection]\nendpoint = \"{}\"\nbearer_token_file = \"secret\"\n\n[[resource.issuer]]",
        asked.url("/")
    );
    let service = Service::start_in(folder, &CONFIG.replace("[[resource.issuer]]", &introspection));
    let heard = || {
        let opaque = service.draft().but(|draft| draft.token = Some("opaque".to_owned()));
        assert_eq!(service.ask(&Question::of("caddy", &opaque)).status, 401);
        authorization.lock().unwrap().split("earer ").nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(heard(), "first");
    service.folder.write("secret", "second\n");
    assert_eq!(heard(), "first", "not before it is told to");
    assert!(service.reload());
    assert_eq!(heard(), "second");
    // An empty one is refused, and the old one stays.
    service.folder.write("secret", "");
    assert!(!service.reload());
    assert_eq!(heard(), "second");
    assert!(!service.log().contains("second"));

    let status = || service.ask(&Question::of("caddy", &service.draft())).status;
    service.folder.write("secret", "second\n");
    service.folder.write("jwks.json", &Issuer::new("https://issuer.example.com").jwks());
    assert_eq!(status(), 200);
    assert!(service.reload());
    assert_eq!(status(), 401, "the issuer has other keys now, and no token is remembered");
}

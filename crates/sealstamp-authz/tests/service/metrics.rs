//! What Prometheus is told, and of which resource.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sealstamp_testkit::{Draft, Prometheus, free_port, installed, issuer, key, quoted};

use crate::support::{CONFIG, HttpServer, Question, Service, now_s, until};

/// Counted by resource and by the status that the client gets; no client can make a new series.
#[test]
fn metrics_count_answers() {
    let service = Service::start(CONFIG);
    service.ask(&Question::of("nginx", &service.draft()));
    service.ask(&Question::about("nginx", "POST", "/mcp//x"));
    service.ask(&Question::about("nginx", "POST", "/mcp").named("evil"));
    let reply = service.operator("/metrics");
    assert_eq!(reply.field("content-type"), Some("text/plain; version=0.0.4"));
    let lines: Vec<_> = reply.body.lines().collect();
    for line in [
        r#"sealstamp_authz_answers_total{resource="mcp",status="200"} 1"#,
        r#"sealstamp_authz_answers_total{resource="mcp",status="400"} 1"#,
        r#"sealstamp_authz_answers_total{resource="mcp",status="401"} 1"#,
        r#"sealstamp_authz_answers_total{resource="",status="404"} 1"#,
        "sealstamp_ring_serial 1",
        "sealstamp_authz_configuration_current 1",
    ] {
        assert!(lines.contains(&line), "{line}\n{}", reply.body);
    }
    assert!(!reply.body.contains("evil"));
    service.folder.configure("nonsense");
    assert!(!service.reload());
    let body = service.operator("/metrics").body;
    assert!(body.contains("sealstamp_authz_configuration_current 0\n"));
    assert!(body.contains("sealstamp_authz_reloads_total{result=\"refused\"} 1\n"));
}

/// Two resources, one of which refuses: an operator sees which, and a reload takes nothing back.
#[test]
fn metrics_tell_resources_apart() {
    let other = r#"
[[resource]]
name = "other"
public_url = "https://mcp.example.com/other"

[resource.single_use]
store = "memory"

[[resource.issuer]]
url = "https://issuer.example.com"
jwks_file = "jwks.json"
audiences = ["https://mcp.example.com/mcp"]
"#;
    let config = format!("{CONFIG}{other}");
    let service = Service::start(&config);
    let to_other = |draft: Draft| {
        let draft = draft.but(|draft| {
            draft.path = "/other".to_owned();
            draft.claims.set("htu", quoted("https://mcp.example.com/other"));
        });
        Question::of("caddy", &draft).named("other")
    };
    // What a client may bring about is there from the first look on, at 0, for each resource, and for no other.
    let page = service.operator("/metrics").body;
    for resource in ["mcp", "other"] {
        for series in [
            r#"sealstamp_decisions_total{outcome="accepted",reason="none",resource="R"} 0"#,
            r#"sealstamp_decisions_total{outcome="refused",reason="bad_signature",resource="R"} 0"#,
            r#"sealstamp_signature_checks_total{resource="R"} 0"#,
            r#"sealstamp_store_claims_total{result="again",resource="R"} 0"#,
            r#"sealstamp_token_cache_hits_total{resource="R"} 0"#,
        ] {
            let series = series.replace("\"R\"", &format!("\"{resource}\""));
            assert!(page.lines().any(|line| line == series), "{series}\n{page}");
        }
    }
    assert!(!page.contains("sealstamp_decisions_total{outcome=\"accepted\",reason=\"none\"}"), "{page}");
    assert!(page.contains("sealstamp_store_fill_ratio{resource=\"other\"} 0\n"), "{page}");
    assert!(!page.contains("sealstamp_store_fill_ratio{resource=\"mcp\"}"), "{page}");

    let nonce = service.nonce();
    // One token, so that the cache knows it from the second request on.
    let token = Draft::new(&key("ES256"), &nonce, now_s()).token();
    let draft = || Draft::new(&key("ES256"), &nonce, now_s()).but(|draft| draft.token = Some(token.clone()));
    for _ in 0..3 {
        assert_eq!(service.ask(&Question::of("caddy", &draft())).status, 200);
    }
    let used = to_other(draft());
    assert_eq!((service.ask(&used).status, service.ask(&used).status), (200, 401));
    let of = |name: &str| {
        let page = service.operator("/metrics").body;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}\n{page}")).parse::<f64>().unwrap()
    };
    let expected = [
        (r#"sealstamp_decisions_total{outcome="accepted",reason="none",resource="mcp"}"#, 3.0),
        (r#"sealstamp_decisions_total{outcome="refused",reason="no_credentials",resource="mcp"}"#, 1.0),
        (r#"sealstamp_decisions_total{outcome="refused",reason="proof_replayed",resource="mcp"}"#, 0.0),
        (r#"sealstamp_decisions_total{outcome="accepted",reason="none",resource="other"}"#, 1.0),
        (r#"sealstamp_decisions_total{outcome="refused",reason="proof_replayed",resource="other"}"#, 1.0),
        (r#"sealstamp_signature_checks_total{resource="mcp"}"#, 3.0),
        (r#"sealstamp_signature_checks_total{resource="other"}"#, 2.0),
        (r#"sealstamp_store_claims_total{result="first",resource="other"}"#, 1.0),
        (r#"sealstamp_store_claims_total{result="again",resource="other"}"#, 1.0),
        (r#"sealstamp_store_claims_total{result="first",resource="mcp"}"#, 0.0),
        (r#"sealstamp_nonce_age_ratio_count{outcome="accepted",resource="mcp"}"#, 3.0),
        (r#"sealstamp_store_claim_duration_seconds_count{resource="other"}"#, 2.0),
        (r#"sealstamp_token_cache_entries{resource="mcp"}"#, 1.0),
        (r#"sealstamp_token_cache_hits_total{resource="mcp"}"#, 2.0),
        (r#"sealstamp_token_cache_validations_total{resource="mcp"}"#, 1.0),
        (r#"sealstamp_token_cache_hits_total{resource="other"}"#, 1.0),
    ];
    for (series, value) in expected {
        assert_eq!(of(series), value, "{series}");
    }
    assert!(of(r#"sealstamp_store_fill_ratio{resource="other"}"#) > 0.0);

    // With empty caches, but nothing is counted back, nor stands still.
    service.folder.configure(&config);
    assert!(service.reload());
    for (series, value) in expected {
        let value = if series.contains("entries") { 0.0 } else { value };
        assert_eq!(of(series), value, "{series}");
    }
    for _ in 0..2 {
        assert_eq!(service.ask(&Question::of("caddy", &draft())).status, 200);
    }
    assert_eq!(of(r#"sealstamp_token_cache_hits_total{resource="mcp"}"#), 3.0);
    assert_eq!(of(r#"sealstamp_token_cache_validations_total{resource="mcp"}"#), 2.0);
    assert_eq!(of(r#"sealstamp_decisions_total{outcome="accepted",reason="none",resource="mcp"}"#), 5.0);
}

/// Two resources ask one issuer, each for itself: each has its own series.
#[test]
fn metrics_have_an_issuer_for_each_resource() {
    let keys = HttpServer::start(|_| issuer().jwks());
    let away = format!("http://127.0.0.1:{}/jwks", free_port());
    let config = CONFIG.replace("jwks_file = \"jwks.json\"", &format!("jwks_uri = \"{}\"", keys.url("/jwks")));
    let other = format!(
        "[[resource]]\nname = \"other\"\npublic_url = \"https://mcp.example.com/other\"\n\
         [[resource.issuer]]\nurl = \"https://issuer.example.com\"\njwks_uri = \"{away}\"\n"
    );
    let service = Service::start(&format!("{config}{other}"));
    let ready = |resource: &str, is: &str| {
        let labels = format!("issuer=\"https://issuer.example.com\",resource=\"{resource}\"");
        service.operator("/metrics").body.contains(&format!("sealstamp_jwks_ready{{{labels}}} {is}\n"))
    };
    until("the one has keys", || ready("mcp", "1"));
    assert!(ready("other", "0"));
}

/// The page of the service's own metrics, which the rules and the dashboard are held to, has exactly those that there
/// are; and the library's are all described.
#[test]
fn the_page_lists_the_services_own() {
    let service = Service::start(CONFIG);
    service.ask(&Question::about("nginx", "POST", "/mcp"));
    let body = service.operator("/metrics").body;
    let names = |text: &str| {
        let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        words.filter(|word| word.starts_with("sealstamp_authz_")).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&body), names(include_str!("../../../../docs/service.md")));
    for line in body.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        let of = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(body.contains(&format!("# HELP {of} ")) || body.contains(&format!("# HELP {name} ")), "{name}");
        assert!(body.contains(&format!("# TYPE {of} ")) || body.contains(&format!("# TYPE {name} ")), "{name}");
    }
}

/// The page is as Prometheus wants it; a real one scrapes it, with the rules of `deploy/`; and one of them is raised.
#[test]
fn a_real_prometheus_tells_resources_apart() {
    if !installed("promtool") || !installed("prometheus") {
        return;
    }
    let operator = format!("127.0.0.1:{}", free_port());
    let service = Service::start(&format!(
        "{CONFIG}[[resource]]\nname = \"other\"\npublic_url = \"https://mcp.example.com/other\"\n\
         [[resource.issuer]]\nurl = \"https://issuer.example.com\"\njwks_file = \"jwks.json\"\n"
    ));
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
    service.ask(&Question::about("caddy", "POST", "/other").named("other"));

    let mut promtool = Command::new("promtool");
    let mut check = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    check.stdin.take().unwrap().write_all(service.operator("/metrics").body.as_bytes()).unwrap();
    let checked = check.wait_with_output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    // The operator's page is on a socket, which Prometheus does not speak to: this stands between.
    let socket = service.folder.path("operator.sock");
    let listener = TcpListener::bind(&operator).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (client, page) = (stream?, UnixStream::connect(&socket)?);
            let (mut from, mut to) = (client.try_clone()?, page.try_clone()?);
            thread::spawn(move || io::copy(&mut from, &mut to));
            let (mut from, mut to) = (page, client);
            thread::spawn(move || io::copy(&mut from, &mut to));
        }
        Ok::<_, io::Error>(())
    });
    let prometheus = Prometheus::start("authz", &operator);
    let server = prometheus.origin();
    let is = |query: &str, value: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let asked = Command::new("promtool").args(["query", "instant", &server, query]).output().unwrap();
            let answer = String::from_utf8_lossy(&asked.stdout).into_owned();
            if answer.contains(&format!(" => {value} @")) {
                return;
            }
            assert!(Instant::now() < deadline, "{query} is {answer}, and not {value}\n{}", prometheus.log());
            thread::sleep(Duration::from_millis(100));
        }
    };
    is(r#"sum(sealstamp_decisions_total{resource="mcp",outcome="accepted"})"#, "1");
    is(r#"sum(sealstamp_decisions_total{resource="other",outcome="accepted"})"#, "0");
    is(r#"sum(sealstamp_decisions_total{resource="other",reason="no_credentials"})"#, "1");
    is(r#"count(count by (resource) (sealstamp_decisions_total))"#, "2");
    is(r#"count(ALERTS) or vector(0)"#, "0");
    service.folder.configure("nonsense");
    assert!(!service.reload());
    is(r#"count(ALERTS{alertname="SealstampConfigurationRefused",alertstate="pending"})"#, "1");
}

//! A replica as Prometheus sees it, and the rules and the dashboard that go with it.
//!
//! Needs `prometheus` and `promtool`, which Debian has in the package `prometheus`; `scripts/test` installs it. Without
//! them this says so and passes, but with `CI=true` it fails.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sealstamp::Settings;
use sealstamp_dpop::metrics::ALL;
use sealstamp_examples::client::Client;
use sealstamp_examples::clock::unix_seconds;
use sealstamp_examples::replicas::{Replica, Setup, built};
use sealstamp_examples::ring_commands::Operator;
use sealstamp_testkit::{Issuer, Prometheus, free_port, installed};
use serde_json::{Value, json};
use tokio::time::sleep;

const PUBLIC_URL: &str = "https://mcp.example.com/mcp";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn deployed(name: &str) -> String {
    let path = root().join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
        .filter(|word| word.starts_with("sealstamp_"))
        .map(str::to_owned)
        .collect()
}

/// A name in a rule or in a panel that nothing has is a rule that never fires.
#[test]
fn rules_and_dashboard_name_what_there_is() {
    // Those of the service are in its sources, each as a constant.
    let mut known = BTreeSet::new();
    for file in ["metrics/mod.rs", "answer/mod.rs"] {
        let source = fs::read_to_string(root().join("crates/sealstamp-authz/src").join(file)).unwrap();
        let constants =
            source.lines().filter(|line| line.contains("const ") && line.contains(": &str = \"sealstamp_authz_"));
        known.extend(constants.filter_map(|line| line.split('"').nth(1)).map(str::to_owned));
    }
    assert!(known.len() >= 4, "{known:?}");
    let own = known.clone();
    for metric in ALL {
        known.insert(metric.name.to_owned());
        if metric.kind.as_str() == "histogram" {
            known.extend(["bucket", "sum", "count"].map(|part| format!("{}_{part}", metric.name)));
        }
    }
    for name in ["prometheus/alerts.yml", "prometheus/alerts.test.yml", "grafana/sealstamp.json"] {
        let unknown: Vec<_> = named(&deployed(name)).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
    // And the dashboard leaves nothing out.
    let shown = deployed("grafana/sealstamp.json");
    for metric in ALL {
        assert!(shown.contains(metric.name), "no panel shows {}", metric.name);
    }
    for name in &own {
        assert!(shown.contains(name), "no panel shows {name}");
    }
    let dashboard: Value = serde_json::from_str(&shown).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().iter().all(|panel| !panel["targets"][0]["expr"].is_null()));
}

/// Somebody who was woken finds the section that the alert names.
#[test]
fn each_alert_leads_to_a_section_of_the_runbook() {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let anchors: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|title| {
            let title = title.trim_start_matches('#').trim().to_lowercase();
            title
                .chars()
                .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-')
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect();
    let rules = deployed("prometheus/alerts.yml");
    let runbooks: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("runbook: ")).collect();
    assert_eq!(runbooks.len(), rules.matches("- alert: ").count());
    for runbook in runbooks {
        let anchor = runbook.strip_prefix("docs/operations.md#").expect(runbook);
        assert!(anchors.contains(anchor), "{runbook}: {anchors:?}");
    }
}

#[test]
fn promtool_takes_the_rules_and_their_tests() {
    if !installed("promtool") {
        return;
    }
    for (what, file) in [("check", "alerts.yml"), ("test", "alerts.test.yml")] {
        let mut promtool = Command::new("promtool");
        let ran = promtool.args([what, "rules", file]).current_dir(root().join("deploy/prometheus")).output().unwrap();
        let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(ran.status.success(), "promtool {what} rules {file}: {said}");
    }
}

/// A real Prometheus, and who asks it.
struct Asked {
    prometheus: Prometheus,
    http: reqwest::Client,
}

impl Asked {
    fn start(replica: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { prometheus: Prometheus::start("mcp", replica), http }
    }

    async fn get(&self, path: &str, query: &str) -> Option<Value> {
        let mut url = url::Url::parse(&format!("{}/api/v1/{path}", self.prometheus.origin())).unwrap();
        if !query.is_empty() {
            url.query_pairs_mut().append_pair("query", query);
        }
        let body = self.http.get(url).send().await.ok()?.bytes().await.ok()?;
        let answer: Value = serde_json::from_slice(&body).ok()?;
        (answer["status"] == "success").then(|| answer["data"].clone())
    }

    /// Waits until a query has this one result.
    async fn until(&self, query: &str, wanted: f64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.get("query", query).await.unwrap_or_default();
            let value = answer["result"][0]["value"][1].as_str().and_then(|text| text.parse::<f64>().ok());
            if value == Some(wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{query} is {answer} and not {wanted}\n{}", self.prometheus.log());
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn a_real_prometheus_scrapes_a_replica() {
    if !installed("prometheus") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ring, jwks) = (folder.path().join("ring.json"), folder.path().join("jwks.json"));
    Operator::init(&ring, Settings::new(60, 1, 2).unwrap()).unwrap();
    let issuer = Issuer::new("https://issuer.example.com");
    fs::write(&jwks, issuer.jwks()).unwrap();
    let setup = Setup { public_url: PUBLIC_URL, ring: &ring, issuer: issuer.url(), jwks: &jwks };
    let metrics = format!("127.0.0.1:{}", free_port());
    let flags = ["--metrics", &metrics, "--store", "memory"];
    let replica = Replica::start(&built("examples/mcp_server").unwrap(), &flags, &setup).await.unwrap();

    // Nothing of it on the listener that clients reach.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let public = http.get(format!("http://{}/metrics", replica.address)).send().await.unwrap();
    assert_eq!(public.status(), 404);

    // Three calls, of which the first is asked for a nonce; one of them twice with the same proof; and a bad nonce.
    let mut client = Client::new("alice", PUBLIC_URL, &issuer).unwrap();
    let at = replica.address.as_str();
    for n in 0..3 {
        let answer = client.call(at, at, "add", json!({ "a": n, "b": 1 })).await.unwrap();
        assert!(answer.is_accepted(), "{answer:?}");
    }
    let proof = client.proof(client.nonce(), unix_seconds()).unwrap();
    assert!(client.send_add(at, &proof, 1).await.unwrap().is_accepted());
    assert!(!client.send_add(at, &proof, 1).await.unwrap().is_accepted());
    let bad = client.proof(Some("not a nonce"), unix_seconds()).unwrap();
    assert!(!client.send_add(at, &bad, 1).await.unwrap().is_accepted());

    let prometheus = Asked::start(&metrics);
    let refused = |reason: &str| format!("sealstamp_decisions_total{{outcome=\"refused\",reason=\"{reason}\"}}");
    for (query, wanted) in [
        ("sealstamp_decisions_total{outcome=\"accepted\"}", 4.0),
        (&refused("no_nonce"), 1.0),
        (&refused("proof_replayed"), 1.0),
        (&refused("nonce_malformed"), 1.0),
        (&refused("bad_signature"), 0.0),
        ("sealstamp_signature_checks_total", 5.0),
        ("sealstamp_store_claims_total{result=\"first\"}", 4.0),
        ("sealstamp_store_claims_total{result=\"again\"}", 1.0),
        ("sealstamp_nonce_age_ratio_count{outcome=\"accepted\"}", 4.0),
        ("sealstamp_nonce_age_ratio_bucket{outcome=\"accepted\",le=\"1\"}", 4.0),
        ("sealstamp_store_claim_duration_seconds_count", 5.0),
        ("sealstamp_store_fill_ratio > bool 0", 1.0),
        ("sealstamp_ring_serial", 1.0),
        ("sealstamp_ring_serving", 1.0),
        ("sealstamp_ring_propagation_seconds", 2.0),
        ("sealstamp_token_signature_checks_total{issuer=\"https://issuer.example.com\"} > bool 0", 1.0),
        ("sealstamp_jwks_keys", 1.0),
        ("sealstamp_ring_age_seconds < bool 2", 1.0),
    ] {
        prometheus.until(query, wanted).await;
    }

    // The rules are loaded and evaluated, all without an error.
    let rules = prometheus.get("rules", "").await.unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap().clone();
    assert_eq!(rules.len(), deployed("prometheus/alerts.yml").matches("- alert: ").count());
    for rule in &rules {
        assert!(rule["health"] == "ok" || rule["health"] == "unknown", "{rule}");
        assert!(rule["lastError"].is_null(), "{rule}");
    }

    // A file that is no ring, and one of the alerts fires that need no time to do so.
    let firing = |alert: &str| format!("count(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}})");
    let older = fs::read(&ring).unwrap();
    let built = built("sealstamp");
    if let Ok(tool) = built {
        let ran = Command::new(tool).arg("--ring").arg(&ring).arg("rotate").output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        prometheus.until("sealstamp_ring_serial", 2.0).await;
        fs::write(&ring, older).unwrap();
        prometheus.until("sealstamp_ring_fault{kind=\"older_serial\"}", 1.0).await;
        prometheus.until(&firing("SealstampWrongRing"), 1.0).await;
        prometheus.until("sealstamp_ring_reload_errors_total > bool 0", 1.0).await;
    }
    replica.stop().await.unwrap();
}

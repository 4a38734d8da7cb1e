//! What a monitoring system is told: the names, the labels, and that no client makes a new series.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use sealstamp::{Fleet, KeyState, ReloadError, Reloader, RingFile};
use sealstamp_dpop::{
    CacheBounds, Cached, Claim, Claimed, IntrospectionCredentials, IntrospectionValidator, MemoryStore, Nonces,
    ProofStore, Reason, RemoteJwtValidator, RequestHead, StoreError, TokenValidator, Verifier, WhenAway, metrics,
};
use sealstamp_testkit::{ISSUER, PUBLIC_URL, quoted};
use support::{NOW, World, fleet, ring, tokens};

/// Every metric: name, kind, unit, labels. Dashboards and alerts of others hang on these.
const PINNED: [&str; 29] = [
    "sealstamp_decisions_total counter requests outcome reason",
    "sealstamp_signature_checks_total counter signatures",
    "sealstamp_nonce_age_ratio histogram ratio outcome",
    "sealstamp_store_claims_total counter claims result",
    "sealstamp_store_claim_duration_seconds histogram seconds",
    "sealstamp_accepted_without_store_total counter requests",
    "sealstamp_store_fill_ratio gauge ratio",
    "sealstamp_ring_serial gauge serial",
    "sealstamp_ring_digest gauge digest",
    "sealstamp_ring_age_seconds gauge seconds",
    "sealstamp_ring_key_age_seconds gauge seconds",
    "sealstamp_ring_propagation_seconds gauge seconds",
    "sealstamp_ring_fit gauge boolean",
    "sealstamp_ring_serving gauge boolean",
    "sealstamp_ring_reload_errors_total counter polls",
    "sealstamp_ring_fault gauge boolean kind",
    "sealstamp_ring_warnings gauge warnings",
    "sealstamp_jwks_keys gauge keys issuer",
    "sealstamp_jwks_ready gauge boolean issuer",
    "sealstamp_jwks_age_seconds gauge seconds issuer",
    "sealstamp_jwks_next_fetch_seconds gauge seconds issuer",
    "sealstamp_jwks_fetches_total counter fetches issuer result",
    "sealstamp_token_signature_checks_total counter signatures issuer",
    "sealstamp_token_leeway_used_total counter tokens issuer",
    "sealstamp_token_cache_hits_total counter requests",
    "sealstamp_token_cache_validations_total counter validations",
    "sealstamp_token_cache_entries gauge tokens",
    "sealstamp_token_cache_bytes gauge bytes",
    "sealstamp_introspections_total counter questions result",
];

fn line(metric: &metrics::Metric) -> String {
    [&[metric.name, metric.kind.as_str(), metric.unit], metric.labels].concat().join(" ")
}

#[test]
fn names_and_labels_are_pinned_and_as_prometheus_wants_them() {
    assert_eq!(metrics::ALL.iter().map(line).collect::<Vec<_>>(), PINNED);
    for metric in metrics::ALL {
        let (name, counter) = (metric.name, metric.kind == metrics::Kind::Counter);
        assert!(name.starts_with("sealstamp_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), counter, "{name}");
        assert!(!matches!(metric.unit, "seconds" | "bytes" | "ratio") || name.ends_with(metric.unit), "{name}");
        assert!(!metric.help.is_empty() && !metric.help.ends_with('.'), "{name}");
    }
}

/// The page for operators lists exactly these, in this order.
#[test]
fn the_runbook_lists_them_all() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| `sealstamp_"))
        .map(|row| {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(|cell| cell.replace(['`', ','], "")).collect();
            assert_eq!(cells.len(), 6, "{row}");
            assert!(cells[4..].iter().all(|cell| !cell.trim().is_empty()), "{row}");
            cells[..4].join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    // In the table: name, labels, kind, unit.
    let expected: Vec<_> =
        metrics::ALL.iter().map(|m| [&[m.name], m.labels, &[m.kind.as_str(), m.unit]].concat().join(" ")).collect();
    assert_eq!(rows, expected);
}

/// What a recorder holds: the series, and what they say.
struct Recorded(Snapshotter);

impl Recorded {
    fn series(&self) -> BTreeSet<String> {
        self.0.snapshot().into_vec().into_iter().map(|(key, ..)| text(key.key())).collect()
    }

    /// Counters are taken by looking at them, so all that is wanted is looked at together.
    fn values(&self) -> std::collections::BTreeMap<String, f64> {
        let value = |value| match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(values) => values.last().map_or(f64::NAN, |value| value.into_inner()),
        };
        self.0.snapshot().into_vec().into_iter().map(|(key, _, _, v)| (text(key.key()), value(v))).collect()
    }
}

/// `name{label=value,…}`
fn text(key: &::metrics::Key) -> String {
    let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

fn recorded<T>(work: impl FnOnce(&Recorded) -> T) -> T {
    let recorder = DebuggingRecorder::new();
    let recorded = Recorded(recorder.snapshotter());
    ::metrics::with_local_recorder(&recorder, || work(&recorded))
}

/// Runs a future on this thread, where the recorder is.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn verifier(fleet: &Fleet, store: impl ProofStore + 'static) -> Verifier {
    Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone()))
        .single_use(store, WhenAway::GoOnWithNonce)
        .build()
        .unwrap()
}

/// Whatever is sent, a series is one of those that were there before the first request.
#[test]
fn no_client_makes_a_series() {
    recorded(|recorded| {
        run(async {
            let world = World::new();
            let verifier = verifier(&world.fleet, MemoryStore::new(1 << 20).clock(|| NOW));
            let world = world.with(verifier);
            let cached = Cached::new(world.tokens.clone(), CacheBounds::default());
            let states = || {
                metrics::observe_tokens(&world.tokens);
                metrics::observe_cache(&cached.status());
            };
            metrics::describe();
            states();
            let before = recorded.series();
            let named = |name: &str| before.iter().filter(|series| series.starts_with(name)).count();
            assert_eq!(named("sealstamp_decisions_total{"), 1 + Reason::ALL.len());
            assert_eq!(named("sealstamp_store_claims_total{"), 5);
            assert_eq!(before.len(), 1 + Reason::ALL.len() + 5 + 1 + 2 + 1 + 1 + 3 + 4);

            let mut seen = BTreeSet::new();
            for n in 0..3_000_u32 {
                let evil = quoted(format!("x{n}\\\"}}"));
                let draft = world.draft().but(|draft| match n % 12 {
                    0 => draft.method = format!("M{n}").parse().unwrap(),
                    1 => draft.token_header.set("kid", &evil),
                    2 => draft.token_claims.set("iss", &evil),
                    3 => draft.claims.set("jti", &evil),
                    4 => draft.path = format!("/{n}"),
                    5 => draft.claims.set("nonce", &evil),
                    6 => draft.token_claims.set("aud", &evil),
                    7 => draft.header.set("alg", &evil),
                    8 => draft.token = Some(format!("t{n}")),
                    9 => draft.claims.set("htu", &evil),
                    10 => draft.token_header.set("typ", &evil),
                    _ => draft.on_proof(move |proof| vec![format!("{proof}{n}")]),
                });
                let mut parts = draft.parts();
                let (name, value) = (format!("x-{n}"), format!("v{n}"));
                parts.headers.insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
                let decided = world.verifier.decide(RequestHead::of(&parts), &cached, NOW).await;
                seen.insert(decided.map_or_else(|r| r.reason().as_str(), |_| "accepted"));
                if n % 100 == 0 {
                    states();
                }
            }
            states();
            assert!(seen.len() >= 10, "the requests differ in what is wrong with them: {seen:?}");
            assert_eq!(recorded.series(), before);
        });
    });
}

/// The series that say something say the right thing.
#[test]
fn decisions_nonces_and_the_store() {
    struct Answers;
    impl ProofStore for Answers {
        async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
            // By the id, which follows from the `jti`: each of three requests gets another answer.
            static ASKED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
            let _ = claim.id();
            match ASKED.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Ok(Claimed::First),
                1 => Ok(Claimed::Again),
                2 => Err(StoreError::Full),
                _ => Err(StoreError::Unavailable),
            }
        }
    }
    recorded(|recorded| {
        run(async {
            let world = World::new();
            let world = World { verifier: verifier(&world.fleet, Answers), ..world };
            metrics::describe();
            let later = NOW.saturating_add(30_000);
            let parts = world.draft().parts();
            for _ in 0..5 {
                let _ = world.verifier.decide(RequestHead::of(&parts), &world.tokens, later).await;
            }
            let values = recorded.values();
            let is = |series: &str, value: f64| assert_eq!(values[series], value, "{series}");
            is("sealstamp_decisions_total{outcome=accepted,reason=none}", 3.0);
            is("sealstamp_decisions_total{outcome=refused,reason=proof_replayed}", 1.0);
            is("sealstamp_decisions_total{outcome=refused,reason=store_full}", 1.0);
            is("sealstamp_decisions_total{outcome=refused,reason=bad_signature}", 0.0);
            is("sealstamp_signature_checks_total{}", 5.0);
            is("sealstamp_accepted_without_store_total{}", 2.0);
            for (result, count) in [("first", 1.0), ("again", 1.0), ("full", 1.0), ("unavailable", 2.0), ("late", 0.0)]
            {
                is(&format!("sealstamp_store_claims_total{{result={result}}}"), count);
            }
            // 30 s of a lifetime of 120 s.
            is("sealstamp_nonce_age_ratio{outcome=accepted}", 0.25);
            assert!(values["sealstamp_store_claim_duration_seconds{}"] < 60.0);
            // Expired by 25 s: it was good for 125 s.
            let _ = world.verifier.decide(RequestHead::of(&parts), &world.tokens, NOW.saturating_add(150_000)).await;
            assert_eq!(recorded.values()["sealstamp_nonce_age_ratio{outcome=refused}"], 1.25);
        });
    });
}

#[test]
fn the_ring_and_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.json");
    let file = RingFile::new(&path);
    file.create(&ring(NOW)).unwrap();
    let fleet = fleet(file.load().unwrap(), PUBLIC_URL);
    let reloader = Reloader::new(file, fleet.clone()).unwrap();
    recorded(|recorded| {
        metrics::observe_ring(&reloader.status(), &fleet.ring(), NOW);
        let values = recorded.values();
        let serial = fleet.ring().serial() as f64;
        assert_eq!(values["sealstamp_ring_serial{}"], serial);
        let digest = fleet.ring().digest().iter().take(6).fold(0, |n, byte| n * 256 + u64::from(*byte));
        assert_eq!(values["sealstamp_ring_digest{}"], digest as f64);
        let active = fleet.ring().active(NOW).activates_at().unwrap();
        assert_eq!(values["sealstamp_ring_key_age_seconds{}"], NOW.since(active) as f64 / 1000.0);
        assert_eq!(values["sealstamp_ring_propagation_seconds{}"], 600.0);
        assert_eq!((values["sealstamp_ring_fit{}"], values["sealstamp_ring_serving{}"]), (1.0, 1.0));
        assert_eq!(values["sealstamp_ring_reload_errors_total{}"], 0.0);
        assert!(ReloadError::KINDS.iter().all(|kind| values[&format!("sealstamp_ring_fault{{kind={kind}}}")] == 0.0));

        fs::write(&path, "{}").unwrap();
        for _ in 0..3 {
            reloader.poll().unwrap_err();
        }
        metrics::observe_ring(&reloader.status(), &fleet.ring(), NOW);
        let values = recorded.values();
        assert_eq!(values["sealstamp_ring_reload_errors_total{}"], 3.0);
        assert_eq!(values["sealstamp_ring_fault{kind=invalid}"], 1.0);
        assert_eq!(values["sealstamp_ring_fit{}"], 0.0);

        fs::remove_file(&path).unwrap();
        reloader.poll().unwrap_err();
        metrics::observe_ring(&reloader.status(), &fleet.ring(), NOW);
        let values = recorded.values();
        assert_eq!(values["sealstamp_ring_fault{kind=not_found}"], 1.0);
        assert_eq!(values["sealstamp_ring_fault{kind=invalid}"], 0.0, "the fault from before is over");
    });
    assert!(fleet.ring().status(NOW).any(|of| of.state == KeyState::Active));
}

/// An issuer that does not answer; a leeway that was needed; a cache that knew a token.
#[test]
fn keys_and_tokens() {
    recorded(|recorded| {
        run(async {
            let nobody = format!("http://127.0.0.1:{}/jwks", sealstamp_testkit::free_port());
            let remote = RemoteJwtValidator::start(tokens(), &nobody).unwrap();
            metrics::observe_keys(&remote.status());
            let age = format!("sealstamp_jwks_age_seconds{{issuer={ISSUER}}}");
            assert_eq!(recorded.values()[&age], f64::INFINITY);
            while remote.status().failed == 0 {
                tokio::task::yield_now().await;
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            metrics::observe_keys(&remote.status());
            let values = recorded.values();
            let of = |name: &str| values[&format!("sealstamp_jwks_{name}")];
            assert_eq!(of(&format!("fetches_total{{issuer={ISSUER},result=failed}}")), 1.0);
            assert_eq!(of(&format!("fetches_total{{issuer={ISSUER},result=ok}}")), 0.0);
            assert_eq!(of(&format!("ready{{issuer={ISSUER}}}")), 0.0);
            assert!((20.0..=30.0).contains(&of(&format!("next_fetch_seconds{{issuer={ISSUER}}}"))));

            let world = World::new();
            let cached = Cached::new(world.tokens.clone(), CacheBounds::default());
            let expired = NOW.get() / 1000 - 10;
            let token = world.draft().but(|draft| draft.token_claims.set("exp", expired)).token();
            for _ in 0..3 {
                cached.validate(&token, NOW).await.unwrap();
            }
            metrics::observe_tokens(&world.tokens);
            metrics::observe_cache(&cached.status());
            let credentials = IntrospectionCredentials::basic("mcp", "secret").unwrap();
            let asked = IntrospectionValidator::new(&nobody, credentials, PUBLIC_URL).unwrap();
            asked.validate("opaque", NOW).await.unwrap_err();
            metrics::observe_introspection(&asked);
            let values = recorded.values();
            assert_eq!(values[&format!("sealstamp_token_leeway_used_total{{issuer={ISSUER}}}")], 1.0);
            assert_eq!(values[&format!("sealstamp_token_signature_checks_total{{issuer={ISSUER}}}")], 1.0);
            assert_eq!(values["sealstamp_token_cache_hits_total{}"], 2.0);
            assert_eq!(values["sealstamp_token_cache_validations_total{}"], 1.0);
            assert_eq!(values["sealstamp_token_cache_entries{}"], 1.0);
            assert_eq!(values["sealstamp_introspections_total{result=failed}"], 1.0);
            assert_eq!(values["sealstamp_introspections_total{result=ok}"], 0.0);
        });
    });
}

/// Each metric that these tests can bring about is in the table, with its labels and its kind.
#[test]
fn nothing_is_told_that_is_not_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = RingFile::new(folder.path().join("ring.json"));
    file.create(&ring(NOW)).unwrap();
    let fleet = fleet(file.load().unwrap(), PUBLIC_URL);
    let reloader = Reloader::new(file, fleet.clone()).unwrap();
    let told: BTreeSet<String> = recorded(|recorded| {
        run(async {
            metrics::describe();
            metrics::observe_ring(&reloader.status(), &fleet.ring(), NOW);
            metrics::observe_tokens(&tokens());
            let nobody = format!("http://127.0.0.1:{}/jwks", sealstamp_testkit::free_port());
            metrics::observe_keys(&RemoteJwtValidator::start(tokens(), &nobody).unwrap().status());
            let credentials = IntrospectionCredentials::basic("mcp", "secret").unwrap();
            metrics::observe_introspection(&IntrospectionValidator::new(&nobody, credentials, PUBLIC_URL).unwrap());
            metrics::observe_cache(&Cached::new(tokens(), CacheBounds::default()).status());
            metrics::observe_store(&MemoryStore::new(1 << 20));
            recorded
                .0
                .snapshot()
                .into_vec()
                .into_iter()
                .map(|(key, unit, help, _)| {
                    assert!(help.is_some(), "{} is not described", key.key().name());
                    let _ = unit;
                    let labels = key.key().labels().map(::metrics::Label::key);
                    let kind = format!("{:?}", key.kind()).to_lowercase();
                    [key.key().name(), kind.as_str()].into_iter().chain(labels).collect::<Vec<_>>().join(" ")
                })
                .collect()
        })
    });
    let table: BTreeSet<String> =
        metrics::ALL.iter().map(|m| [&[m.name, m.kind.as_str()], m.labels].concat().join(" ")).collect();
    assert_eq!(told, table);
}

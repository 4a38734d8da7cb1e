//! What a monitoring system is told, through the facade of the crate `metrics` (feature `metrics`).
//!
//! Install a recorder, call [`describe`] once, and look at `/metrics`. Decisions, nonces and the store of used proofs
//! are counted as they happen. The rest are states. Whoever serves the page has them read at each scrape, by the
//! functions here: [`observe_ring`], and those for keys, tokens, caches and stores.
//!
//! The number of series is fixed when the server starts. The values of labels are this crate's own, or the issuers that
//! the server was configured with. So no client can make a new one ([`ALL`] has them all). Histograms get buckets from
//! the recorder: [`NONCE_AGE_BUCKETS`] and [`STORE_BUCKETS`] are a proposal.
//!
//! ```
//! use sealstamp_dpop::metrics;
//!
//! // After the recorder is installed:
//! metrics::describe();
//! assert!(metrics::ALL.iter().any(|metric| metric.name == "sealstamp_decisions_total"));
//! ```

mod table;

use std::sync::LazyLock;

use metrics::{Key, Label, Level, Metadata, Unit, counter, gauge, histogram, with_recorder};
use sealstamp::{ReloadError, ReloadStatus, Ring, UnixMillis};
pub use table::{ALL, Kind, Metric};

use crate::verdict::Reason;

/// Buckets for `sealstamp_nonce_age_ratio`: tenths of the lifetime, and what is beyond it.
pub const NONCE_AGE_BUCKETS: [f64; 12] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 2.0];

/// Buckets for `sealstamp_store_claim_duration_seconds`: from a store in memory to one that does not answer.
pub const STORE_BUCKETS: [f64; 12] =
    [0.000_01, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// The value of `outcome` for accepted requests.
pub(super) const ACCEPTED: &str = "accepted";

/// The value of `outcome` for the others.
pub(super) const REFUSED: &str = "refused";

/// The value of `reason` for accepted requests.
const NO_REASON: &str = "none";

/// The results of a claim.
const CLAIMED: [&str; 5] = ["first", "again", "late", "full", "unavailable"];

const DECISIONS: &str = "sealstamp_decisions_total";

/// Made once, so that a decision allocates nothing.
static KEYS: LazyLock<(Key, Vec<Key>)> = LazyLock::new(|| {
    let key = |outcome, reason| {
        let labels = vec![Label::from_static_parts("outcome", outcome), Label::from_static_parts("reason", reason)];
        Key::from_parts(DECISIONS, labels)
    };
    (key(ACCEPTED, NO_REASON), Reason::ALL.iter().map(|reason| key(REFUSED, reason.as_str())).collect())
});

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Describes every metric to the recorder, and begins each series of decisions and claims at 0: so the first of a kind
/// is seen as a rise. Call it when the recorder is installed.
pub fn describe() {
    for Metric { name, kind, unit, help, .. } in ALL.iter().copied() {
        let (unit, help) = (unit_of(unit), help.into());
        with_recorder(|recorder| match kind {
            Kind::Counter => recorder.describe_counter(name.into(), unit, help),
            Kind::Gauge => recorder.describe_gauge(name.into(), unit, help),
            Kind::Histogram => recorder.describe_histogram(name.into(), unit, help),
        });
    }
    count(&KEYS.0, 0);
    for key in &KEYS.1 {
        count(key, 0);
    }
    for result in CLAIMED {
        counter!("sealstamp_store_claims_total", "result" => result).increment(0);
    }
    counter!("sealstamp_signature_checks_total").increment(0);
    counter!("sealstamp_accepted_without_store_total").increment(0);
    // To name them is to begin them.
    let _ = histogram!("sealstamp_nonce_age_ratio", "outcome" => ACCEPTED);
    let _ = histogram!("sealstamp_nonce_age_ratio", "outcome" => REFUSED);
    let _ = histogram!("sealstamp_store_claim_duration_seconds");
}

/// Only units that Prometheus has.
fn unit_of(unit: &str) -> Option<Unit> {
    match unit {
        "seconds" => Some(Unit::Seconds),
        "bytes" => Some(Unit::Bytes),
        _ => None,
    }
}

/// One more decision.
pub(super) fn count_decision(refused: Option<Reason>) {
    match refused {
        None => count(&KEYS.0, 1),
        Some(reason) => {
            if let Some(key) = KEYS.1.get(reason as usize) {
                count(key, 1);
            }
        }
    }
}

fn count(key: &Key, by: u64) {
    with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(by));
}

/// The ring in use, and how it stands with its file. For each scrape.
///
/// ```no_run
/// use std::time::SystemTime;
/// use sealstamp::{Fleet, Reloader, UnixMillis};
/// use sealstamp_dpop::metrics::observe_ring;
///
/// fn at_a_scrape(fleet: &Fleet, reloader: &Reloader) {
///     observe_ring(&reloader.status(), &fleet.ring(), UnixMillis::from_system_time(SystemTime::now()));
/// }
/// ```
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; serials and digests stay below 2^53")]
pub fn observe_ring(status: &ReloadStatus, ring: &Ring, now: UnixMillis) {
    gauge!("sealstamp_ring_serial").set(status.serial as f64);
    let [a, b, c, d, e, f, ..] = status.digest;
    gauge!("sealstamp_ring_digest").set(u64::from_be_bytes([0, 0, a, b, c, d, e, f]) as f64);
    gauge!("sealstamp_ring_age_seconds").set(seconds(status.age_ms));
    let key = ring.active(now);
    gauge!("sealstamp_ring_key_age_seconds").set(seconds(now.since(key.activates_at().unwrap_or(key.created_at()))));
    gauge!("sealstamp_ring_propagation_seconds").set(f64::from(status.settings.propagation_s()));
    gauge!("sealstamp_ring_fit").set(yes(status.fit));
    gauge!("sealstamp_ring_serving").set(yes(status.serving));
    gauge!("sealstamp_ring_warnings").set(status.warnings.len() as f64);
    counter!("sealstamp_ring_reload_errors_total").absolute(status.failed_polls);
    let present = status.error.as_ref().map(|fault| fault.error.as_str());
    for kind in ReloadError::KINDS {
        gauge!("sealstamp_ring_fault", "kind" => kind).set(yes(present == Some(kind)));
    }
}

/// What the tokens of one issuer have cost. For each scrape; with [`observe_keys`] it is not needed.
#[cfg(feature = "jwt")]
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub fn observe_tokens(tokens: &crate::token::JwtValidator) {
    let (issuer, status) = (tokens.issuer().to_owned(), tokens.status());
    gauge!("sealstamp_jwks_keys", "issuer" => issuer.clone()).set(status.keys().len() as f64);
    tokens_of(issuer, status.signature_checks(), status.leeway_used());
}

#[cfg(feature = "jwt")]
fn tokens_of(issuer: String, signature_checks: u64, leeway_used: u64) {
    counter!("sealstamp_token_signature_checks_total", "issuer" => issuer.clone()).absolute(signature_checks);
    counter!("sealstamp_token_leeway_used_total", "issuer" => issuer).absolute(leeway_used);
}

/// How the keys of one issuer stand, and what its tokens have cost. For each scrape.
#[cfg(feature = "jwks-http")]
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub fn observe_keys(status: &crate::token::RemoteStatus) {
    let issuer = || status.issuer.clone();
    gauge!("sealstamp_jwks_keys", "issuer" => issuer()).set(status.keys as f64);
    gauge!("sealstamp_jwks_ready", "issuer" => issuer()).set(yes(status.ready));
    gauge!("sealstamp_jwks_age_seconds", "issuer" => issuer()).set(status.age_s.map_or(f64::INFINITY, |s| s as f64));
    gauge!("sealstamp_jwks_next_fetch_seconds", "issuer" => issuer()).set(status.next_in_s as f64);
    for (result, count) in [("ok", status.succeeded), ("failed", status.failed)] {
        counter!("sealstamp_jwks_fetches_total", "issuer" => issuer(), "result" => result).absolute(count);
    }
    tokens_of(issuer(), status.signature_checks, status.leeway_used);
}

/// What the issuer was asked about opaque tokens. For each scrape.
#[cfg(feature = "jwks-http")]
pub fn observe_introspection(tokens: &crate::token::IntrospectionValidator) {
    let failed = tokens.failed();
    let answered = tokens.asked().saturating_sub(failed);
    counter!("sealstamp_introspections_total", "result" => "ok").absolute(answered);
    counter!("sealstamp_introspections_total", "result" => "failed").absolute(failed);
}

/// How full a store in memory is. For each scrape.
pub fn observe_store(store: &crate::single_use::MemoryStore) {
    gauge!("sealstamp_store_fill_ratio").set(store.fill());
}

/// What a cache of tokens holds and has saved. For each scrape. The labels name no cache, so a process should have one,
/// around all validators.
#[cfg(feature = "token-cache")]
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub fn observe_cache(status: &crate::token::CacheStatus) {
    counter!("sealstamp_token_cache_hits_total").absolute(status.hits());
    counter!("sealstamp_token_cache_validations_total").absolute(status.validations());
    gauge!("sealstamp_token_cache_entries").set(status.entries() as f64);
    gauge!("sealstamp_token_cache_bytes").set(status.bytes() as f64);
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

fn yes(is: bool) -> f64 {
    f64::from(u8::from(is))
}

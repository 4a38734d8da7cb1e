//! What Prometheus is told: the metrics of `sealstamp-dpop`, and those of the service itself.
//!
//! Decisions and answers are counted as they happen. States are read at each scrape. Every value of a label is this
//! program's own or stands in the configuration, so no client can make a new series.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use sealstamp::UnixMillis;
use sealstamp_dpop::metrics::{NONCE_AGE_BUCKETS, STORE_BUCKETS, describe, observe_keys, observe_ring};
use tokio::time::interval;

use crate::process::Process;

const RELOADS: &str = "sealstamp_authz_reloads_total";
const CONFIGURATION: &str = "sealstamp_authz_configuration_current";
const REQUESTS: &str = "sealstamp_authz_requests";
const CACHE_ENTRIES: &str = "sealstamp_authz_token_cache_entries";
const CACHE_BYTES: &str = "sealstamp_authz_token_cache_bytes";

/// How often samples are put into their buckets while nobody looks.
const UPKEEP: Duration = Duration::from_secs(5);

/// The page for Prometheus.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// From now on all is counted. Once for a process.
    pub(crate) fn install() -> Result<Self, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full("sealstamp_nonce_age_ratio".to_owned()), &NONCE_AGE_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full("sealstamp_store_claim_duration_seconds".to_owned()), &STORE_BUCKETS)?
            .install_recorder()?;
        describe();
        describe_counter!(crate::answer::ANSWERS, "Answers to proxies, by resource and by the status for the client");
        describe_counter!(RELOADS, "How often the configuration was read anew, by result");
        describe_gauge!(CONFIGURATION, "1 if the file is what is in use, 0 if it was refused at the last reload");
        describe_gauge!(REQUESTS, "Requests that are under way");
        describe_gauge!(CACHE_ENTRIES, "Tokens that are remembered, by resource");
        describe_gauge!(CACHE_BYTES, Unit::Bytes, "Bytes that remembered tokens are charged, by resource");
        Ok(Self { handle })
    }

    /// Keeps memory bounded where nobody scrapes. It never ends.
    pub(crate) async fn upkeep(self) {
        let mut ticks = interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }

    /// The page, with all states as they are now.
    pub(crate) fn page(&self, process: &Arc<Process>) -> String {
        process.observe();
        self.handle.render()
    }
}

impl Process {
    /// Reads all states into gauges.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    fn observe(&self) {
        let routes = self.routes.load();
        // All rings that are followed are one file, so one speaks for all.
        if let Some(ring) = routes.kept.rings.values().next() {
            let now = UnixMillis::from_system_time(SystemTime::now());
            observe_ring(&ring.status(), &ring.fleet.ring(), now);
        }
        for issuer in routes.kept.issuers.values() {
            observe_keys(&issuer.status());
        }
        for resource in routes.resources.values() {
            let status = resource.tokens.status();
            gauge!(CACHE_ENTRIES, "resource" => resource.name.clone()).set(status.entries() as f64);
            gauge!(CACHE_BYTES, "resource" => resource.name.clone()).set(status.bytes() as f64);
        }
        let reload = self.last_reload();
        counter!(RELOADS, "result" => "done").absolute(reload.done);
        counter!(RELOADS, "result" => "refused").absolute(reload.failed);
        gauge!(CONFIGURATION).set(f64::from(u8::from(reload.mistakes.is_empty())));
        gauge!(REQUESTS).set(self.bounds().requests.saturating_sub(self.requests.available_permits()) as f64);
    }
}

//! What Prometheus is told: the metrics of `sealstamp-dpop`, by resource, and those of the service itself.
//!
//! Decisions and answers are counted as they happen. States are read at each scrape. Every value of a label is this
//! program's own or stands in the configuration, so no client can make a new series.

mod labelled;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use labelled::Labelled;
use metrics::{describe_counter, describe_gauge, set_global_recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use sealstamp_dpop::metrics::{NONCE_AGE_BUCKETS, STORE_BUCKETS};
use tokio::time::interval;

pub(crate) const RELOADS: &str = "sealstamp_authz_reloads_total";
pub(crate) const CONFIGURATION: &str = "sealstamp_authz_configuration_current";
pub(crate) const REQUESTS: &str = "sealstamp_authz_requests";

/// How often samples are put into their buckets while nobody looks.
const UPKEEP: Duration = Duration::from_secs(5);

/// The page for Prometheus.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Metrics {
    /// From now on all is counted. Once for a process.
    pub(crate) fn install() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full("sealstamp_nonce_age_ratio".to_owned()), &NONCE_AGE_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full("sealstamp_store_claim_duration_seconds".to_owned()), &STORE_BUCKETS)?
            .build_recorder();
        let recorder = Arc::new(recorder);
        set_global_recorder(Arc::clone(&recorder)).map_err(|_| "another recorder is installed")?;
        describe_counter!(crate::answer::ANSWERS, "Answers to proxies, by resource and by the status for the client");
        describe_counter!(RELOADS, "How often the configuration was read anew, by result");
        describe_gauge!(CONFIGURATION, "1 if the file is what is in use, 0 if it was refused at the last reload");
        describe_gauge!(REQUESTS, "Requests that are under way");
        Ok(Self { handle: recorder.handle(), recorder })
    }

    /// Keeps memory bounded where nobody scrapes. It never ends.
    pub(crate) async fn upkeep(self) {
        let mut ticks = interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }

    /// For what is counted about one resource.
    pub(crate) fn of(&self, resource: &str) -> Labelled {
        Labelled::new(&self.recorder, resource)
    }

    /// The page, with what was counted and with the states that were read last.
    pub(crate) fn page(&self) -> String {
        self.handle.render()
    }
}

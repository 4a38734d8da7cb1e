//! `/metrics` of `mcp_server`, for Prometheus. It has a listener of its own, since what it shows is for operators: how
//! often forgers fail, and at what.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sealstamp_dpop::metrics::{NONCE_AGE_BUCKETS, STORE_BUCKETS, describe};
use tokio::net::TcpListener;
use tokio::time::interval;

/// Where the metrics of this process are served, if they are.
#[derive(Clone, Debug, clap::Args)]
pub struct MetricsFlags {
    /// Where to serve /metrics for Prometheus: an address that clients cannot reach [default: nowhere]
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
}

impl MetricsFlags {
    /// Begins to count, which has to be before the first request. Serves the page from then on: `at_each_scrape` looks at
    /// what is a state and not a count.
    ///
    /// # Errors
    ///
    /// If the address is taken, or this process counts for somebody else already.
    pub async fn serve(
        &self,
        at_each_scrape: impl Fn() + Send + Sync + 'static,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Some(address) = self.metrics else { return Ok(()) };
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full("sealstamp_nonce_age_ratio".to_owned()), &NONCE_AGE_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full("sealstamp_store_claim_duration_seconds".to_owned()), &STORE_BUCKETS)?
            .install_recorder()?;
        describe();
        tokio::spawn(keep_up(recorder.clone()));
        let scrape = Arc::new(move || {
            at_each_scrape();
            recorder.render()
        });
        let page = async move || ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], scrape());
        let listener = TcpListener::bind(address).await?;
        println!("metrics at http://{}/metrics", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await });
        Ok(())
    }
}

/// Without this, what histograms have seen piles up while nobody scrapes.
async fn keep_up(recorder: PrometheusHandle) {
    let mut pause = interval(Duration::from_secs(5));
    loop {
        pause.tick().await;
        recorder.run_upkeep();
    }
}

//! The metrics of `sealstamp-dpop` for one resource of several.
//!
//! That crate knows of one server, and its metrics name none. What it counts while it decides about a resource, or
//! while a resource's states are read, comes through here and gets the label `resource`. Its value is a name from the
//! configuration, so no client can make a new series.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit, with_local_recorder,
};
use metrics_exporter_prometheus::PrometheusRecorder;

/// Puts a resource's name to all that is counted.
pub(crate) struct Labelled {
    recorder: Arc<PrometheusRecorder>,
    label: Label,
}

impl Labelled {
    pub(super) fn new(recorder: &Arc<PrometheusRecorder>, resource: &str) -> Self {
        Self { recorder: Arc::clone(recorder), label: Label::new("resource", resource.to_owned()) }
    }

    /// Does this work, whose metrics are the resource's.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        with_local_recorder(self, work)
    }

    /// The same for a future, on whichever thread it is polled.
    pub(crate) async fn during<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| self.within(|| work.as_mut().poll(cx))).await
    }

    fn key(&self, key: &Key) -> Key {
        key.with_extra_labels(vec![self.label.clone()])
    }
}

impl Recorder for Labelled {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.recorder.register_counter(&self.key(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.recorder.register_gauge(&self.key(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.recorder.register_histogram(&self.key(key), metadata)
    }
}

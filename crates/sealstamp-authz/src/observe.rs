//! States of the process, read into metrics for each scrape.

use std::cmp::Reverse;
use std::time::SystemTime;

use metrics::{counter, gauge};
use sealstamp::{ReloadStatus, UnixMillis};
use sealstamp_dpop::metrics::observe_ring;

use crate::metrics::{CONFIGURATION, Metrics, RELOADS, REQUESTS};
use crate::process::Process;
use crate::resource::Followed;

impl Process {
    /// Reads all states into gauges.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(crate) fn observe(&self, metrics: &Metrics) {
        let routes = self.routes.load();
        // All rings that are followed are one file, each by a thread of its own: the one that stands worst speaks for
        // all.
        let standing = |(_, ring): &(&Followed, ReloadStatus)| (ring.serving, ring.fit, Reverse(ring.age_ms));
        let rings = routes.kept.rings.values().map(|ring| (ring, ring.status()));
        if let Some((ring, status)) = rings.min_by_key(standing) {
            observe_ring(&status, &ring.fleet.ring(), UnixMillis::from_system_time(SystemTime::now()));
        }
        for resource in routes.resources.values() {
            metrics.of(&resource.name).within(|| resource.watched.observe(&resource.tokens));
        }
        let reload = self.last_reload();
        counter!(RELOADS, "result" => "done").absolute(reload.done);
        counter!(RELOADS, "result" => "refused").absolute(reload.failed);
        gauge!(CONFIGURATION).set(f64::from(u8::from(reload.mistakes.is_empty())));
        gauge!(REQUESTS).set(self.bounds().requests.saturating_sub(self.requests.available_permits()) as f64);
    }
}

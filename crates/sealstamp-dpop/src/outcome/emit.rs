//! Tells others what happens, through `metrics` and `tracing`. Nothing else in the crate does, but for
//! [`metrics`](crate::metrics), which reads statuses, and the task that fetches an issuer's keys. Without those features,
//! nothing here is left.

use crate::outcome::decision::Decision;
use crate::single_use::{Claimed, StoreError};

/// Whether anybody is told. If not, nothing has to be found out for it.
pub(super) const ON: bool = cfg!(any(feature = "metrics", feature = "tracing"));

/// A decision is final. `lifetime_ms` is how long the nonces of a time are good.
pub(super) fn decision(decision: &Decision, lifetime_ms: impl FnOnce(sealstamp::UnixMillis) -> Option<u64>) {
    #[cfg(feature = "metrics")]
    counted::decision(decision, lifetime_ms);
    #[cfg(not(feature = "metrics"))]
    drop(lifetime_ms);
    #[cfg(feature = "tracing")]
    traced::decision(decision);
    #[cfg(not(feature = "tracing"))]
    let _ = decision;
}

/// A proof has got as far as its signature.
pub(super) fn signature_check() {
    #[cfg(feature = "metrics")]
    metrics::counter!("sealstamp_signature_checks_total").increment(1);
}

/// A request goes on although the store gave no answer.
pub(super) fn accepted_without_store() {
    #[cfg(feature = "metrics")]
    metrics::counter!("sealstamp_accepted_without_store_total").increment(1);
    #[cfg(feature = "tracing")]
    tracing::warn!(target: traced::TARGET, "going on without the store of used proofs");
}

/// A store is being asked. This reads the monotonic clock, for the time that it takes and nothing else.
pub(super) struct Asking {
    #[cfg(feature = "metrics")]
    since: std::time::Instant,
}

impl Asking {
    pub(super) fn start() -> Self {
        Self {
            #[cfg(feature = "metrics")]
            since: std::time::Instant::now(),
        }
    }

    /// The answer is there.
    pub(super) fn answered(self, answer: &Result<Claimed, StoreError>) {
        #[cfg(feature = "metrics")]
        counted::claim(answer, self.since.elapsed());
        #[cfg(not(feature = "metrics"))]
        let _ = answer;
    }
}

/// Decides inside a span.
pub(crate) fn in_span<F: Future>(deciding: F) -> impl Future<Output = F::Output> {
    #[cfg(feature = "tracing")]
    return tracing::Instrument::instrument(deciding, tracing::debug_span!(target: traced::TARGET, "decide"));
    #[cfg(not(feature = "tracing"))]
    deciding
}

#[cfg(feature = "metrics")]
mod counted {
    use std::time::Duration;

    use metrics::{counter, histogram};
    use sealstamp::UnixMillis;

    use crate::outcome::decision::Decision;
    use crate::outcome::metrics::{ACCEPTED, REFUSED, count_decision};
    use crate::single_use::{Claimed, StoreError};

    pub(super) fn decision(decision: &Decision, lifetime_ms: impl FnOnce(UnixMillis) -> Option<u64>) {
        count_decision(decision.refused());
        let Some(age_ms) = decision.nonce_age_ms() else { return };
        // The lifetime in force when the nonce was minted.
        let Some(lifetime_ms) = lifetime_ms(decision.at().saturating_sub(age_ms)) else { return };
        let ratio = Duration::from_millis(age_ms).as_secs_f64() / Duration::from_millis(lifetime_ms).as_secs_f64();
        match decision.refused() {
            None => histogram!("sealstamp_nonce_age_ratio", "outcome" => ACCEPTED).record(ratio),
            Some(_) => histogram!("sealstamp_nonce_age_ratio", "outcome" => REFUSED).record(ratio),
        }
    }

    pub(super) fn claim(answer: &Result<Claimed, StoreError>, took: Duration) {
        match answer {
            Ok(Claimed::First) => counter!("sealstamp_store_claims_total", "result" => "first"),
            Ok(Claimed::Again) => counter!("sealstamp_store_claims_total", "result" => "again"),
            Ok(Claimed::Late) => counter!("sealstamp_store_claims_total", "result" => "late"),
            Err(StoreError::Full) => counter!("sealstamp_store_claims_total", "result" => "full"),
            Err(StoreError::Unavailable) => counter!("sealstamp_store_claims_total", "result" => "unavailable"),
        }
        .increment(1);
        histogram!("sealstamp_store_claim_duration_seconds").record(took.as_secs_f64());
    }
}

#[cfg(feature = "tracing")]
mod traced {
    use tracing::{Level, enabled, event, field};

    use crate::outcome::decision::Decision;
    use crate::verdict::Answer;

    pub(super) const TARGET: &str = "sealstamp_dpop";

    pub(super) fn decision(decision: &Decision) {
        // Who it was is for those who look for one client.
        let thumbprint = decision.thumbprint().filter(|_| enabled!(target: TARGET, Level::DEBUG)).map(field::display);
        let (nonce_age_ms, client_clock_s) = (decision.nonce_age_ms(), decision.client_clock_s());
        match decision.refused() {
            None => event!(target: TARGET, Level::DEBUG, thumbprint, nonce_age_ms, client_clock_s, "accepted"),
            Some(reason) if reason.answer() == Answer::Unavailable => event!(
                target: TARGET, Level::WARN, reason = reason.as_str(), thumbprint, nonce_age_ms, client_clock_s, "refused"
            ),
            Some(reason) => event!(
                target: TARGET, Level::INFO, reason = reason.as_str(), thumbprint, nonce_age_ms, client_clock_s, "refused"
            ),
        }
    }
}

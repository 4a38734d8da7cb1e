//! The task that keeps an issuer's keys current, and what everybody else sees of it.
//!
//! One task per issuer fetches, whoever wanted it. It fetches by a schedule, and beyond it when a token asks for keys
//! that are not there, but then at most once in [`MIN_INTERVAL_S`]: a token names its key, so somebody without any key
//! of the issuer's can name unknown ones all day. A caller that waits and goes away changes nothing. Each fetch is a
//! task of its own, so one that panics is an error like any other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::token::fetch::{FetchError, TIMEOUT};
use crate::token::jwks::Jwks;
use crate::token::jwt::JwtValidator;

/// Keys are fetched again when they are this old, in seconds, or up to a fifth sooner: replicas that were started
/// together then do not ask together.
pub const REFRESH_AFTER_S: u64 = 600;

/// Beyond the schedule, the issuer is asked at most once in this many seconds, whether it answered or not.
pub const MIN_INTERVAL_S: u64 = 30;

/// Keys this old, in seconds, are used no more: an issuer that has withdrawn one must be heard some day.
pub const KEEP_S: u64 = 24 * 3600;

/// How long a request waits for keys that are being fetched.
const WAIT: Duration = TIMEOUT;

const MIN_INTERVAL: Duration = Duration::from_secs(MIN_INTERVAL_S);
const REFRESH_AFTER: Duration = Duration::from_secs(REFRESH_AFTER_S);
const KEEP: Duration = Duration::from_secs(KEEP_S);

/// One attempt to fetch the keys.
pub(super) type Fetch =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Jwks, FetchError>> + Send>> + Send + Sync + 'static>;

/// The handle on the task. When the last one is dropped, the task ends.
#[derive(Debug)]
pub(super) struct Keeper {
    progress: watch::Receiver<Progress>,
    demand: Arc<Notify>,
    task: AbortHandle,
}

/// What the task has done so far.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) attempts: u64,
    pub(super) finished: u64,
    /// How many of those have failed.
    pub(super) failed: u64,
    last_attempt: Option<Instant>,
    /// When the present keys were fetched.
    fetched: Option<Instant>,
    /// How many attempts have failed since.
    failures: u32,
    error: Option<(FetchError, Instant)>,
    next: Instant,
}

impl Progress {
    /// How long ago the keys in use were fetched.
    pub(super) fn age(&self) -> Option<Duration> {
        self.fetched.map(|at| at.elapsed())
    }

    pub(super) fn error(&self) -> Option<(&FetchError, Duration)> {
        self.error.as_ref().map(|(error, at)| (error, at.elapsed()))
    }

    pub(super) fn next_in(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Whether there are keys, and none too old to be used.
    pub(super) fn is_ready(&self) -> bool {
        self.age().is_some_and(|age| age < KEEP)
    }

    fn may_ask_on_demand(&self) -> bool {
        self.last_attempt.is_none_or(|at| at.elapsed() >= MIN_INTERVAL)
    }

    fn is_asking(&self) -> bool {
        self.attempts > self.finished
    }
}

impl Keeper {
    /// Starts the task. Its first attempt begins at once.
    pub(super) fn start(tokens: JwtValidator, fetch: Fetch) -> Self {
        let progress = Progress {
            attempts: 0,
            finished: 0,
            failed: 0,
            last_attempt: None,
            fetched: None,
            failures: 0,
            error: None,
            next: Instant::now(),
        };
        let (sender, receiver) = watch::channel(progress);
        let demand = Arc::new(Notify::new());
        let task = tokio::spawn(keep(tokens, fetch, sender, Arc::clone(&demand))).abort_handle();
        Self { progress: receiver, demand, task }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits until the first attempt has ended, however it did.
    pub(super) async fn first_attempt(&self) {
        // An error here means that the task is gone, and with it the runtime.
        let _ = self.progress.clone().wait_for(|progress| progress.finished > 0).await;
    }

    /// Waits for an attempt that is under way, or asks for one if that is allowed. Whether one has ended meanwhile.
    pub(super) async fn newer_keys(&self) -> bool {
        let mut progress = self.progress.clone();
        let finished = {
            let now = progress.borrow_and_update();
            if !now.is_asking() {
                if !now.may_ask_on_demand() {
                    return false;
                }
                self.demand.notify_one();
            }
            now.finished
        };
        let ended = progress.wait_for(|progress| progress.finished > finished);
        timeout(WAIT, ended).await.is_ok_and(|ended| ended.is_ok())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(tokens: JwtValidator, fetch: Fetch, progress: watch::Sender<Progress>, demand: Arc<Notify>) {
    loop {
        let next = progress.borrow().next;
        tokio::select! {
            () = sleep_until(next) => {}
            () = demand.notified() => {
                if !progress.borrow().may_ask_on_demand() {
                    continue;
                }
            }
        }
        progress.send_modify(|progress| {
            progress.attempts = progress.attempts.saturating_add(1);
            progress.last_attempt = Some(Instant::now());
        });
        let fetched = match tokio::spawn(timeout(TIMEOUT, fetch())).await {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(_)) => Err(FetchError::TimedOut),
            Err(_) => Err(FetchError::Died),
        };
        let (keys, error) = match fetched {
            Ok(keys) => (Some(keys), None),
            Err(error) => (None, Some(error)),
        };
        let ok = keys.is_some();
        #[cfg(feature = "tracing")]
        told::attempt(tokens.issuer(), error.as_ref(), progress.borrow().has_failed());
        if let Some(keys) = keys {
            tokens.reload(keys);
        }
        progress.send_modify(|progress| {
            let now = Instant::now();
            progress.finished = progress.finished.saturating_add(1);
            if ok {
                progress.fetched = Some(now);
                progress.failures = 0;
            } else {
                progress.failures = progress.failures.saturating_add(1);
                progress.failed = progress.failed.saturating_add(1);
            }
            if let Some(error) = error {
                progress.error = Some((error, now));
            }
            progress.next = now.checked_add(pause(progress.failures, fastrand::f64())).unwrap_or(now);
        });
    }
}

/// The status has this too, but not everybody who reads a log can see a status. At most one event for each attempt.
#[cfg(feature = "tracing")]
mod told {
    use std::error::Error;

    use crate::token::fetch::FetchError;

    /// With all causes of an error, as the first alone does not say whether a name or a certificate is wrong.
    pub(super) fn attempt(issuer: &str, error: Option<&FetchError>, after_failures: bool) {
        let Some(error) = error else {
            if after_failures {
                tracing::info!(target: "sealstamp_dpop", issuer, "the issuer's keys were fetched again");
            }
            return;
        };
        let mut causes = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes = format!("{causes}: {error}");
            cause = error.source();
        }
        tracing::warn!(target: "sealstamp_dpop", issuer, error = causes, "the issuer's keys were not fetched");
    }
}

/// How long to wait after so many failures in a row: 30 s, 60 s, 120 s and so on up to ten minutes, less up to a fifth.
fn pause(failures: u32, dice: f64) -> Duration {
    let whole = match failures.checked_sub(1) {
        None => REFRESH_AFTER,
        Some(before) => MIN_INTERVAL.saturating_mul(1_u32.checked_shl(before).unwrap_or(u32::MAX)).min(REFRESH_AFTER),
    };
    // A first pause after a failure is not shortened below the interval.
    whole.mul_f64(1.0 - dice / 5.0).max(MIN_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_ten_minutes() {
        for (failures, longest) in [(0, 600), (1, 30), (2, 60), (3, 120), (5, 480), (6, 600), (32, 600), (99, 600)] {
            assert_eq!(pause(failures, 0.0), Duration::from_secs(longest), "{failures}");
            let shortest = pause(failures, 0.999);
            assert!(shortest <= Duration::from_secs(longest) && shortest >= MIN_INTERVAL);
            assert!(shortest >= Duration::from_secs(longest).mul_f64(0.8));
        }
        assert!(pause(0, 0.5) < REFRESH_AFTER);
    }

    /// The documentation gives these in words.
    #[test]
    fn bounds() {
        assert_eq!((REFRESH_AFTER_S, MIN_INTERVAL_S, KEEP_S), (600, 30, 86_400));
    }
}

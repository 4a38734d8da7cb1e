//! What a service manager is told, where there is one that listens: `sd_notify(3)`, in `$NOTIFY_SOCKET`.
//!
//! systemd then starts what depends on this service once it listens, and `systemctl reload` ends when the reload does.

use sd_notify::NotifyState;
use tracing::warn;

use crate::process::Reload;

/// It listens.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("answers proxies")]);
}

/// A reload has begun. A second [`reloaded`] must follow, or the manager waits for it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "no clock for the service manager"),
    }
}

/// That reload has ended. `systemctl status` shows how.
pub(crate) fn reloaded(reload: &Reload) {
    let status = match reload.mistakes.len() {
        0 => "answers proxies",
        _ => "answers proxies by an old configuration: the last reload was refused",
    };
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It takes on nothing new.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishes what has begun")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the service manager cannot be told");
    }
}

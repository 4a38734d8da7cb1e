//! How many connections the process has file descriptors for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// For each connection: its own, one for asking an issuer or a store about it, and as many for the operator's pages,
/// which have room of their own.
const EACH: u64 = 4;

/// Room for this many connections, or for fewer where the system gives no more. Then those beyond get their 503, and do
/// not wait for a descriptor.
///
/// A shell gives a process 1024 descriptors and lets it ask for more, since old programs break on large ones.
pub(crate) fn room_for(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(EACH);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let most = maximum.map_or(wanted, |maximum| maximum.min(wanted));
        // Where this is not allowed, what there is has to do.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum });
    }
    let Some(limit) = getrlimit(Resource::Nofile).current else { return connections };
    let room = usize::try_from(limit / EACH).unwrap_or(usize::MAX).clamp(1, connections.max(1));
    if room < connections {
        warn!(
            connections = room,
            "limits.connections is more than there are file descriptors for: with {limit}, four for each"
        );
    }
    room
}

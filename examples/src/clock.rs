//! The wall clock, as servers and nonces count and as JWTs do.

use std::time::{SystemTime, UNIX_EPOCH};

use sealstamp::UnixMillis;

/// Now, in milliseconds since the Unix epoch.
pub fn now() -> UnixMillis {
    UnixMillis::from_system_time(SystemTime::now())
}

/// Now, in whole seconds since the Unix epoch.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

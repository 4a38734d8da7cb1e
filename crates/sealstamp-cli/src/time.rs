//! Times, as the command line takes them and the tool prints them.

use std::time::SystemTime;

use sealstamp::UnixMillis;

use crate::span::Span;

/// The clock of this machine. Nothing else in the tool reads it.
pub(crate) fn clock() -> UnixMillis {
    moved_clock().unwrap_or_else(|| UnixMillis::from_system_time(SystemTime::now()))
}

/// For tests: what `SEALSTAMP_TEST_CLOCK` says. No build with optimizations has this.
fn moved_clock() -> Option<UnixMillis> {
    if !cfg!(debug_assertions) {
        return None;
    }
    parse(&std::env::var("SEALSTAMP_TEST_CLOCK").ok()?).ok()
}

/// Reads a time in UTC. No other zone is accepted, and none may be left out: without it, nobody knows which hour is
/// meant.
pub(crate) fn parse(text: &str) -> Result<UnixMillis, &'static str> {
    let time = humantime::parse_rfc3339(text).map_err(|_| "a time is like 2026-11-22T19:00:00Z, in UTC")?;
    Ok(UnixMillis::from_system_time(time))
}

/// How far `time` is from `now`: `in 9m` or `3d 2h ago`.
pub(crate) fn from_now(time: UnixMillis, now: UnixMillis) -> String {
    if time > now {
        format!("in {}", Span::from_ms(time.since(now)))
    } else {
        format!("{} ago", Span::from_ms(now.since(time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(UnixMillis::new(1_000)));
        for bad in ["1970-01-01T00:00:01", "1970-01-01 00:00:01", "1970-01-01T00:00:01+01:00", "now", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

//! The clocks of a server that reloads its ring, so that tests can put others in their place.
//!
//! Everything else in this crate takes `now` from its caller. A thread that polls has no caller.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::sync::OnceLock;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::time::Instant;
use std::time::SystemTime;

use crate::time::UnixMillis;

/// Two readings of time: what the date is, and how much time has gone by.
///
/// The date may be set, forward and back. So an age is never the difference of two dates.
pub trait Clock: Send + Sync {
    /// The date.
    fn now(&self) -> UnixMillis;

    /// Milliseconds since some moment before this process. It never goes back, and it goes on while the machine sleeps.
    fn uptime_ms(&self) -> u64;
}

/// The clocks of the operating system.
///
/// On Linux and Android the uptime is `CLOCK_BOOTTIME`, which counts the time that the machine was suspended. Other
/// systems give what [`std::time::Instant`] counts, and on some of them that stands still meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        UnixMillis::from_system_time(SystemTime::now())
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn uptime_ms(&self) -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (s, ns) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
        s.unwrap_or_default().saturating_mul(1_000).saturating_add(ns.unwrap_or_default() / 1_000_000)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn uptime_ms(&self) -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_systems_clocks_go_forward() {
        let (date, uptime) = (SystemClock.now(), SystemClock.uptime_ms());
        std::thread::sleep(Duration::from_millis(20));
        assert!(SystemClock.uptime_ms() >= uptime + 20);
        assert!(SystemClock.now() > date);
    }

    /// `/proc/uptime` is `CLOCK_BOOTTIME`, in seconds.
    #[cfg(target_os = "linux")]
    #[test]
    fn uptime_is_that_of_the_machine() {
        let text = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
        let ours = SystemClock.uptime_ms() as f64 / 1_000.0;
        // A container may have a time namespace for one and not for the other, but both are this machine's.
        assert!((ours - seconds).abs() < 60.0, "{ours} {seconds}");
    }
}

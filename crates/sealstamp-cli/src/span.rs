//! Durations, as the command line takes them and the tool prints them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration in milliseconds. Only its two largest units are printed, for people to read: `12d 3h`, `40s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(u64);

impl Span {
    pub(crate) const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    pub(crate) fn from_s(s: u32) -> Self {
        Self(u64::from(s).saturating_mul(1_000))
    }

    pub(crate) const fn ms(self) -> u64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.split(|c: char| !c.is_ascii_alphabetic()).any(|unit| matches!(unit, "M" | "y")) {
            return Err(
                "`M` and `y` are no units here, because a month is easily meant for minutes: say it in days, like 90d",
            );
        }
        let duration = humantime::parse_duration(text).map_err(|_| "a duration is like 90s, 10m, 12h or 30d")?;
        u64::try_from(duration.as_millis()).map(Self).map_err(|_| "a duration is less than 500 million years")
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut parts = Vec::new();
        for (unit, ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1_u64)] {
            let whole = rest.checked_div(ms).unwrap_or_default();
            rest = rest.checked_rem(ms).unwrap_or_default();
            // After the first unit only the next one is printed, and milliseconds only if there is nothing greater.
            if whole > 0 && (unit != "ms" || parts.is_empty()) {
                parts.push(format!("{whole}{unit}"));
            } else if !parts.is_empty() {
                break;
            }
            if parts.len() == 2 {
                break;
            }
        }
        if parts.is_empty() { f.pad("0s") } else { f.pad(&parts.join(" ")) }
    }
}

/// Reads a duration.
pub(crate) fn parse(text: &str) -> Result<Span, &'static str> {
    text.parse()
}

/// Reads a duration of whole seconds.
pub(crate) fn parse_seconds(text: &str) -> Result<u32, &'static str> {
    let duration = Duration::from_millis(parse(text)?.ms());
    if duration.subsec_millis() != 0 {
        return Err("whole seconds only");
    }
    u32::try_from(duration.as_secs()).map_err(|_| "too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_their_two_largest_units() {
        for (ms, text) in [
            (0, "0s"),
            (1, "1ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_001, "1s"),
            (60_000, "1m"),
            (61_000, "1m 1s"),
            (3_601_000, "1h"),
            (3_661_000, "1h 1m"),
            (90 * 86_400_000, "90d"),
            (95 * 86_400_000 + 7_200_000 + 1, "95d 2h"),
        ] {
            assert_eq!(Span(ms).to_string(), text, "{ms}");
        }
    }

    /// To the library, `3M` is three months of 30.44 days and `3m` is three minutes.
    #[test]
    fn months_are_not_minutes() {
        for text in ["3M", "3 M", "1d 3M", "1y", "2y 3d"] {
            assert!(parse(text).is_err_and(|why| why.contains("`M` and `y`")), "{text}");
        }
        for (text, ms) in
            [("3m", 180_000), ("3min", 180_000), ("2months", 5_260_032_000), ("3ms", 3), ("1d 3m", 86_580_000)]
        {
            assert_eq!(parse(text), Ok(Span(ms)), "{text}");
        }
    }

    #[test]
    fn seconds_are_whole() {
        assert_eq!(parse_seconds("2m"), Ok(120));
        assert_eq!(parse_seconds("0s"), Ok(0));
        assert_eq!(parse_seconds("1500ms"), Err("whole seconds only"));
        assert_eq!(parse_seconds("200years"), Err("too long"));
        assert!(parse_seconds("2").is_err());
    }
}

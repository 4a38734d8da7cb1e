//! How much a cache of tokens keeps, and for how long.

/// How long the facts of a token are kept, in seconds, unless set: five minutes.
pub const DEFAULT_KEEP_S: u64 = 300;

/// The longest that facts are kept, in seconds, whatever is set: an hour.
pub const MAX_KEEP_S: u64 = 3_600;

/// The longest that an issuer's "inactive" is kept, in seconds, whatever is set: a minute.
pub const MAX_INACTIVE_S: u64 = 60;

/// How many tokens that an issuer called inactive are remembered at most.
pub(super) const INACTIVE: usize = 4_096;

/// How much a [`Cached`](crate::Cached) validator keeps, and for how long.
///
/// ```
/// use sealstamp_dpop::CacheBounds;
///
/// // For introspection: a revoked token is refused after 10 s at the latest, an inactive one is asked about every 5 s.
/// let bounds = CacheBounds::default().keep_s(10).inactive_s(5);
/// assert_eq!(bounds, CacheBounds::default().inactive_s(5).keep_s(10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheBounds {
    pub(super) keep_ms: u64,
    pub(super) inactive_ms: u64,
    pub(super) entries: usize,
    pub(super) bytes: u64,
}

impl Default for CacheBounds {
    /// Five minutes, no "inactive", 10,000 tokens, 32 MiB.
    fn default() -> Self {
        Self { keep_ms: 0, inactive_ms: 0, entries: 10_000, bytes: 32 * 1024 * 1024 }.keep_s(DEFAULT_KEEP_S)
    }
}

impl CacheBounds {
    /// For how many seconds the facts of a token are kept, at most [`MAX_KEEP_S`]. This is how long a token is still
    /// accepted after its issuer has revoked it. With 0, nothing is kept.
    #[must_use]
    pub fn keep_s(mut self, seconds: u64) -> Self {
        self.keep_ms = seconds.min(MAX_KEEP_S).saturating_mul(1000);
        self
    }

    /// For how many seconds it is remembered that the issuer called a token inactive, at most [`MAX_INACTIVE_S`]. No
    /// other refusal is remembered. 0 unless set: each request with such a token asks the issuer.
    #[must_use]
    pub fn inactive_s(mut self, seconds: u64) -> Self {
        self.inactive_ms = seconds.min(MAX_INACTIVE_S).saturating_mul(1000);
        self
    }

    /// How many tokens are kept at most.
    #[must_use]
    pub fn entries(mut self, entries: usize) -> Self {
        self.entries = entries;
        self
    }

    /// How many bytes of memory the kept tokens take at most, their claims and all else included.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// What a token is charged at least, so that the bound in bytes is one in entries as well.
    pub(super) fn least_charge(&self) -> u64 {
        self.bytes.checked_div(u64::try_from(self.entries).unwrap_or(u64::MAX)).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation gives these in words.
    #[test]
    fn bounds_of_bounds() {
        let bounds = CacheBounds::default();
        assert_eq!((bounds.keep_ms, bounds.inactive_ms), (300_000, 0));
        assert_eq!((bounds.entries, bounds.bytes), (10_000, 33_554_432));
        assert_eq!((DEFAULT_KEEP_S, MAX_KEEP_S, MAX_INACTIVE_S), (300, 3_600, 60));
        assert_eq!(bounds.keep_s(3_599).keep_ms, 3_599_000);
        assert_eq!(bounds.keep_s(u64::MAX), bounds.keep_s(3_600));
        assert_eq!(bounds.inactive_s(59).inactive_ms, 59_000);
        assert_eq!(bounds.inactive_s(u64::MAX), bounds.inactive_s(60));
        assert_eq!(bounds.bytes(1_000).entries(10).least_charge(), 100);
        assert_eq!(bounds.bytes(1).entries(10).least_charge(), 1);
        assert_eq!(bounds.entries(0).least_charge(), u64::MAX);
    }
}

//! How old a key may get: the operator's own rule, which the core does not know.

use sealstamp::{Key, Ring, UnixMillis};

use crate::span::Span;

/// A date that is still to come, and is later than the policy allows.
pub(crate) struct Late<'r> {
    /// The key that mints until then.
    pub(crate) before: &'r Key,
    /// The key with that date.
    pub(crate) key: &'r Key,
    pub(crate) date: UnixMillis,
    /// The latest date that keeps to the policy.
    pub(crate) latest: UnixMillis,
}

/// The first date to come that makes the key before it older than `max_age`. The earliest date that a rotation could
/// have been given is never too late, however old the key is.
pub(crate) fn late_date(ring: &Ring, max_age: Span, now: UnixMillis) -> Option<Late<'_>> {
    let settings = ring.margins();
    let margin = Span::from_s(settings.propagation_s()).ms().saturating_add(Span::from_s(settings.max_skew_s()).ms());
    let earliest = now.saturating_add(margin);
    let mut before = ring.active(now);
    let since = |key: &Key| key.activates_at().unwrap_or(now);
    for key in ring.keys().iter().filter(|key| key.revoked_at().is_none()) {
        let Some(date) = key.activates_at().filter(|date| *date > since(before)) else { continue };
        let latest = since(before).saturating_add(max_age.ms());
        if date > latest && date > earliest {
            return Some(Late { before, key, date, latest });
        }
        before = key;
    }
    None
}

//! A token that was found valid: its facts, how long they hold, and how much memory they take.

use std::mem::size_of;

use quick_cache::Weighter;
use sealstamp::UnixMillis;
use serde_json::{Map, Value};

use crate::token::facts::TokenFacts;

/// How far a clock may run back, in milliseconds, before what was known then is asked again. Two requests may read the
/// clock in one order and arrive here in the other.
const BACK_MS: u64 = 5_000;

/// What an entry takes beside its claims: its place in the table with the room to grow, and what is remembered of
/// tokens that had to go. Measured: 410 bytes.
const PLACE: usize = 512;

/// The facts of a token, and how long they hold.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) facts: TokenFacts,
    generation: u64,
    since: UnixMillis,
    until: UnixMillis,
    charge: u64,
}

impl Known {
    /// Facts that were found at `since`, while the validator was of this generation. None if they do not say how long
    /// they hold, or if that is over.
    pub(super) fn new(
        facts: &TokenFacts,
        generation: u64,
        since: UnixMillis,
        keep_ms: u64,
        least_charge: u64,
    ) -> Option<Self> {
        let until = facts.valid_until()?.min(since.saturating_add(keep_ms));
        let charge = u64::try_from(heap_of_object(facts.claims()).saturating_add(PLACE)).unwrap_or(u64::MAX);
        let charge = charge.max(least_charge);
        (since < until).then(|| Self { facts: facts.clone(), generation, since, until, charge })
    }

    /// Whether the facts hold at `now`, for a validator of this generation.
    pub(super) fn holds(&self, generation: u64, now: UnixMillis) -> bool {
        self.generation == generation && now < self.until && self.since.since(now) <= BACK_MS
    }
}

/// Charges each entry its bytes.
#[derive(Clone)]
pub(super) struct Bytes;

impl Weighter<[u8; 32], Known> for Bytes {
    fn weight(&self, _: &[u8; 32], known: &Known) -> u64 {
        known.charge
    }
}

/// At most this many bytes for an object's members: those of a B-tree whose nodes have 11 places, of which at least 5
/// are in use, except in the first.
fn heap_of_object(object: &Map<String, Value>) -> usize {
    const NODE: usize = 12 * (size_of::<String>() + size_of::<Value>());
    let nodes = NODE.saturating_mul(1_usize.saturating_add(object.len() / 4));
    object.iter().fold(nodes, |sum, (name, value)| {
        sum.saturating_add(allocation(name.capacity())).saturating_add(heap_of(value))
    })
}

/// What a value takes outside of itself.
fn heap_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => allocation(text.capacity()),
        Value::Array(values) => {
            let places = allocation(values.capacity().saturating_mul(size_of::<Value>()));
            values.iter().fold(places, |sum, value| sum.saturating_add(heap_of(value)))
        }
        Value::Object(object) => heap_of_object(object),
    }
}

/// An allocator's own bytes included.
fn allocation(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes.saturating_add(16) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenBinding;

    const NOW: UnixMillis = UnixMillis::new(1_790_000_000_000);

    fn facts(end: UnixMillis) -> TokenFacts {
        TokenFacts::new(TokenBinding::None).until(end)
    }

    #[test]
    fn each_end_from_both_sides() {
        let known = |end: u64, keep_ms| Known::new(&facts(NOW.saturating_add(end)), 7, NOW, keep_ms, 1);
        let holds = |known: &Known, ms: u64| known.holds(7, NOW.saturating_add(ms));
        // The token's end comes first, then the cache's.
        for (end, keep_ms) in [(1_000, 300_000), (300_000, 1_000), (u64::MAX, 1_000)] {
            let known = known(end, keep_ms).unwrap();
            assert!(holds(&known, 0) && holds(&known, 999));
            assert!(!holds(&known, 1_000) && !holds(&known, u64::MAX));
            assert!(!known.holds(6, NOW) && !known.holds(8, NOW));
            assert!(known.holds(7, NOW.saturating_sub(BACK_MS)));
            assert!(!known.holds(7, NOW.saturating_sub(BACK_MS + 1)));
        }
        assert!(known(1, 1).is_some() && known(0, 1).is_none() && known(1, 0).is_none());
        assert!(Known::new(&TokenFacts::new(TokenBinding::None), 7, NOW, 1, 1).is_none());
    }

    /// The charge is never below what the claims take, whatever their shape.
    #[test]
    fn claims_are_charged_at_least_what_they_take() {
        let members = |n: usize| (0..n).map(|n| format!("\"m{n}\":{n}")).collect::<Vec<_>>().join(",");
        for claims in [
            "{}".to_owned(),
            r#"{"iss":"https://issuer.example.com","sub":"user-4711","exp":1,"cnf":{"jkt":"x"}}"#.to_owned(),
            format!("{{{}}}", members(11)),
            format!("{{{}}}", members(12)),
            format!("{{{}}}", members(1_000)),
            format!("{{\"a\":[{}0]}}", "0,".repeat(3_000)),
            format!("{{\"a\":[{}[]]}}", "[],".repeat(3_000)),
            format!("{{\"a\":[{}{{}}]}}", "{\"b\":{}},".repeat(500)),
            format!("{{\"a\":\"{}\"}}", "x".repeat(12_000)),
            format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100)),
        ] {
            let mut parsed = None;
            let taken = allocation_counter::measure(|| parsed = serde_json::from_str(&claims).ok());
            let parsed: Map<String, Value> = parsed.unwrap();
            let charged = heap_of_object(&parsed);
            let taken = usize::try_from(taken.bytes_current).unwrap();
            assert!(charged >= taken, "{charged} bytes charged, {taken} taken: {:.60}", claims);
            // And not out of all proportion: a node for four members where none is half empty.
            assert!(charged <= 3 * taken + 2_000, "{charged} bytes charged, {taken} taken: {:.60}", claims);
        }
    }
}

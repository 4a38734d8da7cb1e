//! One part of the store, behind one lock: tables of fixed size, the newest of which is filled.
//!
//! Invariant: a table is dropped only when the clock is past the `keep_until` of all its claims, and no table ever
//! grows. So the memory is bounded by the number of tables, and no call moves claims about.

use std::collections::{HashSet, VecDeque};

use sealstamp::UnixMillis;

use crate::single_use::claim::{Claim, ProofId};
use crate::single_use::store::{Claimed, StoreError};

/// How many shards there are, if there is room for them.
const MAX_SHARDS: usize = 64;
/// How many tables a shard may have at least. Few are in use while claims come evenly: the more tables, the smaller the
/// part of them that is closed before it is full.
const MIN_TABLES: usize = 24;
/// The fewest places of a table. Below that, more shards only cost.
const MIN_PLACES: usize = 64;

/// How the bytes are spent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    shards: usize,
    tables: usize,
    /// How many claims one table holds.
    claims: usize,
}

impl Plan {
    /// The best use of at most so many bytes.
    pub(super) fn within(max_bytes: usize) -> Self {
        let mut shards = MAX_SHARDS;
        while shards > 1 && Self::tables_of(max_bytes, shards, MIN_PLACES) < MIN_TABLES {
            shards /= 2;
        }
        let mut places = MIN_PLACES;
        while Self::tables_of(max_bytes, shards, places.saturating_mul(2)) >= MIN_TABLES {
            places = places.saturating_mul(2);
        }
        let tables = Self::tables_of(max_bytes, shards, places);
        // The standard library fills its tables to 7/8.
        Self { shards, tables, claims: (places / 8).saturating_mul(7) }
    }

    /// How many tables of so many places fit into a shard.
    fn tables_of(max_bytes: usize, shards: usize, places: usize) -> usize {
        let shard =
            max_bytes.checked_div(shards).unwrap_or(max_bytes).saturating_sub(size_of::<std::sync::Mutex<Shard>>());
        // A place is an id and one byte that says what is in it; a group of such bytes comes twice, and memory is handed
        // out in steps.
        let table = places.saturating_mul(size_of::<ProofId>().saturating_add(1)).saturating_add(64);
        // The list of tables doubles when it grows.
        let each = table.saturating_add(size_of::<Generation>().saturating_mul(2));
        shard.checked_div(each).unwrap_or_default()
    }

    pub(super) const fn shards(&self) -> usize {
        self.shards
    }
}

/// The claims of one part of all ids.
#[derive(Debug)]
pub(super) struct Shard {
    plan: Plan,
    generations: VecDeque<Generation>,
}

#[derive(Debug)]
struct Generation {
    claimed: HashSet<ProofId>,
    since: UnixMillis,
    keep_until: UnixMillis,
}

impl Shard {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, generations: VecDeque::new() }
    }

    pub(super) fn claim(&mut self, claim: &Claim, now: UnixMillis) -> Result<Claimed, StoreError> {
        if now > claim.usable_until() {
            return Ok(Claimed::Late);
        }
        // There are some tens of generations at most. Dropping one gives its table back, whatever is in it.
        self.generations.retain(|generation| generation.keep_until >= now);
        if self.generations.iter().any(|generation| generation.claimed.contains(&claim.id())) {
            return Ok(Claimed::Again);
        }
        let generation = self.open(now).ok_or(StoreError::Full)?;
        generation.claimed.insert(claim.id());
        generation.keep_until = generation.keep_until.max(claim.keep_until());
        Ok(Claimed::First)
    }

    pub(super) fn claims(&self) -> usize {
        self.generations.iter().map(|generation| generation.claimed.len()).sum()
    }

    /// How many tables hold claims that must be kept, and how many there may be.
    pub(super) fn tables(&self, now: UnixMillis) -> (usize, usize) {
        let kept = self.generations.iter().filter(|generation| generation.keep_until >= now);
        (kept.count(), self.plan.tables)
    }

    /// The generation that takes the next claim.
    fn open(&mut self, now: UnixMillis) -> Option<&mut Generation> {
        let Plan { tables, claims, .. } = self.plan;
        let takes = |newest: &Generation| newest.claimed.len() < claims && !newest.is_over(now);
        if !self.generations.back().is_some_and(takes) {
            if self.generations.len() >= tables {
                return None;
            }
            let claimed = HashSet::with_capacity(claims);
            self.generations.reserve_exact(1);
            self.generations.push_back(Generation { claimed, since: now, keep_until: now });
        }
        self.generations.back_mut()
    }
}

impl Generation {
    /// Whether it is time for the next one: half as long as the claims in it must be kept.
    ///
    /// A claim is then kept for half as long again as it must be. And whatever clients do, there are few generations at a
    /// time: of those that began so and so long ago and are still kept, each was open for half of that time.
    fn is_over(&self, now: UnixMillis) -> bool {
        now.since(self.since) > self.keep_until.since(self.since) / 2
    }
}

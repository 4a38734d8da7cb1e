//! A store in the memory of one process.

mod shard;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use sealstamp::UnixMillis;

use crate::single_use::claim::Claim;
use crate::single_use::memory::shard::{Plan, Shard};
use crate::single_use::store::{Claimed, ProofStore, StoreError};

/// Remembers the proofs that this process has accepted, in a bounded number of bytes.
///
/// For a server of one replica. Several replicas need one store for all, as a proof would pass once on each.
///
/// **When it is full, it refuses** ([`StoreError::Full`]): an id that is forgotten too early is an accepted replay. One
/// claim takes 38 bytes, and is kept for up to half as long again as it must be. A server with the default lifetime of
/// 120 s that accepts 1,000 requests a second has some 195,000 claims at a time, which take 8 MB.
///
/// What is claimed is lost when the process ends. Until its nonce has expired, a proof from before a restart can be
/// used once more.
///
/// Claims are remembered by generation. A generation is dropped as a whole, once the last of its claims may be
/// forgotten. So no call walks through claims, whether under a lock or not. Each is a look into the few generations of
/// one shard. Which shard that is depends on a key that the process draws at random. So a client cannot choose the
/// `jti` of its proofs such that they fill one shard.
///
/// ```
/// use sealstamp::{Audience, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
/// use sealstamp_dpop::{MemoryStore, Nonces, Verifier, WhenAway};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let now = UnixMillis::from_system_time(std::time::SystemTime::now());
/// # let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?);
/// # let fleet = Fleet::new(ring, Audience::new("https://mcp.example.com/mcp")?)?;
/// let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Required(fleet))
///     .single_use(MemoryStore::new(64 * 1024 * 1024), WhenAway::Refuse)
///     .build()?;
/// # Ok(())
/// # }
/// ```
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    place: RandomState,
    clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
}

impl MemoryStore {
    /// A store that takes at most this many bytes of memory. It takes them as it fills.
    ///
    /// Below 3 kB there is room for nothing, and every claim is refused.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        let plan = Plan::within(max_bytes);
        let shards = (0..plan.shards()).map(|_| Mutex::new(Shard::new(plan))).collect();
        let clock = Arc::new(|| UnixMillis::from_system_time(SystemTime::now()));
        Self { shards, place: RandomState::new(), clock }
    }

    /// Another clock than the system's, for tests. It is read once for each claim.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many claims are remembered now, those that could be forgotten included. This is for metrics: it locks one
    /// shard after the other.
    #[must_use]
    pub fn claims(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).claims()).sum()
    }

    /// How much of its memory the fullest shard has taken, from 0 to 1. At 1, claims may be refused
    /// ([`StoreError::Full`]). This is for metrics: it locks one shard after the other.
    ///
    /// ```
    /// use sealstamp_dpop::MemoryStore;
    ///
    /// assert_eq!(MemoryStore::new(1_000_000).fill(), 0.0);
    /// // No room for anything.
    /// assert_eq!(MemoryStore::new(100).fill(), 1.0);
    /// ```
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "there are some tens of tables")]
    pub fn fill(&self) -> f64 {
        let now = (self.clock)();
        let fill = |shard: &Mutex<Shard>| match shard.lock().unwrap_or_else(PoisonError::into_inner).tables(now) {
            (_, 0) => 1.0,
            (taken, all) => taken as f64 / all as f64,
        };
        self.shards.iter().map(fill).fold(0.0, f64::max)
    }

    /// Claims a proof's one use, without waiting for anything but a lock.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`].
    pub fn claim_now(&self, claim: Claim) -> Result<Claimed, StoreError> {
        // Keyed with 128 random bits, like the tables of a shard. A remainder of 64 bits favours no shard to speak of.
        let place = self.place.hash_one(claim.id());
        let nth = usize::try_from(place.checked_rem(self.shards.len() as u64).unwrap_or_default()).unwrap_or_default();
        let shard = self.shards.get(nth).ok_or(StoreError::Full)?;
        // Nothing behind the lock is ever half done.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        // Read behind the lock: no claim sees an earlier time than the one that forgot a generation.
        let now = (self.clock)();
        shard.claim(&claim, now)
    }
}

impl ProofStore for MemoryStore {
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.claim_now(claim)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

//! The handle that a replica's threads share: mint, open, swap the ring.
//!
//! Invariant: an answer depends only on the ring and `now`, and not on what the process did before. A process that has
//! just started and one that slept for an hour give the same answer. Readers take no lock: they load one pointer.
//!
//! Which ring comes next does depend on the past: on the ring in use, and on the keys that were seen revoked.

#[cfg(feature = "reload")]
pub(crate) mod confirmation;
pub(crate) mod error;

mod succession;
#[cfg(test)]
mod tests;

use std::fmt;
#[cfg(feature = "reload")]
use std::sync::OnceLock;
#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use crate::audience::Audience;
use crate::binding::Binding;
use crate::counter::Counter;
use crate::epoch::EpochKeys;
#[cfg(feature = "reload")]
use crate::fleet::confirmation::Confirmation;
use crate::fleet::error::SwapError;
use crate::fleet::succession::Revoked;
use crate::nonce::{self, Nonce, Raw};
use crate::opened::Opened;
use crate::refusal::Refusal;
use crate::ring::Ring;
use crate::seal::Unique;
use crate::secret::{self, EntropyError};
use crate::time::UnixMillis;

/// What a replica mints and opens its fleet's nonces with. It is cheap to clone, and all clones share one state.
///
/// ```
/// use std::time::SystemTime;
/// use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let now = UnixMillis::from_system_time(SystemTime::now());
/// let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?);
/// let audience = Audience::new("https://mcp.example.com/mcp")?;
///
/// let one = Fleet::new(ring.clone(), audience.clone())?;
/// let another = Fleet::new(ring, audience)?;
/// let nonce = one.mint(now, &Binding::None);
/// let opened = another.open(&nonce, now, &Binding::None)?;
/// assert_eq!(opened.minted_at(), now);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    keys: ArcSwap<EpochKeys>,
    audience: Audience,
    seed: [u8; 32],
    counter: Counter,
    /// Set if service is refused without it.
    #[cfg(feature = "reload")]
    confirmation: OnceLock<Arc<Confirmation>>,
    /// What this process has seen revoked. Held while a ring is swapped in.
    revoked: Mutex<Revoked>,
    #[cfg(test)]
    derivations: AtomicU64,
}

impl Fleet {
    /// A handle for `audience`, the server's own name for itself. Reads a seed of 32 bytes from the operating system,
    /// once.
    ///
    /// # Errors
    /// [`EntropyError`] if the operating system gives no random bytes.
    pub fn new(ring: Ring, audience: Audience) -> Result<Self, EntropyError> {
        let mut seed = [0; 32];
        secret::random(&mut seed)?;
        Ok(Self::assemble(ring, audience, seed, Counter::new()))
    }

    /// A handle with a given seed and counter, as a cloned process has them. Its nonces are the same in each run.
    ///
    /// This is for test vectors, fuzzing and tests of cloned processes. It exists only with the feature
    /// `insecure-test-seed`, which no server turns on.
    #[cfg(any(test, feature = "insecure-test-seed"))]
    #[must_use]
    pub fn with_seed(ring: Ring, audience: Audience, seed: [u8; 32], counter: u64) -> Self {
        Self::assemble(ring, audience, seed, Counter::one_by_one(counter))
    }

    fn assemble(ring: Ring, audience: Audience, seed: [u8; 32], counter: Counter) -> Self {
        let mut revoked = Revoked::default();
        revoked.learn(&ring);
        let keys = EpochKeys::derive(Arc::new(ring), &audience, None);
        Self(Arc::new(Inner {
            keys: ArcSwap::from_pointee(keys),
            audience,
            seed,
            counter,
            #[cfg(feature = "reload")]
            confirmation: OnceLock::new(),
            revoked: Mutex::new(revoked),
            #[cfg(test)]
            derivations: AtomicU64::new(0),
        }))
    }

    /// Mints a nonce. It is good from `now` on for the ring's lifetime, for clients that meet `binding`.
    ///
    /// This makes no heap allocation and no system call. Only the first call in an epoch of 4,096 s does, to derive
    /// keys.
    #[must_use]
    pub fn mint(&self, now: UnixMillis, binding: &Binding) -> Nonce {
        let counter = self.0.counter.next();
        let keys = self.keys_at(now.epoch().unwrap_or(u32::MAX));
        #[expect(clippy::expect_used, reason = "a ring has a live dated key, and keys_at derived it for this epoch")]
        let (kid, epoch, key) = keys.minting(now).expect("the active key is derived");
        nonce::seal(key, kid, epoch, now, binding, &Unique { seed: self.0.seed, counter })
    }

    /// Opens a nonce that any replica with the same ring and audience minted for the same binding.
    ///
    /// This makes no heap allocation. Only the first call in an epoch of 4,096 s does, to derive keys.
    ///
    /// # Errors
    /// The [`Refusal`], for metrics and logs. Tell the client only to use a fresh nonce (RFC 9449 section 9).
    pub fn open(&self, nonce: &str, now: UnixMillis, binding: &Binding) -> Result<Opened, Refusal> {
        if !self.is_serving() {
            return Err(Refusal::Unconfirmed);
        }
        let mut raw = Raw::empty();
        if !raw.decode(nonce) {
            return Err(Refusal::Malformed);
        }
        let now_epoch = now.epoch();
        let keys = self.keys_at(now_epoch.unwrap_or(u32::MAX));
        let found = keys.find(raw.version(), raw.kid(), raw.epoch())?;
        if now_epoch.is_none() {
            return Err(Refusal::OutsideWindow);
        }
        let minted_at = raw.open(found.key, binding).ok_or(Refusal::NotAuthentic)?;
        if minted_at.epoch() != Some(raw.epoch()) {
            return Err(Refusal::NotAuthentic);
        }
        let window = keys.ring.window(minted_at);
        let age = window.judge(minted_at, now)?;
        if found.window_end.is_some_and(|end| minted_at > end) {
            return Err(Refusal::KeyRetired);
        }
        let opens_until = window.last(minted_at);
        let gone_after = opens_until.saturating_add(window.max_skew_ms);
        Ok(Opened { kid: raw.kid(), minted_at, age_ms: age.ms, renew: age.renew, opens_until, gone_after })
    }

    /// Replaces the ring by a successor, in one step, while other threads mint and open.
    ///
    /// If the ring is the one in use, nothing changes. A successor has a greater serial and names the ring in use among its
    /// [`ancestors`](Ring::ancestors). No key is ever taken as live that this process has seen revoked.
    ///
    /// # Errors
    /// [`SwapError`] if the ring is older than the one in use, a different one with the same serial, of another line, or
    /// brings a revoked key back. The ring in use stays in use.
    pub fn swap(&self, ring: Ring) -> Result<(), SwapError> {
        // One swap at a time. Only `keys_at` changes the pointer meanwhile, and it keeps the ring. What is behind the lock is
        // never half done, so a panic elsewhere does not matter.
        let mut revoked = self.0.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.ring();
        if ring == *current {
            return Ok(());
        }
        succession::check(&current, &ring)?;
        revoked.check(&ring)?;
        revoked.learn(&ring);
        let ring = Arc::new(ring);
        loop {
            let current = self.0.keys.load();
            let next = Arc::new(self.derive(Arc::clone(&ring), current.around()));
            if self.replace(&current, next) {
                return Ok(());
            }
        }
    }

    /// Whether nonces are opened. This is false only for a server that chose to refuse service while its ring is not
    /// confirmed (`ReloaderBuilder::refuse_unconfirmed`, feature `reload`), and while that is so.
    ///
    /// Ask this before a request is judged, and do not hand out a nonce if it is false: [`mint`](Self::mint) still makes one.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        #[cfg(feature = "reload")]
        if let Some(confirmation) = self.0.confirmation.get() {
            return confirmation.age_ms() <= self.0.keys.load().ring.margins().propagation_ms();
        }
        true
    }

    /// From now on service is refused while this is older than the ring's propagation.
    #[cfg(feature = "reload")]
    pub(crate) fn refuse_unconfirmed(&self, confirmation: Arc<Confirmation>) {
        // A second reloader of one fleet changes nothing: the first one's confirmation goes on to count.
        let _ = self.0.confirmation.set(confirmation);
    }

    /// The ring in use.
    #[must_use]
    pub fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.keys.load().ring)
    }

    /// The server's own name for itself, which this handle was made with.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.0.audience
    }

    /// The keys for a clock in `epoch`. They are derived once in an epoch, and then stay at hand.
    ///
    /// Several threads may enter an epoch at the same time and derive the same keys. All but one drop theirs.
    fn keys_at(&self, epoch: u32) -> Guard<Arc<EpochKeys>> {
        loop {
            let current = self.0.keys.load();
            if current.is_around(epoch) {
                return current;
            }
            let next = Arc::new(self.derive(Arc::clone(&current.ring), Some(epoch)));
            if self.replace(&current, Arc::clone(&next)) {
                return Guard::from_inner(next);
            }
        }
    }

    fn derive(&self, ring: Arc<Ring>, around: Option<u32>) -> EpochKeys {
        let keys = EpochKeys::derive(ring, &self.0.audience, around);
        #[cfg(test)]
        self.0.derivations.fetch_add(1, Ordering::Relaxed);
        keys
    }

    /// Replaces `current` by `next`, unless another thread was faster.
    fn replace(&self, current: &Guard<Arc<EpochKeys>>, next: Arc<EpochKeys>) -> bool {
        let before = self.0.keys.compare_and_swap(&**current, next);
        Arc::ptr_eq(&before, current)
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.keys.load();
        f.debug_struct("Fleet").field("audience", &self.0.audience).field("ring", &keys.ring).finish_non_exhaustive()
    }
}

//! The handle that a replica's threads share: mint, open, swap the ring.
//!
//! Invariant: an answer depends on the ring and `now` alone, never on what the process did before; one that has just
//! started and one that slept for an hour give the same. Readers take no lock: they load one pointer.

use std::fmt;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};

use crate::binding::{Audience, Binding};
use crate::counter::Counter;
use crate::epoch::EpochKeys;
use crate::nonce::{self, Nonce, Opened, Raw, Refusal, Unique};
use crate::ring::Ring;
use crate::secret::{self, EntropyError};
use crate::window::UnixMillis;

/// One replica's handle on its fleet's nonces. Cheap to clone; all clones are one handle.
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
    #[cfg(test)]
    derivations: AtomicU64,
}

/// A ring was not swapped in; the old one stays in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SwapError {
    /// The ring is older than the one in use.
    OlderSerial {
        /// The serial in use.
        current: u64,
        /// The serial offered.
        offered: u64,
    },
    /// The ring has the serial of the one in use and is another: two operators wrote at once, or one edited by hand.
    Conflict {
        /// The serial of both.
        serial: u64,
    },
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OlderSerial { current, offered } => {
                write!(f, "the ring has serial {offered}, older than serial {current} in use")
            }
            Self::Conflict { serial } => write!(f, "the ring differs from the one in use and has its serial {serial}"),
        }
    }
}

impl std::error::Error for SwapError {}

impl Fleet {
    /// A handle for `audience`, the server's own name for itself. Reads a seed of 32 bytes from the OS, once.
    ///
    /// # Errors
    /// [`EntropyError`] if the OS gives none.
    pub fn new(ring: Ring, audience: Audience) -> Result<Self, EntropyError> {
        let mut seed = [0; 32];
        secret::random(&mut seed)?;
        Ok(Self::assemble(ring, audience, seed, Counter::new()))
    }

    /// A handle with a given seed and counter, as a cloned process has them. For test vectors and tests of cloning.
    #[doc(hidden)]
    #[must_use]
    pub fn with_seed(ring: Ring, audience: Audience, seed: [u8; 32], counter: u64) -> Self {
        Self::assemble(ring, audience, seed, Counter::one_by_one(counter))
    }

    fn assemble(ring: Ring, audience: Audience, seed: [u8; 32], counter: Counter) -> Self {
        let keys = EpochKeys::derive(Arc::new(ring), &audience, None);
        Self(Arc::new(Inner {
            keys: ArcSwap::from_pointee(keys),
            audience,
            seed,
            counter,
            #[cfg(test)]
            derivations: AtomicU64::new(0),
        }))
    }

    /// Mints a nonce that is good from `now` on for the ring's lifetime, for whoever meets `binding`.
    ///
    /// No heap allocation and no system call, but for the first call in an epoch of 4,096 s, which derives keys.
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
    /// No heap allocation, but for the first call in an epoch of 4,096 s, which derives keys.
    ///
    /// # Errors
    /// The [`Refusal`], for metrics and logs. Tell the client nothing but to use a fresh nonce (RFC 9449 section 9).
    pub fn open(&self, nonce: &str, now: UnixMillis, binding: &Binding) -> Result<Opened, Refusal> {
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
        let age = keys.ring.settings().window().judge(minted_at, now)?;
        if found.window_end.is_some_and(|end| minted_at > end) {
            return Err(Refusal::KeyRetired);
        }
        Ok(Opened { kid: raw.kid(), minted_at, age_ms: age.ms, renew: age.renew })
    }

    /// Puts a new ring in the place of the old one, whole, while other threads mint and open.
    ///
    /// The ring in use already is taken again without effect.
    ///
    /// # Errors
    /// [`SwapError`] if the ring is older than the one in use, or has its serial and is another. The serial that a process
    /// uses never goes back.
    pub fn swap(&self, ring: Ring) -> Result<(), SwapError> {
        let ring = Arc::new(ring);
        loop {
            let current = self.0.keys.load();
            let (serial, offered) = (current.ring.serial(), ring.serial());
            if offered < serial {
                return Err(SwapError::OlderSerial { current: serial, offered });
            }
            if offered == serial {
                return if *ring == *current.ring { Ok(()) } else { Err(SwapError::Conflict { serial }) };
            }
            let next = Arc::new(self.derive(Arc::clone(&ring), current.around()));
            if self.replace(&current, next) {
                return Ok(());
            }
        }
    }

    /// The ring in use.
    #[must_use]
    pub fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.keys.load().ring)
    }

    /// The server's own name for itself, that this handle was made with.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.0.audience
    }

    /// The keys for a clock in `epoch`: those at hand, or, once in an epoch, newly derived ones.
    ///
    /// Several threads may enter an epoch together and derive the same keys; all but one throw theirs away.
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

    /// Puts `next` in the place of `current`, unless another thread was faster.
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

#[cfg(test)]
mod tests;

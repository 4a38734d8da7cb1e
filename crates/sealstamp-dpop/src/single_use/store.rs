//! Who can be asked whether a proof is new.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::single_use::claim::Claim;

/// Remembers which proofs were accepted.
///
/// [`MemoryStore`](crate::MemoryStore) does so for one replica. Replicas that share their clients need one store for
/// all: the crate `sealstamp-redis` has one for Redis and Valkey.
///
/// What a store must keep to, since a wrong answer is an accepted replay:
///
/// - **It is atomic.** Of any number of calls with one [`Claim::id`], at the same time and on any replica, one gets
///   [`Claimed::First`].
/// - **It does not forget** before the clock of the replica is past [`Claim::keep_until`]. If there is no room, it
///   answers [`StoreError::Full`], and does not make room.
/// - **It is not late.** It reads the clock itself. If that is past [`Claim::usable_until`], the answer is
///   [`Claimed::Late`]: the proof took so long to get here that the claim of its first use may be forgotten.
/// - **It bounds its own time.** A request waits for the answer. After its bound a store answers
///   [`StoreError::Unavailable`], whether or not the claim is made later.
///
/// ```
/// use std::collections::HashSet;
/// use std::sync::{Mutex, PoisonError};
/// use sealstamp_dpop::{Claim, Claimed, ProofId, ProofStore, StoreError};
///
/// /// Keeps every id for ever: right, but it grows until the process ends.
/// #[derive(Default)]
/// struct Forever(Mutex<HashSet<ProofId>>);
///
/// impl ProofStore for Forever {
///     async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
///         let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(claim.id());
///         Ok(if first { Claimed::First } else { Claimed::Again })
///     }
/// }
/// ```
pub trait ProofStore: Send + Sync {
    /// Claims a proof's one use.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store does not know, or cannot remember.
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Claimed, StoreError>> + Send;
}

impl<S: ProofStore + ?Sized> ProofStore for Arc<S> {
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Claimed, StoreError>> + Send {
        (**self).claim(claim)
    }
}

/// What a store says about a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It is new, and from now on remembered.
    First,
    /// It was claimed before.
    Again,
    /// It can no longer be used, by the clock at the time of the claim. Nothing was claimed.
    Late,
}

/// Why a store gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, or did not answer in time.
    Unavailable,
    /// It is as large as it may get. It forgets nothing to make room.
    Full,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "the store of used proofs gave no answer",
            Self::Full => "the store of used proofs is full",
        })
    }
}

impl std::error::Error for StoreError {}

/// What becomes of requests while the store is away ([`StoreError::Unavailable`]).
///
/// It is about that alone. If a store is [full](StoreError::Full), requests are refused in any case: a client could fill
/// it on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenAway {
    /// They are refused with 503. No proof is accepted twice, and no request is served until the store is back.
    #[default]
    Refuse,
    /// Those that came with a nonce are accepted. A proof can then be replayed as long as its nonce lives.
    /// [`Counters::accepted_without_store`](crate::Counters::accepted_without_store) counts them: alert on it. Those without
    /// a nonce are refused.
    GoOnWithNonce,
}

/// A store, and what to do without it.
#[derive(Debug)]
pub(crate) struct SingleUse {
    pub(crate) store: AnyStore,
    pub(crate) when_away: WhenAway,
    /// Whether every request needs a nonce, so that a proof ends with its nonce.
    pub(crate) by_nonce: bool,
}

/// A store of any type. The verifier has no type parameter for it, as it would show in every signature of a server that
/// has none.
pub(crate) struct AnyStore(Box<dyn Asked>);

/// What a store answered.
type Answered = Result<Claimed, StoreError>;

type Asking<'s> = Pin<Box<dyn Future<Output = Answered> + Send + 's>>;

trait Asked: Send + Sync {
    fn ask(&self, claim: Claim) -> Asking<'_>;
}

impl<S: ProofStore> Asked for S {
    fn ask(&self, claim: Claim) -> Asking<'_> {
        Box::pin(self.claim(claim))
    }
}

impl AnyStore {
    pub(crate) fn new(store: impl ProofStore + 'static) -> Self {
        Self(Box::new(store))
    }

    pub(crate) async fn claim(&self, claim: Claim) -> Answered {
        self.0.ask(claim).await
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyStore")
    }
}

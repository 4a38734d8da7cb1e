//! A validator that remembers (feature `token-cache`).
//!
//! Invariants. A token is looked up by the SHA-256 of its own text and by nothing else. What is kept is what the
//! validator said, unchanged. The verifier compares the token's key with the proof's on each request, whether the facts
//! were kept or not. All times are the caller's `now`.

mod bounds;
mod known;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use quick_cache::sync::Cache;
use sealstamp::UnixMillis;

use bounds::INACTIVE;
pub use bounds::{CacheBounds, DEFAULT_KEEP_S, MAX_INACTIVE_S, MAX_KEEP_S};
use known::{Bytes, Known};

use crate::token::defect::TokenDefect;
use crate::token::facts::TokenFacts;
use crate::token::flight::Flights;
use crate::token::presented::PresentedToken;
use crate::token::validator::TokenValidator;

/// How many tokens are validated on behalf of all who present them, at once. Beyond that, each request validates its
/// own.
const MAX_UNDER_WAY: usize = 256;

/// A validator that remembers which tokens another one has found valid.
///
/// A token that was valid a moment ago costs a look-up, and not a signature or a question to the issuer. Facts are kept
///
/// - never past the token's own end ([`TokenFacts::valid_until`], the validator's leeway included), nor longer than
///   [`CacheBounds::keep_s`], which is five minutes unless set. **A revoked token is accepted for that long.**
/// - no longer than the issuer's keys: when the validator says that one of them has gone
///   ([`TokenValidator::generation`]), everything is forgotten.
/// - within bounds of entries and bytes. A flood of tokens that are seen once does not push out those that are seen
///   again and again.
///
/// Refusals are not kept, except, if [asked for](CacheBounds::inactive_s), that the issuer called a token inactive. If
/// many requests bring the same new token at the same time, it is validated once for all of them. A request that goes
/// away does not end that, if there is a tokio runtime.
///
/// Clones share what they know.
///
/// ```
/// use sealstamp_dpop::{CacheBounds, Cached, Jwks, JwtValidator};
///
/// # let jwks = Jwks::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
/// #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let tokens = JwtValidator::new("https://issuer.example.com", "https://mcp.example.com/mcp", jwks);
/// let cached = Cached::new(tokens.clone(), CacheBounds::default());
/// assert_eq!(cached.status().entries(), 0);
/// # Ok::<(), sealstamp_dpop::JwksError>(())
/// ```
pub struct Cached<V> {
    shared: Arc<Shared<V>>,
}

impl<V> Cached<V> {
    /// Remembers what `tokens` says, within these bounds.
    #[must_use]
    pub fn new(tokens: V, bounds: CacheBounds) -> Self {
        Self {
            shared: Arc::new(Shared {
                tokens,
                bounds,
                generation: AtomicU64::new(0),
                known: Cache::with_weighter(bounds.entries, bounds.bytes, Bytes),
                inactive: Cache::new(INACTIVE),
                flights: Flights::new(MAX_UNDER_WAY),
                hits: AtomicU64::new(0),
                validations: AtomicU64::new(0),
            }),
        }
    }

    /// What is kept at the moment, and what that has saved.
    #[must_use]
    pub fn status(&self) -> CacheStatus {
        let Shared { known, hits, validations, .. } = &*self.shared;
        CacheStatus {
            entries: known.len(),
            bytes: known.weight(),
            hits: hits.load(Relaxed),
            validations: validations.load(Relaxed),
        }
    }
}

impl<V: TokenValidator + 'static> TokenValidator for Cached<V> {
    async fn validate(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        self.validate_presented(&PresentedToken::new(token), now).await
    }

    async fn validate_presented(&self, token: &PresentedToken<'_>, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        let generation = self.shared.current_generation();
        if let Some(answer) = self.shared.recall(token.hash(), generation, now) {
            self.shared.hits.fetch_add(1, Relaxed);
            return answer;
        }
        Shared::validate(&self.shared, token, generation, now).await
    }

    fn generation(&self) -> u64 {
        self.shared.tokens.generation()
    }
}

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<V> fmt::Debug for Cached<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("bounds", &self.shared.bounds)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// What a cache holds, and what it has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStatus {
    entries: usize,
    bytes: u64,
    hits: u64,
    validations: u64,
}

impl CacheStatus {
    /// How many tokens are kept, those whose time is over included, until others need their place.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// How many bytes they are charged. Each is charged at least its share of the bound.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many requests were answered from memory.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// How often the validator was asked.
    #[must_use]
    pub fn validations(&self) -> u64 {
        self.validations
    }
}

struct Shared<V> {
    tokens: V,
    bounds: CacheBounds,
    /// The validator's generation when it was last looked at.
    generation: AtomicU64,
    known: Cache<[u8; 32], Known, Bytes>,
    /// The tokens that the issuer called inactive, and when.
    inactive: Cache<[u8; 32], UnixMillis>,
    flights: Arc<Flights<Answer>>,
    hits: AtomicU64,
    validations: AtomicU64,
}

/// What the validator said about a token, and under which circumstances.
#[derive(Clone)]
struct Answer {
    generation: u64,
    now: UnixMillis,
    facts: Result<TokenFacts, TokenDefect>,
    known: Option<Known>,
}

impl<V> Shared<V> {
    fn recall(&self, hash: &[u8; 32], generation: u64, now: UnixMillis) -> Option<Result<TokenFacts, TokenDefect>> {
        if let Some(known) = self.known.get(hash).filter(|known| known.holds(generation, now)) {
            return Some(Ok(known.facts));
        }
        if self.bounds.inactive_ms > 0 {
            let since = self.inactive.get(hash)?;
            let age = now.since(since).max(since.since(now));
            return (age < self.bounds.inactive_ms).then_some(Err(TokenDefect::Inactive));
        }
        None
    }

    fn keep(&self, hash: [u8; 32], answer: &Answer, now: UnixMillis) {
        match (&answer.known, &answer.facts) {
            (Some(known), _) => self.known.insert(hash, known.clone()),
            (None, facts) => {
                self.known.remove(&hash);
                if self.bounds.inactive_ms > 0 && matches!(facts, Err(TokenDefect::Inactive)) {
                    self.inactive.insert(hash, now);
                }
            }
        }
    }
}

impl<V: TokenValidator + 'static> Shared<V> {
    /// The validator's generation. If it is a new one, all that is known goes.
    fn current_generation(&self) -> u64 {
        let current = self.tokens.generation();
        if self.generation.load(Acquire) != current && self.generation.swap(current, AcqRel) != current {
            self.known.clear();
            self.inactive.clear();
        }
        current
    }

    async fn validate(
        self: &Arc<Self>,
        token: &PresentedToken<'_>,
        generation: u64,
        now: UnixMillis,
    ) -> Result<TokenFacts, TokenDefect> {
        let ask = || {
            let (shared, text, hash) = (Arc::clone(self), token.as_str().to_owned(), *token.hash());
            async move { shared.ask(&PresentedToken::with_hash(&text, hash), generation, now).await }
        };
        match self.flights.join(*token.hash(), ask).await {
            // Somebody else's answer may be of a time before the keys changed, or before the token expired.
            Some(answer) if answer.serves(generation, now) => answer.facts,
            _ => self.ask(token, generation, now).await.facts,
        }
    }

    async fn ask(&self, token: &PresentedToken<'_>, generation: u64, now: UnixMillis) -> Answer {
        self.validations.fetch_add(1, Relaxed);
        let facts = self.tokens.validate_presented(token, now).await;
        let known = facts
            .as_ref()
            .ok()
            .and_then(|facts| Known::new(facts, generation, now, self.bounds.keep_ms, self.bounds.least_charge()));
        let answer = Answer { generation, now, facts, known };
        // What was found out while the keys changed is not kept.
        if self.tokens.generation() == generation {
            self.keep(*token.hash(), &answer, now);
        }
        answer
    }
}

impl Answer {
    fn serves(&self, generation: u64, now: UnixMillis) -> bool {
        match (&self.facts, &self.known) {
            (Ok(_), Some(known)) => known.holds(generation, now),
            // Facts without an end are good for the moment.
            (Ok(_), None) => self.generation == generation && self.now == now,
            (Err(_), _) => self.generation == generation,
        }
    }
}

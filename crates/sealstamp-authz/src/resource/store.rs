//! Stores of used proofs.

use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(feature = "redis")]
use std::time::Duration;

use sealstamp_dpop::{MemoryStore, VerifierBuilder, WhenAway};
#[cfg(feature = "redis")]
use sealstamp_redis::RedisStore;
use toml::Spanned;

use crate::config::{Findings, SingleUse, StoreName, WhenAwayName};
use crate::resource::secret;

/// How many bytes a store in memory may take, unless configured.
const BYTES: u64 = 64 * 1024 * 1024;

/// How long a request waits for Redis, in milliseconds, unless configured.
const WAIT_MS: u64 = 100;

/// What the file with the address must hold.
#[cfg(feature = "redis")]
const ADDRESS: &str = "the file must hold one line such as rediss://user:password@store.example.com:6379/0";

/// All that a store is made of. Two resources with one key share the store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StoreKey {
    Memory { resource: String, bytes: usize },
    Redis { address: String, prefix: Option<String>, wait_ms: u64 },
}

/// The stores in use.
pub(crate) type Stores = BTreeMap<StoreKey, Store>;

#[derive(Clone)]
pub(crate) enum Store {
    Memory(Arc<MemoryStore>),
    #[cfg(feature = "redis")]
    Redis(RedisStore),
}

impl Store {
    /// The store that is configured, from before if it was there.
    pub(crate) fn of(
        single_use: &SingleUse,
        resource: &str,
        old: &Stores,
        new: &mut Stores,
        findings: &mut Findings,
    ) -> Option<Self> {
        let key = key(single_use, resource, findings)?;
        let known = new.get(&key).or_else(|| old.get(&key)).cloned();
        let store = match known {
            Some(store) => store,
            None => make(&key, single_use, findings)?,
        };
        new.insert(key, store.clone());
        Some(store)
    }

    /// The store, if it is in this process.
    pub(crate) fn in_memory(&self) -> Option<Arc<MemoryStore>> {
        match self {
            Self::Memory(store) => Some(Arc::clone(store)),
            #[cfg(feature = "redis")]
            Self::Redis(_) => None,
        }
    }

    pub(crate) fn apply(self, builder: VerifierBuilder, when_away: Option<WhenAwayName>) -> VerifierBuilder {
        let when_away = match when_away {
            Some(WhenAwayName::Refuse) | None => WhenAway::Refuse,
            Some(WhenAwayName::GoOnWithNonce) => WhenAway::GoOnWithNonce,
        };
        match self {
            Self::Memory(store) => builder.single_use(store, when_away),
            #[cfg(feature = "redis")]
            Self::Redis(store) => builder.single_use(store, when_away),
        }
    }
}

fn key(single_use: &SingleUse, resource: &str, findings: &mut Findings) -> Option<StoreKey> {
    match single_use.store {
        StoreName::Memory => {
            let for_redis = [
                single_use.address_file.as_ref().map(Spanned::span),
                single_use.prefix.as_ref().map(Spanned::span),
                single_use.wait_ms.as_ref().map(Spanned::span),
                single_use.when_away.as_ref().map(Spanned::span),
            ];
            for at in for_redis.into_iter().flatten() {
                findings.add(at, "this is for store = \"redis\" alone");
            }
            let bytes = single_use.bytes.as_ref().map_or(BYTES, |bytes| *bytes.get_ref());
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            Some(StoreKey::Memory { resource: resource.to_owned(), bytes })
        }
        StoreName::Redis => {
            if let Some(bytes) = &single_use.bytes {
                findings.add(bytes.span(), "this is for store = \"memory\" alone");
            }
            let wait_ms = single_use.wait_ms.as_ref().map_or(WAIT_MS, |wait_ms| *wait_ms.get_ref());
            let file = single_use.address_file.as_ref()?;
            let address = secret::read(file, findings)?;
            Some(StoreKey::Redis {
                address: address.to_string(),
                prefix: single_use.prefix.as_ref().map(|prefix| prefix.get_ref().clone()),
                wait_ms,
            })
        }
    }
}

fn make(key: &StoreKey, single_use: &SingleUse, findings: &mut Findings) -> Option<Store> {
    match key {
        StoreKey::Memory { bytes, .. } => Some(Store::Memory(Arc::new(MemoryStore::new(*bytes)))),
        #[cfg(feature = "redis")]
        StoreKey::Redis { address, prefix, wait_ms } => {
            let mut store = RedisStore::builder(address).bound(Duration::from_millis(*wait_ms));
            if let Some(prefix) = prefix {
                store = store.prefix(prefix);
            }
            let at = single_use.address_file.as_ref().map_or(0..0, |file| file.span());
            let store = store.build().map_err(|error| format!("{error}: {ADDRESS}"));
            findings.some(at, store).map(Store::Redis)
        }
        #[cfg(not(feature = "redis"))]
        StoreKey::Redis { .. } => {
            let at = single_use.address_file.as_ref().map_or(0..0, Spanned::span);
            findings.add(at, "store = \"redis\" is not in this build: it needs the feature redis");
            None
        }
    }
}

//! The flags of `mcp_server` about single use: where it remembers which proofs it has accepted.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sealstamp_dpop::{MemoryStore, VerifierBuilder, WhenAway};
use sealstamp_redis::RedisStore;

/// How much a store in memory may hold: some 1.7 million proofs.
const MEMORY_BYTES: usize = 64 * 1024 * 1024;

/// A store in this process.
pub type InMemory = Arc<MemoryStore>;

/// Whether a proof is accepted once, and who remembers it.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreFlags {
    /// Accept each proof once, and remember it in memory, or in the Redis or Valkey of all replicas [default: accept a
    /// proof as long as its nonce lives]
    #[arg(long, value_name = "memory|redis://…", env = "MCP_STORE", hide_env_values = true, value_parser = Place::parse)]
    store: Option<Place>,
    /// What becomes of requests while the store is away: refuse them, or go on with the nonce alone
    #[arg(long, value_enum, value_name = "WHAT", default_value = "refuse")]
    store_away: Away,
    /// How long a request waits for the store at most
    #[arg(long, value_name = "DURATION", default_value = "100ms")]
    store_bound: humantime::Duration,
}

#[derive(Clone)]
enum Place {
    Memory,
    Redis(String),
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Away {
    Refuse,
    GoOn,
}

impl Place {
    /// Whatever is not `memory` is an address, which the store itself understands or not.
    fn parse(text: &str) -> Result<Self, std::convert::Infallible> {
        Ok(if text == "memory" { Self::Memory } else { Self::Redis(text.to_owned()) })
    }
}

/// An address may have a password in it.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "Memory",
            Self::Redis(_) => "Redis",
        })
    }
}

impl StoreFlags {
    /// The verifier with what these flags ask for, and the store if it is in this process.
    ///
    /// # Errors
    ///
    /// When the address or the bound makes no sense. It does not connect yet: a server may start before its store.
    pub fn apply(
        &self,
        verifier: VerifierBuilder,
    ) -> Result<(VerifierBuilder, Option<InMemory>), Box<dyn Error + Send + Sync>> {
        let when_away = match self.store_away {
            Away::Refuse => WhenAway::Refuse,
            Away::GoOn => WhenAway::GoOnWithNonce,
        };
        Ok(match &self.store {
            None => (verifier, None),
            Some(Place::Memory) => {
                let store = Arc::new(MemoryStore::new(MEMORY_BYTES));
                (verifier.single_use(Arc::clone(&store), when_away), Some(store))
            }
            Some(Place::Redis(address)) => {
                let store = RedisStore::builder(address).bound(Duration::from(self.store_bound)).build();
                (verifier.single_use(store.map_err(|error| format!("--store: {error}"))?, when_away), None)
            }
        })
    }
}

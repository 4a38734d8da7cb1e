//! Remembers in Redis or Valkey which DPoP proofs were accepted, so that each is accepted once by a whole fleet.
//!
//! It is a [`ProofStore`](sealstamp_dpop::ProofStore) for
//! [`VerifierBuilder::single_use`](sealstamp_dpop::VerifierBuilder::single_use). One claim is one command, `SET key 1 NX PX
//! milliseconds`: the server sets the key if nobody has, in one step, and drops it when no clock of the fleet takes the
//! proof any more.
//!
//! ```no_run
//! use sealstamp::{Audience, Fleet, RingFile};
//! use sealstamp_dpop::{Nonces, Verifier, WhenAway};
//! use sealstamp_redis::RedisStore;
//!
//! # async fn build(fleet: Fleet) -> Result<Verifier, Box<dyn std::error::Error>> {
//! let store = RedisStore::builder("redis://127.0.0.1:6379").build()?;
//! let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Required(fleet))
//!     .single_use(store, WhenAway::Refuse)
//!     .build()?;
//! # Ok(verifier)
//! # }
//! ```
//!
//! # What the server must be told
//!
//! A key that is lost too early is an accepted replay. So:
//!
//! - **`maxmemory-policy noeviction`**, which is the default. A server that evicts keys forgets proofs. One that may
//!   not evict answers `OOM` when it is full; then requests are refused
//!   ([`StoreError::Full`](sealstamp_dpop::StoreError::Full)). A key takes some 100 to 135 bytes.
//! - **`appendonly yes`**. Without it, a restart forgets every proof, and each of them can be used once more until its
//!   nonce has expired. With `appendfsync everysec` a crash of the process loses nothing, and a crash of the machine
//!   loses about a second. With `always` neither loses anything.
//! - **A clock that is not set forward**: expiry goes by the clock of the server.
//!
//! # What a failover can lose
//!
//! Redis and Valkey replicate asynchronously, clusters and Sentinel included. A primary answers `OK` before its
//! replicas have the key. If it dies then, a replica takes over that has never heard of the proof, and the proof can be
//! used once more. What is lost is what the replica was behind, usually some milliseconds.
//!
//! `WAIT 1 0` after each `SET` would make a primary wait until a replica has the key. It makes the loss unlikely, and
//! not impossible: the replica that takes over may be another one. And it costs a round trip between the two for each
//! request. This crate does not send it. Where such a replay must not pass, give the call an idempotency key.
//!
//! # Features
//!
//! - `aws-lc-rs` (default), `rust-crypto`: as in `sealstamp-dpop`.
//! - `tls`: addresses that begin with `rediss://`.
//! - `cluster`: `RedisStore::cluster` and `RedisStoreBuilder::connect_cluster`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod error;
#[cfg(feature = "cluster")]
mod redirect;
mod store;

pub use builder::{DEFAULT_BOUND, RedisStoreBuilder};
pub use error::BuildError;
pub use store::RedisStore;

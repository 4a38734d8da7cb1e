//! The other side of the verifier: a DPoP client (RFC 9449) and an issuer of access tokens (RFC 9068), for tests, fuzz
//! targets, examples and benches. It is not published.
//!
//! [`Key`] is the only signer. [`Draft`] is a good request that can be broken in any one place before it is signed.
//!
//! The kit does not use `sealstamp-dpop`, for two reasons. What it says of JWKs and thumbprints is then a second
//! opinion. And it turns on no feature of the verifier, so each backend and each feature can still be tested alone.
//!
//! Everything here panics when something goes wrong: a test that cannot sign is a failed test.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot sign should panic"
)]

mod client;
mod draft;
mod issuer;
mod key;
mod members;
mod prometheus;
mod shared;
mod store_server;
mod text;

pub use client::{Client, headers};
pub use draft::{Draft, PUBLIC_URL};
pub use issuer::Issuer;
pub use key::Key;
pub use members::Members;
pub use prometheus::{Prometheus, installed};
pub use shared::{ISSUER, issuer, key, other_key};
pub use store_server::{SlowStore, StoreProgram, StoreServer, free_port};
pub use text::{b64, quoted, random_id, sha256};

//! Rule 12: a proof is accepted once.
//!
//! The id of a proof is claimed in a [`ProofStore`] after everything else has passed, and before the handler runs. So
//! nothing that a forger sends ever reaches a store. A claim is kept until no clock of the fleet takes the proof any
//! more, and a store that cannot keep it says so: forgetting a claim is accepting a replay.
//!
//! In this folder: `claim` is what is claimed, `store` is who can be asked, `memory` is the store of a single replica.

mod claim;
mod memory;
mod store;

pub use claim::{Claim, ProofId};
pub use memory::MemoryStore;
pub(crate) use store::{AnyStore, SingleUse};
pub use store::{Claimed, ProofStore, StoreError, WhenAway};

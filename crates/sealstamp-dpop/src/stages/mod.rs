//! What has been checked of a request, as a type: [`Proven`], then [`Bound`], then [`Accepted`].
//!
//! Each stage is made from the one before it and from nothing else, and carries the policy that the request is held to.
//!
//! Between [`Bound`] and [`Accepted`] stands what may wait for something: rule 11 compares the body with the digest in
//! the proof, and rule 12 asks a store whether the proof is new. Rule 12 comes last, so that nothing that a forger
//! sends ever reaches the store.

mod accepted;
mod bound;
mod proven;
mod scopes;

pub use accepted::{Accepted, InsufficientScope};
pub use bound::Bound;
pub use proven::Proven;

//! What has been checked of a request, as a type: [`Proven`], then [`Bound`], then [`Accepted`].
//!
//! Each stage is made from the one before it and from nothing else, and holds what the request still owes: its policy.
//! A later rule becomes a step between two stages. A digest of the body is compared with the proof's claim when the body
//! has been read, which is after rule 10 (rule 11). A store for single use is asked last, for thumbprint and `jti` (rule
//! 12), so that nothing that a forger sends ever reaches it. Both are owed by a [`Bound`] and settled when it is accepted.

mod accepted;
mod bound;
mod proven;

pub use accepted::Accepted;
pub use bound::Bound;
pub use proven::Proven;

//! What has been checked of a request, as a type: [`Proven`], then [`Bound`], then [`Accepted`].
//!
//! Each stage is made from the one before it and from nothing else, and carries the policy that the request is held to.
//!
//! Further rules belong between [`Bound`] and [`Accepted`]. A digest of the body can be compared with the proof's claim
//! once the body was read, which is after rule 10. A store for single use is asked last, by thumbprint and `jti`, so
//! that nothing that a forger sends ever reaches it.

mod accepted;
mod bound;
mod proven;
mod scopes;

pub use accepted::{Accepted, InsufficientScope};
pub use bound::Bound;
pub use proven::Proven;

//! What is said about a request that was refused: why, to the operator, and what to do, to the client.

mod answer;
mod reason;
mod rejection;

pub use answer::Answer;
pub use reason::Reason;
pub(crate) use rejection::Fault;
pub use rejection::Rejection;

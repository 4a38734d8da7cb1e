//! The rules, in their order, and how a server configures them.

mod builder;
mod decide;
mod error;
mod rules;

pub use builder::VerifierBuilder;
pub use decide::Verifier;
pub use error::ConfigError;
pub use rules::IAT_WINDOW_S;

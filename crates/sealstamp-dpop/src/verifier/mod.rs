//! The rules, in their order, and how a server configures them.

mod audience;
mod build;
mod builder;
mod decide;
mod error;
mod metadata;
mod resource;
mod rules;

pub use audience::origin_audience;
pub use builder::VerifierBuilder;
pub use decide::Verifier;
pub use error::ConfigError;
pub use metadata::ProtectedResource;

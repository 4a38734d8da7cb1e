//! What the programs beside this folder share: the MCP server that `mcp_server` runs and `fleet` runs three times, and
//! the client that tries it; and the picture of a rotation.

pub mod client;
pub mod clock;
pub mod guard;
pub mod metrics;
pub mod replicas;
pub mod ring_commands;
pub mod rotation_picture;
pub mod server;
pub mod store;
pub mod token_endpoint;
pub mod tools;

#[cfg(doctest)]
#[doc = include_str!("../../docs/mcp.md")]
mod the_code_in_docs_mcp_md {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/options.md")]
mod the_code_in_docs_options_md {}

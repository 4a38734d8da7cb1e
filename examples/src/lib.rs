//! What the programs beside this folder share: the MCP server that `mcp_server` runs and `fleet` runs three times, and
//! the client and the issuer that try it; and the picture of a rotation.

pub mod client;
pub mod keys;
pub mod operator;
pub mod replicas;
pub mod server;
pub mod timeline;
pub mod tools;

#[cfg(doctest)]
#[doc = include_str!("../../docs/mcp.md")]
mod the_code_in_docs_mcp_md {}

//! What the programs beside this folder share: the MCP server that `mcp_server` runs and `fleet` runs three times, and
//! the client and the issuer that try it.

pub mod client;
pub mod keys;
pub mod operator;
pub mod replicas;
pub mod server;
pub mod tools;

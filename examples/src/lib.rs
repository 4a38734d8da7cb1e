//! What the programs beside this folder share: the MCP server that `mcp_server` runs and `fleet` runs three times.

pub mod server;
pub mod tools;

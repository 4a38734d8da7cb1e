//! Rules 1, 2 and 5: what a request's head holds, and whether the proof is for this request. And what an MCP request
//! says of itself.

mod fields;
mod head;
mod mcp;
mod target;
mod uri;

pub(crate) use fields::{Credentials, proof_field};
pub use fields::{MAX_PROOF_BYTES, MAX_TOKEN_BYTES};
pub use head::RequestHead;
pub(crate) use mcp::McpFields;
pub(crate) use target::Target;
pub(crate) use uri::{normal, normal_path};

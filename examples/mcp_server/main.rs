//! An MCP server that wants a fresh DPoP proof with every request. Start as many as you like on one ring file.
//!
//! ```text
//! sealstamp --ring ring.json init
//! cargo run --release --example mcp_server -- --listen 127.0.0.1:8000 --public-url http://127.0.0.1:8000/mcp \
//!     --ring ring.json --issuer https://issuer.example --issuer-jwks jwks.json
//! ```
//!
//! The server itself is in `examples/src/server.rs`, its tools in `examples/src/tools.rs`.

use std::process::ExitCode;

use clap::Parser;
use sealstamp_examples::server::{self, Flags};

/// An MCP server with DPoP and sealed nonces.
#[derive(Parser)]
#[command(name = "mcp_server")]
struct Cli {
    #[command(flatten)]
    flags: Flags,
}

#[tokio::main]
async fn main() -> ExitCode {
    match server::serve(Cli::parse().flags, server::asked_to_stop()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mcp_server: {error}");
            ExitCode::FAILURE
        }
    }
}

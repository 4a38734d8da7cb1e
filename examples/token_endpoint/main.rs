//! A token endpoint that wants a fresh DPoP proof, with nonces from the ring of the resource servers.
//!
//! ```text
//! sealstamp --ring ring.json init
//! cargo run --release --example token_endpoint -- --listen 127.0.0.1:9000 --ring ring.json \
//!     --resource http://127.0.0.1:8000/mcp --client-id an-agent --client-secret "$(openssl rand -hex 32)"
//! ```
//!
//! The endpoint itself is in `examples/src/token_endpoint.rs`.

use std::process::ExitCode;

use clap::Parser;
use sealstamp_examples::token_endpoint::{self, Flags};

/// A token endpoint with DPoP and sealed nonces.
#[derive(Parser)]
#[command(name = "token_endpoint")]
struct Cli {
    #[command(flatten)]
    flags: Flags,
}

#[tokio::main]
async fn main() -> ExitCode {
    match token_endpoint::serve(Cli::parse().flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("token_endpoint: {error}");
            ExitCode::FAILURE
        }
    }
}

//! Three MCP servers that share nothing but a ring file, clients that send every request to any of them, a rotation and
//! a revocation while they do, and an attacker.
//!
//! ```text
//! cargo run --release --example fleet
//! ```
//!
//! Takes no arguments, ends by itself with exit code 0 if everything went as it should, and leaves nothing behind: the
//! servers are this same program in another role, and end as soon as it does.

mod attacker;
mod story;
mod traffic;
mod transcript;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use sealstamp_examples::server::{self, Flags};
use tokio::io::AsyncReadExt;

/// A fleet of MCP servers with sealed nonces, and what it withstands.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(clap::Subcommand)]
enum Role {
    /// One server of the fleet; ends when its standard input does.
    #[command(hide = true)]
    Server(Flags),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().role {
        Some(Role::Server(flags)) => server::serve(flags, end_of_input()).await.map(|()| true),
        None => tell().await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

// When asked to stop, the story is dropped where it is, and with it the servers and the folder with the ring.
async fn tell() -> Result<bool, Box<dyn Error + Send + Sync>> {
    tokio::select! {
        outcome = story::tell() => outcome,
        () = server::asked_to_stop() => Err("interrupted".into()),
    }
}

// The owner holds the other end of this pipe and never writes: it closes when the owner ends, even by SIGKILL.
async fn end_of_input() {
    let mut rest = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut rest).await;
}

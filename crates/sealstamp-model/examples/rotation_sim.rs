//! Runs a model of a fleet under key rotation and prints what it found as one JSON object.
//!
//! ```text
//! cargo run --release --example rotation_sim -- --replicas 32 --requests 5000000 --rotations 1000
//! ```

use std::io::Write as _;

use clap::Parser;
use sealstamp_model::{Plan, run};

/// A model of a fleet under key rotation.
#[derive(Parser)]
struct Args {
    /// Replicas behind the balancer.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    replicas: u16,
    /// Requests by clients, retries not counted.
    #[arg(long, default_value_t = 5_000_000)]
    requests: u64,
    /// Rotations that the operator completes.
    #[arg(long, default_value_t = 1_000)]
    rotations: u64,
    /// All clocks are within half of this of true time. The ring allows 5000.
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    skew: u64,
    /// The longest that any replica takes to load a file. The ring allows 600000.
    #[arg(long, value_name = "MS", default_value_t = 600_000)]
    load_delay: u64,
    /// Where all chance comes from: the same seed gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let report = run(&Plan {
        replicas: usize::from(args.replicas),
        requests: args.requests,
        rotations: args.rotations,
        skew_ms: args.skew,
        load_delay_ms: args.load_delay,
        seed: args.seed,
    });
    // Not `println!`, which panics when the reader has seen enough and left.
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&report)?)
}

//! The service as a process, asked as proxies ask.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod answers;
mod bounds;
mod dialects;
mod metrics;
mod mistakes;
mod reload;
mod stop;
mod support;
mod surroundings;

//! What sealstamp costs: one run that measures it, the bare primitives and its peers side by side.
//!
//! `floor` is what nobody can do without, `peers` what a server author could take instead, `inputs` the client and the
//! issuer that all of them serve, `measure` the clock, `whole` what a whole server has around a verifier. `compare`,
//! `server` and `load`, the binaries, put them together, and `docs/performance.md` says what came out.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

#[cfg(feature = "peers")]
pub mod digest;
pub mod floor;
pub mod inputs;
pub mod measure;
pub mod ours;
#[cfg(feature = "peers")]
pub mod peers;
pub mod plot;
pub mod report;
#[cfg(feature = "peers")]
pub mod whole;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use sealstamp::UnixMillis;

/// The wall clock, as a server reads it.
#[must_use]
pub fn clock() -> UnixMillis {
    UnixMillis::from_system_time(SystemTime::now())
}

/// The output of a future that never waits: an executor's cost is nobody's own.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

//! Where a decision becomes final: it is counted, and gets the nonce for its response.
//!
//! Every acceptance and every rejection passes here, whichever stage made it.

mod counters;

pub use counters::Counters;
use sealstamp::{Nonce, Opened, UnixMillis};

use crate::nonces::Nonces;
use crate::verdict::{Fault, Rejection};

/// What is needed to make a decision final.
#[derive(Debug)]
pub(crate) struct Outcomes {
    pub(crate) nonces: Nonces,
    pub(crate) counters: Counters,
}

impl Outcomes {
    pub(crate) const fn new(nonces: Nonces) -> Self {
        Self { nonces, counters: Counters::new() }
    }

    /// Every rejection hands out a nonce, the first 401 included: the client's next request then needs no extra round
    /// trip.
    pub(crate) fn reject(&self, fault: impl Into<Fault>, now: UnixMillis) -> Rejection {
        let fault = fault.into();
        self.counters.count_refused(fault.reason);
        Rejection::new(fault, self.nonces.mint(now))
    }

    /// Returns the next nonce if it is time for one, going by the nonce that the request came with (RFC 9449 section
    /// 8.2).
    pub(crate) fn accept(&self, opened: Option<&Opened>, now: UnixMillis) -> Option<Nonce> {
        self.counters.count_accepted();
        opened.filter(|opened| opened.renew()).and_then(|_| self.nonces.mint(now))
    }
}

//! What an opened nonce said.

use crate::kid::Kid;
use crate::time::UnixMillis;

/// What an authentic and fresh nonce said. Only opening a nonce makes one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub(crate) kid: Kid,
    pub(crate) minted_at: UnixMillis,
    pub(crate) age_ms: u64,
    pub(crate) renew: bool,
}

impl Opened {
    /// The key that sealed it.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// When it was minted, by the clock of the replica that minted it.
    #[must_use]
    pub const fn minted_at(&self) -> UnixMillis {
        self.minted_at
    }

    /// Milliseconds since then, by the clock of the replica that opened it. 0 if that clock is behind.
    #[must_use]
    pub const fn age_ms(&self) -> u64 {
        self.age_ms
    }

    /// Whether more than half of its lifetime is over. Then the response should carry the next nonce (RFC 9449 section
    /// 8.2), so that the client gets a new one before this one expires.
    #[must_use]
    pub const fn renew(&self) -> bool {
        self.renew
    }
}

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
    pub(crate) opens_until: UnixMillis,
    pub(crate) gone_after: UnixMillis,
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
    /// The last moment at which a replica opens it, by that replica's own clock: its lifetime and one skew after it was
    /// minted.
    #[must_use]
    pub const fn opens_until(&self) -> UnixMillis {
        self.opens_until
    }

    /// The last moment at which any replica of the fleet may open it, by the clock of the replica that opened it here:
    /// its lifetime and two skews after it was minted. A clock that is a whole skew behind this one gets that far only
    /// then.
    ///
    /// Whoever must remember something for as long as this nonce can be used remembers it up to this moment, and with
    /// it.
    #[must_use]
    pub const fn gone_after(&self) -> UnixMillis {
        self.gone_after
    }
}

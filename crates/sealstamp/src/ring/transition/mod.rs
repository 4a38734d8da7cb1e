//! The life of a ring: `init`, `rotate`, `move_date`, `cancel`, `revoke`, `prune`, `change_settings` and `recover`, as
//! pure functions of (ring, now) and two fresh secrets.
//!
//! Each makes a new ring with the next serial and says what clients will notice. Or it refuses, and says when the same
//! change would be harmless. The operator's tool and the model of the fleet run this code.
//!
//! Invariant: a nonce that any replica mints opens on every replica for its lifetime. This holds as long as nothing is
//! forced and nothing is revoked, clocks are within `±max_skew/2`, and every replica loads a file within `propagation`.

pub(crate) mod error;

mod edit;
mod init;
mod prune;
mod recover;
mod redate;
mod revoke;
mod rotate;
mod settings;

use crate::ring::Ring;
use crate::time::UnixMillis;

/// Whether to make a transition that clients would notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// Refuse it, and say when nobody would notice it.
    #[default]
    No,
    /// Make it. [`Transition::cost`] says what clients will notice.
    YesAtACost,
}

/// A new ring, and what the change costs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transition {
    /// The ring to give to the fleet.
    pub ring: Ring,
    /// What clients will notice.
    pub cost: Cost,
}

/// What clients notice of a transition. The default is: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// Until then, a client's nonce may be refused. The client needs one retry.
    pub retries_until: Option<UnixMillis>,
    /// Until then, a replica that has not loaded the new ring may refuse nonces of the key that had to step in. A
    /// client may need more than one retry. This ends as soon as every replica has loaded the ring.
    pub unknown_key_until: Option<UnixMillis>,
}

//! One key of a ring.

use std::fmt;
use std::sync::Arc;

use crate::kid::Kid;
use crate::secret::{Prk, Secret};
use crate::suite::Suite;
use crate::time::UnixMillis;

/// What a key that is not revoked holds. All copies of a ring share it, so each secret is in memory once.
pub(crate) struct Material {
    pub(crate) secret: Secret,
    pub(crate) prk: Prk,
}

/// One key of a ring. A revoked key is a tombstone: its name and dates stay, and its secret is gone.
#[derive(Clone)]
pub struct Key {
    pub(crate) fingerprint: [u8; 32],
    pub(crate) suite: Suite,
    pub(crate) created_at: UnixMillis,
    pub(crate) activates_at: Option<UnixMillis>,
    pub(crate) revoked_at: Option<UnixMillis>,
    /// None if the key is revoked.
    pub(crate) material: Option<Arc<Material>>,
}

impl Key {
    /// A staged key with this secret.
    pub(crate) fn staged(secret: Secret, suite: Suite, created_at: UnixMillis) -> Self {
        let prk = secret.extract();
        Self {
            fingerprint: prk.fingerprint(),
            suite,
            created_at,
            activates_at: None,
            revoked_at: None,
            material: Some(Arc::new(Material { secret, prk })),
        }
    }

    /// The name of the key on the wire.
    #[must_use]
    pub fn kid(&self) -> Kid {
        let [a, b, c, d, ..] = self.fingerprint;
        Kid([a, b, c, d])
    }

    /// The AEAD that the key is used with.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// When the key was made.
    #[must_use]
    pub const fn created_at(&self) -> UnixMillis {
        self.created_at
    }

    /// When the key starts to mint, if that has been decided.
    #[must_use]
    pub const fn activates_at(&self) -> Option<UnixMillis> {
        self.activates_at
    }

    /// When the key was revoked, if it was.
    #[must_use]
    pub const fn revoked_at(&self) -> Option<UnixMillis> {
        self.revoked_at
    }

    /// Whether the key is not revoked.
    pub(crate) const fn is_live(&self) -> bool {
        self.revoked_at.is_none()
    }

    /// Makes the key a tombstone.
    pub(crate) fn revoke(&mut self, now: UnixMillis) {
        self.revoked_at = Some(now);
        self.material = None;
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &format_args!("{}", self.kid()))
            .field("suite", &format_args!("{}", self.suite))
            .field("created_at", &self.created_at.get())
            .field("activates_at", &self.activates_at.map(UnixMillis::get))
            .field("revoked_at", &self.revoked_at.map(UnixMillis::get))
            .finish_non_exhaustive()
    }
}

/// Keys with equal fingerprints have equal secrets, so no secret is compared.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let public = |k: &Self| (k.fingerprint, k.suite, k.created_at, k.activates_at, k.revoked_at);
        public(self) == public(other)
    }
}

impl Eq for Key {}

//! What is claimed: the id of a proof, and until when the claim must be kept.

use std::fmt;

use sealstamp::UnixMillis;
use sha2::{Digest, Sha256};

use crate::proof::VerifiedProof;

/// Goes before what is hashed, so that no other hash of this project, or of its users, is ever the id of a proof.
const DOMAIN: &[u8] = b"sealstamp proof id v1";

/// Which proof this is: 32 bytes, the SHA-256 over the thumbprint of its key and its `jti`.
///
/// RFC 9449 section 11.1 has servers store the `jti` alone. But the `jti` is the client's choice, so one client could
/// use up the `jti` of another. The thumbprint keeps them apart: to claim an id, one must sign with its key.
///
/// The hash is over, in this order: the 21 bytes `sealstamp proof id v1`, the 32 bytes of the thumbprint, the length of
/// the `jti` in bytes as a `u64` in big endian, and the `jti`. All parts but the last have a fixed length, so no two
/// pairs give the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProofId([u8; 32]);

impl ProofId {
    fn of(proof: &VerifiedProof) -> Self {
        let jti = proof.jti().as_bytes();
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(proof.thumbprint().as_bytes());
        hash.update((jti.len() as u64).to_be_bytes());
        hash.update(jti);
        Self(hash.finalize().into())
    }

    /// An id from its bytes, for tests of stores.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes. They tell nothing of the key or the `jti` to who does not know both.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ProofId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "ProofId({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

/// A proof that wants to be accepted, and may be once.
///
/// It has two times. A replica accepts the proof up to [`usable_until`](Self::usable_until), by its own clock. The
/// clocks of a fleet differ by up to one skew, so the claim is kept that much longer, up to
/// [`keep_until`](Self::keep_until). A store that forgets at the first time accepts the proof again on a replica whose
/// clock is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    id: ProofId,
    usable_until: UnixMillis,
    keep_until: UnixMillis,
}

impl Claim {
    /// Of a proof that ends with its nonce if it has one and every request needs one (`by_nonce`).
    ///
    /// Else it ends with the window of its `iat`, by clocks that may be `max_skew_ms` apart. If some requests need no
    /// nonce, a proof that was used with a nonce can be sent with such a request when its nonce is long gone: what says
    /// which request it is may be in no claim.
    pub(crate) fn of(proof: &VerifiedProof, by_nonce: bool, max_skew_ms: u64) -> Self {
        let (usable_until, keep_until) = match proof.nonce().filter(|_| by_nonce) {
            Some(opened) => (opened.opens_until(), opened.gone_after()),
            None => {
                let end = proof.iat_window_end();
                (end, end.saturating_add(max_skew_ms))
            }
        };
        Self::new(ProofId::of(proof), usable_until, keep_until)
    }

    /// A claim by its parts, for tests of stores.
    #[must_use]
    pub const fn new(id: ProofId, usable_until: UnixMillis, keep_until: UnixMillis) -> Self {
        Self { id, usable_until, keep_until }
    }

    /// Which proof it is.
    #[must_use]
    pub const fn id(&self) -> ProofId {
        self.id
    }

    /// The last moment at which a replica accepts the proof, by its own clock.
    #[must_use]
    pub const fn usable_until(&self) -> UnixMillis {
        self.usable_until
    }

    /// The last moment at which a claim has to be remembered, by the clock of the replica that made it.
    #[must_use]
    pub const fn keep_until(&self) -> UnixMillis {
        self.keep_until
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealstamp::Thumbprint;

    use super::*;
    use crate::proof::{Algorithm, ContentDigest};

    fn id(thumbprint: u8, jti: &str) -> ProofId {
        ProofId::of(&VerifiedProof {
            thumbprint: Thumbprint::new([thumbprint; 32]),
            jti: Arc::from(jti),
            iat: 0,
            algorithm: Algorithm::ES256,
            opened: None,
            unopened: None,
            content_digest: ContentDigest::Absent,
            next_nonce: None,
        })
    }

    #[test]
    fn an_id_is_of_one_key_and_one_jti() {
        assert_eq!(id(1, "a"), id(1, "a"));
        assert_ne!(id(1, "a"), id(2, "a"), "two clients may choose the same jti");
        assert_ne!(id(1, "a"), id(1, "b"));
        assert_ne!(id(1, "a"), id(1, "a\0"));
    }

    /// Computed with Python: `hashlib.sha256(b"sealstamp proof id v1" + b"\x01"*32 + (3).to_bytes(8, "big") + b"abc")`.
    /// Replicas of two versions share one store, so the bytes must stay.
    #[test]
    fn the_bytes_that_are_hashed() {
        let hex: String = id(1, "abc").as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "588b3c23763e8b7fc53ddaabd1f10c55813a6b197ade22d9eec177c44aa2576c");
        assert_eq!(format!("{:?}", id(1, "abc")), format!("ProofId({}..)", &hex[..8]));
    }
}

//! Rule 8: the hash by which a proof names its access token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// `ath` of a token: base64url of its SHA-256 (RFC 9449 section 4.2).
pub(crate) fn hash_of(token: &str) -> [u8; 43] {
    let mut encoded = [0; 43];
    // 32 bytes encode to exactly 43 characters; were it not so, the result would match no `ath`.
    let _ = URL_SAFE_NO_PAD.encode_slice(Sha256::digest(token), &mut encoded);
    encoded
}

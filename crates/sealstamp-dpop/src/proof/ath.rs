//! Rule 8: the hash by which a proof names its access token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `ath` of the token with this SHA-256: its base64url (RFC 9449 section 4.2).
pub(crate) fn ath_of(hash: &[u8; 32]) -> [u8; 43] {
    let mut encoded = [0; 43];
    // 32 bytes encode to exactly 43 characters; were it not so, the result would match no `ath`.
    let _ = URL_SAFE_NO_PAD.encode_slice(hash, &mut encoded);
    encoded
}

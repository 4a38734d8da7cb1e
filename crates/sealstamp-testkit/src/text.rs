//! The texts that proofs and tokens are made of.

use std::fmt::Display;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Base64url without padding (RFC 7515 section 2).
#[must_use]
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256 in base64url, 43 characters: the `ath` of a token (RFC 9449 section 4.2), among others.
#[must_use]
pub fn sha256(text: impl AsRef<[u8]>) -> String {
    b64(Sha256::digest(text))
}

/// A text between quotation marks. What is in it stands as it is, so it may hold JSON's escapes.
#[must_use]
pub fn quoted(text: impl Display) -> String {
    format!("\"{text}\"")
}

/// 16 random bytes, 22 characters: a `jti`.
#[must_use]
pub fn random_id() -> String {
    let mut id = [0; 16];
    rand::fill(&mut id).expect("the system has randomness");
    b64(id)
}

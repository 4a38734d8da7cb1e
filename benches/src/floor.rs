//! The floor: what a nonce or a proof costs whoever handles it.
//!
//! Mint: a bare seal of 8 bytes with a ready key, base64 into a buffer, one clock read. Open: the decoding, a bare
//! open, one clock read. Verify: one ES256 verification of the same bytes by the fastest library, the key parsed each
//! time.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::ChaCha20Poly1305;

use crate::clock;

/// An AEAD with a ready key and nothing around it.
pub struct Floor<A>(A);

/// The floor of the suite AES-256-GCM.
#[must_use]
pub fn aes() -> Floor<Aes256Gcm> {
    Floor(Aes256Gcm::new(&[7; 32].into()))
}

/// The floor of the suite ChaCha20-Poly1305.
#[must_use]
pub fn chacha() -> Floor<ChaCha20Poly1305> {
    Floor(ChaCha20Poly1305::new(&[7; 32].into()))
}

impl<A: AeadInOut<NonceSize = U12, TagSize = U16>> Floor<A> {
    /// One clock read, one seal of 8 bytes with 10 of additional data, 45 bytes to 60 characters.
    pub fn mint(&self) -> [u8; 60] {
        let mut raw = [1_u8; 45];
        let mut time = clock().get().to_be_bytes();
        let iv = [9; 12].into();
        let tag = self.0.encrypt_inout_detached(&iv, &[1; 10], time.as_mut_slice().into()).expect("8 bytes");
        raw[9..21].copy_from_slice(&iv);
        raw[21..29].copy_from_slice(&time);
        raw[29..].copy_from_slice(&tag);
        let mut text = [0; 60];
        URL_SAFE_NO_PAD.encode_slice(raw, &mut text).expect("60 characters");
        text
    }

    /// One clock read, 60 characters to 45 bytes, one open.
    pub fn open(&self, text: &[u8; 60]) -> u64 {
        let now = clock().get();
        let mut raw = [0_u8; 45];
        URL_SAFE_NO_PAD.decode_slice(text, &mut raw).expect("45 bytes");
        let mut time: [u8; 8] = raw[21..29].try_into().expect("8 bytes");
        let iv: &[u8; 12] = raw[9..21].try_into().expect("12 bytes");
        let tag: &[u8; 16] = raw[29..].try_into().expect("16 bytes");
        let buffer = time.as_mut_slice().into();
        self.0.decrypt_inout_detached(iv.into(), &[1; 10], buffer, tag.into()).expect("authentic");
        now.wrapping_sub(u64::from_be_bytes(time))
    }
}

/// A signed proof taken apart: what is left to do is the signature alone.
pub struct Signed {
    point: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    /// A proof of the client whose public key is `point`, 65 bytes, uncompressed.
    #[must_use]
    pub fn take_apart(proof: &str, point: &[u8]) -> Self {
        let (message, signature) = proof.rsplit_once('.').expect("a compact JWS");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        Self { point: point.to_vec(), message: message.as_bytes().to_vec(), signature }
    }

    /// The key, parsed: what a cache of keys would hold.
    #[must_use]
    pub fn parsed(&self) -> ParsedPublicKey {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.point).expect("a point of the curve")
    }

    /// One ES256 verification by AWS-LC with a key from such a cache.
    pub fn verify_with(&self, key: &ParsedPublicKey) {
        key.verify_sig(&self.message, &self.signature).expect("the client's own signature");
    }

    /// One ES256 verification by AWS-LC, the key parsed from its 65 bytes.
    pub fn verify(&self) {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.point);
        key.verify(&self.message, &self.signature).expect("the client's own signature");
    }
}

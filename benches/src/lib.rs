//! What the benches share: the inputs, and the floor that each step is measured against.
//!
//! The floor of mint is a bare seal of 8 bytes with a ready key, base64 into a buffer and one clock read; of open, a bare
//! open, the decoding and a clock read. No nonce can cost less, whoever makes it.

use std::time::SystemTime;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::ChaCha20Poly1305;
use sealstamp::{Audience, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};

/// The wall clock, as a server reads it.
pub fn clock() -> UnixMillis {
    UnixMillis::from_system_time(SystemTime::now())
}

/// A handle whose ring is as `sealstamp init` makes it.
pub fn fleet(suite: Suite) -> Fleet {
    let ring = Ring::init(Settings::default(), suite, clock(), Fresh::insecure_from_seed(1));
    Fleet::new(ring, Audience::new("https://mcp.example.com/mcp").expect("an audience")).expect("a seed")
}

/// An AEAD with a ready key and nothing around it.
pub struct Floor<A>(A);

/// The floor of the suite AES-256-GCM.
pub fn floor_aes() -> Floor<Aes256Gcm> {
    Floor(Aes256Gcm::new(&[7; 32].into()))
}

/// The floor of the suite ChaCha20-Poly1305.
pub fn floor_chacha() -> Floor<ChaCha20Poly1305> {
    Floor(ChaCha20Poly1305::new(&[7; 32].into()))
}

type Size12 = aes_gcm::aead::consts::U12;
type Size16 = aes_gcm::aead::consts::U16;

impl<A: AeadInOut<NonceSize = Size12, TagSize = Size16>> Floor<A> {
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

//! General-purpose tokens in the role of a nonce: they carry the time of minting, and are refused when it is too long
//! ago.

use branca::Branca;
use fernet::Fernet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use pasetors::Local;
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use serde::{Deserialize, Serialize};

use super::LIFETIME_S;
use crate::clock;
use crate::inputs::seconds;

/// A JWT under HS256, by `jsonwebtoken`, with `exp` as its only claim.
pub struct Hs256Peer {
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    exp: u64,
}

impl Hs256Peer {
    /// With a key of 32 bytes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            header: Header::new(Algorithm::HS256),
            encoding: EncodingKey::from_secret(&[7; 32]),
            decoding: DecodingKey::from_secret(&[7; 32]),
            validation: Validation::new(Algorithm::HS256),
        }
    }

    /// A token.
    pub fn mint(&self) -> String {
        let claims = Claims { exp: seconds() + u64::from(LIFETIME_S) };
        encode(&self.header, &claims, &self.encoding).expect("a token")
    }

    /// Whether a token is good.
    pub fn open(&self, token: &str) -> u64 {
        decode::<Claims>(token, &self.decoding, &self.validation).expect("a good token").claims.exp
    }
}

impl Default for Hs256Peer {
    fn default() -> Self {
        Self::new()
    }
}

/// A Branca token, by `branca`. Its payload is empty: the time stands in the token's header.
pub struct BrancaPeer(Branca);

impl BrancaPeer {
    /// With a key of 32 bytes.
    #[must_use]
    pub fn new() -> Self {
        Self(Branca::new(&[7; 32]).expect("a key"))
    }

    /// A token.
    pub fn mint(&mut self) -> String {
        self.0.encode(&[]).expect("a token")
    }

    /// Whether a token is good.
    pub fn open(&self, token: &str) {
        self.0.decode(token, LIFETIME_S).expect("a good token");
    }
}

impl Default for BrancaPeer {
    fn default() -> Self {
        Self::new()
    }
}

/// A Fernet token, by `fernet` on RustCrypto. Its payload is empty: the time stands in the token's header.
pub struct FernetPeer(Fernet);

impl FernetPeer {
    /// With a new key.
    #[must_use]
    pub fn new() -> Self {
        Self(Fernet::new(&Fernet::generate_key()).expect("a key"))
    }

    /// A token.
    pub fn mint(&self) -> String {
        self.0.encrypt(&[])
    }

    /// Whether a token is good.
    pub fn open(&self, token: &str) {
        self.0.decrypt_with_ttl(token, LIFETIME_S.into()).expect("a good token");
    }
}

impl Default for FernetPeer {
    fn default() -> Self {
        Self::new()
    }
}

/// A PASETO v4.local, by the layer of `pasetors` without JSON: the payload is the time in milliseconds, as digits.
pub struct PasetoPeer(SymmetricKey<V4>);

impl PasetoPeer {
    /// With a key of 32 bytes.
    #[must_use]
    pub fn new() -> Self {
        Self(SymmetricKey::from(&[7; 32]).expect("a key"))
    }

    /// A token.
    pub fn mint(&self) -> String {
        let time = clock().get().to_string();
        LocalToken::encrypt(&self.0, time.as_bytes(), None, None).expect("a token")
    }

    /// Whether a token is good.
    pub fn open(&self, token: &str) {
        let token = UntrustedToken::<Local, V4>::try_from(token).expect("a token");
        let opened = LocalToken::decrypt(&self.0, &token, None, None).expect("an authentic token");
        let time: u64 = opened.payload().parse().expect("a time");
        assert!(clock().get().saturating_sub(time) < u64::from(LIFETIME_S) * 1000, "a good token");
    }
}

impl Default for PasetoPeer {
    fn default() -> Self {
        Self::new()
    }
}

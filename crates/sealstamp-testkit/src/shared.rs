//! Keys that all tests of a process share. To make an RSA key takes long.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::issuer::Issuer;
use crate::key::Key;

/// The issuer of the drafts' tokens, as its tokens name it.
pub const ISSUER: &str = "https://issuer.example.com";

static KEYS: Mutex<BTreeMap<&'static str, Key>> = Mutex::new(BTreeMap::new());
static OTHER_KEY: LazyLock<Key> = LazyLock::new(|| Key::generate("ES256"));
static THE_ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(ISSUER));

/// The client's key for the algorithm of this name.
#[must_use]
pub fn key(algorithm: &'static str) -> Key {
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    keys.entry(algorithm).or_insert_with(|| Key::generate(algorithm)).clone()
}

/// Somebody else's key, ES256.
#[must_use]
pub fn other_key() -> Key {
    OTHER_KEY.clone()
}

/// The issuer of the drafts' tokens.
#[must_use]
pub fn issuer() -> &'static Issuer {
    &THE_ISSUER
}

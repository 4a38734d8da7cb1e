//! Two clients whose keys and signatures are the same in every run, so that a request can stand in a corpus.

use std::sync::LazyLock;

use sealstamp::{Thumbprint, UnixMillis};
use sealstamp_testkit::Key;

/// A whole second.
pub(crate) const NOW: UnixMillis = UnixMillis::new(1_795_361_400_000);

/// The access token, which is bound to the client's key.
pub(crate) const TOKEN: &str = "a-bound-token";

/// The client's key.
pub(crate) static CLIENT: LazyLock<Key> = LazyLock::new(|| Key::from_seed([7; 32]));
/// Somebody else's.
pub(crate) static OTHER: LazyLock<Key> = LazyLock::new(|| Key::from_seed([8; 32]));

/// The client's thumbprint.
pub(crate) fn thumbprint() -> Thumbprint {
    CLIENT.thumbprint().parse().expect("43 characters")
}

/// The header of the client's proofs.
pub(crate) fn header() -> String {
    format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{}}}"#, CLIENT.canonical_jwk())
}

/// A text as a JSON string, with the escapes that it needs: a fuzzer's text may hold anything.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

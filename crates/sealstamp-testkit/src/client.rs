//! A client: a key, and a token that is bound to it.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::draft::Draft;
use crate::key::Key;

/// Who sends requests.
#[derive(Clone)]
pub struct Client {
    /// The key of its proofs.
    pub key: Key,
    /// The access token, whatever its kind.
    pub token: String,
}

impl Client {
    /// A good request of this client at `now_s`, seconds since the Unix epoch.
    #[must_use]
    pub fn draft(&self, nonce: &str, now_s: u64) -> Draft {
        Draft::new(&self.key, nonce, now_s).but(|draft| draft.token = Some(self.token.clone()))
    }
}

/// The headers of a request with any scheme and token, and with these proofs.
///
/// # Panics
///
/// If one of them cannot stand in a header field.
pub fn headers<'p>(scheme: &str, token: &str, proofs: impl IntoIterator<Item = &'p str>) -> HeaderMap {
    let field = |text: &str| HeaderValue::from_str(text).expect("visible ASCII");
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, field(&format!("{scheme} {token}")));
    for proof in proofs {
        headers.append("dpop", field(proof));
    }
    headers
}

//! What was verified about a caller, in header fields for the upstream.
//!
//! All names begin with `X-Sealstamp-`. All fields are always there, if need be without a value: then a proxy replaces
//! what a client wrote under these names. A value is percent-encoded but for unreserved characters (RFC 3986 section
//! 2.3), so no claim can break out of its field.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sealstamp_dpop::Accepted;

pub(crate) const SUBJECT: HeaderName = HeaderName::from_static("x-sealstamp-subject");
pub(crate) const ISSUER: HeaderName = HeaderName::from_static("x-sealstamp-issuer");
pub(crate) const CLIENT_ID: HeaderName = HeaderName::from_static("x-sealstamp-client-id");
pub(crate) const SCOPES: HeaderName = HeaderName::from_static("x-sealstamp-scopes");
pub(crate) const THUMBPRINT: HeaderName = HeaderName::from_static("x-sealstamp-thumbprint");
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("x-sealstamp-token");

/// Everything but the unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is told about one caller.
pub(crate) struct Caller<'a> {
    pub(crate) subject: Option<&'a str>,
    pub(crate) issuer: Option<&'a str>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) scopes: Vec<&'a str>,
    /// `None` for a `Bearer` token.
    pub(crate) thumbprint: Option<String>,
}

impl<'a> Caller<'a> {
    /// From what was accepted. The issuer is that of introspection if the token names none.
    pub(crate) fn of(accepted: &'a Accepted, asked: Option<&'a str>) -> Self {
        let token = accepted.token();
        Self {
            subject: token.subject(),
            issuer: token.claims().get("iss").and_then(|iss| iss.as_str()).or(asked),
            client_id: token.client_id(),
            scopes: token.scopes().collect(),
            thumbprint: accepted.proof().map(|proof| proof.thumbprint().to_string()),
        }
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let scopes = self.scopes.iter().map(|scope| encoded(scope)).collect::<Vec<_>>().join(" ");
        for (name, value) in [
            (SUBJECT, encoded(self.subject.unwrap_or_default())),
            (ISSUER, encoded(self.issuer.unwrap_or_default())),
            (CLIENT_ID, encoded(self.client_id.unwrap_or_default())),
            (SCOPES, scopes),
            (THUMBPRINT, encoded(self.thumbprint.as_deref().unwrap_or_default())),
        ] {
            headers.insert(name, HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("")));
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

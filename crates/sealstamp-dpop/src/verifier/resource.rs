//! The documents that describe this server as a protected resource (RFC 9728), made from what the verifier enforces.

use serde::Serialize;

use crate::policy::{DigestDemand, Policy};
use crate::proof::Algorithm;

/// RFC 9728 section 3.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata, by the server's public names.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) path: String,
    pub(crate) documents: Vec<String>,
}

/// What the metadata is made of.
pub(crate) struct Facts<'f> {
    /// One resource identifier for each public name.
    pub(crate) identifiers: &'f [String],
    pub(crate) authorization_servers: &'f [String],
    pub(crate) scopes: &'f [String],
    pub(crate) algorithms: &'f [Algorithm],
    pub(crate) bearer: bool,
    pub(crate) digest: DigestFacts,
}

/// What clients are told of digests of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DigestFacts {
    /// Nothing: no request is known to need one.
    Unused,
    /// They are looked at, and some request may pass without.
    Used,
    /// Every request needs one.
    Required,
}

impl DigestFacts {
    /// From every policy that a request may get. `decides`: a function may choose others.
    pub(crate) fn of<'p>(policies: impl Iterator<Item = &'p Policy>, decides: bool) -> Self {
        let demands: Vec<_> = policies.map(Policy::body_digest).collect();
        if !decides && demands.iter().all(|demand| *demand == DigestDemand::Required) {
            Self::Required
        } else if demands.iter().any(|demand| *demand != DigestDemand::Off) {
            Self::Used
        } else {
            Self::Unused
        }
    }
}

impl Resource {
    /// `path` is that of the resource, in its normal form.
    pub(crate) fn new(path: &str, facts: &Facts<'_>) -> Self {
        let documents = facts.identifiers.iter().map(|identifier| facts.document(identifier)).collect();
        Self { path: well_known(path), documents }
    }
}

impl Facts<'_> {
    fn document(&self, resource: &str) -> String {
        let used = self.digest != DigestFacts::Unused;
        let document = Document {
            resource,
            authorization_servers: self.authorization_servers,
            scopes_supported: self.scopes,
            bearer_methods_supported: ["header"],
            dpop_bound_access_tokens_required: !self.bearer,
            dpop_signing_alg_values_supported: self.algorithms.iter().map(|algorithm| algorithm.as_str()).collect(),
            dpop_content_digest_alg_values_supported: used.then_some(["sha-256"]),
            dpop_content_digest_required: used.then_some(self.digest == DigestFacts::Required),
        };
        // Strings and a flag: nothing in it can fail to be JSON.
        serde_json::to_string(&document).unwrap_or_default()
    }
}

/// RFC 9728 section 2.
#[derive(Serialize)]
struct Document<'d> {
    resource: &'d str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    authorization_servers: &'d [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'d [String],
    bearer_methods_supported: [&'static str; 1],
    dpop_bound_access_tokens_required: bool,
    dpop_signing_alg_values_supported: Vec<&'static str>,
    /// Of this project, and not of RFC 9728, as is the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop_content_digest_alg_values_supported: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop_content_digest_required: Option<bool>,
}

/// Where the metadata of a resource with this path is. RFC 9728 section 3.1: "any terminating slash (/) following the
/// host component MUST be removed before inserting /.well-known/".
pub(crate) fn well_known(path: &str) -> String {
    format!("{WELL_KNOWN}{}", if path == "/" { "" } else { path })
}

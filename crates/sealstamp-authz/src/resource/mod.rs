//! Protected resources: a verifier, a validator of tokens, and the metadata, for each.
//!
//! All that is asked while requests come is in one immutable [`Routes`]. A reload builds another and swaps it in, so a
//! request sees the old configuration or the new one. What must outlive a reload is in [`Kept`]: the rings that are
//! followed, the keys of issuers, and the stores of used proofs, none of which may be forgotten.

mod build;
mod kept;
mod rules;
mod secret;
mod store;
mod tokens;
mod urls;
mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;

use sealstamp_dpop::{ByIssuer, Cached, ProtectedResource, Verifier};

pub(crate) use build::routes;
pub(crate) use kept::{Followed, IssuerKeys, Kept, followed_status};
use watched::Watched;

use crate::answer::Signer;

/// All resources, by name.
pub(crate) struct Routes {
    pub(crate) resources: BTreeMap<String, Resource>,
    pub(crate) signer: Option<Arc<Signer>>,
    pub(crate) kept: Kept,
}

/// One resource.
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) verifier: Verifier,
    pub(crate) tokens: Cached<ByIssuer>,
    pub(crate) watched: Watched,
    pub(crate) metadata: ProtectedResource,
    /// Its path in its normal form, without a slash at the end.
    path: String,
    /// The issuer of opaque tokens.
    pub(crate) asked_issuer: Option<String>,
    /// Whom signed tokens for the upstream are for.
    pub(crate) upstream_audience: String,
}

impl Routes {
    /// Takes the place of these routes. Counters go on from where they are.
    pub(crate) fn go_on(&mut self, old: &Self) {
        for (name, resource) in &mut self.resources {
            if let Some(old) = old.resources.get(name) {
                resource.watched.go_on(&old.watched, &old.tokens);
            }
        }
    }
}

impl Resource {
    /// Whether this path is the resource's own or beneath it.
    pub(crate) fn covers(&self, path: &str) -> bool {
        rules::is_within(path, &self.path)
    }
}

//! A refused request, with all that its response and its log line need.

use std::fmt;
use std::sync::Arc;

use sealstamp::{Nonce, Refusal};

use crate::names::Name;
use crate::verdict::answer::Answer;
use crate::verdict::reason::Reason;

/// A request that broke a rule. [`Answer`] is for the client, [`Reason`] for the operator.
#[derive(Debug, Clone)]
pub struct Rejection {
    fault: Fault,
    nonce: Option<Nonce>,
    name: Name,
    scopes: Option<Arc<str>>,
}

impl Rejection {
    pub(crate) const fn new(fault: Fault, nonce: Option<Nonce>, name: Name) -> Self {
        Self { fault, nonce, name, scopes: None }
    }

    /// The same, of a request that needs these scopes.
    pub(crate) fn needing<'s>(self, scopes: impl Iterator<Item = &'s str>) -> Self {
        Self { scopes: Some(scopes.collect::<Vec<_>>().join(" ").into()), ..self }
    }

    /// What the client is told.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.fault.reason.answer()
    }

    /// Why the request was refused, for metrics and logs.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.fault.reason
    }

    /// If its nonce did not open: what the core said, such as by how much it had expired.
    #[must_use]
    pub fn nonce_refusal(&self) -> Option<Refusal> {
        self.fault.nonce
    }

    /// The fresh nonce that goes with the refusal. `None` with [`Nonces::Off`](crate::Nonces::Off), and while service is
    /// refused because the ring is not confirmed.
    #[must_use]
    pub fn nonce(&self) -> Option<&Nonce> {
        self.nonce.as_ref()
    }

    /// With [`Answer::InsufficientScope`]: all scopes that the request needs, with spaces between them.
    #[must_use]
    pub fn needed_scopes(&self) -> Option<&str> {
        self.scopes.as_deref()
    }

    /// The public name that the client used.
    pub(crate) fn name(&self) -> Name {
        self.name
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request refused: {}", self.reason())
    }
}

impl std::error::Error for Rejection {}

/// A broken rule, before it is counted and before a nonce is minted for the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) nonce: Option<Refusal>,
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self { reason, nonce: None }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self { reason: refusal.into(), nonce: Some(refusal) }
    }
}

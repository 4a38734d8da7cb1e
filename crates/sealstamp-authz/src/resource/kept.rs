//! What outlives a reload: rings that are followed, keys of issuers, stores of used proofs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sealstamp::{Audience, Fleet, KeyState, ReloadError, ReloadStatus, Reloader, RingFile, UnixMillis};
use sealstamp_dpop::{RemoteJwtValidator, RemoteStatus};
use tracing::{info, warn};

use crate::config::{Findings, RingAt};
use crate::resource::store::Stores;

/// What the routes in use hold on to. Building other routes takes from it what they need too.
#[derive(Default, Clone)]
pub(crate) struct Kept {
    pub(crate) rings: BTreeMap<String, Followed>,
    pub(crate) issuers: BTreeMap<IssuerKey, RemoteJwtValidator>,
    pub(crate) stores: Stores,
}

/// A ring with what keeps it current, for one audience of nonces.
#[derive(Clone)]
pub(crate) struct Followed {
    pub(crate) fleet: Fleet,
    reloader: Arc<Reloader>,
}

/// An issuer with all that its validator was made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IssuerKey {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway_s: Option<u64>,
}

/// Where the keys of one issuer stand.
pub(crate) type IssuerKeys = RemoteStatus;

impl Followed {
    /// Reads the ring and follows its file from now on.
    pub(crate) fn start(ring: &RingAt, audience: Audience, findings: &mut Findings) -> Option<Self> {
        let file = RingFile::new(&ring.file);
        let mut unusable = |error: &dyn fmt::Display| findings.add_at(&ring.named, unusable(error));
        let fleet = file.load().map_err(|error| unusable(&error)).ok()?;
        let fleet = Fleet::new(fleet, audience).map_err(|error| unusable(&error)).ok()?;
        let mut reloader = Reloader::builder(file, fleet.clone()).min_serial(ring.min_serial);
        if ring.refuse_unconfirmed {
            reloader = reloader.refuse_unconfirmed();
        }
        let reloader = match reloader.build() {
            Ok(reloader) => reloader,
            Err(error @ ReloadError::BelowMinSerial { .. }) => {
                findings.add_at(&ring.serial_named, error);
                return None;
            }
            Err(error) => {
                unusable(&error);
                return None;
            }
        };
        let reloader = reloader.start(poll_every(&fleet), report).map_err(|error| unusable(&error)).ok()?;
        Some(Self { fleet, reloader: Arc::new(reloader) })
    }

    pub(crate) fn status(&self) -> ReloadStatus {
        self.reloader.status()
    }
}

fn unusable(error: &dyn fmt::Display) -> String {
    format!("this ring cannot be used: {error}")
}

/// A ring that is named and that no resource follows is read all the same.
pub(crate) fn check_ring(ring: &RingAt, findings: &mut Findings) {
    if let Err(error) = RingFile::new(&ring.file).load() {
        findings.add_at(&ring.named, unusable(&error));
    }
}

/// The status of every ring that is followed.
pub(crate) fn followed_status(kept: &Kept) -> Vec<ReloadStatus> {
    kept.rings.values().map(Followed::status).collect()
}

/// A quarter of the fleet's `propagation`, but no longer than [`Reloader::EVERY`].
fn poll_every(fleet: &Fleet) -> Duration {
    let ring = fleet.ring();
    let in_force = ring.settings_at(UnixMillis::from_system_time(SystemTime::now())).propagation_s();
    // A shorter one that is to come counts from its date on, and the pace does not change.
    let next = ring.next_settings().map_or(in_force, |next| next.settings.propagation_s());
    Duration::from_millis(250).saturating_mul(in_force.min(next)).min(Reloader::EVERY)
}

fn report(status: &ReloadStatus) {
    let active = status.keys.iter().find(|key| key.state == KeyState::Active);
    let kid = active.map(|key| key.kid.to_string()).unwrap_or_default();
    match &status.error {
        Some(fault) => warn!(
            audience = status.audience.as_str(), serial = status.serial, fault = fault.error.as_str(), error = %fault.error,
            "the ring file cannot be used; the ring in use stays"
        ),
        None => info!(audience = status.audience.as_str(), serial = status.serial, active = kid, "ring in use"),
    }
    for warning in &status.warnings {
        warn!(audience = status.audience.as_str(), "{warning}");
    }
}

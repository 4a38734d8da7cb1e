//! What a replica uses, and how it stands with its ring file.

use serde::{Serialize, Serializer};

use crate::disk::reload::error::ReloadError;
use crate::time::UnixMillis;

/// Which ring a replica uses, and how the last poll of its ring file went. As JSON, for a health endpoint:
///
/// ```json
/// {
///   "serial": 7,
///   "digest": "64 hexadecimal digits",
///   "loaded_at": "2026-11-22T19:10:02.041Z",
///   "age_ms": 3310,
///   "error": {
///     "kind": "older_serial",
///     "message": "the ring has serial 6, older than serial 7 in use",
///     "since": "2026-11-22T19:12:00.504Z"
///   }
/// }
/// ```
///
/// `error` is null when the last poll was good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReloadStatus {
    /// The serial of the ring in use.
    pub serial: u64,
    /// Its [`Ring::digest`](crate::Ring::digest), 32 bytes. Replicas with equal rings have equal digests. In JSON, 64
    /// hexadecimal digits.
    #[serde(serialize_with = "hex")]
    pub digest: [u8; 32],
    /// When this process began to use it.
    #[serde(serialize_with = "text")]
    pub loaded_at: UnixMillis,
    /// Milliseconds since a poll last found the ring in use in the file. More than the fleet's `propagation` is an
    /// alarm: for some reason, this replica would miss the next change.
    pub age_ms: u64,
    /// What went wrong at the last poll, if anything did.
    pub error: Option<ReloadFault>,
}

impl ReloadStatus {
    /// What a caller is told about when it changes.
    pub(super) fn what(&self) -> (u64, Option<ReloadError>) {
        (self.serial, self.error.as_ref().map(|fault| fault.error))
    }
}

/// What is wrong with a ring file, and since when. The ring in use is not affected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadFault {
    /// What was wrong at the last poll.
    pub error: ReloadError,
    /// When the first poll failed of those that have failed in a row.
    pub since: UnixMillis,
}

impl Serialize for ReloadFault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form {
            kind: &'static str,
            message: String,
            since: String,
        }
        let (kind, message) = (self.error.as_str(), self.error.to_string());
        Form { kind, message, since: self.since.to_string() }.serialize(to)
    }
}

fn hex<S: Serializer>(digest: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    let (high, low) = digest.split_at(16);
    let number = |half: &[u8]| u128::from_be_bytes(*half.first_chunk().unwrap_or(&[0; 16]));
    to.collect_str(&format_args!("{:032x}{:032x}", number(high), number(low)))
}

fn text<S: Serializer>(time: &UnixMillis, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

//! What a replica uses, and how it stands with its ring file.

use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::audience::Audience;
use crate::disk::exposure::Exposure;
use crate::disk::reload::error::ReloadError;
use crate::encoding;
use crate::kid::Kid;
use crate::ring::lineage::RingId;
use crate::ring::state::KeyState;
use crate::settings::Settings;
use crate::time::UnixMillis;

/// Which ring a replica uses, and how it stands with its ring file. Nothing in it is secret. Two replicas that would
/// refuse each other's nonces differ in `audience` or `digest`.
///
/// As JSON of the format `sealstamp-status/1`, for a health endpoint. Members may be added, and none changes its
/// meaning:
///
/// ```json
/// {
///   "format": "sealstamp-status/1",
///   "version": "0.1.0",
///   "fit": false,
///   "serving": true,
///   "audience": "https://mcp.example.com/mcp",
///   "serial": 7,
///   "digest": "64 hexadecimal digits",
///   "ancestors": ["6:64 hexadecimal digits"],
///   "settings": { "lifetime_s": 120, "max_skew_s": 5, "propagation_s": 600 },
///   "keys": [{ "kid": "bdc01891", "state": "active" }, { "kid": "db9b008f", "state": "staged" }],
///   "loaded_at": "2026-11-22T19:10:02.041Z",
///   "age_ms": 603310,
///   "polled_ms": 3310,
///   "failed_polls": 121,
///   "thread": "running",
///   "panics": 0,
///   "last_panic_at": null,
///   "error": {
///     "kind": "older_serial",
///     "message": "the ring has serial 6, older than serial 7 in use",
///     "since": "2026-11-22T19:12:00.504Z",
///     "last_at": "2026-11-22T19:22:00.112Z"
///   },
///   "warnings": [{ "kind": "world_readable", "message": "everybody may read the ring file" }]
/// }
/// ```
///
/// `error` is null when the last poll was good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadStatus {
    /// The version of this crate.
    pub version: &'static str,
    /// Whether nobody has to look: the last poll was good and is at most the fleet's `propagation` old, and the thread,
    /// once started, still runs. A replica that is not fit goes on serving. It may miss the next change.
    pub fit: bool,
    /// Whether nonces are opened. This is false only with
    /// [`refuse_unconfirmed`](crate::ReloaderBuilder::refuse_unconfirmed), while the ring is not confirmed.
    pub serving: bool,
    /// The server's own name for itself. Replicas with different ones refuse each other's nonces.
    pub audience: Audience,
    /// The serial of the ring in use.
    pub serial: u64,
    /// Its [`Ring::digest`](crate::Ring::digest), 32 bytes. Replicas with equal rings have equal digests. In JSON, 64
    /// hexadecimal digits.
    pub digest: [u8; 32],
    /// The rings that it comes from, greatest serial first: its [`Ring::ancestors`](crate::Ring::ancestors). In JSON, text
    /// as of [`RingId`].
    pub ancestors: Vec<RingId>,
    /// The settings in force.
    pub settings: Settings,
    /// The ring's keys, and what each is to this replica's clock.
    pub keys: Vec<StatusKey>,
    /// When this process began to use the ring.
    pub loaded_at: UnixMillis,
    /// Milliseconds since the start of the last poll that found the ring in use in the file. More than the fleet's
    /// `propagation` is an alarm: for some reason, this replica would miss the next change. Time for which the machine
    /// was suspended counts (see [`SystemClock`](crate::SystemClock)), and setting the date changes nothing.
    pub age_ms: u64,
    /// Milliseconds since the last poll ended, good or bad. If this grows, the thread hangs or there is none.
    pub polled_ms: u64,
    /// How many polls have failed since this process started. Only the last one's error is kept.
    pub failed_polls: u64,
    /// Whether the thread runs.
    pub thread: ReloadThread,
    /// How often the caller's `on_change`, or a poll of the thread, has panicked. The thread goes on.
    pub panics: u64,
    /// When that last happened.
    pub last_panic_at: Option<UnixMillis>,
    /// What went wrong at the last poll, if anything did.
    pub error: Option<ReloadFault>,
    /// Who else can read or replace the file. The ring is used all the same.
    pub warnings: Vec<Exposure>,
}

/// A key of the ring in use, and what it is at the time of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusKey {
    /// The key's name.
    pub kid: Kid,
    /// Its state.
    pub state: KeyState,
}

/// The thread of a [`Reloader`](crate::Reloader).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReloadThread {
    /// [`start`](crate::Reloader::start) was not called. The file is read when the caller polls.
    NotStarted,
    /// It polls.
    Running,
    /// It has ended. As long as the reloader lives, this should not happen.
    Stopped,
}

impl ReloadThread {
    /// As a label for metrics: `running` for example.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

/// What is wrong with a ring file, and since when. The ring in use is not affected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadFault {
    /// What was wrong at the last poll.
    pub error: ReloadError,
    /// The first poll that failed for a reason of this kind, of those that have done so in a row.
    pub since: UnixMillis,
    /// The last poll, which failed too.
    pub last_at: UnixMillis,
}

impl Serialize for ReloadStatus {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut form = to.serialize_struct("ReloadStatus", 19)?;
        form.serialize_field("format", "sealstamp-status/1")?;
        form.serialize_field("version", self.version)?;
        form.serialize_field("fit", &self.fit)?;
        form.serialize_field("serving", &self.serving)?;
        form.serialize_field("audience", self.audience.as_str())?;
        form.serialize_field("serial", &self.serial)?;
        form.serialize_field("digest", &Hex(&self.digest))?;
        form.serialize_field("ancestors", &self.ancestors.iter().map(Text).collect::<Vec<_>>())?;
        form.serialize_field("settings", &SettingsForm::from(&self.settings))?;
        form.serialize_field("keys", &self.keys)?;
        form.serialize_field("loaded_at", &Text(self.loaded_at))?;
        form.serialize_field("age_ms", &self.age_ms)?;
        form.serialize_field("polled_ms", &self.polled_ms)?;
        form.serialize_field("failed_polls", &self.failed_polls)?;
        form.serialize_field("thread", self.thread.as_str())?;
        form.serialize_field("panics", &self.panics)?;
        form.serialize_field("last_panic_at", &self.last_panic_at.map(Text))?;
        form.serialize_field("error", &self.error)?;
        let warnings: Vec<_> =
            self.warnings.iter().map(|w| Line { kind: w.as_str(), message: w.to_string() }).collect();
        form.serialize_field("warnings", &warnings)?;
        form.end()
    }
}

impl Serialize for ReloadFault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form {
            #[serde(flatten)]
            line: Line,
            since: Text<UnixMillis>,
            last_at: Text<UnixMillis>,
        }
        let line = Line { kind: self.error.as_str(), message: self.error.to_string() };
        Form { line, since: Text(self.since), last_at: Text(self.last_at) }.serialize(to)
    }
}

impl Serialize for StatusKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut form = to.serialize_struct("StatusKey", 2)?;
        form.serialize_field("kid", &Text(self.kid))?;
        form.serialize_field("state", self.state.as_str())?;
        form.end()
    }
}

#[derive(Serialize)]
struct Line {
    kind: &'static str,
    message: String,
}

#[derive(Serialize)]
struct SettingsForm {
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
}

impl From<&Settings> for SettingsForm {
    fn from(settings: &Settings) -> Self {
        Self {
            lifetime_s: settings.lifetime_s(),
            max_skew_s: settings.max_skew_s(),
            propagation_s: settings.propagation_s(),
        }
    }
}

struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

struct Hex<'b>(&'b [u8; 32]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&encoding::hex_32(self.0))
    }
}

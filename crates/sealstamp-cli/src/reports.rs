//! What others say of the ring: a replica's status page, another copy of the file, or a name that somebody wrote down.
//!
//! A status comes over plain HTTP or from a file. There is no TLS: it would bring a store of certificates and a second
//! library of cryptography into a tool that holds secrets, to read what is no secret. `curl` has both; give its output
//! as a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use sealstamp::{Kid, Ring, RingId, Settings};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::outcome::Failure;

/// How long a replica may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one source says.
pub(crate) struct Report {
    /// The source, as the command line names it.
    pub(crate) source: String,
    pub(crate) id: RingId,
    pub(crate) ancestors: Vec<RingId>,
    /// None if the source is no replica.
    pub(crate) status: Option<Status>,
    /// The kids of the keys that are revoked.
    pub(crate) revoked: Vec<Kid>,
    /// None if the source is a bare name.
    pub(crate) settings: Option<Settings>,
}

/// What only a replica can say.
pub(crate) struct Status {
    pub(crate) audience: String,
    /// What is wrong with its file, by its own account.
    pub(crate) fault: Option<String>,
}

impl Report {
    /// Reads `SERIAL:DIGEST`, an `http` URL, or a file that is a ring or a status.
    pub(crate) fn read(source: &str) -> Result<Self, Failure> {
        let failed = |why: &dyn std::fmt::Display| Failure::new(format_args!("{source}: {why}"));
        if let Ok(id) = source.parse::<RingId>() {
            let (ancestors, revoked) = (Vec::new(), Vec::new());
            return Ok(Self { source: source.into(), id, ancestors, status: None, revoked, settings: None });
        }
        if source.starts_with("https://") {
            return Err(Failure::usage(format_args!("{source}: the tool speaks no TLS"))
                .hint("give a file: curl -s URL > status.json"));
        }
        if source.starts_with("http://") {
            let body = fetch(source).map_err(|e| failed(&e))?;
            return Self::of_status(source, &body);
        }
        let bytes = read_file(Path::new(source)).map_err(|e| failed(&e))?;
        match Ring::parse(&bytes) {
            Ok(ring) => Ok(Self::of_ring(source, &ring)),
            Err(error) if looks_like_a_ring(&bytes) => Err(failed(&format_args!("not a ring: {error}"))),
            Err(_) => Self::of_status(source, &bytes),
        }
    }

    pub(crate) fn of_ring(source: &str, ring: &Ring) -> Self {
        let revoked = ring.keys().iter().filter(|key| key.revoked_at().is_some());
        Self {
            source: source.into(),
            id: ring.id(),
            ancestors: ring.ancestors().unwrap_or_default().to_vec(),
            status: None,
            revoked: revoked.map(|key| key.kid()).collect(),
            settings: Some(*ring.settings()),
        }
    }

    fn of_status(source: &str, bytes: &[u8]) -> Result<Self, Failure> {
        let form = Form::find(bytes).ok_or_else(|| {
            Failure::new(format_args!("{source}: neither a ring nor a status of the format sealstamp-status/1"))
                .hint("a status is what a replica shows at its health page, alone or as the member \"ring\"")
        })?;
        form.report(source)
            .ok_or_else(|| Failure::new(format_args!("{source}: a status with a member that is not as it should be")))
    }
}

/// Reads the newest copy for `recover`.
pub(crate) fn read_copy(path: &Path) -> Result<Ring, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new(format_args!("{}: {why}", path.display()));
    let bytes = read_file(path).map_err(|e| failed(&e))?;
    Ring::parse(&bytes).map_err(|e| failed(&format_args!("not a ring: {e}")))
}

/// What is too long for a ring is cut off, and then is none. A pipe is as good as a file.
fn read_file(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // A buffer that grows leaves copies behind that nobody wipes. So the room is made first.
    let most = Ring::MAX_FILE_LEN.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    File::open(path)?.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn looks_like_a_ring(bytes: &[u8]) -> bool {
    bytes.windows(b"sealstamp-ring/".len()).any(|window| window == b"sealstamp-ring/")
}

/// A health page that says 503 has a body as well.
fn fetch(url: &str) -> Result<Vec<u8>, ureq::Error> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).max_redirects(0);
    let mut answer = ureq::Agent::from(config.build()).get(url).call()?;
    let limit = u64::try_from(Ring::MAX_FILE_LEN).unwrap_or(u64::MAX);
    answer.body_mut().with_config().limit(limit).read_to_vec()
}

/// `sealstamp-status/1`, as the core documents it; members that are of no use here are left out.
#[derive(Deserialize)]
struct Form {
    audience: String,
    serial: u64,
    digest: String,
    ancestors: Vec<String>,
    settings: SettingsForm,
    keys: Vec<KeyForm>,
    error: Option<ErrorForm>,
}

#[derive(Deserialize)]
struct SettingsForm {
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
}

#[derive(Deserialize)]
struct KeyForm {
    kid: String,
    state: String,
}

#[derive(Deserialize)]
struct ErrorForm {
    kind: String,
}

impl Form {
    /// A status alone, or as the member `ring` of a health page.
    fn find(bytes: &[u8]) -> Option<Self> {
        let mut page: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let is_status = |value: &serde_json::Value| value.get("format").is_some_and(|f| f == "sealstamp-status/1");
        let status = if is_status(&page) { page } else { page.get_mut("ring").map(serde_json::Value::take)? };
        is_status(&status).then(|| serde_json::from_value(status).ok())?
    }

    fn report(self, source: &str) -> Option<Report> {
        let id = format!("{}:{}", self.serial, self.digest).parse().ok()?;
        let ancestors = self.ancestors.iter().map(|id| id.parse().ok()).collect::<Option<_>>()?;
        let SettingsForm { lifetime_s, max_skew_s, propagation_s } = self.settings;
        let revoked = self.keys.iter().filter(|key| key.state == "revoked");
        let status = Status { audience: plain(&self.audience), fault: self.error.map(|error| plain(&error.kind)) };
        Some(Report {
            source: source.into(),
            id,
            ancestors,
            status: Some(status),
            revoked: revoked.map(|key| key.kid.parse().ok()).collect::<Option<_>>()?,
            settings: Some(Settings::new(lifetime_s, max_skew_s, propagation_s).ok()?),
        })
    }
}

/// What others wrote, fit for a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(200).collect()
}

//! What others say of the ring: a replica's status page, another copy of the file, or a name that somebody wrote down.
//!
//! A status comes over plain HTTP or from a file. There is no TLS: it would bring a store of certificates and a second
//! library of cryptography into a tool that holds secrets, to read what is no secret. `curl` has both; give its output
//! as a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use sealstamp::{Kid, Ring, RingId, Settings, UnixMillis};
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
    /// What is in force. None if the source is a bare name.
    pub(crate) settings: Option<Settings>,
}

/// What only a replica can say.
pub(crate) struct Status {
    pub(crate) audience: String,
    /// What is wrong with its file, by its own account.
    pub(crate) fault: Option<String>,
}

impl Report {
    /// Reads `SERIAL:DIGEST`, an `http` URL, or a file that is a ring or a status. A ring's settings are those in force at
    /// `now`, as a status shows them.
    pub(crate) fn read(source: &str, now: UnixMillis) -> Result<Self, Failure> {
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
            Ok(ring) => Ok(Self::of_ring(source, &ring, now)),
            Err(error) if looks_like_a_ring(&bytes) => Err(failed(&format_args!("not a ring: {error}"))),
            Err(_) => Self::of_status(source, &bytes),
        }
    }

    fn of_ring(source: &str, ring: &Ring, now: UnixMillis) -> Self {
        let revoked = ring.keys().iter().filter(|key| key.revoked_at().is_some());
        Self {
            source: source.into(),
            id: ring.id(),
            ancestors: ring.ancestors().unwrap_or_default().to_vec(),
            status: None,
            revoked: revoked.map(|key| key.kid()).collect(),
            settings: Some(*ring.settings_at(now)),
        }
    }

    fn of_status(source: &str, bytes: &[u8]) -> Result<Self, Failure> {
        let form = Form::find(bytes).ok_or_else(|| {
            Failure::new(format_args!("{source}: neither a ring nor a status of the format sealstamp-status/1")).hint(
                "a status is what a replica shows at its health page, alone or as the member \"ring\" or \"rings\"",
            )
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
    /// A status alone, or as the member `ring` of a health page. `sealstamp-authz` has one in `rings` for each audience;
    /// all are of one file, so the first speaks for all.
    fn find(bytes: &[u8]) -> Option<Self> {
        let page: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let places = [Some(&page), page.get("ring"), page.pointer("/rings/0")];
        let is_status = |value: &&serde_json::Value| value.get("format").is_some_and(|f| f == "sealstamp-status/1");
        Self::deserialize(places.into_iter().flatten().find(is_status)?).ok()
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_795_374_000_000);
    const DIGEST: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

    fn status() -> serde_json::Value {
        serde_json::json!({
            "format": "sealstamp-status/1",
            "audience": "https://mcp.example.com/mcp",
            "serial": 7,
            "digest": DIGEST,
            "ancestors": [format!("6:{DIGEST}")],
            "settings": { "lifetime_s": 60, "max_skew_s": 1, "propagation_s": 30 },
            "keys": [{ "kid": "bdc01891", "state": "active" }, { "kid": "db9b008f", "state": "revoked" }],
            "error": { "kind": "older_serial" },
            "one_more": "member",
        })
    }

    fn read(content: &str) -> Result<Report, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        fs::write(&path, content).unwrap();
        Report::read(path.to_str().unwrap(), NOW)
    }

    #[test]
    fn a_status_alone_or_in_a_health_page() {
        for page in [
            status(),
            serde_json::json!({ "ring": status(), "decisions": {} }),
            serde_json::json!({ "format": "sealstamp-authz-status/1", "rings": [status(), status()] }),
        ] {
            let report = read(&page.to_string()).unwrap();
            assert_eq!(report.id, format!("7:{DIGEST}").parse().unwrap());
            assert_eq!(report.ancestors.len(), 1);
            assert_eq!(report.revoked, ["db9b008f".parse().unwrap()]);
            assert_eq!(report.settings, Some(Settings::new(60, 1, 30).unwrap()));
            let status = report.status.unwrap();
            assert_eq!(
                (status.audience.as_str(), status.fault.as_deref()),
                ("https://mcp.example.com/mcp", Some("older_serial"))
            );
        }
    }

    #[test]
    fn what_is_no_status_is_an_error_and_no_text_of_it_comes_back() {
        let with = |member: &str, value: serde_json::Value| {
            let mut status = status();
            status[member] = value;
            status.to_string()
        };
        for bad in [
            String::new(),
            "<html>evil</html>".to_owned(),
            "{}".to_owned(),
            "{ \"format\": \"sealstamp-authz-status/1\", \"rings\": [] }".to_owned(),
            with("format", "sealstamp-status/2".into()),
            with("serial", 0.into()),
            with("serial", "7".into()),
            with("digest", "evil".into()),
            with("ancestors", serde_json::json!(["evil"])),
            with("settings", serde_json::json!({ "lifetime_s": 0, "max_skew_s": 1, "propagation_s": 30 })),
            with("keys", serde_json::json!([{ "kid": "evil", "state": "revoked" }])),
            "{ \"format\": \"sealstamp-ring/2\", \"evil\": 1 }".to_owned(),
        ] {
            let Err(failure) = read(&bad) else { panic!("{bad}") };
            assert_eq!(failure.code, 1, "{bad}");
            assert!(!failure.message.contains("evil"), "{}", failure.message);
        }
        // Nothing of it reaches a terminal as anything but text.
        let report = read(&with("audience", "https://a\u{1b}[2J\n\u{202e}b".into())).unwrap();
        assert_eq!(report.status.unwrap().audience, "https://a[2Jb");
    }

    #[test]
    fn a_name_and_what_cannot_be_fetched() {
        assert_eq!(Report::read(&format!("7:{DIGEST}"), NOW).unwrap().id.serial, 7);
        assert_eq!(Report::read("https://mcp.example.com/healthz", NOW).map(drop).unwrap_err().code, 2);
        // Port 0 answers nobody.
        assert_eq!(Report::read("http://127.0.0.1:0/healthz", NOW).map(drop).unwrap_err().code, 1);
        assert_eq!(Report::read("/nowhere/status.json", NOW).map(drop).unwrap_err().code, 1);
    }
}

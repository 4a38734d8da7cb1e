//! The log beside the ring: who changed it, when, and what became of it. One line of JSON for each write, no secret.
//!
//! A line is on the disk before the ring changes, so no change is without one: if the line cannot be written, neither
//! is the ring. What is cut off between the two leaves a line of a change that never came. Such a line is told by the
//! digests: the next change began at the same ring, or the ring is still the one that the line began at.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sealstamp::{Ring, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::outcome::Failure;

/// The name of the format in each line.
const FORMAT: &str = "sealstamp-log/1";

/// One line of the log.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) format: String,
    pub(crate) at: String,
    /// The command, `rotate` for example.
    pub(crate) what: String,
    pub(crate) forced: bool,
    /// What became of each key.
    pub(crate) changes: Vec<String>,
    pub(crate) reason: Option<String>,
    pub(crate) by: Person,
    /// The ring before. None for a new one.
    pub(crate) from: Option<Version>,
    pub(crate) to: Version,
}

/// Who it was. The system vouches for the number alone: the names come from the environment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Person {
    pub(crate) user: Option<String>,
    pub(crate) uid: Option<u32>,
    pub(crate) host: Option<String>,
}

/// One version of a ring.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Version {
    pub(crate) serial: u64,
    pub(crate) digest: String,
}

impl Version {
    pub(crate) fn of(ring: &Ring) -> Self {
        Self { serial: ring.serial(), digest: digest::hex(ring) }
    }
}

impl Entry {
    pub(crate) fn new(what: &str, now: UnixMillis, from: Option<&Ring>, to: &Ring) -> Self {
        Self {
            format: FORMAT.into(),
            at: now.to_string(),
            what: what.into(),
            forced: false,
            changes: Vec::new(),
            reason: None,
            by: Person::running_this(),
            from: from.map(Version::of),
            to: Version::of(to),
        }
    }
}

impl Person {
    fn running_this() -> Self {
        // Whoever called sudo, if somebody did.
        let names = ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].into_iter();
        let user = names.filter_map(|name| std::env::var(name).ok()).find(|name| !name.is_empty());
        Self {
            user: user.map(|name| name.chars().filter(|c| !c.is_control()).take(64).collect()),
            uid: uid(),
            host: host(),
        }
    }
}

#[cfg(unix)]
fn uid() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

#[cfg(unix)]
fn host() -> Option<String> {
    Some(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

#[cfg(not(unix))]
fn uid() -> Option<u32> {
    None
}

#[cfg(not(unix))]
fn host() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// The log of one ring.
pub(crate) struct Log {
    path: PathBuf,
    ring: PathBuf,
}

impl Log {
    /// The log of the ring at `ring`, in the folder of the file itself if that is a symlink.
    pub(crate) fn beside(ring: &Path) -> Self {
        let ring = fs::canonicalize(ring).unwrap_or_else(|_| ring.into());
        let mut name = OsString::from(ring.as_os_str());
        name.push(".log");
        Self { path: name.into(), ring }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line and brings it to the disk. The caller keeps other writers out.
    pub(crate) fn append(&self, entry: &Entry) -> Result<(), Failure> {
        self.try_append(entry).map_err(|error| {
            Failure::new(format_args!(
                "{}: cannot write the log: {error}; the ring file is as it was",
                self.path.display()
            ))
            .hint("no change is made without a line in the log")
        })
    }

    fn try_append(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = self.open()?;
        let end = file.seek(SeekFrom::End(0))?;
        // A line that was cut off stays what it is, on a line of its own.
        if !ends_a_line(&mut file, end)? {
            line.insert(0, b'\n');
        }
        let written = file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(&line)).and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a line says nothing. If it cannot be removed, it can be told from a whole one.
            let _ = file.set_len(end);
        }
        written
    }

    /// The file, made with the owner and the readers of the ring if it is new.
    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match options.open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        options.create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        if let Ok(ring) = fs::metadata(&self.ring) {
            belong_with(&file, &ring)?;
        }
        Ok(file)
    }

    /// All lines, oldest first. What is no line of a log is None.
    pub(crate) fn read(&self) -> io::Result<Vec<Option<Entry>>> {
        let text = fs::read(&self.path)?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(lines.map(|line| serde_json::from_slice(line).ok().filter(|e: &Entry| e.format == FORMAT)).collect())
    }
}

fn ends_a_line(file: &mut File, end: u64) -> io::Result<bool> {
    let Some(last) = end.checked_sub(1) else { return Ok(true) };
    file.seek(SeekFrom::Start(last))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte == *b"\n")
}

#[cfg(unix)]
fn belong_with(file: &File, ring: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (ring.uid(), ring.gid()) {
        fchown(file, Some(ring.uid()), Some(ring.gid()))?;
    }
    file.set_permissions(fs::Permissions::from_mode(0o600 | (ring.mode() & 0o040)))
}

#[cfg(not(unix))]
fn belong_with(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

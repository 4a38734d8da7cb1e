//! Why there is no ring where one should be, in words that fit the case.
//!
//! The hint for a missing file must never lead to a second ring beside the first: a fleet with two rings is split. So
//! it says what stands at that place, and speaks of `init` only if nothing shows that there ever was a ring.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use sealstamp::{FileError, FileErrorKind, Ring, RingFile};
use zeroize::Zeroizing;

use crate::outcome::Failure;

/// A ring that cannot be used, and what to do.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// The code in a report of `check`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Unfit {
    fn new(code: &'static str, message: String, hint: impl Into<String>) -> Self {
        Self { code, message, hint: Some(hint.into()) }
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        let failure = Self::new(unfit.message);
        match unfit.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// How many files of a folder are looked at.
const MOST_NEIGHBOURS: usize = 200;
const LOST: &str =
    "a new one would split the fleet; put it back with sealstamp recover: docs/operations.md, \"A lost file\"";

/// What is wrong with the ring at `path`, given what came of reading it.
pub(crate) fn of_file(path: &Path, error: FileError) -> Unfit {
    let name = path.display();
    match (error.kind(), error.io_kind()) {
        (FileErrorKind::Io, Some(io::ErrorKind::NotFound)) => missing(path),
        (FileErrorKind::Io, Some(io::ErrorKind::NotADirectory)) => Unfit::new(
            "missing",
            format!("{name}: a part of this path is a file, and no folder"),
            "look at the path for a mistake",
        ),
        (FileErrorKind::Io, Some(io::ErrorKind::PermissionDenied)) => Unfit::new(
            "unreadable",
            format!("{name}: {error}"),
            "run this as the owner of the ring, or as a member of its group",
        ),
        (FileErrorKind::NotAFile, _) if path.is_dir() => Unfit::new(
            "not_a_file",
            format!("{name}: a folder, and the ring is a file{}", beside(&rings_in(path))),
            format!("name the file in it, like {}", path.join("ring.json").display()),
        ),
        (FileErrorKind::WorldWritable, _) => Unfit::new(
            "world_writable",
            format!("{name}: {error}"),
            "see that the keys are yours; then chmod o-w, and whatever else your servers do not need",
        ),
        (FileErrorKind::Invalid, _) => {
            let start = start_of(path).unwrap_or_default();
            of_content(&name.to_string(), &start, &error.to_string())
        }
        _ => Unfit { code: error.kind().as_str(), message: format!("{name}: {error}"), hint: None },
    }
}

/// What bytes are that are no ring. `complaint` is the parser's word, for those that nothing better is known of.
pub(crate) fn of_content(name: &str, bytes: &[u8], complaint: &str) -> Unfit {
    match recognize(bytes) {
        Some((what, hint)) => Unfit::new("not_a_ring", format!("{name}: not a ring, but {what}"), hint),
        None => Unfit::new(
            "not_a_ring",
            format!("{name}: {complaint}"),
            "do not mend it by hand; put the newest copy back: sealstamp recover",
        ),
    }
}

fn missing(path: &Path) -> Unfit {
    let name = path.display();
    if let Ok(target) = fs::read_link(path) {
        return Unfit::new(
            "missing",
            format!("{name}: a symlink to {}, and nothing is there", target.display()),
            format!("see to what the link should point to; {LOST}"),
        );
    }
    let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    match fs::symlink_metadata(folder) {
        Err(_) => {
            let there = folder.ancestors().skip(1).find(|above| above.is_dir()).unwrap_or(Path::new("."));
            let there = if there == Path::new("") { Path::new(".") } else { there };
            return Unfit::new(
                "missing",
                format!("{name}: there is no folder {}; there is one at {}", folder.display(), there.display()),
                "look at the path for a mistake, and whether a volume is not mounted",
            );
        }
        Ok(_) if fs::read_dir(folder).is_err() => {
            return Unfit::new(
                "missing",
                format!("{name}: no such file, and this user may not look into its folder"),
                "run this as the owner of the ring",
            );
        }
        Ok(_) => {}
    }
    let rings = rings_in(folder);
    let message = format!("{name}: no such file{}", beside(&rings));
    let trace = |prefix: &str, suffix: &str| {
        let name = path.file_name()?;
        let parts = [OsStr::new(prefix), name, OsStr::new(suffix)];
        let trace = folder.join(parts.into_iter().collect::<std::ffi::OsString>());
        trace.exists().then(|| trace.display().to_string())
    };
    match trace("", ".log").or_else(|| trace(".", ".lock")) {
        Some(trace) => Unfit::new("missing", message, format!("a ring was here, as {trace} shows; {LOST}")),
        None if rings.is_empty() => Unfit::new(
            "missing",
            message,
            "if this fleet has no ring yet: sealstamp init; if it has one, look at the path",
        ),
        None => {
            Unfit::new("missing", message, "name the one that is meant; if that is another fleet's: sealstamp init")
        }
    }
}

/// The names and serials of the rings in a folder.
fn rings_in(folder: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_NEIGHBOURS);
    let ring = |path: &Path| RingFile::new(path).load().ok().map(|ring| ring.serial());
    let mut rings: Vec<(String, u64)> = entries
        .filter_map(|entry| Some((entry.file_name().to_string_lossy().into_owned(), ring(&entry.path())?)))
        .collect();
    rings.sort();
    rings
}

fn beside(rings: &[(String, u64)]) -> String {
    let shown: Vec<String> = rings.iter().take(4).map(|(name, serial)| format!("{name} (serial {serial})")).collect();
    match (shown.is_empty(), rings.len().saturating_sub(shown.len())) {
        (true, _) => String::new(),
        (false, 0) => format!("; rings in that folder: {}", shown.join(", ")),
        (false, more) => format!("; rings in that folder: {}, and {more} more", shown.join(", ")),
    }
}

fn start_of(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(Ring::MAX_FILE_LEN));
    File::open(path)?.take(4_096).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a file is that is no ring, and how a ring is made of it.
fn recognize(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const MAGIC: [(&[u8], &str, &str); 12] = [
        (b"\xef\xbb\xbf", "text with a byte order mark", "an editor put it there: write the file as UTF-8 without one"),
        (
            b"\xff\xfe",
            "UTF-16",
            "PowerShell or an editor wrote it so: write the file as UTF-8 without a byte order mark",
        ),
        (
            b"\xfe\xff",
            "UTF-16",
            "PowerShell or an editor wrote it so: write the file as UTF-8 without a byte order mark",
        ),
        (b"{\0", "UTF-16", "PowerShell or an editor wrote it so: write the file as UTF-8 without a byte order mark"),
        (b"\x1f\x8b", "gzip", "gunzip it"),
        (b"\x28\xb5\x2f\xfd", "zstd", "unzstd it"),
        (b"PK\x03\x04", "a zip archive", "unzip it"),
        (b"age-encryption.org/", "encrypted with age", "age --decrypt it into a pipe, with --ring -"),
        (b"-----BEGIN AGE", "encrypted with age", "age --decrypt it into a pipe, with --ring -"),
        (b"-----BEGIN PGP", "encrypted with PGP", "gpg --decrypt it into a pipe, with --ring -"),
        (b"-----BEGIN", "PEM, a certificate or another key", "look at the path for a mistake"),
        (b"<", "HTML or XML", "whatever fetched it got an error page"),
    ];
    let text = bytes.trim_ascii_start();
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    if text.is_empty() {
        return Some((
            "nothing: it is empty",
            "put a copy of the ring in use there; if it came from a pipe, what stands before the pipe failed",
        ));
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Some(("zero bytes", "a power cut can leave that: put a copy of the ring in use there"));
    }
    if let Some((_, what, hint)) = MAGIC.iter().find(|(magic, ..)| text.starts_with(magic)) {
        return Some((what, hint));
    }
    if text.starts_with(b"apiVersion:") || (has(b"\"apiVersion\"") && has(b"\"Secret\"")) {
        return Some((
            "a Kubernetes manifest",
            "the ring is in its data, in base64: kubectl get secret with a go-template",
        ));
    }
    if has(b"\"sops\"") {
        return Some(("encrypted with sops", "sops --decrypt it into a pipe, with --ring -"));
    }
    // In base64 a brace and a quotation mark, a line feed, or a carriage return.
    if [&b"eyJ"[..], b"ewo", b"ew0", b"eyA"].iter().any(|start| text.starts_with(start)) {
        return Some(("base64", "base64 -d it"));
    }
    if text.starts_with(b"\"") {
        return Some(("a JSON string", "take it out of its quotation marks: jq -r ."));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_no_ring_has_words_of_its_own() {
        for (bytes, what) in [
            (&b""[..], Some("nothing: it is empty")),
            (b" \n", Some("nothing: it is empty")),
            (b"\0\0\0", Some("zero bytes")),
            (b"\xef\xbb\xbf{}", Some("text with a byte order mark")),
            (b"\xff\xfe{\0", Some("UTF-16")),
            (b"{\0\n\0", Some("UTF-16")),
            (b"\x1f\x8b\x08", Some("gzip")),
            (b"ewogICJmb3JtYXQi", Some("base64")),
            (b"eyJmb3JtYXQiOi", Some("base64")),
            (b"age-encryption.org/v1", Some("encrypted with age")),
            (b"-----BEGIN CERTIFICATE-----", Some("PEM, a certificate or another key")),
            (b"<!doctype html>", Some("HTML or XML")),
            (b"apiVersion: v1\nkind: Secret\n", Some("a Kubernetes manifest")),
            (b"{\"apiVersion\": \"v1\", \"kind\": \"Secret\"}", Some("a Kubernetes manifest")),
            (b"{\"data\": \"ENC\", \"sops\": {}}", Some("encrypted with sops")),
            (b"\"{}\"", Some("a JSON string")),
            (b"{\"format\": \"sealstamp-ring/1\"", None),
            (b"hello", None),
        ] {
            assert_eq!(recognize(bytes).map(|(what, _)| what), what, "{}", bytes.escape_ascii());
        }
    }
}

//! Reading the configuration and the files that it names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::Spanned;

use crate::config::mistake::Findings;

/// The largest file that is read: 1 MiB. All of them are of a few kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// All of this file, of whatever kind it is. Fails, in an operator's words, if there is none, or if it is too large.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("this file cannot be read: {error}");
    if path.is_dir() {
        return Err("this is a folder, and no file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("this file is larger than 1 MiB".to_owned());
    }
    Ok(bytes)
}

/// The same for a regular file. To read another might never end, and it could not be read again.
fn read_regular(path: &Path) -> Result<Vec<u8>, String> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => Err("this is no regular file".to_owned()),
        _ => read(path),
    }
}

/// All of a file that the configuration names, or `None` and a mistake at its name.
pub(crate) fn read_named(file: &Spanned<PathBuf>, findings: &mut Findings) -> Option<Vec<u8>> {
    let hint = |says: String| match file.get_ref().is_relative() {
        true => format!("{says}; a relative path begins at the configuration's folder"),
        false => says,
    };
    let read = read_regular(&findings.folder().join(file.get_ref())).map_err(hint);
    findings.some(file.span(), read)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn whatever_stands_there_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("empty"), "").unwrap();
        fs::write(path("full"), vec![b'x'; 1 << 20]).unwrap();
        fs::write(path("over"), vec![b'x'; (1 << 20) + 1]).unwrap();
        let _listener = UnixListener::bind(path("socket")).unwrap();
        std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        std::os::unix::fs::symlink(path("full"), path("link")).unwrap();
        assert_eq!(read_regular(&path("empty")).unwrap(), b"");
        assert_eq!(read_regular(&path("full")).unwrap().len(), 1 << 20);
        assert_eq!(read_regular(&path("link")).unwrap().len(), 1 << 20);
        for (name, says) in [
            ("over", "this file is larger than 1 MiB"),
            ("socket", "this is no regular file"),
            ("pipe", "this is no regular file"),
            ("", "this is a folder, and no file"),
            ("gone", "this file cannot be read: No such file or directory (os error 2)"),
        ] {
            assert_eq!(read_regular(&path(name)).unwrap_err(), says, "{name}");
        }
        assert_eq!(read_regular(Path::new("/dev/zero")).unwrap_err(), "this is no regular file");
        // The configuration may come through a pipe.
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        assert_eq!(read(Path::new("/dev/zero")).unwrap_err(), "this file is larger than 1 MiB");
    }
}

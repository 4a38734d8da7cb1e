//! Who but its owner and group can read a ring file, or put another in its place.
//!
//! One judgement for servers and for the operator's tool, so that the two never advise against each other. A group that
//! may read is what the runbook sets up, and is fine.

use std::fmt;
use std::fs::{self, Metadata};
use std::path::Path;

use crate::disk::error::{FileError, Step};
use crate::disk::step::step;

/// More people can read or replace a ring file than its owner and the readers in its group.
///
/// A file that *everybody* may write is not listed here. It is not even read: [`FileErrorKind::WorldWritable`].
///
/// [`FileErrorKind::WorldWritable`]: crate::FileErrorKind::WorldWritable
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exposure {
    /// Everybody on the host may read the keys (mode `o+r`).
    WorldReadable,
    /// The group may write the file (mode `g+w`). Reading is all that servers need.
    GroupWritable,
    /// Others than the owner may write the folder, and so put another file in the ring's place. A folder with the
    /// sticky bit does not count: there, nobody can rename the file of another. Kubernetes mounts volumes in that way.
    FolderWritable,
}

impl Exposure {
    /// As a label for metrics and as a code: `world_readable` for example.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WorldReadable => "world_readable",
            Self::GroupWritable => "group_writable",
            Self::FolderWritable => "folder_writable",
        }
    }
}

/// What is wrong, in words for an operator.
impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WorldReadable => "everybody may read the ring file",
            Self::GroupWritable => "the group may write the ring file",
            Self::FolderWritable => "others may write the folder of the ring file, and so replace it",
        })
    }
}

/// Looks at the file behind `path`, at its folder, and at the folder of each symlink's end.
pub(super) fn of(path: &Path) -> Result<Vec<Exposure>, FileError> {
    let file = step(Step::Read, || fs::metadata(path))?;
    let real = step(Step::Find, || fs::canonicalize(path))?;
    let mut found = of_file(mode(&file));
    for name in [path, &real] {
        let folder = name.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = step(Step::Find, || fs::metadata(folder))?;
        if folder_is_writable(mode(&folder)) && !found.contains(&Exposure::FolderWritable) {
            found.push(Exposure::FolderWritable);
        }
    }
    Ok(found)
}

fn of_file(mode: u32) -> Vec<Exposure> {
    let read = (mode & 0o004 != 0).then_some(Exposure::WorldReadable);
    let write = (mode & 0o020 != 0).then_some(Exposure::GroupWritable);
    read.into_iter().chain(write).collect()
}

fn folder_is_writable(mode: u32) -> bool {
    mode & 0o022 != 0 && mode & 0o1000 == 0
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(metadata)
}

/// Other systems have no such bits. Permissions are those of the folder there.
#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_from_both_sides() {
        use Exposure::{GroupWritable, WorldReadable};
        for (mode, found) in [
            (0o600, &[][..]),
            (0o400, &[]),
            (0o640, &[]),
            (0o440, &[]),
            (0o604, &[WorldReadable]),
            (0o644, &[WorldReadable]),
            (0o660, &[GroupWritable]),
            (0o664, &[WorldReadable, GroupWritable]),
        ] {
            assert_eq!(of_file(mode), found, "{mode:o}");
        }
        for (mode, writable) in [
            (0o700, false),
            (0o755, false),
            (0o2750, false),
            (0o1777, false),
            (0o3777, false),
            (0o770, true),
            (0o702, true),
            (0o2775, true),
        ] {
            assert_eq!(folder_is_writable(mode), writable, "{mode:o}");
        }
    }

    /// Kubernetes' volumes: the folder of the name is not that of the file.
    #[cfg(unix)]
    #[test]
    fn the_folder_of_the_name_and_that_of_the_file_both_count() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (mount, data) = (folder.path().join("mount"), folder.path().join("data"));
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for path in [&mount, &data] {
            fs::create_dir(path).unwrap();
            mode(path, 0o755);
        }
        fs::write(data.join("ring.json"), "").unwrap();
        mode(&data.join("ring.json"), 0o640);
        symlink("../data/ring.json", mount.join("ring.json")).unwrap();
        let path = mount.join("ring.json");
        assert_eq!(of(&path), Ok(vec![]));
        mode(&data, 0o777);
        assert_eq!(of(&path), Ok(vec![Exposure::FolderWritable]));
        mode(&mount, 0o777);
        assert_eq!(of(&path), Ok(vec![Exposure::FolderWritable]), "once");
        mode(&data, 0o755);
        assert_eq!(of(&path), Ok(vec![Exposure::FolderWritable]));
        mode(&data.join("ring.json"), 0o644);
        mode(&mount, 0o1777);
        assert_eq!(of(&path), Ok(vec![Exposure::WorldReadable]));
        assert_eq!(of(Path::new("/nowhere/ring.json")).unwrap_err().io_kind(), Some(std::io::ErrorKind::NotFound));
    }
}

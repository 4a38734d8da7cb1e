//! What a person sees: every command and its errors, recorded in `tests/cmd` and replayed.
//!
//! `TRYCMD=overwrite cargo test -p sealstamp-cli --test transcripts` records them anew; then read the difference.

use std::path::Path;

#[test]
fn every_command_says_what_it_said() {
    for name in ["COLUMNS", "SEALSTAMP_RING"] {
        assert!(std::env::var_os(name).is_none(), "{name} is in the way: unset it");
    }
    private_rings();
    trycmd::TestCases::new().case("tests/cmd/*.trycmd").case("tests/cmd/*.toml").run();
}

/// A checkout has the modes that the umask gave it; a ring is 0600.
fn private_rings() {
    for ring in Path::new("tests/rings").read_dir().unwrap() {
        let path = ring.unwrap().path();
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(path, mode).unwrap();
        }
    }
}

//! `--check` names each mistake: line, key, what is allowed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{BINARY, CONFIG, Folder, check};

/// Each file of `tests/mistakes` has a mistake, and beside it stands what is said.
#[test]
fn every_recorded_mistake_is_named() {
    let folder = Folder::new();
    folder.write("empty", "");
    folder.write("two-lines", "a\nb\n");
    folder.write("secret", "s3cret");
    folder.write("store", "rediss://user:s3cret@store.example.com");
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut files: Vec<_> = fs::read_dir(&recorded).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 80, "{}", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        folder.write(name, &fs::read_to_string(&file).unwrap());
        let (code, said) = check(&folder.path(""), name);
        assert!(!said.contains("s3cret"), "{name}: a secret is shown");
        let expected = file.with_extension("txt");
        if std::env::var_os("RECORD").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        if code != Some(2) || said != fs::read_to_string(&expected).unwrap_or_default() {
            wrong.push(format!("{name}: {code:?}\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_wrong_with_a_good_one() {
    let folder = Folder::new();
    folder.configure(CONFIG);
    assert_eq!(check(&folder.path(""), "authz.toml"), (Some(0), String::new()));
    let (code, said) = check(&folder.path(""), "gone.toml");
    assert_eq!(code, Some(2));
    assert!(said.starts_with("gone.toml: this file cannot be read"), "{said}");
}

/// What no recorded file can be: one that is missing, or that is no text.
#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    let broken = [CONFIG.as_bytes(), b"# \xff\n"].concat();
    fs::write(folder.path("latin.toml"), &broken).unwrap();
    let line = 1 + CONFIG.lines().count();
    assert_eq!(
        check(&folder.path(""), "latin.toml"),
        (Some(2), format!("latin.toml:{line}: this is not UTF-8, which TOML must be\n"))
    );
    let marked = format!("\u{feff}{}", CONFIG.replace('\n', "\r\n"));
    folder.configure(&marked);
    assert_eq!(check(&folder.path(""), "authz.toml"), (Some(0), String::new()), "a mark and Windows' ends of lines");
    folder.configure(&marked.replace("dialect", "dialekt"));
    let (code, said) = check(&folder.path(""), "authz.toml");
    assert_eq!((code, said.lines().count()), (Some(2), 4), "{said}");
    assert!(said.starts_with("authz.toml:4: listener.dialekt: there is no such key; did you mean dialect?"), "{said}");
    for (name, says) in [
        ("gone.toml", "gone.toml: this file cannot be read: No such file or directory"),
        (".", ".: this is a folder, and no file"),
        ("/dev/zero", "/dev/zero: this file is larger than 1 MiB"),
    ] {
        let (code, said) = check(&folder.path(""), name);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.starts_with(says), "{said}");
    }
}

/// A mistake in a flag is named by the flag, and not by a line of a file that is good.
#[test]
fn flags_are_named() {
    let folder = Folder::new();
    folder.configure(CONFIG);
    let caddy = format!("unix:{}", folder.path("caddy.sock").display());
    for (flags, says) in [
        (&["--ring", "gone.json"][..], "--ring: this ring cannot be used: cannot read the file"),
        (&["--ring", "jwks.json"], "--ring: this ring cannot be used: not a ring"),
        (&["--min-serial", "2"], "--min-serial: the ring has serial 1"),
        (&["--operator", "9181"], "--operator: this must be unix:/PATH, or an IP address and a port"),
        (&["--operator", "0.0.0.0:9181"], "--operator: other machines can reach this address"),
        (&["--operator", &caddy], "--operator: a listener has this address"),
        (&["--log", "inof"], "sealstamp-authz: --log, SEALSTAMP_AUTHZ_LOG: this must be error, warn, info"),
        (&["--log", "info,a=b"], "sealstamp-authz: --log"),
        (&["--log-format", "xml"], "error: invalid value 'xml'"),
        (&["--min-serial", "x"], "error: invalid value 'x' for '--min-serial <SERIAL>'"),
        (&["--ring"], "error: a value is required for '--ring <FILE>'"),
        (&["--chek"], "error: unexpected argument '--chek' found"),
    ] {
        let mut program = Command::new(BINARY);
        program.args(["--check", "--config", "authz.toml"]).args(flags).current_dir(folder.path(""));
        let ran = program.env_remove("SEALSTAMP_MIN_SERIAL").output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{flags:?}: {said}");
        assert!(said.starts_with(says), "{flags:?}: {said}");
    }
    for flags in [&["--ring", "ring.json"][..], &["--min-serial", "1"], &["--log", "warn,sealstamp_dpop=debug"]] {
        let mut program = Command::new(BINARY);
        program.args(["--check", "--config", "authz.toml"]).args(flags).current_dir(folder.path(""));
        assert!(program.env_remove("SEALSTAMP_MIN_SERIAL").output().unwrap().status.success(), "{flags:?}");
    }
}

const PAGE: &str = include_str!("../../../../docs/service.md");

/// The page has every key, and its example is a good one.
#[test]
fn every_key_is_documented() {
    let keys = [include_str!("../../src/config/file/mod.rs"), include_str!("../../src/config/file/resource.rs")];
    let keys = keys.iter().flat_map(|file| file.lines()).filter_map(|line| {
        let (key, _) = line.strip_prefix("    pub(crate) ")?.split_once(':')?;
        Some(key)
    });
    let mut count = 0;
    for key in keys {
        let table = ["listener", "operator", "limits", "ring", "upstream_token", "resource"].contains(&key);
        let inner = ["issuer", "introspection", "token_cache", "single_use", "path"].contains(&key);
        assert!(
            PAGE.contains(&format!("`{key}`"))
                || table && PAGE.contains(&format!("[{key}]"))
                || inner && PAGE.contains(&format!("[resource.{key}]")),
            "{key}"
        );
        count += 1;
    }
    assert!(count > 50, "{count}");

    let (_, example) = PAGE.split_once("This is a whole one:\n\n```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let folder = Folder::new();
    folder.configure(&example.replace("/var/lib/sealstamp/", ""));
    assert_eq!(check(&folder.path(""), "authz.toml"), (Some(0), String::new()));
}

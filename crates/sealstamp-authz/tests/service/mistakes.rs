//! `--check` names each mistake: line, key, what is allowed.

use std::fs;
use std::path::Path;

use crate::support::{CONFIG, Folder, check};

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
    assert!(files.len() >= 72, "{}", files.len());
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

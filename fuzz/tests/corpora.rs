//! Every target over its committed corpus: the seeds, and what a fuzzer has found before.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that goes wrong should panic")]

use std::fs;
use std::path::PathBuf;

use sealstamp_fuzz::{TARGETS, Target, seeds};

fn corpus(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus", name].iter().collect()
}

/// A failing file is in the test's output; a fuzzer's binary without the fuzzer runs it alone.
fn run(name: &str) {
    let (_, target): (_, Target) = TARGETS.into_iter().find(|(known, _)| *known == name).expect("a target");
    let files = fs::read_dir(corpus(name)).expect("a corpus").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert!(files.len() >= 10, "{name} has lost its corpus");
    for file in files {
        println!("{}", file.display());
        target(&fs::read(file).expect("a file"));
    }
}

#[test]
fn content_digest() {
    run("content_digest");
}

#[test]
fn decision() {
    run("decision");
}

#[test]
fn htu() {
    run("htu");
}

#[test]
fn jwks() {
    run("jwks");
}

#[test]
fn mcp_fields() {
    run("mcp_fields");
}

#[test]
fn nonce_open() {
    run("nonce_open");
}

#[test]
fn proof() {
    run("proof");
}

#[test]
fn ring_file() {
    run("ring_file");
}

#[test]
fn token() {
    run("token");
}

#[test]
fn transitions() {
    run("transitions");
}

/// A seed that no longer is what it says (a good request among them, above all) would be a seed for nothing.
#[test]
fn the_seeds_are_those_that_the_code_makes() {
    let all = seeds::all();
    for (target, name, input) in &all {
        let file = corpus(target).join(name);
        assert!(fs::read(&file).is_ok_and(|found| found == *input), "{}: see fuzz/README.md", file.display());
    }
    let stored = TARGETS.iter().flat_map(|(name, _)| fs::read_dir(corpus(name)).expect("a corpus"));
    let names = stored.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    assert_eq!(names.filter(|name| name.starts_with("seed-")).count(), all.len(), "a seed that the code does not make");
}

#[test]
#[ignore = "writes the seeds"]
fn write_the_seeds() {
    for (target, name, input) in seeds::all() {
        fs::create_dir_all(corpus(target)).expect("a folder");
        fs::write(corpus(target).join(name), input).expect("a file");
    }
}

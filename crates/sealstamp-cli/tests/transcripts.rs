//! What a person sees: every command and its errors, recorded in `tests/cmd` and replayed.
//!
//! `TRYCMD=overwrite cargo test -p sealstamp-cli --test transcripts` records them anew; then read the difference.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use std::path::Path;

#[test]
fn every_command_says_what_it_said() {
    for name in ["COLUMNS", "SEALSTAMP_RING", "SEALSTAMP_TEST_CLOCK"] {
        assert!(std::env::var_os(name).is_none(), "{name} is in the way: unset it");
    }
    private_rings();
    trycmd::TestCases::new().case("tests/cmd/*.trycmd").case("tests/cmd/*.toml").run();
}

/// A checkout has modes that the umask gave it, but a ring has mode 0600.
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

/// The documentation shows nothing that the tool does not say.
#[test]
fn every_example_in_the_documentation_is_in_a_transcript() {
    let transcripts = Path::new("tests/cmd").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let transcripts = transcripts.filter(|path| path.extension().is_some_and(|ext| ext == "trycmd"));
    let transcripts: Vec<String> = transcripts.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let documentation = std::fs::read_to_string("../../docs/cli.md").unwrap();
    let examples: Vec<&str> = documentation.split("```console\n").skip(1).collect();
    assert!(examples.len() > 4);
    for example in examples {
        let (example, _) = example.split_once("```").unwrap();
        assert!(transcripts.iter().any(|text| shows(text, example)), "no transcript has:\n{example}");
    }
}

fn shows(transcript: &str, example: &str) -> bool {
    let example: Vec<&str> = example.lines().collect();
    let transcript: Vec<&str> = transcript.lines().collect();
    transcript.windows(example.len()).any(|lines| lines.iter().zip(&example).all(|(said, shown)| is_like(said, shown)))
}

/// Whether a line is what was recorded, with anything in the place of each `[..]`.
fn is_like(recorded: &str, shown: &str) -> bool {
    let (start, rest) = recorded.split_once("[..]").unwrap_or((recorded, "\n"));
    match (shown.strip_prefix(start), rest) {
        (Some(shown), "\n") => shown.is_empty(),
        (Some(shown), _) => shown.char_indices().any(|(end, _)| is_like(rest, &shown[end..])) || is_like(rest, ""),
        (None, _) => false,
    }
}

#[test]
fn wildcards() {
    for (recorded, shown, like) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a [..] c", "a b c", true),
        ("a [..] c", "a b d", false),
        ("[..]", "", true),
        ("key [..], in [..]", "key 1, in 10m", true),
        ("key [..], in [..].", "key 1, in 10m", false),
    ] {
        assert_eq!(is_like(recorded, shown), like, "{recorded} {shown}");
    }
}

//! R43-9: every row of the table in docs/mcp.md is what the verifier does.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that goes wrong should panic")]

use http::Request;
use http::header::AUTHORIZATION;
use sealstamp_dpop::{Nonces, Reason, RequestHead, Verifier};
use sealstamp_examples::client::proof;
use sealstamp_examples::clock::{now, unix_seconds};
use sealstamp_testkit::Key;

const DOC: &str = include_str!("../../docs/mcp.md");

#[test]
fn the_table_of_htu_holds_r43_9() {
    let rows: Vec<_> = DOC.lines().filter_map(row).collect();
    assert!(rows.len() >= 20, "{} rows", rows.len());
    let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off).build().unwrap();
    let key = Key::generate("ES256");
    for (htu, matches) in rows {
        let proof = proof(&key, "POST", htu, "token", None, unix_seconds()).unwrap();
        let request = Request::post("/mcp").header(AUTHORIZATION, "DPoP token").header("dpop", proof);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let decision = verifier.check(RequestHead::of(&parts), now());
        let expected = if matches { None } else { Some(Reason::WrongUri) };
        assert_eq!(decision.err().map(|refused| refused.reason()), expected, "{htu}");
    }
}

/// ``| `htu` | yes or no | why |``
fn row(line: &str) -> Option<(&str, bool)> {
    let (htu, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
    match rest.split(" |").next()? {
        "yes" => Some((htu, true)),
        "no" => Some((htu, false)),
        _ => None,
    }
}

//! What a refused request costs beside an accepted one, in one run: `cargo run --release -p sealstamp-bench --bin refusals`.
//!
//! Prints a table: time and its share of an accepted request's (rules 1 to 9 and the comparison of keys; the token counts as
//! known to be valid, which makes accepting cheaper than it is), allocations, and the greatest memory held at one moment.
//! Each refusal includes its response. Exits 1 if a forged or missing nonce costs a tenth of an accepted request or more.

use std::process::ExitCode;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Request};
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite};
use sealstamp_bench::inputs::{Key, PUBLIC_URL, request};
use sealstamp_bench::measure::{Task, side_by_side};
use sealstamp_bench::{clock, ours};
use sealstamp_dpop::{Nonces, Reason, RequestHead, Verifier};

const BUDGET: Duration = Duration::from_secs(4);

fn with_proof(token: &str, proof: &str) -> Parts {
    let mut parts = request(token, "x");
    parts.headers.insert("dpop", HeaderValue::from_str(proof).expect("a value"));
    parts
}

fn main() -> ExitCode {
    let client = Key::generate();
    let token = Key::generate().token(Some(client.thumbprint()));
    let fleet = ours::fleet(Suite::Aes256Gcm);
    let accepting = ours::Ours::new(&fleet, client.thumbprint());
    let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).build().expect("a verifier");
    let signed = |nonce: &str| request(&token, &client.proof(&token, nonce));
    let nonce = fleet.mint(clock(), &Binding::None);

    let other = Ring::init(Settings::default(), Suite::Aes256Gcm, clock(), Fresh::insecure_from_seed(99));
    let other = Fleet::new(other, Audience::new(PUBLIC_URL).expect("an audience")).expect("a seed");
    let foreign = other.mint(clock(), &Binding::None);
    let elsewhere = Fleet::new((*fleet.ring()).clone(), Audience::new("https://as.example.com").expect("one"));
    let elsewhere = elsewhere.expect("a seed").mint(clock(), &Binding::None);
    // A member is spoiled, so that the claims have a nonce of another name: all else is as it should be.
    let missing = client.proof_with(&token, "", r#","x":1"#);
    let padding = |length: usize| format!(r#","x":"{}""#, "\\u0041".repeat(length));
    let longest = client.proof_with(&token, &ours::forged(&nonce), &padding(900));
    let deep = client.proof_with(&token, &nonce, &format!(r#","x":{}{}"#, "[".repeat(2000), "]".repeat(2000)));
    let members: String = (0..400).map(|n| format!(r#","m{n}":{n}"#)).collect();
    let wide = client.proof_with(&token, &nonce, &members);
    let bare = Request::post("/mcp").body(()).expect("a request").into_parts().0;
    let good = client.proof(&token, &nonce);
    let broken = format!("{}AAAA", &good[..good.len() - 4]);

    let cases: Vec<(&str, Parts, Reason)> = vec![
        ("forged nonce", signed(&ours::forged(&nonce)), Reason::NonceNotAuthentic),
        ("no nonce (an empty one)", with_proof(&token, &missing), Reason::NonceMalformed),
        ("a nonce of random characters", signed("random"), Reason::NonceMalformed),
        ("unknown kid", signed(&foreign), Reason::NonceUnknownKey),
        ("another audience's nonce", signed(&elsewhere), Reason::NonceNotAuthentic),
        ("expired nonce", signed(&ours::expired(&fleet)), Reason::NonceExpired),
        ("forged nonce in a proof of 8 KiB, all escapes", with_proof(&token, &longest), Reason::NonceNotAuthentic),
        ("claims nested 2,000 deep", with_proof(&token, &deep), Reason::MalformedClaims),
        ("claims of 400 members", with_proof(&token, &wide), Reason::MalformedClaims),
        ("a DPoP field of 400 KB", with_proof(&token, &"A".repeat(400_000)), Reason::ProofTooLong),
        ("a token of 400 KB", request(&"a".repeat(400_000), &good), Reason::MalformedAuthorization),
        ("no credentials", bare, Reason::NoCredentials),
        ("good nonce, bad signature", with_proof(&token, &broken), Reason::BadSignature),
    ];
    let accepted = signed(&nonce);
    println!("| request | time | of an accepted one | allocations | memory at most |\n|---|---|---|---|---|");
    let mut failed = false;
    for (index, (name, parts, reason)) in cases.iter().enumerate() {
        let refuse = || {
            let refused = verifier.check(RequestHead::of(parts), clock()).expect_err("a bad request");
            assert_eq!(refused.reason(), *reason, "{name}");
            verifier.resource_server_response(&refused)
        };
        let memory = allocation_counter::measure(|| drop(refuse()));
        let task = Task::new("refused", refuse);
        let compared = side_by_side(Task::new("accepted", || accepting.verify(&accepted)), vec![task], BUDGET);
        if index == 0 {
            let memory = allocation_counter::measure(|| drop(accepting.verify(&accepted)));
            println!(
                "| accepted | {:.1} us | 1 | {} | {} B |",
                compared.ours.ns / 1e3,
                memory.count_total,
                memory.bytes_max
            );
        }
        let share = 1.0 / compared.ratio("refused");
        failed |= reason.answer() == sealstamp_dpop::Answer::UseDpopNonce && share >= 0.1 && index < 3;
        println!(
            "| {name} | {:.2} us | {share:.3} | {} | {} B |",
            compared.others[0].cost.ns / 1e3,
            memory.count_total,
            memory.bytes_max
        );
    }
    ExitCode::from(u8::from(failed))
}

//! What a refused request costs beside an accepted one, in one run:
//! `cargo run --release -p sealstamp-bench --bin refusals`.
//!
//! Prints a table: time, its share of an accepted proof's (rules 1 to 9 and the comparison of keys) and of a whole
//! accepted request's, whose token is a JWT that is validated too; allocations, and the greatest memory held at one
//! moment. Each refusal includes its response. Exits 1 if a forged or missing nonce in a proof of usual size costs a
//! tenth of an accepted proof or more, or in any proof a tenth of an accepted request.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

use std::process::ExitCode;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Request};
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite};
use sealstamp_bench::inputs::{Client, ISSUER, Issuer, PUBLIC_URL, request};
use sealstamp_bench::measure::{Task, side_by_side};
use sealstamp_bench::{clock, ours};
use sealstamp_dpop::{Answer, Jwks, JwtValidator, Nonces, Reason, RequestHead, Verifier};

const BUDGET: Duration = Duration::from_secs(2);

fn with_proof(token: &str, proof: &str) -> Parts {
    let mut parts = request(token, "x");
    parts.headers.insert("dpop", HeaderValue::from_str(proof).expect("a value"));
    parts
}

fn main() -> ExitCode {
    let client = Client::new();
    let issuer = Issuer::new();
    let token = issuer.token(Some(client.thumbprint()));
    let jwks = Jwks::parse(issuer.jwks().as_bytes()).expect("a set of keys");
    let tokens = JwtValidator::new(ISSUER, PUBLIC_URL, jwks);
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
    // As much as fits into 8 KiB of what is dearest to read.
    let padded = |filler: &str, times: usize, around: [&str; 2]| {
        let filled = format!(r#","x":{}{}{}"#, around[0], filler.repeat(times), around[1]);
        with_proof(&token, &client.proof_with(&token, &ours::forged(&nonce), &filled))
    };
    let deep = client.proof_with(&token, &nonce, &format!(r#","x":{}{}"#, "[".repeat(2000), "]".repeat(2000)));
    let escapes = format!("\\u0041{}", "a".repeat(100));
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
        ("forged nonce, padded with 5,400 letters", padded("a", 5_400, ["\"", "\""]), Reason::NonceNotAuthentic),
        (
            "forged nonce, padded with 50 escapes and letters",
            padded(&escapes, 50, ["\"", "\""]),
            Reason::NonceNotAuthentic,
        ),
        ("forged nonce, padded with 5,400 spaces", padded(" ", 5_400, ["0", ""]), Reason::NonceNotAuthentic),
        ("forged nonce, padded with 5,400 digits", padded("1", 5_400, ["0.", ""]), Reason::NonceNotAuthentic),
        ("5,400 bytes of escapes", padded("\\u0041", 900, ["\"", "\""]), Reason::MalformedClaims),
        ("an array of 2,700 numbers", padded("0,", 2_700, ["[", "0]"]), Reason::MalformedClaims),
        ("claims nested 2,000 deep", with_proof(&token, &deep), Reason::MalformedClaims),
        ("claims of 400 members", with_proof(&token, &wide), Reason::MalformedClaims),
        ("a DPoP field of 400 KB", with_proof(&token, &"A".repeat(400_000)), Reason::ProofTooLong),
        ("a token of 400 KB", request(&"a".repeat(400_000), &good), Reason::MalformedAuthorization),
        ("no credentials", bare, Reason::NoCredentials),
        ("good nonce, bad signature", with_proof(&token, &broken), Reason::BadSignature),
    ];
    let accepted = signed(&nonce);
    let whole = || {
        let now = clock();
        let proven = verifier.check(RequestHead::of(&accepted), now).expect("a good proof");
        let facts = tokens.validate_now(proven.token(), now);
        let bound = proven.bind(facts, now).expect("a good token");
        bound.accept(now).expect("all that the policy demands")
    };
    println!("| request | time | of an accepted proof | of an accepted request | allocations | memory at most |");
    println!("|---|---|---|---|---|---|");
    let print = |name: &str, ns: f64, shares: [f64; 2], run: &dyn Fn()| {
        let memory = allocation_counter::measure(run);
        let [of_proof, of_request] = shares;
        let (count, bytes) = (memory.count_total, memory.bytes_max);
        println!("| {name} | {:.2} us | {of_proof:.3} | {of_request:.3} | {count} | {bytes} B |", ns / 1e3);
    };
    let mut failed = false;
    for (index, (name, parts, reason)) in cases.iter().enumerate() {
        let refuse = || {
            let refused = verifier.check(RequestHead::of(parts), clock()).expect_err("a bad request");
            assert_eq!(refused.reason(), *reason, "{name}");
            verifier.resource_server_response(&refused)
        };
        let others = vec![Task::new("proof", || accepting.verify(&accepted)), Task::new("request", &whole)];
        let compared = side_by_side(Task::new("refused", refuse), others, BUDGET);
        let shares = [compared.ratio("proof"), compared.ratio("request")];
        if index == 0 {
            let (proof, request) = (compared.others[0].cost.ns, compared.others[1].cost.ns);
            print("an accepted proof", proof, [1.0, proof / request], &|| drop(accepting.verify(&accepted)));
            print("an accepted request", request, [request / proof, 1.0], &|| drop(whole()));
        }
        print(name, compared.ours.ns, shares, &|| drop(refuse()));
        let nonce_refused = reason.answer() == Answer::UseDpopNonce;
        let usual = name.split_once(", padded").is_none();
        failed |= nonce_refused && (shares[1] >= 0.1 || usual && shares[0] >= 0.1);
    }
    ExitCode::from(u8::from(failed))
}

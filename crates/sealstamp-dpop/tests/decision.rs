//! What comes of a decision: responses, renewal, counters, options.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong should panic"
)]

mod support;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, Response};
use sealstamp::{Audience, Fleet, Refusal, UnixMillis};
use sealstamp_dpop::{
    Algorithm, Answer, DPOP_NONCE, IAT_WINDOW_S, Nonces, Reason, RequestHead, TokenBinding, TokenDefect, TokenFacts,
    TokenValidator, Verifier,
};
use sealstamp_testkit::{Draft, ISSUER, PUBLIC_URL, quoted};
use support::{NOW, World, fleet, key, ring};

const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

fn refuse(world: &World, change: impl FnOnce(&mut Draft)) -> Response<&'static str> {
    let refused = world.decide_draft(&world.draft().but(change)).unwrap_err();
    world.verifier.resource_server_response(&refused)
}

fn header<'r>(response: &'r Response<&'static str>, name: &str) -> &'r str {
    let mut values = response.headers().get_all(name).iter();
    let value = values.next().unwrap_or_else(|| panic!("no {name}")).to_str().unwrap();
    assert!(values.next().is_none(), "{name} twice");
    value
}

fn with_metadata() -> World {
    let world = World::new();
    let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(world.fleet.clone())).resource_metadata(METADATA);
    world.with(verifier.build().unwrap())
}

const ALGS: &str = "algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"";

/// SEP-3, R71-1, R9-1, R-CORS: every kind of refusal by a resource server.
#[test]
fn resource_server_responses() {
    let world = with_metadata();
    let tail = format!("{ALGS}, resource_metadata=\"{METADATA}\"");
    for (change, error, description) in [
        (
            (|d| d.on_authorization(|_| vec![])) as fn(&mut Draft),
            None,
            "a DPoP-bound access token and a proof are required",
        ),
        (
            |d| d.token_claims.set("aud", quoted("x")),
            Some("invalid_token"),
            "the access token is not valid for this request",
        ),
        (
            |d| d.claims.set("htm", quoted("GET")),
            Some("invalid_dpop_proof"),
            "the DPoP proof is not valid for this request",
        ),
        (
            |d| d.claims.remove("nonce"),
            Some("use_dpop_nonce"),
            "the DPoP proof needs the nonce that this response carries",
        ),
    ] {
        let response = refuse(&world, change);
        assert_eq!(response.status(), 401);
        let expected = match error {
            None => format!("DPoP {tail}"),
            Some(error) => format!("DPoP error=\"{error}\", error_description=\"{description}\", {tail}"),
        };
        assert_eq!(header(&response, "www-authenticate"), expected);
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate");
        assert_eq!(header(&response, "content-type"), "application/json");
        assert_eq!(header(&response, "dpop-nonce").len(), 60);

        let body: serde_json::Value = serde_json::from_str(response.body()).unwrap();
        assert_eq!(body["jsonrpc"], "2.0");
        assert_eq!(body["id"], serde_json::Value::Null);
        assert_eq!(body["error"]["message"], description);
        assert_eq!(body["error"]["data"]["error"], error.unwrap_or("invalid_request"));
    }
}

/// R8-1: 400, a JSON error, the nonce in its header; no challenge.
#[test]
fn authorization_server_responses() {
    let world = World::new();
    let check = |change: fn(&mut Draft)| {
        let parts = world.draft().but(change).parts();
        let refused = world.verifier.check_token_request(RequestHead::of(&parts), world.now).unwrap_err();
        world.verifier.authorization_server_response(&refused)
    };
    for (change, error) in [
        ((|d| d.claims.remove("nonce")) as fn(&mut Draft), "use_dpop_nonce"),
        (|d| d.claims.remove("jti"), "invalid_dpop_proof"),
        (|d| d.on_proof(|_| vec![]), "invalid_dpop_proof"),
    ] {
        let response = check(change);
        assert_eq!(response.status(), 400);
        let body: serde_json::Value = serde_json::from_str(response.body()).unwrap();
        assert_eq!(body["error"], error);
        assert!(body["error_description"].is_string());
        assert_eq!(header(&response, "content-type"), "application/json");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate");
        assert_eq!(header(&response, "dpop-nonce").len(), 60);
        assert!(!response.headers().contains_key("www-authenticate"));
    }
}

/// RFC 9449 section 5: a token request has a proof and no access token, so no `ath` either.
#[test]
fn a_token_request_needs_no_token() {
    let world = World::new();
    let draft = world.draft().but(|d| {
        d.ath = Some(None);
        d.on_authorization(|_| vec!["Basic Y2xpZW50OnNlY3JldA==".into()]);
    });
    let parts = draft.parts();
    let proof = world.verifier.check_token_request(RequestHead::of(&parts), world.now).unwrap();
    assert_eq!(proof.thumbprint().to_string(), key(Algorithm::ES256).thumbprint());
    let refused = world.decide(&parts).unwrap_err();
    assert_eq!(refused.reason(), Reason::UnsupportedScheme);
}

/// A client learns one thing: all refusals of a nonce are the same bytes but for the nonce.
#[test]
fn refusals_of_a_nonce_look_alike() {
    let world = with_metadata();
    let old = world.nonce_at(UnixMillis::new(NOW.get() - 125_001));
    let early = world.nonce_at(UnixMillis::new(NOW.get() + 5_001));
    let ancient = world.nonce_at(UnixMillis::new(NOW.get() - 10_000_000));
    let foreign = Fleet::new(ring(NOW), Audience::new("elsewhere").unwrap()).unwrap();
    let foreign = foreign.mint(NOW, &sealstamp::Binding::None).to_string();
    let mut seen = Vec::new();
    for nonce in [None, Some("".into()), Some("A".repeat(60)), Some(old), Some(early), Some(ancient), Some(foreign)] {
        let mut response = refuse(&world, |d| match &nonce {
            Some(nonce) => d.claims.set("nonce", quoted(nonce)),
            None => d.claims.remove("nonce"),
        });
        let fresh = response.headers_mut().remove(&DPOP_NONCE).unwrap();
        assert_eq!(fresh.len(), 60);
        seen.push(format!("{response:?}"));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

/// What the client is not told, the operator is: which defect, and by how much.
#[test]
fn an_operator_learns_how_far_off_a_nonce_was() {
    let world = World::new();
    let old = world.nonce_at(UnixMillis::new(NOW.get() - 125_001));
    let early = world.nonce_at(UnixMillis::new(NOW.get() + 5_002));
    for (nonce, refusal, message) in [
        (Some(old), Some(Refusal::Expired { by_ms: 1 }), "request refused: nonce_expired"),
        (Some(early), Some(Refusal::InFuture { by_ms: 2 }), "request refused: nonce_in_future"),
        (Some(String::new()), Some(Refusal::Malformed), "request refused: nonce_malformed"),
        (None, None, "request refused: no_nonce"),
    ] {
        let draft = world.draft().but(|d| match &nonce {
            Some(nonce) => d.claims.set("nonce", quoted(nonce)),
            None => d.claims.remove("nonce"),
        });
        let refused = world.decide_draft(&draft).unwrap_err();
        assert_eq!((refused.nonce_refusal(), refused.to_string().as_str()), (refusal, message));
    }
}

/// Nothing that a request holds comes back.
#[test]
fn no_text_of_the_request_is_returned() {
    let world = World::new();
    let marks: [fn(&mut Draft); 6] = [
        |d| d.header.set("alg", quoted("MARK")),
        |d| d.claims.set("htu", quoted("https://MARK/")),
        |d| d.claims.set("nonce", quoted("MARK")),
        |d| d.claims.set("jti", "MARK"),
        |d| d.on_authorization(|_| vec!["MARK MARK".into()]),
        |d| d.token = Some("MARK".into()),
    ];
    for mark in marks {
        let draft = world.draft().but(mark);
        let refused = world.decide_draft(&draft).unwrap_err();
        let response = world.verifier.resource_server_response(&refused);
        assert!(!format!("{refused} {refused:?} {response:?}").contains("MARK"), "{refused}");
    }
}

/// D-4, I9: the 401 to a request without credentials carries a nonce, and the first signed request is accepted with it.
#[test]
fn the_first_401_saves_a_round_trip() {
    let world = World::new();
    let (request, ()) = http::Request::post("/mcp").body(()).unwrap().into_parts();
    let refused = world.decide(&request).unwrap_err();
    let response = world.verifier.resource_server_response(&refused);
    assert_eq!(response.status(), 401);
    assert_eq!(
        header(&response, "www-authenticate"),
        format!("DPoP {ALGS}")
            .replace("ES384 ", "ES384 ES512 ")
            .replace("PS256 RS256", "PS256 PS384 PS512 RS256 RS384 RS512")
    );

    let requests = |nonce: Option<String>| {
        let mut nonce = nonce;
        for sent in 1..=3 {
            let draft = world.draft().but(|d| match &nonce {
                Some(nonce) => d.claims.set("nonce", quoted(nonce)),
                None => d.claims.remove("nonce"),
            });
            match world.decide_draft(&draft) {
                Ok(_) => return sent,
                Err(refused) => nonce = refused.nonce().map(ToString::to_string),
            }
        }
        panic!("refused for ever")
    };
    let first = header(&response, "dpop-nonce").to_owned();
    assert_eq!(requests(Some(first)), 1);
    assert_eq!(requests(None), 2);
}

/// A request whose nonce is missing, forged, expired or foreign never reaches a signature check; nor does anything that
/// an earlier rule refuses.
#[test]
fn nothing_dear_runs_before_the_nonce_has_opened() {
    let world = World::new();
    let mut forged = world.nonce();
    forged.replace_range(30..31, if &forged[30..31] == "A" { "B" } else { "A" });
    let expired = world.nonce_at(UnixMillis::new(NOW.get() - 125_001));
    for _ in 0..100 {
        for nonce in [&forged, &expired, &"A".repeat(60), &String::new()] {
            let draft = world.draft().but(|d| d.claims.set("nonce", quoted(nonce)));
            assert_eq!(world.decide_draft(&draft).unwrap_err().answer(), Answer::UseDpopNonce);
        }
    }
    assert!(world.decide_draft(&world.draft().but(|d| d.claims.set("iat", "0"))).is_err());
    assert!(world.decide_draft(&world.draft().but(|d| d.on_authorization(|_| vec![]))).is_err());
    assert_eq!(world.verifier.counters().signature_checks(), 0);

    assert!(world.decide_draft(&world.draft()).is_ok());
    assert_eq!(world.verifier.counters().signature_checks(), 1);
    let wrong_ath = world.draft().but(|d| d.ath = Some(Some(quoted("x"))));
    assert!(world.decide_draft(&wrong_ath).is_err());
    assert_eq!(world.verifier.counters().signature_checks(), 1);
    let bad_signature = world.draft().but(|d| d.on_signature(|_, _, _| vec![1; 64]));
    assert!(world.decide_draft(&bad_signature).is_err());
    assert_eq!(world.verifier.counters().signature_checks(), 2);
}

#[test]
fn each_outcome_is_counted_once() {
    let world = World::new();
    let counters = world.verifier.clone();
    let counters = counters.counters();
    for _ in 0..3 {
        world.decide_draft(&world.draft()).unwrap();
    }
    for _ in 0..2 {
        world.decide_draft(&world.draft().but(|d| d.claims.remove("nonce"))).unwrap_err();
    }
    world.decide_draft(&world.draft().but(|d| d.token_claims.set("exp", "1"))).unwrap_err();
    assert_eq!(counters.accepted(), 3);
    assert_eq!(counters.refused(Reason::NoNonce), 2);
    assert_eq!(counters.refused(Reason::TokenExpired), 1);
    let all: u64 = Reason::ALL.iter().map(|reason| counters.refused(*reason)).sum();
    assert_eq!(all, 3);
}

/// R82-1: a new nonce comes with an accepted request once the one it used is past half its lifetime, and not before.
#[test]
fn a_nonce_is_renewed_before_it_expires() {
    let world = World::new();
    for (age, renewed) in [(0, false), (60_000, false), (60_001, true), (125_000, true)] {
        let nonce = world.nonce_at(UnixMillis::new(NOW.get() - age));
        let draft = world.draft().but(|d| d.claims.set("nonce", quoted(nonce)));
        let accepted = world.decide_draft(&draft).unwrap();
        assert_eq!(accepted.proof().unwrap().nonce().unwrap().age_ms(), age);
        let mut headers = HeaderMap::new();
        headers.insert("access-control-expose-headers", "Mcp-Session-Id".parse().unwrap());
        headers.insert("cache-control", "no-cache".parse().unwrap());
        accepted.write_headers(&mut headers);
        assert_eq!(headers.contains_key(&DPOP_NONCE), renewed, "{age}");
        let exposed: Vec<_> = headers.get_all("access-control-expose-headers").iter().collect();
        if renewed {
            // R-CORS.
            assert_eq!(headers["cache-control"], "no-store");
            assert_eq!(exposed, ["Mcp-Session-Id", "DPoP-Nonce, WWW-Authenticate"]);
            let next = accepted.next_nonce().unwrap();
            assert!(world.fleet.open(next, world.now, &sealstamp::Binding::None).is_ok());
        } else {
            assert_eq!(headers["cache-control"], "no-cache");
            assert_eq!(exposed, ["Mcp-Session-Id"]);
        }
    }
}

/// D-3: a nonce bounds a proof's age. It does not make it single-use, and says so by accepting it again.
#[test]
fn the_same_proof_twice_is_accepted_twice() {
    let world = World::new();
    let parts = world.draft().parts();
    let first = world.decide(&parts).unwrap();
    let second = world.decide(&parts).unwrap();
    assert_eq!(first.proof().unwrap().jti(), second.proof().unwrap().jti());
}

/// What a handler gets to know.
#[test]
fn an_accepted_request_says_who_and_how() {
    let world = World::new();
    let accepted = world.decide_draft(&world.draft_signed_by(Algorithm::PS384)).unwrap();
    let proof = accepted.proof().unwrap();
    assert_eq!(proof.thumbprint().to_string(), key(Algorithm::PS384).thumbprint());
    assert_eq!(proof.algorithm(), Algorithm::PS384);
    assert_eq!(proof.jti(), "a0b1c2");
    assert_eq!(proof.issued_at(), i64::try_from(NOW.get() / 1000).unwrap());
    assert_eq!(proof.nonce().unwrap().minted_at(), NOW);
    assert_eq!(accepted.token().subject(), Some("alice"));
    assert_eq!(accepted.token().client_id(), Some("an-agent"));
    assert_eq!(accepted.token().scopes().collect::<Vec<_>>(), ["tools:read", "tools:call"]);
    assert_eq!(accepted.token().binding(), TokenBinding::Thumbprint(*proof.thumbprint()));
    assert!(!format!("{accepted:?}").contains("alice"), "claims are personal data");

    // Who validates the token may want to know the key first.
    let parts = world.draft().parts();
    let proven = world.verifier.check(RequestHead::of(&parts), NOW).unwrap();
    assert_eq!(proven.proof().unwrap().thumbprint().to_string(), key(Algorithm::ES256).thumbprint());
}

/// SEP-7: without nonces, the proof's own time is what bounds it.
#[test]
fn nonces_can_be_off() {
    let world = World::new();
    let world = world.with(Verifier::builder(PUBLIC_URL, Nonces::Off).build().unwrap());
    for nonce in [None, Some("anything".into()), Some("A".repeat(60))] {
        let accepted = world.decide_draft(&world.draft().but(|d| match &nonce {
            Some(nonce) => d.claims.set("nonce", quoted(nonce)),
            None => d.claims.remove("nonce"),
        }));
        let accepted = accepted.unwrap();
        assert!(accepted.next_nonce().is_none() && accepted.proof().unwrap().nonce().is_none());
    }
    let response = refuse(&world, |d| d.claims.set("iat", (NOW.get() / 1000 - 301).to_string()));
    assert_eq!(response.status(), 401);
    assert!(!response.headers().contains_key(&DPOP_NONCE));
    assert_eq!(header(&response, "access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate");
}

/// R43-5, R71-1: the server chooses its algorithms, takes no other, and says which.
#[test]
fn algorithms_are_the_servers_choice() {
    let world = World::new();
    for allowed in Algorithm::ALL {
        let verifier =
            Verifier::builder(PUBLIC_URL, Nonces::Required(world.fleet.clone())).algorithms([allowed, allowed]);
        let world = world.clone().with(verifier.build().unwrap());
        for used in Algorithm::ALL {
            let decision = world.decide_draft(&world.draft_signed_by(used)).map_err(|refused| refused.reason());
            assert_eq!(decision.err(), (used != allowed).then_some(Reason::AlgorithmNotAllowed), "{used} at {allowed}");
        }
        let response = refuse(&world, |d| d.on_authorization(|_| vec![]));
        assert_eq!(header(&response, "www-authenticate"), format!("DPoP algs=\"{allowed}\""));
    }
}

fn migrating() -> World {
    let world = World::new();
    let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(world.fleet.clone()))
        .resource_metadata(METADATA)
        .dangerously_accept_unbound_bearer_tokens();
    world.with(verifier.build().unwrap())
}

/// SEP-10, SEP-4, R72-1: unbound Bearer tokens by explicit choice only, bound ones never.
#[test]
fn bearer_side_by_side_while_migrating() {
    let world = migrating();
    let bearer = |change: fn(&mut Draft)| {
        let draft = world.draft().but(|d| {
            d.on_authorization(|t| vec![format!("Bearer {t}")]);
            d.on_proof(|_| vec![]);
            change(d);
        });
        world.decide_draft(&draft).map_err(|refused| (refused.answer(), refused.reason()))
    };
    let accepted = bearer(|d| d.token_claims.remove("cnf")).unwrap();
    assert!(accepted.proof().is_none() && accepted.next_nonce().is_none());
    assert_eq!(accepted.token().subject(), Some("alice"));

    let invalid = |reason| Some((Answer::InvalidToken, reason));
    assert_eq!(bearer(|_| {}).err(), invalid(Reason::BoundTokenAsBearer));
    assert_eq!(bearer(|d| d.token_claims.set("cnf", "{}")).err(), invalid(Reason::BoundTokenAsBearer));
    assert_eq!(bearer(|d| d.token_claims.set("cnf", "null")).err(), invalid(Reason::BoundTokenAsBearer));
    let expired = |d: &mut Draft| {
        d.token_claims.remove("cnf");
        d.token_claims.set("exp", "1");
    };
    assert_eq!(bearer(expired).err(), invalid(Reason::TokenExpired));

    // The DPoP scheme is as strict as ever.
    assert!(world.decide_draft(&world.draft()).is_ok());
    let unbound = world.draft().but(|d| d.token_claims.remove("cnf"));
    assert_eq!(world.decide_draft(&unbound).unwrap_err().reason(), Reason::TokenNotBound);

    // RFC 9449 section 7.2: both schemes are offered.
    let response = refuse(&world, |d| d.on_authorization(|_| vec![]));
    let challenges: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
    assert_eq!(challenges.len(), 2);
    assert_eq!(challenges[0], &format!("Bearer resource_metadata=\"{METADATA}\""));
    assert!(challenges[1].to_str().unwrap().starts_with("DPoP algs="));
}

/// Whoever validates tokens may wait for somebody else, and fails as itself.
struct Introspection(Result<TokenBinding, TokenDefect>);

impl TokenValidator for Introspection {
    async fn validate(&self, token: &str, _now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        assert_eq!(token, "opaque-token");
        self.0.map(TokenFacts::new)
    }
}

#[test]
fn any_validator_will_do() {
    let world = World::new();
    let thumbprint = key(Algorithm::ES256).thumbprint().parse().unwrap();
    let parts = world.draft().but(|d| d.token = Some("opaque-token".into())).parts();
    let decide = |result| {
        let introspection = std::sync::Arc::new(Introspection(result));
        let decision = world.verifier.decide(RequestHead::of(&parts), &introspection, world.now);
        match pin!(decision).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(decision) => decision,
            Poll::Pending => unreachable!("nothing here waits"),
        }
    };
    assert!(decide(Ok(TokenBinding::Thumbprint(thumbprint))).is_ok());
    assert_eq!(decide(Ok(TokenBinding::None)).unwrap_err().reason(), Reason::TokenNotBound);
    assert_eq!(decide(Err(TokenDefect::Inactive)).unwrap_err().answer(), Answer::InvalidToken);

    // A 401 would make clients throw away good tokens.
    let unavailable = decide(Err(TokenDefect::Unavailable)).unwrap_err();
    let response = world.verifier.resource_server_response(&unavailable);
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("www-authenticate"));
    assert_eq!(world.verifier.authorization_server_response(&unavailable).status(), 503);
}

/// SEP-2: whole seconds against whole seconds, so that the millisecond of the server's clock does not move the edge.
#[test]
fn the_edge_of_iat_is_a_whole_second() {
    for ms in [0, 1, 999] {
        let mut world = World::new();
        let draft = world.draft();
        let now = i64::try_from(world.now.get() / 1000).unwrap();
        world.now = world.now.saturating_add(ms);
        for (iat, accepted) in [
            (now - IAT_WINDOW_S, true),
            (now - IAT_WINDOW_S - 1, false),
            (now + IAT_WINDOW_S, true),
            (now + IAT_WINDOW_S + 1, false),
        ] {
            let draft = draft.clone().but(|d| d.claims.set("iat", iat.to_string()));
            assert_eq!(world.decide_draft(&draft).is_ok(), accepted, "{iat} at {ms} ms");
        }
    }
}

/// A clock at either end of time must not panic, and accepts nothing but what is near it.
#[test]
fn absurd_clocks_do_not_panic() {
    let world = World::new();
    let draft = world.draft();
    for now in [0, 1, u64::MAX / 1000, u64::MAX - 1, u64::MAX] {
        let world = World { now: UnixMillis::new(now), ..world.clone() };
        for iat in [i64::MIN, -1, 0, 1, i64::MAX] {
            let draft = draft.clone().but(|d| d.claims.set("iat", iat.to_string()));
            assert!(world.decide_draft(&draft).is_err());
        }
    }
}

/// R9-2: the same ring at an authorization server and a resource server, and neither takes the other's nonces.
#[test]
fn nonces_of_two_servers_do_not_mix() {
    let resource = World::new();
    let issuer = fleet(ring(NOW), ISSUER);
    let issuer = Verifier::builder(PUBLIC_URL, Nonces::Required(issuer)).build().unwrap();
    let issuer = resource.clone().with(issuer);
    let theirs = refuse(&issuer, |d| d.claims.remove("nonce"));
    let ours = refuse(&resource, |d| d.claims.remove("nonce"));
    for (world, nonce, accepted) in
        [(&resource, &ours, true), (&resource, &theirs, false), (&issuer, &theirs, true), (&issuer, &ours, false)]
    {
        let nonce = header(nonce, "dpop-nonce").to_owned();
        let decision = world.decide_draft(&world.draft().but(|d| d.claims.set("nonce", quoted(nonce))));
        assert_eq!(decision.is_ok(), accepted);
    }
}

/// R8-2: `1*NQCHAR` (RFC 6749 appendix A), and no two alike.
#[test]
fn nonces_are_of_the_right_syntax_and_differ() {
    let world = World::new();
    let mut nonces: Vec<_> = (0..1000)
        .map(|_| header(&refuse(&world, |d| d.on_authorization(|_| vec![])), "dpop-nonce").to_owned())
        .collect();
    for nonce in &nonces {
        assert!(nonce.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
    }
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 1000);
}

/// The proofs printed in RFC 9449: figure 5 (a token request) and figure 13 (a protected resource).
#[test]
fn rfc_9449_examples() {
    let jwk = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0\
               RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlA\
               tMjU2In19";
    let token_proof = format!(
        "{jwk}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuI\
         iwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3L\
         g"
    );
    let resource_proof = format!(
        "{jwk}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90\
         ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ\
         9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    );
    let now = UnixMillis::new(1_562_262_616_000);
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    let issuer = Verifier::builder("https://server.example.com", Nonces::Off).build().unwrap();
    let (request, ()) = http::Request::post("/token").header("DPoP", &token_proof).body(()).unwrap().into_parts();
    let proof = issuer.check_token_request(RequestHead::of(&request), now).unwrap();
    assert_eq!(proof.thumbprint().to_string(), thumbprint);
    assert_eq!(proof.jti(), "-BwC3ESc6acc2lTc");

    let resource = Verifier::builder("https://resource.example.org", Nonces::Off).build().unwrap();
    let (request, ()) = http::Request::get("/protectedresource")
        .header("Authorization", "DPoP Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
        .header("DPoP", &resource_proof)
        .body(())
        .unwrap()
        .into_parts();
    let proven = resource.check(RequestHead::of(&request), now).unwrap();
    let facts = TokenFacts::new(TokenBinding::Thumbprint(thumbprint.parse().unwrap()));
    assert!(proven.bind(Ok(facts), now).unwrap().accept(now).is_ok());
}

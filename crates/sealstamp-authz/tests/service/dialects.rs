//! How proxies ask, and what a client that writes a proxy's headers gains: nothing.

use crate::support::{CONFIG, Question, Reply, Service, now_s};
use sealstamp_testkit::{Draft, key, quoted};

const DIALECTS: [&str; 4] = ["nginx", "caddy", "traefik", "envoy"];

/// A status as the client gets it, whatever the proxy's dialect.
fn status(reply: &Reply) -> u16 {
    reply.field("x-sealstamp-status").map_or(reply.status, |status| status.parse().unwrap())
}

#[test]
fn a_good_request_passes_in_every_dialect() {
    let service = Service::start(CONFIG);
    for dialect in DIALECTS {
        let reply = service.ask(&Question::of(dialect, &service.draft()));
        assert_eq!(reply.status, 200, "{dialect} {reply:?}");
        assert_eq!(reply.field("x-sealstamp-subject"), Some("alice"));
        assert_eq!(reply.body, "");
        // The proof's method and path are compared with what the proxy says.
        for change in [
            |draft: &mut Draft| draft.method = http::Method::GET,
            |draft: &mut Draft| draft.path = "/mcp/other".into(),
            |draft: &mut Draft| draft.claims.set("htu", quoted("https://evil.example/mcp")),
            |draft: &mut Draft| draft.claims.set("htu", quoted("http://mcp.example.com/mcp")),
        ] {
            let reply = service.ask(&Question::of(dialect, &service.draft().but(change)));
            assert_eq!((reply.status, status(&reply)), (401, 401), "{dialect}");
            let challenge = reply.field("www-authenticate").unwrap();
            assert!(challenge.starts_with("DPoP error=\"invalid_dpop_proof\""), "{challenge}");
            assert_eq!(reply.field("dpop-nonce").unwrap().len(), 60);
        }
    }
}

#[test]
fn a_first_request_is_told_what_is_needed() {
    let service = Service::start(CONFIG);
    for dialect in DIALECTS {
        let reply = service.ask(&Question::about(dialect, "POST", "/mcp"));
        assert_eq!(reply.status, 401, "{dialect}");
        let challenge = reply.field("www-authenticate").unwrap();
        let metadata = "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";
        assert!(challenge.starts_with("DPoP algs=") && challenge.ends_with(metadata), "{challenge}");
        assert_eq!(reply.field("dpop-nonce").unwrap().len(), 60);
        assert_eq!(reply.field("cache-control"), Some("no-store"));
        assert_eq!(reply.field("x-sealstamp-body"), (dialect == "nginx").then_some(reply.body.as_str()));
        assert_eq!(reply.field("x-sealstamp-status"), (dialect == "nginx").then_some("401"));
        assert!(serde_json::from_str::<serde_json::Value>(&reply.body).unwrap()["error"]["message"].is_string());
    }
}

/// Whatever else a client sends: of what its proxy does not write, nothing counts.
#[test]
fn headers_of_clients_gain_nothing() {
    let service = Service::start(CONFIG);
    let evil = [
        ("X-Original-Method", "GET"),
        ("X-Original-URI", "/mcp/evil"),
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Uri", "/mcp/evil"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "http"),
        ("X_Original_URI", "/mcp/evil"),
        ("X_Forwarded_Uri", "/mcp/evil"),
        ("X-Envoy-Original-Path", "/mcp/evil"),
        ("X-Rewrite-Url", "/mcp/evil"),
        ("Forwarded", "host=evil.example;proto=http"),
        ("X-HTTP-Method-Override", "GET"),
        ("X-Sealstamp-Subject", "root"),
        ("x-sealstamp-scopes", "admin"),
        ("X_Sealstamp_Subject", "root"),
        ("X-Sealstamp-Status", "200"),
    ];
    for dialect in DIALECTS {
        let own = match dialect {
            "nginx" => "x-original-",
            "envoy" => "none",
            _ => "x-forwarded-",
        };
        for (name, value) in evil {
            let is_own =
                name.to_ascii_lowercase().starts_with(own) && !name.ends_with("Host") && !name.ends_with("Proto");
            let reply = service.ask(&Question::of(dialect, &service.draft()).with(name, value));
            if is_own {
                // The proxy added to it: somebody must look, and nobody passes.
                assert_eq!(status(&reply), 400, "{dialect} {name}");
                assert!(service.log().contains("came more than once"));
            } else {
                assert_eq!(reply.status, 200, "{dialect} {name}");
                assert_eq!(reply.field("x-sealstamp-subject"), Some("alice"));
            }
            // A request without credentials stays one.
            let reply = service.ask(&Question::about(dialect, "POST", "/mcp").with(name, value));
            assert_eq!(status(&reply), if is_own { 400 } else { 401 }, "{dialect} {name}");
        }
    }
}

#[test]
fn a_question_without_its_headers_is_none() {
    let service = Service::start(CONFIG);
    let good = service.draft();
    for (dialect, missing) in [
        ("nginx", "x-original-method"),
        ("nginx", "x-original-uri"),
        ("caddy", "x-forwarded-method"),
        ("caddy", "x-forwarded-uri"),
        ("traefik", "x-forwarded-uri"),
    ] {
        let mut question = Question::of(dialect, &good);
        question.fields.retain(|(name, _)| !name.eq_ignore_ascii_case(missing));
        let reply = service.ask(&question);
        assert_eq!(status(&reply), 400, "{dialect} {missing}");
        assert_eq!(reply.status, if dialect == "nginx" { 403 } else { 400 });
        assert_eq!(reply.field("dpop-nonce"), None);
        assert!(service.log().contains(&format!("the proxy did not send {missing}")));
        // Those of the other dialect are no substitute.
        let other = if dialect == "nginx" { "caddy" } else { "nginx" };
        let reply = service.ask(&Question { socket: dialect, ..Question::of(other, &good) });
        assert_eq!(status(&reply), 400, "{dialect} {missing}");
    }
    let reply = service.ask(&Question::about("nginx", "B AD", "/mcp"));
    assert_eq!(status(&reply), 400);
    assert!(!service.log().contains("B AD"), "a client's text is not logged");
}

/// Each path, and whether proxy and upstream read it alike.
#[test]
fn paths_agree_or_are_refused() {
    let service = Service::start(CONFIG);
    for (path, htu, expected) in [
        ("/mcp", "/mcp", 200),
        ("/mcp?a=../..//%2F", "/mcp", 200),
        ("/mcp/", "/mcp/", 200),
        ("/mcp/a", "/mcp/a", 200),
        ("/mcp/a%20b", "/mcp/a%20b", 200),
        ("/mcp/%c3%a9", "/mcp/%C3%A9", 200),
        ("/%6Dcp", "/mcp", 200),
        ("/mcp", "/%6dcp", 200),
        ("/mcp/a", "/mcp", 401),
        ("/mcp/", "/mcp", 401),
        ("/mcp%2Fa", "/mcp/a", 400),
        ("/mcp%2Fa", "/mcp%2Fa", 400),
        ("/mcp//a", "/mcp//a", 400),
        ("//mcp", "/mcp", 400),
        ("/mcp/../mcp", "/mcp", 400),
        ("/mcp/%2e%2e/mcp", "/mcp", 400),
        ("/mcp/..", "/", 400),
        ("/mcp;a", "/mcp;a", 400),
        ("/mcp\\a", "/mcp", 400),
        ("/mcp%00", "/mcp", 400),
        ("/other", "/other", 400),
        ("/mcpa", "/mcpa", 400),
        ("/MCP", "/MCP", 400),
        ("/", "/", 400),
    ] {
        for dialect in DIALECTS {
            let mut draft = service.draft();
            draft.path = "/mcp".into();
            draft.claims.set("htu", quoted(format!("https://mcp.example.com{htu}")));
            let mut question = Question::about(dialect, "POST", path);
            question.fields.extend(Question::of("envoy", &draft).fields);
            let reply = service.ask(&question);
            assert_eq!(status(&reply), expected, "{dialect} {path} {htu}");
        }
    }
}

/// Where a proxy sends its own absolute form, or nothing.
#[test]
fn a_target_that_is_no_path_is_refused() {
    let service = Service::start(CONFIG);
    for target in ["", "*", "https://mcp.example.com/mcp", "mcp", "?"] {
        for dialect in ["nginx", "caddy"] {
            let reply = service.ask(&Question::about(dialect, "POST", target));
            assert_eq!(status(&reply), 400, "{dialect} {target}");
        }
    }
    assert_eq!(service.ask(&Question::about("envoy", "POST", "")).status, 400);
    assert_eq!(service.ask(&Question::about("envoy", "POST", "*")).status, 404);
}

/// The name in the question chooses, and each resource has its own URL, issuer and audience.
#[test]
fn each_resource_is_its_own() {
    let other = r#"
[[resource]]
name = "other"
public_url = "https://other.example.org/"
required_scopes = ["tools:read"]

[[resource.issuer]]
url = "https://issuer.example.com"
audiences = ["api://other", "api://another"]
jwks_file = "jwks.json"

[[resource.path]]
path = "/admin"
scopes = ["admin"]

[[resource]]
name = "stale"
public_url = "https://mcp.example.com/stale"
nonces = "off"

[[resource.issuer]]
url = "https://nobody.example.com"
jwks_file = "jwks.json"
"#;
    let service = Service::start(&format!("{CONFIG}{other}"));
    let good = service.draft();
    for (name, expected) in [("mcp", 200), ("other", 401), ("stale", 400), ("nobody", 404), ("", 404), ("mcp%2F", 404)]
    {
        assert_eq!(service.ask(&Question::of("caddy", &good).named(name)).status, expected, "{name}");
    }
    // Other nonces, another audience, another URL.
    let nonce = service.ask(&Question::about("caddy", "POST", "/x").named("other"));
    let nonce = nonce.field("dpop-nonce").unwrap();
    let draft = |path: &str, audience: &str, scope: &str| {
        Draft::new(&key("ES256"), nonce, now_s()).but(|draft| {
            draft.path = path.into();
            draft.claims.set("htu", quoted(format!("https://other.example.org{path}")));
            draft.token_claims.set("aud", quoted(audience));
            draft.token_claims.set("scope", quoted(scope));
        })
    };
    for (path, audience, scope, expected) in [
        ("/x", "api://other", "tools:read", 200),
        ("/", "api://another", "tools:read x", 200),
        ("/x", "https://other.example.org/", "tools:read", 401),
        ("/x", "api://other", "x", 403),
        ("/admin", "api://other", "tools:read", 403),
        ("/admin/x", "api://other", "tools:read", 403),
        ("/admin/x", "api://other", "admin", 403),
        ("/admin/x", "api://other", "tools:read admin", 200),
        ("/administrator", "api://other", "tools:read", 200),
        ("/%61dmin", "api://other", "tools:read", 403),
    ] {
        let reply = service.ask(&Question::of("caddy", &draft(path, audience, scope)).named("other"));
        assert_eq!(reply.status, expected, "{path} {audience} {scope}");
        if expected == 403 {
            let challenge = reply.field("www-authenticate").unwrap();
            let needed = if path == "/x" { "tools:read" } else { "tools:read admin" };
            assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
            assert!(challenge.contains(&format!("scope=\"{needed}\"")), "{challenge}");
        }
    }
}

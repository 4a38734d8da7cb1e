//! What a proxy is told: facts, signed tokens, challenges, metadata.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use sealstamp_testkit::key;
use serde_json::{Value, json};

use crate::support::{CONFIG, Folder, HttpServer, Question, Service, ask, now_s};

/// A key file as `openssl genpkey` writes it.
fn pem() -> String {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap();
    let text = STANDARD.encode(key.as_ref());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn facts_cannot_break_out_of_their_fields() {
    let service = Service::start(CONFIG);
    let reply = service.ask(&Question::of("caddy", &service.draft()));
    for (name, value) in [
        ("x-sealstamp-subject", "alice"),
        ("x-sealstamp-issuer", "https%3A%2F%2Fissuer.example.com"),
        ("x-sealstamp-client-id", "an-agent"),
        ("x-sealstamp-scopes", "tools%3Aread tools%3Acall"),
        ("x-sealstamp-thumbprint", key("ES256").thumbprint().as_str()),
        ("x-sealstamp-token", ""),
    ] {
        assert_eq!(reply.field(name), Some(value), "{name}");
    }
    let strange = service.draft().but(|draft| {
        draft.token_claims.set("sub", r#""a\r\nX-Evil: 1,b\u0000é \"%41""#);
        draft.token_claims.set("scope", r#"["a,b","c\nd"]"#);
        draft.token_claims.remove("client_id");
    });
    let reply = service.ask(&Question::of("caddy", &strange));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.field("x-evil"), None);
    assert_eq!(reply.field("x-sealstamp-subject"), Some("a%0D%0AX-Evil%3A%201%2Cb%00%C3%A9%20%22%2541"));
    assert_eq!(reply.field("x-sealstamp-scopes"), Some("a%2Cb c d"));
    // A fact that is not there has a field all the same, so that a proxy replaces what a client wrote.
    assert_eq!(reply.field("x-sealstamp-client-id"), Some(""));
}

#[test]
fn a_signed_token_says_the_same() {
    let folder = Folder::new();
    folder.write("key.pem", &pem());
    let token = "[upstream_token]\nkey_file = \"key.pem\"\nissuer = \"https://authz.example.com\"\nlifetime_s = 20\n";
    let service = Service::start_in(folder, &format!("{token}{CONFIG}"));
    let reply = service.ask(&Question::of("envoy", &service.draft()));
    let keys = ask(service.connect("nginx"), "GET", "/jwks", &[]);
    assert_eq!(keys.field("content-type"), Some("application/jwk-set+json"));
    let keys: JwkSet = serde_json::from_str(&keys.body).unwrap();
    assert!(!format!("{keys:?}").contains("private"));
    let mut expected = Validation::new(Algorithm::ES256);
    expected.set_issuer(&["https://authz.example.com"]);
    expected.set_audience(&["https://mcp.example.com/mcp"]);
    let key_ = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
    let token = decode::<Value>(reply.field("x-sealstamp-token").unwrap(), &key_, &expected).unwrap();
    assert_eq!(token.header.kid, keys.keys[0].common.key_id);
    let claims = token.claims;
    assert_eq!(claims["exp"].as_u64().unwrap(), claims["iat"].as_u64().unwrap() + 20);
    assert!(claims["iat"].as_u64().unwrap().abs_diff(now_s()) < 5);
    for (name, value) in [
        ("sub", json!("alice")),
        ("token_issuer", json!("https://issuer.example.com")),
        ("client_id", json!("an-agent")),
        ("scope", json!("tools:read tools:call")),
        ("cnf", json!({ "jkt": key("ES256").thumbprint() })),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    // Without a key there is no such page.
    let service = Service::start(CONFIG);
    assert_eq!(ask(service.connect("nginx"), "GET", "/jwks", &[]).status, 404);
}

#[test]
fn metadata_is_served_for_each_resource() {
    let service = Service::start(CONFIG);
    let get = |method: &str, path: &str| ask(service.connect("caddy"), method, path, &[]);
    let reply = get("GET", "/metadata/mcp");
    assert_eq!((reply.status, reply.field("access-control-allow-origin")), (200, Some("*")));
    let metadata: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(metadata["resource"], "https://mcp.example.com/mcp");
    assert_eq!(metadata["authorization_servers"], json!(["https://issuer.example.com"]));
    assert_eq!(get("OPTIONS", "/metadata/mcp").status, 204);
    assert_eq!(get("POST", "/metadata/mcp").status, 405);
    for path in ["/metadata/other", "/metadata/", "/metadata", "/", "/healthz", "/metrics", "/check"] {
        assert_eq!(get("GET", path).status, 404, "{path}");
    }
}

/// nginx has one variable for a field, and passes 401 and 403 alone.
#[test]
fn nginx_gets_one_challenge_and_the_real_status() {
    let config = CONFIG.replace(
        "[[resource.issuer]]",
        "dangerously_accept_unbound_bearer_tokens = true\nrequired_scopes = [\"x\"]\n[[resource.issuer]]",
    );
    let service = Service::start(&config);
    let reply = service.ask(&Question::about("caddy", "POST", "/mcp"));
    let both = reply.all("www-authenticate");
    assert!(both.len() == 2 && both[0].starts_with("Bearer") && both[1].starts_with("DPoP"), "{both:?}");
    let reply = service.ask(&Question::about("nginx", "POST", "/mcp"));
    assert_eq!(reply.field("www-authenticate"), Some(both.join(", ").as_str()));
    let reply = service.ask(&Question::of("nginx", &service.draft()));
    assert_eq!((reply.status, reply.field("x-sealstamp-status")), (403, Some("403")));
    assert!(reply.field("x-sealstamp-body").unwrap().contains("insufficient_scope"));
}

/// RFC 7662, with a secret from a file.
#[test]
fn an_opaque_token_is_asked_about() {
    let thumbprint = key("ES256").thumbprint();
    let issuer = HttpServer::start(move |form| match form.contains("token=good") {
        true => json!({
            "active": true, "sub": "bob", "aud": "https://mcp.example.com/mcp", "cnf": { "jkt": thumbprint },
        })
        .to_string(),
        false => json!({ "active": false }).to_string(),
    });
    let folder = Folder::new();
    folder.write("secret", "s3cret\n");
    let config = CONFIG.replace(
        "[[resource.issuer]]",
        &format!(
            "[resource.introspection]\nissuer = \"https://opaque.example.com\"\nendpoint = \"{}\"\n\
             client_id = \"authz\"\nclient_secret_file = \"secret\"\n[[resource.issuer]]",
            issuer.url("/introspect")
        ),
    );
    let service = Service::start_in(folder, &config);
    let opaque = |token: &str| service.draft().but(|draft| draft.token = Some(token.into()));
    let reply = service.ask(&Question::of("caddy", &opaque("good")));
    assert_eq!((reply.status, reply.field("x-sealstamp-subject")), (200, Some("bob")));
    assert_eq!(reply.field("x-sealstamp-issuer"), Some("https%3A%2F%2Fopaque.example.com"));
    let reply = service.ask(&Question::of("caddy", &opaque("bad")));
    assert_eq!(reply.status, 401);
    assert!(reply.field("www-authenticate").unwrap().contains("invalid_token"));
    // A JWT of the other issuer passes beside it.
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
    assert!(!service.log().contains("s3cret") && !service.log().contains("good"));
}

#[test]
fn keys_come_from_the_issuer_too() {
    let issuer = HttpServer::start(|_| sealstamp_testkit::issuer().jwks());
    let config = CONFIG.replace("jwks_file = \"jwks.json\"", &format!("jwks_uri = \"{}\"", issuer.url("/jwks")));
    let service = Service::start(&config);
    crate::support::until("the keys are there", || service.operator("/readyz").status == 200);
    assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, 200);
    assert_eq!(service.status()["issuers"][0]["keys"], 1);
    // A reload keeps them. With another audience it is another validator, which has its keys before it is in use.
    let asked = || service.status()["issuers"][0]["attempts"].as_u64().unwrap();
    let before = asked();
    assert!(service.reload());
    assert_eq!(asked(), before);
    for (audience, expected) in [("api://other", 401), ("https://mcp.example.com/mcp", 200)] {
        service.folder.configure(&config.replace("jwks_uri", &format!("audiences = [\"{audience}\"]\njwks_uri")));
        assert!(service.reload());
        assert_eq!(service.ask(&Question::of("caddy", &service.draft())).status, expected);
    }

    // An issuer that is away: not ready, and a token gets 503, which nginx is told in its way.
    let config = CONFIG.replace("jwks_file = \"jwks.json\"", "jwks_uri = \"http://127.0.0.1:1/jwks\"");
    let service = Service::start(&config);
    assert_eq!((service.operator("/readyz").status, service.operator("/healthz").status), (503, 503));
    assert_eq!(service.ask(&Question::of("envoy", &service.draft())).status, 503);
    let why = |line: &str| line.contains("the issuer's keys were not fetched") && line.contains("onnection refused");
    crate::support::until("the log says why", || service.log().lines().any(why));
    let reply = service.ask(&Question::of("nginx", &service.draft()));
    assert_eq!((reply.status, reply.field("x-sealstamp-status")), (403, Some("503")));
    assert!(reply.field("x-sealstamp-body").unwrap().contains("temporarily_unavailable"));
}

/// The nonce ahead of the end of the old one comes with an accepted request.
#[test]
fn the_next_nonce_comes_in_time() {
    let folder = Folder::new();
    folder.ring_with_lifetime(6);
    let service = Service::start_in(folder, CONFIG);
    let nonce = service.nonce();
    let ask = || {
        let draft = sealstamp_testkit::Draft::new(&key("ES256"), &nonce, now_s());
        service.ask(&Question::of("nginx", &draft))
    };
    let first = ask();
    assert_eq!((first.status, first.field("dpop-nonce")), (200, None));
    crate::support::until("a next nonce comes", || {
        let reply = ask();
        assert_eq!(reply.status, 200, "{reply:?}");
        if reply.field("dpop-nonce").is_some() {
            assert_eq!(reply.field("cache-control"), Some("no-store"));
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        false
    });
}

#[test]
fn an_ed25519_key_signs_too() {
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    let folder = Folder::new();
    folder.write("key.pem", PEM);
    let token = "[upstream_token]\nkey_file = \"key.pem\"\nissuer = \"a\"\n";
    let service = Service::start_in(folder, &format!("{token}{CONFIG}"));
    let reply = service.ask(&Question::of("caddy", &service.draft()));
    let keys: JwkSet = serde_json::from_str(&ask(service.connect("caddy"), "GET", "/jwks", &[]).body).unwrap();
    let mut expected = Validation::new(Algorithm::EdDSA);
    expected.set_audience(&["https://mcp.example.com/mcp"]);
    let public = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
    assert!(decode::<Value>(reply.field("x-sealstamp-token").unwrap(), &public, &expected).is_ok());
}

//! `rediss://` addresses, against a real server whose certificate this test has made. Redis alone: the Valkey that
//! `scripts/test` fetches is built without TLS.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test that goes wrong should panic")]

use std::time::{Duration, Instant, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sealstamp::UnixMillis;
use sealstamp_dpop::{Claim, Claimed, ProofId, ProofStore, StoreError};
use sealstamp_redis::RedisStore;
use sealstamp_testkit::{StoreProgram, StoreServer};

/// Whoever signs the certificates of servers.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// A server that speaks TLS alone, by the name `localhost`.
struct TlsServer {
    server: StoreServer,
    _folder: tempfile::TempDir,
}

impl TlsServer {
    fn start(authority: &Authority) -> Option<Self> {
        let program = StoreProgram::redis()?;
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority.0).unwrap();
        let file = |name: &str, pem: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, pem).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (certificate, key) = (file("server.crt", certificate.pem()), file("server.key", key.serialize_pem()));
        let server = program.start_with(|port| {
            let port = port.to_string();
            let tls = ["--port", "0", "--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
            tls.into_iter().chain(["--tls-auth-clients", "no"]).map(str::to_owned).collect()
        });
        Some(Self { server, _folder: folder })
    }

    fn address(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.server.port())
    }
}

fn claim(n: u8) -> Claim {
    let now = UnixMillis::from_system_time(SystemTime::now());
    Claim::new(ProofId::from_bytes([n; 32]), now.saturating_add(60_000), now.saturating_add(65_000))
}

fn store(address: &str, authority: &Authority) -> RedisStore {
    let builder = RedisStore::builder(address).root_certificate(authority.pem().as_bytes());
    builder.bound(Duration::from_secs(3)).build().unwrap()
}

#[tokio::test]
async fn a_proof_is_accepted_once_over_tls_and_again_after_a_restart_not() {
    let authority = Authority::new();
    let Some(mut tls) = TlsServer::start(&authority) else { return };
    let (one, other) = (
        store(&tls.address("rediss", "localhost"), &authority),
        store(&tls.address("rediss", "localhost"), &authority),
    );
    assert_eq!(one.claim(claim(1)).await, Ok(Claimed::First));
    assert_eq!(other.claim(claim(1)).await, Ok(Claimed::Again));

    tls.server.kill();
    assert_eq!(one.claim(claim(2)).await, Err(StoreError::Unavailable));
    tls.server.start_again();
    let back = Instant::now();
    while one.claim(claim(1)).await != Ok(Claimed::Again) {
        assert!(back.elapsed() < Duration::from_secs(5), "no service 5 s after the store is back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("redis over TLS: service again after {:?}", back.elapsed());
    assert_eq!(one.claim(claim(3)).await, Ok(Claimed::First));
}

/// A server that cannot show who it is gets no claims, and nobody is accepted.
#[tokio::test]
async fn a_server_that_is_not_the_one_meant() {
    let authority = Authority::new();
    let Some(tls) = TlsServer::start(&authority) else { return };
    for (what, address, trusted) in [
        ("another authority", tls.address("rediss", "localhost"), Some(Authority::new())),
        ("an authority that the system does not know", tls.address("rediss", "localhost"), None),
        ("another name", tls.address("rediss", "127.0.0.1"), Some(authority)),
        ("no TLS", tls.address("redis", "localhost"), None),
    ] {
        let builder = RedisStore::builder(&address).bound(Duration::from_secs(1));
        let store = match trusted {
            Some(trusted) => builder.root_certificate(trusted.pem().as_bytes()).build().unwrap(),
            None => builder.build().unwrap(),
        };
        assert_eq!(store.claim(claim(1)).await, Err(StoreError::Unavailable), "{what}");
    }
}

/// What is no certificate is noticed when the store is made.
#[tokio::test]
async fn a_root_certificate_that_is_none() {
    for pem in ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = RedisStore::builder("rediss://localhost").root_certificate(pem.as_bytes()).build().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("AAAA"), "{error:?}");
    }
}

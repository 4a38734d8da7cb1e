//! Ours, set up as its documentation shows.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request, Response};
use sealstamp::{Audience, Binding, Fleet, Force, Fresh, Nonce, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::tower::{DpopLayer, DpopService};
use sealstamp_dpop::{
    Accepted, CacheBounds, Cached, Claim, Claimed, Jwks, JwtValidator, MemoryStore, Nonces, ProofId, ProofStore,
    RequestHead, StoreError, TokenBinding, TokenDefect, TokenFacts, TokenValidator, Verifier, VerifierBuilder,
    WhenAway,
};
use serde_json::{Map, Value};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::clock;
use crate::inputs::{Client, ISSUER, Issuer, PUBLIC_URL, request};

/// A handle whose ring is as `sealstamp init` makes it.
#[must_use]
pub fn fleet(suite: Suite) -> Fleet {
    handle(Ring::init(Settings::default(), suite, clock(), Fresh::insecure_from_seed(1)))
}

fn handle(ring: Ring) -> Fleet {
    Fleet::new(ring, Audience::new(PUBLIC_URL).expect("an audience")).expect("a seed")
}

/// A handle on a ring of so many keys, the last but one active, as after that many rotations without a prune.
#[must_use]
pub fn fleet_of(keys: usize) -> Fleet {
    let settings = Settings::default();
    let minute = 60_000;
    let between = 11 * minute;
    let mut now = clock().get() - (keys as u64 + 1) * between;
    let mut ring = Ring::init(settings, Suite::Aes256Gcm, UnixMillis::new(now), Fresh::insecure_from_seed(1));
    while ring.keys().len() < keys {
        now += between;
        let fresh = Fresh::insecure_from_seed(now);
        ring = ring.rotate(None, UnixMillis::new(now), fresh, Force::No).expect("a rotation in time").ring;
    }
    if keys == 1 {
        // No command leaves a ring without a staged key; a file may hold one.
        let mut file: serde_json::Value = serde_json::from_str(&ring.to_json()).expect("JSON");
        file["keys"].as_array_mut().expect("keys").truncate(1);
        ring = Ring::parse(file.to_string().as_bytes()).expect("a ring");
    }
    assert_eq!(ring.keys().len(), keys);
    handle(ring)
}

/// A nonce that is no longer good, though only the time says so.
#[must_use]
pub fn expired(fleet: &Fleet) -> Nonce {
    fleet.mint(UnixMillis::new(clock().get() - 200_000), &Binding::None)
}

/// A nonce with another tag.
#[must_use]
pub fn forged(nonce: &str) -> String {
    let last = if nonce.ends_with('A') { 'B' } else { 'A' };
    format!("{}{last}", &nonce[..nonce.len() - 1])
}

/// A verifier, and what is known of the token: issued, and bound to the client's key.
pub struct Ours {
    verifier: Verifier,
    token: TokenFacts,
}

impl Ours {
    /// For requests that carry nonces of `fleet` and proofs by the key of this thumbprint.
    #[must_use]
    pub fn new(fleet: &Fleet, thumbprint: &str) -> Self {
        let verifier = verifier(fleet);
        let thumbprint = thumbprint.parse().expect("a thumbprint");
        Self { verifier, token: TokenFacts::new(TokenBinding::Thumbprint(thumbprint)) }
    }

    /// Rules 1 to 9, and of rule 10 the comparison of keys: the token is known to be valid.
    pub fn verify(&self, request: &Parts) -> Accepted {
        let now = clock();
        let proven = self.verifier.check(RequestHead::of(request), now).expect("a good proof");
        let bound = proven.bind(Ok(self.token.clone()), now).expect("the token of this key");
        bound.accept(now).expect("all that the policy demands")
    }

    /// The refusal of a request whose nonce is not good, and the response to it, challenge and fresh nonce included.
    pub fn refuse(&self, request: &Parts) -> http::Response<&'static str> {
        let refused = self.verifier.check(RequestHead::of(request), clock()).expect_err("a bad nonce");
        assert!(refused.nonce_refusal().is_some(), "{refused}");
        self.verifier.resource_server_response(&refused)
    }
}

/// The verifier of a server with nonces.
#[must_use]
pub fn verifier(fleet: &Fleet) -> Verifier {
    verifier_builder(fleet).build().expect("a verifier")
}

/// The same, before it is built.
#[must_use]
pub fn verifier_builder(fleet: &Fleet) -> VerifierBuilder {
    Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone()))
}

/// The validator of this issuer's tokens.
#[must_use]
pub fn validator(jwks: &str) -> JwtValidator {
    JwtValidator::new(ISSUER, PUBLIC_URL, Jwks::parse(jwks.as_bytes()).expect("a JWK set"))
}

/// The whole layer in front of a service that does nothing, and requests for it, each with a token of its own.
pub struct Layer {
    service: DpopService<Nothing, Cached<JwtValidator>>,
    requests: Vec<Request<()>>,
    turn: AtomicUsize,
}

impl Layer {
    /// With so many tokens of one client, all of them known.
    #[must_use]
    pub fn warm(fleet: &Fleet, client: &Client, tokens: usize) -> Self {
        Self::warm_behind(verifier(fleet), fleet, client, tokens)
    }

    /// With one token of this client, which is known, and with single use in a store of memory. The client sends one
    /// proof again and again; to the store it is another each time.
    #[must_use]
    pub fn warm_once(fleet: &Fleet, client: &Client) -> Self {
        let store = AnotherEachTime { store: MemoryStore::new(STORE_BYTES), turn: AtomicU64::new(0) };
        let verifier = verifier_builder(fleet).single_use(store, WhenAway::Refuse).build().expect("a verifier");
        Self::warm_behind(verifier, fleet, client, 1)
    }

    fn warm_behind(verifier: Verifier, fleet: &Fleet, client: &Client, tokens: usize) -> Self {
        let issuer = Issuer::new();
        let cached = Cached::new(validator(&issuer.jwks()), CacheBounds::default());
        let with_token = |_| {
            let token = issuer.token(Some(client.thumbprint()));
            let proof = client.proof(&token, &fleet.mint(clock(), &Binding::None));
            Request::from_parts(request(&token, &proof), ())
        };
        let layer = Self {
            service: DpopLayer::new(verifier, cached).layer(Nothing),
            requests: (0..tokens).map(with_token).collect(),
            turn: AtomicUsize::new(0),
        };
        (0..2 * tokens).for_each(|_| drop(layer.call()));
        layer
    }

    /// One request from its arrival to its response. It is cloned first, as a layer consumes it.
    pub fn call(&self) -> Response<()> {
        let place = if self.requests.len() == 1 { 0 } else { self.turn.fetch_add(1, Relaxed) % self.requests.len() };
        let response = crate::ready(self.service.clone().call(self.requests[place].clone())).expect("no error");
        assert_eq!(response.status(), 200);
        response.map(drop)
    }

    /// The first request's proof.
    #[must_use]
    pub fn proof(&self) -> &str {
        self.requests[0].headers()["dpop"].to_str().expect("ASCII")
    }
}

/// Room for all claims of a run.
const STORE_BYTES: usize = 256 * 1024 * 1024;

struct AnotherEachTime {
    store: MemoryStore,
    turn: AtomicU64,
}

impl ProofStore for AnotherEachTime {
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let id = nth_id(self.turn.fetch_add(1, Relaxed));
        self.store.claim(Claim::new(id, claim.usable_until(), claim.keep_until())).await
    }
}

/// A store, and claims for it that are all new.
pub struct Claims<S> {
    store: S,
    turn: AtomicU64,
}

impl Claims<MemoryStore> {
    /// In memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::of(MemoryStore::new(STORE_BYTES))
    }
}

impl<S: ProofStore> Claims<S> {
    /// Of this store.
    #[must_use]
    pub const fn of(store: S) -> Self {
        Self { store, turn: AtomicU64::new(0) }
    }

    /// Claims one more, for as long as the proof of a default ring.
    pub async fn claim(&self) {
        let now = clock();
        let id = nth_id(self.turn.fetch_add(1, Relaxed));
        let claim = Claim::new(id, now.saturating_add(125_000), now.saturating_add(130_000));
        assert_eq!(self.store.claim(claim).await, Ok(Claimed::First));
    }
}

fn nth_id(n: u64) -> ProofId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    ProofId::from_bytes(bytes)
}

/// A service that answers 200.
#[derive(Clone)]
struct Nothing;

impl Service<Request<()>> for Nothing {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

/// How many bytes a cache of tokens holds beyond its bound after so many distinct tokens, and how many it holds.
#[must_use]
pub fn flood(tokens: u32) -> (u64, u64) {
    let bound = 16 * 1024 * 1024;
    let claims = format!(r#"{{"iss":"{ISSUER}","sub":"user-4711","scope":"tools:call","more":"{}"}}"#, "m".repeat(700));
    let cached = Cached::new(AnyToken(claims), CacheBounds::default().bytes(bound));
    let now = clock();
    let flood = allocation_counter::measure(|| {
        for token in 0..tokens {
            crate::ready(cached.validate(&format!("token {token}"), now)).expect("any token is good");
        }
    });
    let held = u64::try_from(flood.bytes_current).expect("not below zero");
    (held.saturating_sub(bound), held)
}

/// Every token is good, and says the same.
struct AnyToken(String);

impl TokenValidator for AnyToken {
    async fn validate(&self, _: &str, _: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        let claims: Map<String, Value> = serde_json::from_str(&self.0).expect("an object");
        Ok(TokenFacts::new(TokenBinding::None).with_claims(claims).until(UnixMillis::new(u64::MAX)))
    }
}

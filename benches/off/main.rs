//! A request through the layer with every option off, over and over: `benches/before` builds it against this tree and
//! against an older one. So it uses nothing but what both have.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Instant, SystemTime};

use http::{Request, Response};
use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_dpop::tower::DpopLayer;
use sealstamp_dpop::{CacheBounds, Cached, Jwks, JwtValidator, Nonces, Verifier};
use sealstamp_testkit::{Draft, ISSUER, PUBLIC_URL, issuer, key};
use tower_layer::Layer as _;
use tower_service::Service;

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

/// Prints nanoseconds for each of so many calls.
fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|count| count.parse().ok()).expect("how many calls");
    let now = UnixMillis::from_system_time(SystemTime::now());
    let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::insecure_from_seed(1));
    let fleet = Fleet::new(ring, Audience::new(PUBLIC_URL).expect("an audience")).expect("a seed");
    let verifier = Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone())).build().expect("a verifier");
    let jwks = Jwks::parse(issuer().jwks().as_bytes()).expect("a JWK set");
    let tokens = Cached::new(JwtValidator::new(ISSUER, PUBLIC_URL, jwks), CacheBounds::default());
    let service = DpopLayer::new(verifier, tokens).layer(Nothing);
    let nonce = fleet.mint(now, &Binding::None);
    let request = Request::from_parts(Draft::new(&key("ES256"), nonce.as_str(), now.get() / 1_000).parts(), ());
    let call = || {
        let future = service.clone().call(request.clone());
        let Poll::Ready(Ok(response)) = pin!(future).poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nothing here waits")
        };
        assert_eq!(response.status(), 200);
    };
    (0..100).for_each(|_| call());
    let start = Instant::now();
    (0..count).for_each(|_| call());
    println!("{:.0}", start.elapsed().as_nanos() as f64 / f64::from(count));
}

//! What proxies ask: `/check/NAME` whether a request may pass, `/metadata/NAME` for the metadata of a resource (RFC
//! 9728), `/jwks` for the keys of the tokens that upstreams get.
//!
//! The proxy's configuration writes the name, so no client can choose its resource, nor the origin that its proof must
//! name.

use std::fmt::Display;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use sealstamp::UnixMillis;
use sealstamp_dpop::RequestHead;
use tokio::time::timeout;
use tracing::{Instrument, info_span, warn};

use crate::answer::{Caller, Reply, TOKEN, Turned, count, plain, refusal};
use crate::dialect::Dialect;
use crate::process::Process;
use crate::resource::{Resource, Routes};

/// Answers a proxy of this dialect, whatever comes, within the bounds.
pub(crate) async fn check<B>(process: Arc<Process>, dialect: Dialect, request: Request<B>) -> Reply {
    let overloaded = |why: &'static str| turn(dialect, "", Turned::Overloaded, why);
    let Ok(_permit) = process.requests.try_acquire() else {
        return overloaded("too many requests at once: limits.requests");
    };
    match timeout(process.bounds().request, answer(&process, dialect, &request)).await {
        Ok(reply) => reply,
        Err(_) => overloaded("a request took too long: limits.request_s"),
    }
}

async fn answer<B>(process: &Process, dialect: Dialect, request: &Request<B>) -> Reply {
    let routes = process.routes.load_full();
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    if let Some(rest) = target.strip_prefix("/check/") {
        let (name, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        return match routes.resources.get(name) {
            Some(resource) => decide(process, &routes, resource, dialect, request, rest).await,
            None => turn(dialect, "", Turned::Unknown, "the proxy asks for a resource that is not configured"),
        };
    }
    match (request.method(), request.uri().path()) {
        (_, path) if path.starts_with("/metadata/") => metadata(&routes, request),
        (&Method::GET | &Method::HEAD, "/jwks") => match &routes.signer {
            Some(signer) => plain(StatusCode::OK, "application/jwk-set+json", signer.jwks().to_owned()),
            None => not_found(),
        },
        _ => not_found(),
    }
}

async fn decide<B>(
    process: &Process,
    routes: &Routes,
    resource: &Resource,
    dialect: Dialect,
    request: &Request<B>,
    rest: &str,
) -> Reply {
    let name = resource.name.as_str();
    let original = match dialect.original(request, rest) {
        Ok(original) => original,
        Err(misfit) => return turn(dialect, name, Turned::BadRequest, misfit),
    };
    if !resource.covers(original.uri.path()) {
        let why = "the proxy asks about a path that is not one of this resource";
        return turn(dialect, name, Turned::BadRequest, why);
    }
    let now = UnixMillis::from_system_time(SystemTime::now());
    let head = RequestHead::new(&original.method, &original.uri, request.headers());
    let deciding = resource.verifier.decide(head, &resource.tokens, now);
    match process.counting(name, deciding.instrument(info_span!("check", resource = name))).await {
        Ok(accepted) => {
            let mut reply = Response::new(Full::default());
            let caller = Caller::of(&accepted, resource.asked_issuer.as_deref());
            caller.write(reply.headers_mut());
            let token =
                routes.signer.as_ref().and_then(|signer| signer.sign(&caller, &resource.upstream_audience, now));
            reply.headers_mut().insert(TOKEN, token.unwrap_or(HeaderValue::from_static("")));
            accepted.write_headers(reply.headers_mut());
            count(name, reply.status());
            reply
        }
        Err(rejection) => {
            let response = resource.verifier.resource_server_response(&rejection);
            count(name, response.status());
            refusal(dialect, response)
        }
    }
}

/// An answer without a decision. The reason is for the operator alone.
fn turn(dialect: Dialect, resource: &str, turned: Turned, why: impl Display) -> Reply {
    let response = turned.reply();
    warn!(resource, status = response.status().as_u16(), "not decided: {why}");
    count(resource, response.status());
    refusal(dialect, response)
}

/// The metadata of the resource that the path names, as if it had been asked for where clients look.
fn metadata<B>(routes: &Routes, request: &Request<B>) -> Reply {
    let name = request.uri().path().strip_prefix("/metadata/").unwrap_or_default();
    let Some(resource) = routes.resources.get(name) else { return not_found() };
    let asked = Request::builder().method(request.method()).uri(resource.metadata.path()).body(());
    match asked {
        Ok(asked) => resource.metadata.respond(&asked).map(Full::from),
        Err(_) => not_found(),
    }
}

fn not_found() -> Reply {
    plain(StatusCode::NOT_FOUND, "text/plain", "there is nothing here\n")
}

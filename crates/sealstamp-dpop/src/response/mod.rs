//! From a decision to status and headers: the one place that knows how a refusal looks to a client.
//!
//! Every refusal of a nonce is the same response but for the fresh nonce in it. All text is fixed when the verifier is
//! built; nothing of a request comes back.

mod challenges;
mod headers;
mod texts;

pub(crate) use challenges::Challenges;
pub use headers::DPOP_NONCE;
pub(crate) use headers::write_nonce;
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};

use crate::response::headers::EXPOSED;
use crate::response::texts::{json_rpc_error, oauth_error};
use crate::verdict::{Answer, Rejection};

/// The refusal as a resource server gives it.
pub(crate) fn of_resource_server(challenges: &Challenges, rejection: &Rejection) -> Response<&'static str> {
    let answer = rejection.answer();
    let mut response = Response::new(json_rpc_error(answer));
    *response.status_mut() = match answer {
        Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNAUTHORIZED,
    };
    challenges.write(answer, response.headers_mut());
    finish(&mut response, rejection);
    response
}

/// The refusal as an authorization server gives it.
pub(crate) fn of_authorization_server(rejection: &Rejection) -> Response<&'static str> {
    let answer = rejection.answer();
    let mut response = Response::new(oauth_error(answer));
    *response.status_mut() = match answer {
        Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    finish(&mut response, rejection);
    response
}

fn finish(response: &mut Response<&'static str>, rejection: &Rejection) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match rejection.nonce() {
        Some(nonce) => write_nonce(nonce, headers),
        None => {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

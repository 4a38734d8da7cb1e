//! From a decision to status and headers: the one place that knows how a refusal looks to a client.
//!
//! Every refusal of a nonce is the same response but for the fresh nonce in it. All text is fixed when the verifier is
//! built; but for the id of a JSON-RPC request, where a server hands that in, nothing of a request comes back.

mod challenges;
mod headers;
mod json_rpc;
mod texts;

pub(crate) use challenges::Challenges;
pub(crate) use headers::write_nonce;
pub use headers::{CORS_ALLOW_HEADERS, CORS_EXPOSE_HEADERS, DPOP_NONCE};
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
pub use json_rpc::JsonRpcId;

use crate::response::headers::EXPOSED;
use crate::response::texts::{json_rpc_error, json_rpc_error_to, oauth_error};
use crate::verdict::{Answer, Rejection};

/// The refusal as a resource server gives it.
pub(crate) fn of_resource_server(challenges: &Challenges, rejection: &Rejection) -> Response<&'static str> {
    let answer = rejection.answer();
    let mut response = Response::new(json_rpc_error(answer));
    *response.status_mut() = match answer {
        Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Answer::InsufficientScope => StatusCode::FORBIDDEN,
        Answer::MalformedBody | Answer::McpFieldsMismatch => StatusCode::BAD_REQUEST,
        Answer::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNAUTHORIZED,
    };
    challenges.write(rejection, response.headers_mut());
    finish(&mut response, rejection);
    response
}

impl Rejection {
    /// The body of the refusal as a JSON-RPC error: the same as a
    /// [`resource_server_response`](crate::Verifier::resource_server_response) has, with the id of the request that it
    /// answers where that is known.
    ///
    /// ```
    /// # use sealstamp::UnixMillis;
    /// use sealstamp_dpop::{JsonRpcId, Nonces, RequestHead, Verifier};
    ///
    /// let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off).build()?;
    /// let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
    /// let (request, body) = http::Request::post("/mcp").body(body)?.into_parts();
    /// let rejection = verifier.check(RequestHead::of(&request), UnixMillis::new(1_790_000_000_000)).unwrap_err();
    /// let id = JsonRpcId::of(body.as_bytes());
    /// let response = verifier.resource_server_response(&rejection).map(|_| rejection.json_rpc_body(id.as_ref()));
    /// assert!(response.body().starts_with(r#"{"jsonrpc":"2.0","id":7,"error":{"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn json_rpc_body(&self, id: Option<&JsonRpcId>) -> String {
        json_rpc_error_to(id.map_or("null", JsonRpcId::as_json), self.answer())
    }
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

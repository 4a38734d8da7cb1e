//! From a decision to what the proxy is told.

mod facts;
mod token;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use metrics::counter;

pub(crate) use facts::{Caller, TOKEN};
pub(crate) use token::Signer;

use crate::dialect::Dialect;

/// For nginx: the status that the client is to get, since `auth_request` passes on 401 and 403 alone.
const STATUS: HeaderName = HeaderName::from_static("x-sealstamp-status");
/// For nginx: the body that the client is to get, since `auth_request` drops it.
const BODY: HeaderName = HeaderName::from_static("x-sealstamp-body");

/// Counts answers, by resource and by status as the client gets it.
pub(crate) const ANSWERS: &str = "sealstamp_authz_answers_total";

/// What is sent on a connection.
pub(crate) type Reply = Response<Full<Bytes>>;

/// A question that this service does not put to the verifier, or could not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// The proxy's question has no one meaning, or its path is not one of this resource.
    BadRequest,
    /// There is no resource of this name.
    Unknown,
    /// Too many requests at once, or one that took too long.
    Overloaded,
}

impl Turned {
    /// The answer, as a JSON-RPC error with a null id, like those of the verifier.
    pub(crate) fn reply(self) -> Response<&'static str> {
        let (status, body) = match self {
            Self::BadRequest => (
                StatusCode::BAD_REQUEST,
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"the URL of this request is not one that is served here","data":{"error":"invalid_request"}}}"#,
            ),
            Self::Unknown => (
                StatusCode::NOT_FOUND,
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"there is nothing here","data":{"error":"invalid_request"}}}"#,
            ),
            Self::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"the request cannot be checked at the moment","data":{"error":"temporarily_unavailable"}}}"#,
            ),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// One more answer about this resource, or about none that is known.
pub(crate) fn count(resource: &str, status: StatusCode) {
    counter!(ANSWERS, "resource" => resource.to_owned(), "status" => status.as_str().to_owned()).increment(1);
}

/// A refusal in the words of this proxy.
pub(crate) fn refusal(dialect: Dialect, response: Response<&'static str>) -> Reply {
    let mut reply = response;
    if dialect == Dialect::Nginx {
        let (status, body) = (reply.status(), *reply.body());
        if status != StatusCode::UNAUTHORIZED {
            *reply.status_mut() = StatusCode::FORBIDDEN;
        }
        let headers = reply.headers_mut();
        headers.insert(STATUS, HeaderValue::from(status.as_u16()));
        headers.insert(BODY, HeaderValue::from_static(body));
        join_challenges(headers);
    }
    reply.map(Full::from)
}

/// One field in place of several: a variable of nginx holds one (RFC 9110 section 11.6.1 has both as the same).
fn join_challenges(headers: &mut http::HeaderMap) {
    let all: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b", "[..]))
        && all.len() > 1
    {
        headers.insert(WWW_AUTHENTICATE, joined);
    }
}

/// A plain reply.
pub(crate) fn plain(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::from(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

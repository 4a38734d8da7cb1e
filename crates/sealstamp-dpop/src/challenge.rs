//! From a decision to status and headers: the one place that knows how a refusal looks to a client.
//!
//! Every refusal of a nonce is the same response but for the fresh nonce in it. All text is fixed when the verifier is
//! built; nothing of a request comes back.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use sealstamp::Nonce;
use url::Url;

use crate::{Accepted, Algorithm, Answer, Refused, Verifier};

/// `DPoP-Nonce` (RFC 9449 section 8).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What a script in a browser may read of a response (RFC 9449 sections 8 and 9; the Fetch standard hides the rest).
const EXPOSED: HeaderValue = HeaderValue::from_static("DPoP-Nonce, WWW-Authenticate");

/// The `WWW-Authenticate` values, made once.
#[derive(Debug)]
pub(crate) struct Challenges {
    dpop: [(Answer, HeaderValue); Answer::ALL.len()],
    bearer: Option<HeaderValue>,
}

impl Challenges {
    /// `None` if the metadata's URL does not fit a header.
    pub(crate) fn new(algorithms: &[Algorithm], metadata: Option<&Url>, bearer: bool) -> Option<Self> {
        let algs = algorithms.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(" ");
        let metadata = metadata.map(|url| format!("resource_metadata=\"{url}\""));
        let value = |answer: Answer| {
            let mut params = Vec::new();
            if let Some(error) = answer.error() {
                params.push(format!("error=\"{error}\", error_description=\"{}\"", description(answer)));
            }
            params.push(format!("algs=\"{algs}\""));
            params.extend(metadata.clone());
            HeaderValue::try_from(format!("DPoP {}", params.join(", "))).ok()
        };
        let [a, b, c, d, e] = Answer::ALL;
        let dpop = [(a, value(a)?), (b, value(b)?), (c, value(c)?), (d, value(d)?), (e, value(e)?)];
        let bearer = bearer.then(|| match metadata {
            Some(metadata) => HeaderValue::try_from(format!("Bearer {metadata}")).ok(),
            None => Some(HeaderValue::from_static("Bearer")),
        });
        Some(Self { dpop, bearer: bearer.flatten() })
    }

    fn write(&self, answer: Answer, headers: &mut HeaderMap) {
        if answer == Answer::Unavailable {
            return;
        }
        for (_, value) in self.dpop.iter().filter(|(of, _)| *of == answer) {
            headers.append(WWW_AUTHENTICATE, value.clone());
        }
        if let Some(value) = &self.bearer {
            headers.append(WWW_AUTHENTICATE, value.clone());
        }
    }
}

impl Verifier {
    /// The refusal as a resource server gives it (RFC 9449 sections 7.1 and 9): 401, `WWW-Authenticate: DPoP`,
    /// `DPoP-Nonce`, and a JSON-RPC error for MCP as the body. The error has a null `id`, since no request was read.
    ///
    /// ```
    /// # use sealstamp::UnixMillis;
    /// use sealstamp_dpop::{Nonces, RequestHead, Verifier};
    ///
    /// let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off).build()?;
    /// let (request, ()) = http::Request::post("/mcp").body(())?.into_parts();
    /// let refused = verifier.check(RequestHead::of(&request), UnixMillis::new(1_790_000_000_000)).unwrap_err();
    /// let response = verifier.resource_server_response(&refused);
    /// assert_eq!(response.status(), 401);
    /// assert_eq!(response.headers()["www-authenticate"], "DPoP algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn resource_server_response(&self, refused: &Refused) -> Response<&'static str> {
        let answer = refused.answer();
        let mut response = Response::new(json_rpc_error(answer));
        *response.status_mut() = match answer {
            Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        };
        self.0.challenges.write(answer, response.headers_mut());
        finish(&mut response, refused);
        response
    }

    /// The refusal as an authorization server gives it (RFC 9449 sections 5 and 8): 400, `DPoP-Nonce`, and an OAuth
    /// error as JSON. For requests checked with [`Verifier::check_token_request`].
    #[must_use]
    pub fn authorization_server_response(&self, refused: &Refused) -> Response<&'static str> {
        let answer = refused.answer();
        let mut response = Response::new(oauth_error(answer));
        *response.status_mut() = match answer {
            Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        finish(&mut response, refused);
        response
    }
}

impl Accepted {
    /// Adds what an accepted request's response must carry: nothing, or the next nonce (RFC 9449 section 8.2).
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        if let Some(nonce) = self.next_nonce() {
            write_nonce(nonce, headers);
        }
    }
}

fn finish(response: &mut Response<&'static str>, refused: &Refused) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match refused.nonce() {
        Some(nonce) => write_nonce(nonce, headers),
        None => {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// A nonce in a cached response would be handed to many, and late.
fn write_nonce(nonce: &Nonce, headers: &mut HeaderMap) {
    // A nonce is 60 characters of base64url, so this cannot fail; without it, the client would just ask again.
    if let Ok(value) = HeaderValue::from_str(nonce.as_str()) {
        headers.insert(DPOP_NONCE, value);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A CORS layer may have listed headers of its own; a list may be split over several fields.
    headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

macro_rules! texts {
    ($($answer:ident, $error:literal, $description:literal;)+) => {
        const fn description(answer: Answer) -> &'static str {
            match answer { $(Answer::$answer => $description,)+ }
        }

        const fn oauth_error(answer: Answer) -> &'static str {
            match answer {
                $(Answer::$answer => concat!(r#"{"error":""#, $error, r#"","error_description":""#, $description, r#""}"#),)+
            }
        }

        const fn json_rpc_error(answer: Answer) -> &'static str {
            match answer {
                $(Answer::$answer => concat!(
                    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":""#, $description,
                    r#"","data":{"error":""#, $error, r#""}}}"#,
                ),)+
            }
        }
    };
}

texts! {
    Challenge, "invalid_request", "a DPoP-bound access token and a proof are required";
    InvalidToken, "invalid_token", "the access token is not valid for this request";
    InvalidDpopProof, "invalid_dpop_proof", "the DPoP proof is not valid for this request";
    UseDpopNonce, "use_dpop_nonce", "the DPoP proof needs the nonce that this response carries";
    Unavailable, "temporarily_unavailable", "the access token cannot be checked at the moment";
}

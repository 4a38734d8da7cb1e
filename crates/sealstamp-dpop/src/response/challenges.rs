//! The `WWW-Authenticate` values (RFC 9449 section 7.1), made once when the verifier is built.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use url::Url;

use crate::proof::Algorithm;
use crate::response::texts::description;
use crate::verdict::Answer;

/// One value for each answer, and one for `Bearer` where that is accepted.
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

    pub(crate) fn write(&self, answer: Answer, headers: &mut HeaderMap) {
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

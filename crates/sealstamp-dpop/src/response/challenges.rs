//! The `WWW-Authenticate` values (RFC 9449 section 7.1), made once when the verifier is built.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};

use crate::proof::Algorithm;
use crate::response::texts::description;
use crate::verdict::{Answer, Rejection};

/// The challenges of a server, for each of its public names.
#[derive(Debug)]
pub(crate) struct Challenges {
    of_names: Vec<OfName>,
}

/// The challenges under one name.
#[derive(Debug)]
struct OfName {
    words: Words,
    /// The fields for each answer, in their order.
    fields: Vec<(Answer, Vec<HeaderValue>)>,
}

/// What challenges are put together from.
#[derive(Debug, Clone)]
struct Words {
    /// `algs="..."`.
    algs: String,
    /// `resource_metadata="..."`, if there is any.
    metadata: Option<String>,
    /// Whether `Bearer` is accepted as well.
    bearer: bool,
}

impl Challenges {
    /// One URL of metadata for each public name. `None` if one of them does not fit a header.
    pub(crate) fn new(
        algorithms: &[Algorithm],
        metadata: &[Option<String>],
        scopes: &[String],
        bearer: bool,
    ) -> Option<Self> {
        let algs = algorithms.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(" ");
        let algs = format!("algs=\"{algs}\"");
        let scopes = (!scopes.is_empty()).then(|| scopes.join(" "));
        let of_names = metadata.iter().map(|url| {
            let metadata = url.as_ref().map(|url| format!("resource_metadata=\"{url}\""));
            let words = Words { algs: algs.clone(), metadata, bearer };
            let fields = Answer::ALL.map(|answer| Some((answer, words.fields(answer, scopes.as_deref())?)));
            let fields = fields.into_iter().collect::<Option<Vec<_>>>()?;
            Some(OfName { words, fields })
        });
        Some(Self { of_names: of_names.collect::<Option<_>>()? })
    }

    pub(crate) fn write(&self, rejection: &Rejection, headers: &mut HeaderMap) {
        let Some(OfName { words, fields }) = rejection.name().pick(&self.of_names) else { return };
        let answer = rejection.answer();
        // The scopes that one request needs are known when it comes, and not before.
        if let Some(made) = rejection.needed_scopes().and_then(|scopes| words.fields(answer, Some(scopes))) {
            for value in made {
                headers.append(WWW_AUTHENTICATE, value);
            }
            return;
        }
        for value in fields.iter().filter(|(of, _)| *of == answer).flat_map(|(_, values)| values) {
            headers.append(WWW_AUTHENTICATE, value.clone());
        }
    }
}

impl Words {
    /// The fields for this answer. `Bearer` stands first where it is accepted: clients that know nothing else read the
    /// first challenge alone.
    fn fields(&self, answer: Answer, scopes: Option<&str>) -> Option<Vec<HeaderValue>> {
        // What is wrong with these is no matter of credentials.
        if matches!(
            answer,
            Answer::Unavailable | Answer::MalformedBody | Answer::McpFieldsMismatch | Answer::BodyTooLarge
        ) {
            return Some(Vec::new());
        }
        let error = |answer: Answer| {
            answer.error().map(|error| format!("error=\"{error}\", error_description=\"{}\"", description(answer)))
        };
        // A client asks for scopes with a new token, so they stand where one is needed.
        let about_token = matches!(answer, Answer::Challenge | Answer::InvalidToken | Answer::InsufficientScope);
        let scope = scopes.filter(|_| about_token).map(|scopes| format!("scope=\"{scopes}\""));
        let dpop = [error(answer), Some(self.algs.clone()), scope.clone(), self.metadata.clone()];
        let mut values = vec![value("DPoP", dpop)?];
        if self.bearer {
            // RFC 6750 has no word for what is wrong with a proof.
            let error = Some(answer).filter(|_| about_token).and_then(error);
            values.insert(0, value("Bearer", [error, scope, self.metadata.clone(), None])?);
        }
        Some(values)
    }
}

/// `None` if the parameters do not fit a header.
fn value(scheme: &str, params: [Option<String>; 4]) -> Option<HeaderValue> {
    let params = params.into_iter().flatten().collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(format!("{scheme} {params}").trim_end()).ok()
}

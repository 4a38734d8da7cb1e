//! The words of a refusal. All are fixed: nothing of a request comes back in one.

use crate::verdict::Answer;

macro_rules! texts {
    ($($answer:ident, $error:literal, $description:literal;)+) => {
        /// One sentence for a person.
        pub(crate) const fn description(answer: Answer) -> &'static str {
            match answer { $(Answer::$answer => $description,)+ }
        }

        /// The JSON of RFC 6749 section 5.2.
        pub(crate) const fn oauth_error(answer: Answer) -> &'static str {
            match answer {
                $(Answer::$answer => concat!(r#"{"error":""#, $error, r#"","error_description":""#, $description, r#""}"#),)+
            }
        }

        /// A JSON-RPC error as MCP has it, with a null `id`.
        pub(crate) const fn json_rpc_error(answer: Answer) -> &'static str {
            match answer {
                $(Answer::$answer => concat!(
                    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":""#, $description,
                    r#"","data":{"error":""#, $error, r#""}}}"#,
                ),)+
            }
        }

        /// The same, with this JSON as the `id`.
        pub(crate) fn json_rpc_error_to(id: &str, answer: Answer) -> String {
            let (error, description) = match answer { $(Answer::$answer => ($error, $description),)+ };
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32000,"message":"{description}","data":{{"error":"{error}"}}}}}}"#
            )
        }
    };
}

texts! {
    Challenge, "invalid_request", "a DPoP-bound access token and a proof are required";
    InvalidToken, "invalid_token", "the access token is not valid for this request";
    InvalidDpopProof, "invalid_dpop_proof", "the DPoP proof is not valid for this request";
    UseDpopNonce, "use_dpop_nonce", "the DPoP proof needs the nonce that this response carries";
    InsufficientScope, "insufficient_scope", "the access token has not all the scopes that this request needs";
    Unavailable, "temporarily_unavailable", "the request cannot be checked at the moment";
}

//! The words of a refusal. All are fixed: nothing of a request comes back in one.

use crate::verdict::Answer;

macro_rules! texts {
    ($($answer:ident, $code:literal, $error:literal, $description:literal;)+) => {
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
                    r#"{"jsonrpc":"2.0","id":null,"error":{"code":"#, $code, r#","message":""#, $description,
                    r#"","data":{"error":""#, $error, r#""}}}"#,
                ),)+
            }
        }

        /// The same, with this JSON as the `id`.
        pub(crate) fn json_rpc_error_to(id: &str, answer: Answer) -> String {
            let (code, error, description) = match answer { $(Answer::$answer => ($code, $error, $description),)+ };
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{description}","data":{{"error":"{error}"}}}}}}"#
            )
        }
    };
}

texts! {
    Challenge, -32000, "invalid_request", "a DPoP-bound access token and a proof are required";
    InvalidToken, -32000, "invalid_token", "the access token is not valid for this request";
    InvalidDpopProof, -32000, "invalid_dpop_proof", "the DPoP proof is not valid for this request";
    UseDpopNonce, -32000, "use_dpop_nonce", "the DPoP proof needs the nonce that this response carries";
    InsufficientScope, -32000, "insufficient_scope", "the access token has not all the scopes that this request needs";
    MalformedBody, -32600, "invalid_request", "the body is not one whole JSON-RPC request";
    McpFieldsMismatch, -32020, "invalid_request", "Mcp-Method and Mcp-Name must be readable and say what the body says";
    BodyTooLarge, -32000, "invalid_request", "the body is larger than this server reads";
    Unavailable, -32000, "temporarily_unavailable", "the request cannot be checked at the moment";
}

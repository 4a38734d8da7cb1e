//! The id of a JSON-RPC request, for a refusal that says which request it answers.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// The longest id that is given back, in bytes of JSON.
const MAX_ID_BYTES: usize = 256;

/// The `id` of a JSON-RPC request: a number, or a string.
///
/// A server that has read the body anyway can take the id from it and put it into the request's extensions. Then the
/// layer's refusals carry it, as they do where the layer has read a body of up to 64 KiB itself. Without the layer,
/// [`Rejection::json_rpc_body`](crate::Rejection::json_rpc_body) does the same.
///
/// ```
/// use sealstamp_dpop::JsonRpcId;
///
/// let id = JsonRpcId::of(br#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
/// assert_eq!(id.unwrap().as_json(), "7");
/// assert!(JsonRpcId::of(br#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#).is_none());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JsonRpcId(String);

impl JsonRpcId {
    /// The id of the one request in this body. `None` for a notification, for a batch, for an id over 256 bytes, and for
    /// what is not JSON-RPC.
    #[must_use]
    pub fn of(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Request {
            id: Value,
        }
        let Request { id } = serde_json::from_slice(body).ok()?;
        let json = matches!(id, Value::Number(_) | Value::String(_)).then(|| id.to_string())?;
        (json.len() <= MAX_ID_BYTES).then_some(Self(json))
    }

    /// The id as JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// A client chose it, so it stays out of logs.
impl fmt::Debug for JsonRpcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonRpcId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M-2.
    #[test]
    fn an_id_is_a_number_or_a_string() {
        let id = |body: &str| JsonRpcId::of(body.as_bytes()).map(|id| id.0);
        for (body, found) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"id":2}}"#, "1"),
            (r#"{"method":"a","id":"a\"\u003c"}"#, r#""a\"<""#),
            (r#"{"id":-1.5}"#, "-1.5"),
            (r#"{"id":""}"#, r#""""#),
        ] {
            assert_eq!(id(body).as_deref(), Some(found), "{body}");
        }
        for body in [
            "",
            "{}",
            "[]",
            "7",
            r#"{"id":null}"#,
            r#"{"id":{}}"#,
            r#"{"id":[1]}"#,
            r#"{"id":true}"#,
            r#"{"id":1"#,
            r#"{"id":1,"id":2}"#,
            r#"[{"id":1}]"#,
            r#"{"params":{"id":1}}"#,
        ] {
            assert_eq!(id(body), None, "{body}");
        }
        let long = |length: usize| id(&format!("{{\"id\":\"{}\"}}", "a".repeat(length)));
        assert!(long(MAX_ID_BYTES - 2).is_some());
        assert!(long(MAX_ID_BYTES - 1).is_none());
        assert_eq!(format!("{:?}", JsonRpcId("7".into())), "JsonRpcId(..)");
    }
}

//! What an MCP request says that it is: in its header fields (revision 2026-07-28), and in its body.
//!
//! `Mcp-Method` is the body's `method`, and `Mcp-Name` is the name in its `params`, for methods that have one. The
//! fields are the sender's word. Whoever goes by them compares them with the body, as the tool will read it.

mod call;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};

use crate::request::mcp::call::{Call, Member};
use crate::verdict::Reason;

const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// Where the name is in the `params` of the methods that have one.
const fn name_member(method: &str) -> Option<Member> {
    match method.as_bytes() {
        b"tools/call" | b"prompts/get" => Some(Member::Name),
        b"resources/read" | b"resources/subscribe" | b"resources/unsubscribe" => Some(Member::Uri),
        b"tasks/get" | b"tasks/update" | b"tasks/cancel" => Some(Member::TaskId),
        _ => None,
    }
}

/// The two fields, of which a request may have none.
#[derive(Debug)]
pub(crate) struct McpFields<'r> {
    method: Option<&'r str>,
    name: Option<Cow<'r, str>>,
}

impl<'r> McpFields<'r> {
    /// Each field at most once, of visible ASCII. A name that is not is in base64: `=?base64?…?=`.
    pub(crate) fn of(headers: &'r HeaderMap) -> Result<Self, Reason> {
        let method = one(headers, METHOD)?;
        let name = one(headers, NAME)?.map(decoded).transpose()?;
        Ok(Self { method, name })
    }

    /// Whether a request has either, right or wrong.
    pub(crate) fn are_there(headers: &HeaderMap) -> bool {
        headers.contains_key(METHOD) || headers.contains_key(NAME)
    }

    pub(crate) fn method(&self) -> Option<&str> {
        self.method
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the method has a name and this request does not say it.
    pub(crate) fn lacks_name(&self) -> bool {
        self.name.is_none() && self.method.and_then(name_member).is_some()
    }

    /// Fails unless this body says the same, whose bytes are these parts, one after the other.
    ///
    /// A body that a second reader could take for another request is not read: one with a repeated member, say.
    pub(crate) fn check_body<P: AsRef<[u8]>>(&self, parts: &[P]) -> Result<(), Reason> {
        let whole = match parts {
            [whole] => Cow::Borrowed(whole.as_ref()),
            parts => Cow::Owned(parts.iter().flat_map(AsRef::as_ref).copied().collect()),
        };
        let body = Call::read(&whole).ok_or(Reason::McpBodyMalformed)?;
        let Some(method) = self.method.filter(|method| body.method.as_deref() == Some(*method)) else {
            return Err(Reason::McpFieldsContradict);
        };
        let agrees = match (self.name(), name_member(method)) {
            // A field that is missing says nothing wrong. The policy has taken that into account.
            (None, _) => true,
            (Some(name), Some(member)) => body.params.get(member) == Some(name),
            // Of other methods it is not said where the name is, so it must be in one of the three places.
            (Some(name), None) => Member::ALL.iter().any(|member| body.params.get(*member) == Some(name)),
        };
        if agrees { Ok(()) } else { Err(Reason::McpFieldsContradict) }
    }
}

fn one<'r>(headers: &'r HeaderMap, name: &'static str) -> Result<Option<&'r str>, Reason> {
    let mut fields = headers.get_all(name).iter();
    let first = fields.next().map(HeaderValue::to_str).transpose().map_err(|_| Reason::McpFieldsMalformed)?;
    if fields.next().is_some() { Err(Reason::McpFieldsMalformed) } else { Ok(first) }
}

fn decoded(name: &str) -> Result<Cow<'_, str>, Reason> {
    let Some(encoded) = name.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(Cow::Borrowed(name));
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| Reason::McpFieldsMalformed)?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Reason::McpFieldsMalformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    /// In one part, and cut into parts at every place.
    fn check(fields: &[(&'static str, &str)], body: &str) -> Result<(), Reason> {
        let headers = headers(fields);
        let fields = McpFields::of(&headers)?;
        let whole = fields.check_body(&[body]);
        for cut in 0..body.len() {
            let (start, end) = body.as_bytes().split_at(cut);
            assert_eq!(fields.check_body(&[start, &[], end]), whole, "{body} cut at {cut}");
        }
        whole
    }

    fn call(method: &str, name: &str, body: &str) -> Result<(), Reason> {
        check(&[(METHOD, method), (NAME, name)], body)
    }

    #[test]
    fn a_body_says_what_the_fields_say() {
        for (method, name, body) in [
            ("tools/call", "add", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"}}"#),
            ("tools/call", "add", r#" {"params":{"arguments":{"name":"x"},"name":"add"},"method":"tools/call"} "#),
            ("tools/call", "add", r#"{"m\u0065thod":"tools\/call","params":{"n\u0061me":"\u0061dd"}}"#),
            ("tools/call", "=?base64?w6nDqQ==?=", r#"{"method":"tools/call","params":{"name":"éé"}}"#),
            ("tools/call", "=?base64??=", r#"{"method":"tools/call","params":{"name":""}}"#),
            ("tools/call", "=?base64?x", r#"{"method":"tools/call","params":{"name":"=?base64?x"}}"#),
            ("prompts/get", "p", r#"{"method":"prompts/get","params":{"name":"p","uri":"u"}}"#),
            ("resources/read", "file:///a", r#"{"method":"resources/read","params":{"uri":"file:///a","name":7}}"#),
            ("tasks/get", "7", r#"{"method":"tasks/get","params":{"taskId":"7"}}"#),
            ("x/y", "z", r#"{"method":"x/y","params":{"uri":{"a":[1,{}]},"name":[null,1.5,-1,true],"taskId":"z"}}"#),
        ] {
            assert_eq!(call(method, name, body), Ok(()), "{body}");
        }
        for (fields, body) in [
            (&[(METHOD, "tools/list")][..], r#"{"method":"tools/list"}"#),
            (&[(METHOD, "tools/list")], r#"{"method":"tools/list","params":{}}"#),
            (&[(METHOD, "tools/call")], r#"{"method":"tools/call","params":{"name":"add"}}"#),
        ] {
            assert_eq!(check(fields, body), Ok(()), "{body}");
        }
    }

    #[test]
    fn a_body_that_says_something_else_is_noticed() {
        for (method, name, body) in [
            ("tools/list", "", r#"{"method":"tools/call","params":{"name":"delete_file"}}"#),
            ("tools/call", "add", r#"{"method":"tools/call","params":{"name":"delete_file"}}"#),
            ("tools/call", "add", r#"{"method":"tools/call","params":{"name":"Add"}}"#),
            ("tools/call", "add", r#"{"method":"tools/call","params":{"name":["add"]}}"#),
            ("tools/call", "add", r#"{"method":"tools/call","params":{"name":null}}"#),
            ("tools/call", "add", r#"{"method":"tools/call","params":{"arguments":{"name":"add"}}}"#),
            ("tools/call", "add", r#"{"method":"tools/call","params":{"uri":"add"}}"#),
            ("tools/call", "add", r#"{"method":"tools/call","name":"add"}"#),
            ("tools/call", "add", r#"{"method":"Tools/call","params":{"name":"add"}}"#),
            ("resources/read", "a", r#"{"method":"resources/read","params":{"name":"a","uri":"b"}}"#),
            ("tasks/get", "a", r#"{"method":"tasks/get","params":{"name":"a"}}"#),
            ("tools/list", "add", r#"{"method":"tools/list"}"#),
            ("x/y", "z", r#"{"method":"x/y","params":{"name":"a"}}"#),
            ("x", "", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        ] {
            assert_eq!(call(method, name, body), Err(Reason::McpFieldsContradict), "{method} {name} {body}");
        }
        assert_eq!(check(&[(NAME, "add")], r#"{"params":{"name":"add"}}"#), Err(Reason::McpFieldsContradict));
        let body = r#"{"method":"tools/call","params":{"name":"add"}}"#;
        assert_eq!(check(&[(NAME, "add")], body), Err(Reason::McpFieldsContradict), "no method in the field");
    }

    /// What another reader could take for another request, and what is none.
    #[test]
    fn a_body_with_two_readings_is_not_read() {
        for body in [
            "",
            "null",
            "7",
            "add",
            "{",
            r#""tools/call""#,
            r#"[{"method":"tools/call","params":{"name":"add"}}]"#,
            r#"{"method":"tools/call","params":{"name":"add"}}{}"#,
            r#"{"method":"tools/call","params":{"name":"add"}},"#,
            "\u{feff}{\"method\":\"tools/call\",\"params\":{\"name\":\"add\"}}",
            r#"{"method":"tools/call","params":{"name":"add"},"method":"tools/call"}"#,
            r#"{"method":"tools/call","params":{"name":"add"},"m\u0065thod":"x"}"#,
            r#"{"method":"tools/call","params":{"name":"add"},"params":{"name":"delete_file"}}"#,
            r#"{"method":"tools/call","params":{"name":"add","name":"add"}}"#,
            r#"{"method":"tools/call","params":{"name":"add","n\u0061me":"delete_file"}}"#,
            r#"{"method":"tools/call","params":{"name":"add"},"Method":"x"}"#,
            r#"{"method":"tools/call","params":{"name":"add","NAME":"delete_file"}}"#,
            r#"{"method":"tools/call","params":{"name":"add","taskid":"x"}}"#,
            r#"{"method":"tools/call","params":{"name":"add"},"param\u017f":{"name":"delete_file"}}"#,
            r#"{"method":"tools/call","params":{"name":"add","tas\u212aId":"x"}}"#,
            r#"{"method":"tools/call","params":["add"]}"#,
            r#"{"method":"tools/call","params":null}"#,
            r#"{"method":["tools/call"],"params":{"name":"add"}}"#,
            r#"{"method":null,"params":{"name":"add"}}"#,
        ] {
            assert_eq!(call("tools/call", "add", body), Err(Reason::McpBodyMalformed), "{body}");
        }
        let headers = headers(&[(METHOD, "a")]);
        let fields = McpFields::of(&headers).unwrap();
        for body in [&b"{\"method\":\"a\",\"x\":\"\xff\"}"[..], b"{\"x\":\"\xc0\xa2\",\"method\":\"a\"}"] {
            assert_eq!(fields.check_body(&[body]), Err(Reason::McpBodyMalformed), "no UTF-8");
        }
        let deep = format!(r#"{{"x":{}1{},"method":"a"}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(fields.check_body(&[deep]), Ok(()), "read without recursion");
    }

    #[test]
    fn a_field_is_there_once_and_readable() {
        for fields in [
            &[(METHOD, "a"), (METHOD, "a")][..],
            &[(METHOD, "a"), (NAME, "b"), (NAME, "b")],
            &[(METHOD, "\u{e9}")],
            &[(NAME, "\u{e9}")],
            &[(NAME, "=?base64?YQ?=")],
            &[(NAME, "=?base64?YR==?=")],
            &[(NAME, "=?base64?Y Q==?=")],
            &[(NAME, "=?base64?_w==?=")],
            &[(NAME, "=?base64?/w==?=")],
        ] {
            assert_eq!(McpFields::of(&headers(fields)).err(), Some(Reason::McpFieldsMalformed), "{fields:?}");
            assert!(McpFields::are_there(&headers(fields)));
        }
        let none = headers(&[]);
        let none = McpFields::of(&none).unwrap();
        assert_eq!((none.method(), none.name(), none.lacks_name()), (None, None, false));
        assert!(!McpFields::are_there(&headers(&[("mcp-session-id", "x")])));
        let method_alone = headers(&[(METHOD, "tools/call")]);
        assert!(McpFields::of(&method_alone).unwrap().lacks_name());
    }
}

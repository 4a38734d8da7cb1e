//! `Mcp-Method` and `Mcp-Name`: which row they choose, and which bodies agree with them.

use std::fmt;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use sealstamp_dpop::{McpPolicy, Nonces, Policy, Reason, RequestHead, TokenBinding, TokenFacts, Verifier};
use sealstamp_testkit::PUBLIC_URL;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::client::NOW;

/// Rows, told apart by their scopes. A token without a proof is enough here: nothing that is looked at needs one.
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let row = |scope: &'static str| move |usual: Policy| usual.with_scopes([scope]);
    let policy = McpPolicy::new()
        .method("tools/*", row("tools"))
        .method("tools/list", row("list"))
        .tool("delete_all", row("all"))
        .tool("delete_*", row("delete"))
        .prompt("p*", row("prompt"))
        .resource("file:///*", row("file"));
    let builder = Verifier::builder(PUBLIC_URL, Nonces::Off).dangerously_accept_unbound_bearer_tokens();
    builder.mcp_policy(policy).build().expect("a good configuration")
});

const STRICTEST: &[&str] = &["all", "delete", "file", "list", "prompt", "tools"];

/// Input: values of `Mcp-Method`, with line feeds between them, NUL, values of `Mcp-Name`, NUL, the body. No value is
/// no field.
pub fn mcp_fields(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let [methods, names, body] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer token"));
    for (name, values) in [("mcp-method", methods), ("mcp-name", names)] {
        for value in values.split(|byte| *byte == b'\n').filter(|_| !values.is_empty()) {
            let Ok(value) = HeaderValue::from_bytes(value.trim_ascii()) else { return };
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let uri = Uri::from_static("/mcp");
    let proven = VERIFIER.check(RequestHead::new(&Method::POST, &uri, &headers), NOW);
    let proven = proven.expect("a token is all that it takes");

    let fields = Fields::read(&headers);
    let mut scopes: Vec<_> = proven.policy().scopes().collect();
    scopes.sort_unstable();
    assert_eq!(scopes, fields.as_ref().map_or(STRICTEST, Fields::row));

    let token = [("scope".to_owned(), STRICTEST.join(" ").into())].into_iter().collect();
    let bound = proven.bind(Ok(TokenFacts::new(TokenBinding::None).with_claims(token)), NOW);
    let accepted = bound.and_then(|bound| bound.check_body(body, NOW)?.accept(NOW));
    let expected = match fields {
        None => Err(Reason::McpFieldsMalformed),
        Some(fields) => fields.compare(body),
    };
    assert_eq!(accepted.map(drop).map_err(|refused| refused.reason()), expected, "{}", String::from_utf8_lossy(body));
}

/// What the fields say.
struct Fields {
    method: Option<String>,
    name: Option<String>,
}

impl Fields {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let one = |name: &str| {
            let values: Vec<_> = headers.get_all(name).iter().collect();
            match values[..] {
                [] => Some(None),
                [value] => {
                    let visible = value.as_bytes().iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e));
                    visible.then(|| Some(String::from_utf8_lossy(value.as_bytes()).into_owned()))
                }
                _ => None,
            }
        };
        let name = match one("mcp-name")? {
            Some(name) if name.len() >= 11 && name.starts_with("=?base64?") && name.ends_with("?=") => {
                Some(String::from_utf8(STANDARD.decode(&name[9..name.len() - 2]).ok()?).ok()?)
            }
            name => name,
        };
        Some(Self { method: one("mcp-method")?, name })
    }

    fn row(&self) -> &'static [&'static str] {
        let Some(method) = self.method.as_deref() else { return STRICTEST };
        let name = match (self.name.as_deref(), place_of(method)) {
            (Some(name), _) => name,
            (None, Some(_)) => return STRICTEST,
            (None, None) => "",
        };
        match method {
            "tools/call" if name == "delete_all" => &["all"],
            "tools/call" if name.starts_with("delete_") => &["delete"],
            "prompts/get" if name.starts_with('p') => &["prompt"],
            "resources/read" if name.starts_with("file:///") => &["file"],
            "tools/list" => &["list"],
            method if method.starts_with("tools/") => &["tools"],
            _ => &[],
        }
    }

    fn compare(&self, body: &[u8]) -> Result<(), Reason> {
        if self.method.is_none() && self.name.is_none() {
            return Ok(());
        }
        let (method, names) = call(body).ok_or(Reason::McpBodyMalformed)?;
        let name_agrees = match (&self.name, self.method.as_deref().and_then(place_of)) {
            (None, _) => true,
            (Some(name), Some(place)) => names.iter().any(|(of, value)| *of == place && value == name),
            (Some(name), None) => names.iter().any(|(_, value)| value == name),
        };
        let agrees = self.method.is_some() && self.method == method && name_agrees;
        if agrees { Ok(()) } else { Err(Reason::McpFieldsContradict) }
    }
}

fn place_of(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

/// A call's method and what may be its name.
type Call = (Option<String>, Vec<(&'static str, String)>);

fn call(body: &[u8]) -> Option<Call> {
    let members: Members<'_> = serde_json::from_str(std::str::from_utf8(body).ok()?).ok()?;
    let [method, params] = members.only(["method", "params"])?;
    let method = method.map(|method| serde_json::from_str(method.get())).transpose().ok()?;
    let params: Members<'_> = match params {
        Some(params) => serde_json::from_str(params.get()).ok()?,
        None => Members(Vec::new()),
    };
    let places = ["name", "uri", "taskId"];
    let mut names = Vec::new();
    for (place, value) in places.into_iter().zip(params.only(places)?) {
        if let Some(text) = value.map(RawValue::get).filter(|text| text.starts_with('"')) {
            names.push((place, serde_json::from_str(text).ok()?));
        }
    }
    Some((method, names))
}

/// Another reader: an object's members as they stand there, each value as its text.
struct Members<'b>(Vec<(String, &'b RawValue)>);

impl<'de: 'b, 'b> Deserialize<'de> for Members<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(All).map(Self)
    }
}

struct All;

impl<'de> Visitor<'de> for All {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = map.next_entry()? {
            all.push(member);
        }
        Ok(all)
    }
}

impl<'b> Members<'b> {
    /// Those of these names. `None` if one is there twice, or nearly.
    fn only<const N: usize>(&self, names: [&'static str; N]) -> Option<[Option<&'b RawValue>; N]> {
        let fold = |text: &str| text.to_uppercase().to_lowercase();
        let mut found = [None; N];
        for (member, value) in &self.0 {
            if let Some(place) = names.iter().position(|name| fold(name) == fold(member))
                && (names[place] != member || found[place].replace(*value).is_some())
            {
                return None;
            }
        }
        Some(found)
    }
}

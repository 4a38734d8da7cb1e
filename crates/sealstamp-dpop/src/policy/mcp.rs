//! The ready policy for MCP servers: by the JSON-RPC method and by the name of the tool, as revision 2026-07-28 has
//! them in header fields.
//!
//! The fields are what the sender says. So each request that goes by them has them compared with its body, and one
//! without them is held to the strictest of all rows.

use std::cmp::Reverse;
use std::fmt;

use crate::policy::Policy;
use crate::request::{McpFields, RequestHead};

/// From the usual policy to that of a row.
type Make = dyn FnOnce(Policy) -> Policy + Send + Sync;

/// A policy by MCP method and by name, for [`VerifierBuilder::mcp_policy`](crate::VerifierBuilder::mcp_policy).
///
/// ```
/// use sealstamp_dpop::{DigestDemand, McpPolicy, NonceDemand};
///
/// let policy = McpPolicy::new()
///     .method("tools/list", |usual| usual.with_nonce(NonceDemand::Never))
///     .tool("delete_*", |usual| {
///         usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_body_digest(DigestDemand::Required)
///     })
///     .tool("delete_account", |usual| usual.with_nonce(NonceDemand::Within { seconds: 5 }).with_scopes(["admin"]));
/// # let _ = policy;
/// ```
///
/// **Which row.** Each row makes its policy from the usual one. A pattern is a name, or the beginning of one with a `*`
/// behind it. One row counts for a request: that of a name before that of a method, and of two that fit, the one with
/// the longer name or beginning. A name goes before the same beginning. Their order does not matter. Where no row fits,
/// the usual policy holds. Names are compared exactly, so `Delete_x` is not one of `delete_*`.
///
/// **The fields.** Row and body cannot contradict: where a request has `Mcp-Method` or `Mcp-Name`, its body must say
/// the same ([`Policy::mcp_fields`]). A request without `Mcp-Method`, or without `Mcp-Name` where its method has a
/// name, gets the strictest policy that there is: on each point the strictest of all rows and of the usual one, with
/// the scopes of all. So do requests of earlier revisions, and `GET` and `DELETE`.
#[derive(Default)]
#[must_use = "a policy does nothing until a verifier has it"]
pub struct McpPolicy {
    rows: Vec<(Place, Box<Make>)>,
}

impl McpPolicy {
    /// A policy without rows: every request is held to what is usual.
    pub fn new() -> Self {
        Self::default()
    }

    /// A row for JSON-RPC methods, such as `tools/list` or `resources/*`.
    pub fn method(self, pattern: &str, policy: impl FnOnce(Policy) -> Policy + Send + Sync + 'static) -> Self {
        self.row(None, pattern, policy)
    }

    /// A row for calls of tools (`tools/call`).
    pub fn tool(self, pattern: &str, policy: impl FnOnce(Policy) -> Policy + Send + Sync + 'static) -> Self {
        self.row(Some("tools/call"), pattern, policy)
    }

    /// A row for prompts (`prompts/get`).
    pub fn prompt(self, pattern: &str, policy: impl FnOnce(Policy) -> Policy + Send + Sync + 'static) -> Self {
        self.row(Some("prompts/get"), pattern, policy)
    }

    /// A row for reading resources (`resources/read`), by their URI.
    pub fn resource(self, pattern: &str, policy: impl FnOnce(Policy) -> Policy + Send + Sync + 'static) -> Self {
        self.row(Some("resources/read"), pattern, policy)
    }

    fn row(
        mut self,
        method: Option<&'static str>,
        pattern: &str,
        policy: impl FnOnce(Policy) -> Policy + Send + Sync + 'static,
    ) -> Self {
        self.rows.push((Place { method, pattern: pattern.to_owned() }, Box::new(policy)));
        self
    }

    /// The rows, made from this policy.
    pub(crate) fn rows(self, usual: &Policy) -> Result<McpRows, UnfitPattern> {
        let usual = usual.clone().with_mcp_fields(true);
        let mut rows = Vec::new();
        for (place, make) in self.rows {
            if place.pattern.is_empty()
                || place.literal().contains('*')
                || rows.iter().any(|(known, _)| *known == place)
            {
                return Err(UnfitPattern);
            }
            rows.push((place, make(usual.clone()).with_mcp_fields(true)));
        }
        rows.sort_by_key(|(place, _)| Reverse((place.method.is_some(), place.literal().len(), !place.is_prefix())));
        let strictest = rows.iter().fold(usual.clone(), |strictest, (_, row)| strictest.stricter(row));
        Ok(McpRows { rows, usual, strictest })
    }
}

impl fmt::Debug for McpPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rows.iter().map(|(place, _)| place)).finish()
    }
}

/// A pattern that is empty, has a `*` elsewhere than at its end, or comes twice.
pub(crate) struct UnfitPattern;

/// What a row is for.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The one method whose names the pattern is for. `None` if the pattern is for methods.
    method: Option<&'static str>,
    pattern: String,
}

impl Place {
    fn is_prefix(&self) -> bool {
        self.pattern.ends_with('*')
    }

    /// The pattern without its `*`.
    fn literal(&self) -> &str {
        self.pattern.strip_suffix('*').unwrap_or(&self.pattern)
    }

    fn fits(&self, method: &str, name: Option<&str>) -> bool {
        let text = match self.method {
            Some(of) if of == method => name,
            Some(_) => None,
            None => Some(method),
        };
        text.is_some_and(|text| match self.pattern.strip_suffix('*') {
            Some(start) => text.starts_with(start),
            None => text == self.pattern,
        })
    }
}

/// The rows in the order in which they are tried.
#[derive(Debug)]
pub(crate) struct McpRows {
    rows: Vec<(Place, Policy)>,
    usual: Policy,
    strictest: Policy,
}

impl McpRows {
    /// The policy of a request. What its fields say is compared with its body later.
    pub(super) fn of(&self, request: &RequestHead<'_>) -> &Policy {
        let Ok(fields) = McpFields::of(request.headers) else { return &self.strictest };
        let Some(method) = fields.method() else { return &self.strictest };
        if fields.lacks_name() {
            return &self.strictest;
        }
        let row = self.rows.iter().find(|(place, _)| place.fits(method, fields.name()));
        row.map_or(&self.usual, |(_, policy)| policy)
    }

    /// Every policy that a request may get.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.rows.iter().map(|(_, policy)| policy).chain([&self.usual])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nonces::Nonces;
    use crate::policy::{DigestDemand, NonceDemand};

    fn usual() -> Policy {
        Policy::of(&Nonces::Off, None, DigestDemand::Off)
    }

    fn within(seconds: u32) -> impl Fn(Policy) -> Policy + Send + Sync + 'static {
        move |usual| usual.with_nonce(NonceDemand::Within { seconds })
    }

    #[test]
    fn one_row_counts_whatever_their_order() {
        let policy = || {
            McpPolicy::new()
                .method("*", within(99))
                .method("tools/*", within(60))
                .method("tools/list", |usual| usual)
                .tool("delete_*", within(10))
                .tool("delete_all", within(5))
                .tool("delete_all*", within(7))
                .prompt("delete_*", within(20))
                .resource("file:///etc/*", within(30))
        };
        let (forwards, mut backwards) = (policy(), policy());
        backwards.rows.reverse();
        for policy in [forwards, backwards] {
            let rows = policy.rows(&usual()).ok().unwrap();
            for (method, name, seconds) in [
                ("tools/call", "delete_file", Some(10)),
                ("tools/call", "delete_", Some(10)),
                ("tools/call", "delete_all", Some(5)),
                ("tools/call", "delete_all_of_it", Some(7)),
                ("tools/call", "delete", Some(60)),
                ("tools/call", "Delete_file", Some(60)),
                ("tools/call", "", Some(60)),
                ("tools/list", "delete_file", None),
                ("tools/listen", "", Some(60)),
                ("prompts/get", "delete_file", Some(20)),
                ("prompts/get", "other", Some(99)),
                ("resources/read", "file:///etc/passwd", Some(30)),
                ("resources/subscribe", "file:///etc/passwd", Some(99)),
                ("Tools/call", "delete_file", Some(99)),
            ] {
                let request = http::Request::post("/").header("mcp-method", method).header("mcp-name", name);
                let (parts, ()) = request.body(()).unwrap().into_parts();
                let policy = rows.of(&RequestHead::of(&parts));
                let expected = seconds.map_or(NonceDemand::Never, |seconds| NonceDemand::Within { seconds });
                assert_eq!((policy.nonce(), policy.mcp_fields()), (expected, true), "{method} {name}");
            }
        }
    }

    #[test]
    fn who_does_not_say_gets_the_strictest() {
        let rows = McpPolicy::new()
            .tool("a", |usual| usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_scopes(["a"]))
            .tool("b", |usual| usual.with_single_use(true).with_scopes(["b"]).with_mcp_fields(false))
            .method("tools/list", |usual| usual)
            .rows(&usual())
            .ok()
            .unwrap();
        let of = |fields: &[(&str, &str)]| {
            let mut request = http::Request::post("/");
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            rows.of(&RequestHead::of(&parts)).clone()
        };
        let strictest = usual()
            .with_nonce(NonceDemand::Within { seconds: 10 })
            .with_single_use(true)
            .with_mcp_fields(true)
            .with_scopes(["a", "b"]);
        for fields in [
            &[][..],
            &[("mcp-name", "a")],
            &[("mcp-method", "tools/call")],
            &[("mcp-method", "tools/list"), ("mcp-method", "tools/list")],
            &[("mcp-method", "tools/call"), ("mcp-name", "x"), ("mcp-name", "x")],
            &[("mcp-method", "tools/call"), ("mcp-name", "=?base64?!?=")],
        ] {
            assert_eq!(of(fields), strictest, "{fields:?}");
        }
        let usual = usual().with_mcp_fields(true);
        assert_eq!(of(&[("mcp-method", "tools/list")]), usual);
        assert_eq!(of(&[("mcp-method", "tools/call"), ("mcp-name", "x")]), usual);
        assert_eq!(of(&[("mcp-method", "tools/call"), ("mcp-name", "=?base64?Yg==?=")]).scopes().next(), Some("b"));
    }

    #[test]
    fn patterns_are_names_or_beginnings() {
        let unfit = |policy: McpPolicy| policy.rows(&usual()).is_err();
        for pattern in ["", "*x", "a*b", "a**", "**"] {
            assert!(unfit(McpPolicy::new().tool(pattern, |usual| usual)), "{pattern}");
            assert!(unfit(McpPolicy::new().method(pattern, |usual| usual)), "{pattern}");
        }
        assert!(unfit(McpPolicy::new().tool("a", |usual| usual).tool("a", |usual| usual)));
        assert!(!unfit(McpPolicy::new().tool("a", |usual| usual).tool("a*", |usual| usual).method("a", |usual| usual)));
        assert!(!unfit(McpPolicy::new().tool("a", |usual| usual).prompt("a", |usual| usual).tool("*", |usual| usual)));
        assert_eq!(
            format!("{:?}", McpPolicy::new().tool("a", |usual| usual)),
            r#"[Place { method: Some("tools/call"), pattern: "a" }]"#
        );
    }
}

//! What a request has to show, by its path.

use sealstamp_dpop::{NonceDemand, Policy};

/// What requests for one path, and for all beneath it, have to show.
#[derive(Debug)]
pub(crate) struct Rule {
    /// In its normal form, without a slash at the end.
    pub(crate) path: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce_within_s: Option<u32>,
}

/// Whether this path is that one, or beneath it. Both are in their normal form, `base` without a slash at the end.
pub(crate) fn is_within(path: &str, base: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// On each point the strictest of all rules that fit.
pub(crate) fn apply(rules: &[Rule], path: &str, usual: Policy) -> Policy {
    rules.iter().filter(|rule| is_within(path, &rule.path)).fold(usual, |policy, rule| {
        let mut own = policy.clone().with_scopes(rule.scopes.iter().map(String::as_str));
        if let Some(seconds) = rule.nonce_within_s {
            own = own.with_nonce(NonceDemand::Within { seconds });
        }
        policy.stricter(&own)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beneath_is_by_segment() {
        for (path, base, within) in [
            ("/mcp", "/mcp", true),
            ("/mcp/", "/mcp", true),
            ("/mcp/a", "/mcp", true),
            ("/mcpa", "/mcp", false),
            ("/mc", "/mcp", false),
            ("/MCP", "/mcp", false),
            ("/", "", true),
            ("/a", "", true),
        ] {
            assert_eq!(is_within(path, base), within, "{path} {base}");
        }
    }
}

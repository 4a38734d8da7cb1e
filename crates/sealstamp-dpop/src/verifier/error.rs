//! What is wrong with a configuration. It shows at start-up, and never as a refused request.

use std::fmt;

use url::Url;

/// A verifier cannot be built like this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub(super) ConfigErrorKind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfigErrorKind {
    PublicUrl,
    PublicUrlScheme,
    PublicUrlUser,
    PublicUrlQuery,
    PublicUrlFragment,
    Mount,
    Origin,
    Algorithms,
    Resource,
    ResourceMetadata,
    AuthorizationServer,
    Scope,
    WhenAway,
    McpPattern,
    McpNonce,
    McpSingleUse,
}

impl ConfigErrorKind {
    /// What is wrong with a public URL that is refused.
    pub(super) fn of_public_url(url: &str) -> Self {
        match Url::parse(url) {
            Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => Self::PublicUrlScheme,
            Ok(parsed) if parsed.query().is_some() => Self::PublicUrlQuery,
            Ok(parsed) if parsed.fragment().is_some() => Self::PublicUrlFragment,
            Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() => Self::PublicUrlUser,
            _ => Self::PublicUrl,
        }
    }
}

impl From<ConfigErrorKind> for ConfigError {
    fn from(kind: ConfigErrorKind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            ConfigErrorKind::PublicUrl => {
                "the public URL must be absolute, such as https://mcp.example.com/mcp, without a user, query or fragment"
            }
            ConfigErrorKind::PublicUrlScheme => {
                "the public URL must begin with https:// or http://"
            }
            ConfigErrorKind::PublicUrlUser => {
                "the public URL must have no user: proofs never name one (RFC 9449 section 4.2)"
            }
            ConfigErrorKind::PublicUrlQuery => {
                "the public URL must have no query: proofs leave it out (RFC 9449 section 4.2), so it would never be compared"
            }
            ConfigErrorKind::PublicUrlFragment => {
                "the public URL must have no fragment: clients do not send one"
            }
            ConfigErrorKind::Mount => {
                "the mount must be an absolute path, such as /mcp"
            }
            ConfigErrorKind::Origin => {
                "an origin of the trusted proxy must be a scheme, a host and perhaps a port, such as https://mcp.example.org"
            }
            ConfigErrorKind::Algorithms => {
                "at least one algorithm for proofs must be allowed"
            }
            ConfigErrorKind::Resource => {
                "the resource must be a URL of the public URL's own origin, without a user, query or fragment"
            }
            ConfigErrorKind::ResourceMetadata => {
                "the resource metadata must be an absolute http or https URL, with nothing that a header cannot hold"
            }
            ConfigErrorKind::AuthorizationServer => {
                "an authorization server must be an absolute http or https URL, without a query or fragment (RFC 8414)"
            }
            ConfigErrorKind::Scope => {
                "a scope must be one or more printable ASCII characters, without a space, quote or backslash (RFC 6749)"
            }
            ConfigErrorKind::WhenAway => "without nonces, a server cannot go on while the store is away",
            ConfigErrorKind::McpPattern => {
                "a pattern of the MCP policy must be a name, or the beginning of one with a * behind it, and stand there once"
            }
            ConfigErrorKind::McpNonce => "a row of the MCP policy demands a nonce, and this server has none",
            ConfigErrorKind::McpSingleUse => {
                "a row of the MCP policy demands single use, for which the server needs a store"
            }
        })
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each message says what the option must be, in its own words.
    #[test]
    fn messages() {
        use ConfigErrorKind as K;
        for (kind, says) in [
            (
                K::PublicUrl,
                "the public URL must be absolute, such as https://mcp.example.com/mcp, without a user, query or fragment",
            ),
            (K::PublicUrlScheme, "the public URL must begin with https:// or http://"),
            (K::PublicUrlUser, "the public URL must have no user: proofs never name one (RFC 9449 section 4.2)"),
            (
                K::PublicUrlQuery,
                "the public URL must have no query: proofs leave it out (RFC 9449 section 4.2), so it would never be compared",
            ),
            (K::PublicUrlFragment, "the public URL must have no fragment: clients do not send one"),
            (K::Mount, "the mount must be an absolute path, such as /mcp"),
            (
                K::Origin,
                "an origin of the trusted proxy must be a scheme, a host and perhaps a port, such as https://mcp.example.org",
            ),
            (K::Algorithms, "at least one algorithm for proofs must be allowed"),
            (
                K::Resource,
                "the resource must be a URL of the public URL's own origin, without a user, query or fragment",
            ),
            (
                K::ResourceMetadata,
                "the resource metadata must be an absolute http or https URL, with nothing that a header cannot hold",
            ),
            (
                K::AuthorizationServer,
                "an authorization server must be an absolute http or https URL, without a query or fragment (RFC 8414)",
            ),
            (
                K::Scope,
                "a scope must be one or more printable ASCII characters, without a space, quote or backslash (RFC 6749)",
            ),
            (K::WhenAway, "without nonces, a server cannot go on while the store is away"),
            (
                K::McpPattern,
                "a pattern of the MCP policy must be a name, or the beginning of one with a * behind it, and stand there once",
            ),
            (K::McpNonce, "a row of the MCP policy demands a nonce, and this server has none"),
            (K::McpSingleUse, "a row of the MCP policy demands single use, for which the server needs a store"),
        ] {
            assert_eq!(ConfigError::from(kind).to_string(), says);
        }
    }
}

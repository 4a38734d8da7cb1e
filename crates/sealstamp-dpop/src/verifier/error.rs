//! What is wrong with a configuration. It shows at start-up, and never as a refused request.

use std::fmt;

/// A verifier cannot be built like this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub(super) ConfigErrorKind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfigErrorKind {
    PublicUrl,
    Mount,
    Origin,
    Algorithms,
    ResourceMetadata,
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
                "the public URL must be an absolute http or https URL without user, query or fragment"
            }
            ConfigErrorKind::Mount => "the mount must be an absolute path",
            ConfigErrorKind::Origin => "an origin must be a scheme, a host and perhaps a port",
            ConfigErrorKind::Algorithms => "at least one algorithm must be allowed",
            ConfigErrorKind::ResourceMetadata => "the resource metadata must be an absolute http or https URL",
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
            (K::PublicUrl, "the public URL must be an absolute http or https URL without user, query or fragment"),
            (K::Mount, "the mount must be an absolute path"),
            (K::Origin, "an origin must be a scheme, a host and perhaps a port"),
            (K::Algorithms, "at least one algorithm must be allowed"),
            (K::ResourceMetadata, "the resource metadata must be an absolute http or https URL"),
        ] {
            assert_eq!(ConfigError::from(kind).to_string(), says);
        }
    }
}

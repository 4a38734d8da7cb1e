//! Building a verifier. What is wrong with a configuration is a [`ConfigError`] at start-up, never a refused request.

use std::{fmt, net::IpAddr, sync::Arc};

use sealstamp::Fleet;
use url::Url;

use crate::{Algorithm, Verifier, challenge::Challenges, counters::Counters, decide::Rules, target::Target};

/// Whether proofs must carry a nonce of this server's (RFC 9449 section 9).
///
/// Nonces here are bound to no client key, although the core can bind them. The first 401 goes to a client whose key is
/// not known yet, so its nonce cannot be bound; refusing that nonce later would bring back the extra round trip that it
/// is there to save, and accepting it as well would make the binding optional for everybody.
#[derive(Debug, Clone)]
pub enum Nonces {
    /// Every proof carries a nonce that some replica of this fleet minted, and every refusal hands one out.
    Required(Fleet),
    /// Proofs are as fresh as the client's clock says, within 300 s (SEP-1932's minimum): a stolen or pre-dated proof is
    /// good for that long. A `nonce` claim is ignored.
    Off,
}

/// Options of a [`Verifier`], from [`Verifier::builder`].
#[derive(Debug)]
pub struct VerifierBuilder {
    public_url: String,
    nonces: Nonces,
    algorithms: Vec<Algorithm>,
    resource_metadata: Option<String>,
    mount: Option<String>,
    proxies: Vec<IpAddr>,
    origins: Vec<String>,
    bearer: bool,
}

impl VerifierBuilder {
    pub(crate) fn new(public_url: &str, nonces: Nonces) -> Self {
        Self {
            public_url: public_url.to_owned(),
            nonces,
            algorithms: Algorithm::DEFAULT.to_vec(),
            resource_metadata: None,
            mount: None,
            proxies: Vec::new(),
            origins: Vec::new(),
            bearer: false,
        }
    }

    /// The algorithms that proofs may be signed with, in the order in which challenges advertise them.
    /// [`Algorithm::DEFAULT`] unless set.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms.clear();
        for algorithm in algorithms {
            if !self.algorithms.contains(&algorithm) {
                self.algorithms.push(algorithm);
            }
        }
        self
    }

    /// Where the protected resource metadata is (RFC 9728 section 5.1). MCP clients find the authorization server by it.
    #[must_use]
    pub fn resource_metadata(mut self, url: &str) -> Self {
        self.resource_metadata = Some(url.to_owned());
        self
    }

    /// The path under which requests for the public URL's path arrive, where a proxy or a router strips or replaces a
    /// prefix. Unset, paths arrive as clients send them.
    ///
    /// With the public URL `https://example.com/api/mcp`, mounted at `/`: a request for `/` is one for `/api/mcp`, and
    /// one for `/x` is one for `/api/mcp/x`. Requests outside the mount are refused.
    #[must_use]
    pub fn mounted_at(mut self, path: &str) -> Self {
        self.mount = Some(path.to_owned());
        self
    }

    /// For a server with several public names: when a request comes from one of these peers, the origin that its
    /// `X-Forwarded-Proto` and `X-Forwarded-Host` name takes the place of the public URL's, if it is one of `origins`
    /// (as in `https://mcp.example.org`). Any other peer's forwarded headers are ignored.
    ///
    /// The proxy must overwrite both headers, not append to what a client sent.
    #[must_use]
    pub fn trust_proxy<'o>(
        mut self,
        peers: impl IntoIterator<Item = IpAddr>,
        origins: impl IntoIterator<Item = &'o str>,
    ) -> Self {
        self.proxies = peers.into_iter().collect();
        self.origins = origins.into_iter().map(str::to_owned).collect();
        self
    }

    /// Accepts `Bearer` tokens that are bound to no key, side by side with proofs (SEP-1932, for the time of a migration).
    ///
    /// Dangerous: whoever steals such a token can use it. A bound token is still refused under `Bearer`.
    #[must_use]
    pub fn dangerously_accept_unbound_bearer_tokens(mut self) -> Self {
        self.bearer = true;
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the option at fault.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let mut target = Target::new(&self.public_url).ok_or(ConfigErrorKind::PublicUrl)?;
        if let Some(mount) = &self.mount {
            target = target.mounted_at(mount).ok_or(ConfigErrorKind::Mount)?;
        }
        let target = target.trusting(self.proxies, &self.origins).ok_or(ConfigErrorKind::Origin)?;
        if self.algorithms.is_empty() {
            return Err(ConfigErrorKind::Algorithms.into());
        }
        let metadata = match self.resource_metadata.as_deref().map(Url::parse) {
            Some(Ok(url)) if matches!(url.scheme(), "http" | "https") => Some(url),
            None => None,
            Some(_) => return Err(ConfigErrorKind::ResourceMetadata.into()),
        };
        let challenges = Challenges::new(&self.algorithms, metadata.as_ref(), self.bearer)
            .ok_or(ConfigErrorKind::ResourceMetadata)?;
        Ok(Verifier(Arc::new(Rules {
            target,
            algorithms: self.algorithms,
            nonces: self.nonces,
            bearer: self.bearer,
            challenges,
            counters: Counters::new(),
        })))
    }
}

/// A verifier cannot be built like this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(ConfigErrorKind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConfigErrorKind {
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

    #[test]
    fn each_option_is_checked() {
        let builder = || VerifierBuilder::new("https://mcp.example.com/mcp", Nonces::Off);
        let kind = |builder: VerifierBuilder| builder.build().err().map(|error| error.0);
        assert_eq!(kind(builder()), None);
        assert_eq!(kind(VerifierBuilder::new("mcp.example.com", Nonces::Off)), Some(ConfigErrorKind::PublicUrl));
        assert_eq!(kind(builder().mounted_at("mcp")), Some(ConfigErrorKind::Mount));
        assert_eq!(kind(builder().trust_proxy([], ["https://h/p"])), Some(ConfigErrorKind::Origin));
        assert_eq!(kind(builder().algorithms([])), Some(ConfigErrorKind::Algorithms));
        assert_eq!(kind(builder().resource_metadata("/here")), Some(ConfigErrorKind::ResourceMetadata));
        assert_eq!(kind(builder().resource_metadata("data:x")), Some(ConfigErrorKind::ResourceMetadata));
        assert_eq!(kind(builder().resource_metadata("https://h/.well-known/x")), None);
    }

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

//! The options of a verifier.

use std::net::IpAddr;

use url::Url;

use crate::nonces::Nonces;
use crate::outcome::Outcomes;
use crate::policy::Policy;
use crate::proof::Algorithm;
use crate::request::Target;
use crate::response::Challenges;
use crate::verifier::decide::Verifier;
use crate::verifier::error::{ConfigError, ConfigErrorKind};
use crate::verifier::rules::Rules;

impl Verifier {
    /// A verifier for the server that clients know by this URL.
    #[must_use]
    pub fn builder(public_url: &str, nonces: Nonces) -> VerifierBuilder {
        VerifierBuilder::new(public_url, nonces)
    }
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
    fn new(public_url: &str, nonces: Nonces) -> Self {
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

    /// Where the protected resource metadata is (RFC 9728 section 5.1). MCP clients find the authorization server by
    /// it.
    #[must_use]
    pub fn resource_metadata(mut self, url: &str) -> Self {
        self.resource_metadata = Some(url.to_owned());
        self
    }

    /// The path under which requests for the public URL's path arrive, if a proxy or a router strips or replaces a
    /// prefix. Unless this is set, paths arrive as clients send them.
    ///
    /// With the public URL `https://example.com/api/mcp`, mounted at `/`: a request for `/` is one for `/api/mcp`, and
    /// one for `/x` is one for `/api/mcp/x`. Requests outside the mount are refused.
    #[must_use]
    pub fn mounted_at(mut self, path: &str) -> Self {
        self.mount = Some(path.to_owned());
        self
    }

    /// For a server with several public names. When a request comes from one of these peers, its `X-Forwarded-Proto`
    /// and `X-Forwarded-Host` name the origin, in place of the public URL's. It must be one of `origins` (as in
    /// `https://mcp.example.org`). Any other peer's forwarded headers are ignored.
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

    /// Accepts `Bearer` tokens that are bound to no key, side by side with proofs (SEP-1932, for the time of a
    /// migration).
    ///
    /// Dangerous: a thief can use such a token. A bound token is still refused under `Bearer`.
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
        Ok(Verifier::new(Rules {
            target,
            algorithms: self.algorithms,
            policy: Policy::of(&self.nonces),
            bearer: self.bearer,
            challenges,
            outcomes: Outcomes::new(self.nonces),
        }))
    }
}

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
}

//! From options to a verifier, or to what is wrong with them.

use std::sync::Arc;

use url::Url;

use crate::nonces::Nonces;
use crate::outcome::Outcomes;
use crate::policy::{NonceDemand, Policy};
use crate::request::{Target, normal};
use crate::response::Challenges;
use crate::single_use::{SingleUse, WhenAway};
use crate::verifier::builder::VerifierBuilder;
use crate::verifier::decide::Verifier;
use crate::verifier::error::{ConfigError, ConfigErrorKind};
use crate::verifier::resource::{DigestFacts, Facts, Resource, well_known};
use crate::verifier::rules::Rules;

impl VerifierBuilder {
    /// The verifier.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the option at fault.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let public_url = &self.public_url;
        let mut target = Target::new(public_url).ok_or_else(|| ConfigErrorKind::of_public_url(public_url))?;
        if let Some(mount) = &self.mount {
            target = target.mounted_at(mount).ok_or(ConfigErrorKind::Mount)?;
        }
        let target = target.trusting(self.proxies, &self.origins).ok_or(ConfigErrorKind::Origin)?;
        if self.algorithms.is_empty() {
            return Err(ConfigErrorKind::Algorithms.into());
        }
        if !self.scopes.iter().all(|scope| is_scope(scope)) {
            return Err(ConfigErrorKind::Scope.into());
        }
        if !self.authorization_servers.iter().all(|issuer| is_issuer(issuer)) {
            return Err(ConfigErrorKind::AuthorizationServer.into());
        }
        let goes_on = self.single_use.as_ref().is_some_and(|once| once.when_away == WhenAway::GoOnWithNonce);
        if goes_on && matches!(self.nonces, Nonces::Off) {
            return Err(ConfigErrorKind::WhenAway.into());
        }
        let by_nonce = self.decider.is_none() && self.mcp.is_none();
        let single_use = self.single_use.map(|once| SingleUse { by_nonce, ..once });
        let usual = Policy::of(&self.nonces, single_use.as_ref(), self.body_digest);
        let mut decider = self.decider;
        let digest = match self.mcp {
            Some(policy) => {
                let rows = policy.rows(&usual).map_err(|_| ConfigErrorKind::McpPattern)?;
                check_rows(rows.policies(), &self.nonces, single_use.as_ref())?;
                let digest = DigestFacts::of(rows.policies(), decider.own.is_some());
                decider.mcp = Some(rows);
                digest
            }
            None => DigestFacts::of(std::iter::once(&usual), decider.own.is_some()),
        };
        let identifier = self.resource.as_deref().unwrap_or(public_url);
        let own = target.origins().first().cloned().unwrap_or_default();
        let (_, path) = normal(identifier).filter(|(origin, _)| *origin == own).ok_or(ConfigErrorKind::Resource)?;
        let metadata = match self.resource_metadata.as_deref().map(Url::parse) {
            Some(Ok(url)) if matches!(url.scheme(), "http" | "https") => Some(url.to_string()),
            None if self.authorization_servers.is_empty() => None,
            None => Some(format!("{own}{}", well_known(&path))),
            Some(_) => return Err(ConfigErrorKind::ResourceMetadata.into()),
        };
        let urls: Vec<_> =
            target.origins().iter().map(|origin| metadata.as_deref().map(|url| under(origin, &own, url))).collect();
        let challenges = Challenges::new(&self.algorithms, &urls, &self.scopes, self.bearer)
            .ok_or(ConfigErrorKind::ResourceMetadata)?;
        let facts = Facts {
            identifiers: &identifiers(target.origins(), identifier),
            authorization_servers: &self.authorization_servers,
            scopes: &self.scopes,
            algorithms: &self.algorithms,
            bearer: self.bearer,
            digest,
        };
        Ok(Verifier::new(Rules {
            resource: Resource::new(&path, &facts),
            target,
            algorithms: self.algorithms,
            usual,
            decider,
            tightener: self.tightener,
            bearer: self.bearer,
            outcomes: Arc::new(Outcomes::new(self.nonces, single_use, self.observer, challenges)),
        }))
    }
}

/// Fails if a row demands what nobody can show on this server, or scopes that are none.
fn check_rows<'p>(
    policies: impl Iterator<Item = &'p Policy>,
    nonces: &Nonces,
    store: Option<&SingleUse>,
) -> Result<(), ConfigErrorKind> {
    for policy in policies {
        if !policy.scopes().all(is_scope) {
            return Err(ConfigErrorKind::Scope);
        }
        if policy.nonce() != NonceDemand::Never && matches!(nonces, Nonces::Off) {
            return Err(ConfigErrorKind::McpNonce);
        }
        if policy.single_use() && store.is_none() {
            return Err(ConfigErrorKind::McpSingleUse);
        }
    }
    Ok(())
}

/// The URL with this origin in place of the server's own; another server's URL stays as it is.
fn under(origin: &str, own: &str, url: &str) -> String {
    match url.strip_prefix(own).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) => format!("{origin}{rest}"),
        None => url.to_owned(),
    }
}

/// The resource identifier under each origin: as it was written under the first, so that `https://h` stays without a
/// slash, and the same path under the others.
fn identifiers(origins: &[String], identifier: &str) -> Vec<String> {
    let after_scheme = identifier.split_once("://").map_or("", |(_, rest)| rest);
    let path = after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or_default();
    let others = origins.iter().skip(1).map(|origin| format!("{origin}{path}"));
    std::iter::once(identifier.to_owned()).chain(others).collect()
}

/// RFC 6749 section 3.3: `scope-token = 1*NQCHAR`.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
}

/// RFC 8414 section 2: a URL that "has no query or fragment components".
fn is_issuer(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) && !issuer.contains(['?', '#'])
}

#[cfg(test)]
mod tests {
    use sealstamp::{Audience, Fleet, Fresh, Ring, Settings, Suite, UnixMillis};

    use super::*;
    use crate::policy::McpPolicy;
    use crate::single_use::MemoryStore;

    /// What a row cannot demand shows when the server starts, and not as refused requests.
    #[test]
    fn rows_for_mcp_are_checked() {
        let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, UnixMillis::default(), Fresh::from_os().unwrap());
        let fleet = Fleet::new(ring, Audience::new("https://mcp.example.com").unwrap()).unwrap();
        let kind = |nonces: &Nonces, policy: McpPolicy| {
            let builder = Verifier::builder("https://mcp.example.com/mcp", nonces.clone()).mcp_policy(policy);
            builder.build().err().map(|error| error.0)
        };
        let (off, on) = (Nonces::Off, Nonces::Required(fleet));
        let young = || McpPolicy::new().tool("a", |usual| usual.with_nonce(NonceDemand::Within { seconds: 1 }));
        assert_eq!((kind(&on, young()), kind(&off, young())), (None, Some(ConfigErrorKind::McpNonce)));
        let once = || McpPolicy::new().method("a", |usual| usual.with_single_use(true));
        assert_eq!(kind(&on, once()), Some(ConfigErrorKind::McpSingleUse));
        let with_store = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off).mcp_policy(once());
        assert!(with_store.single_use(MemoryStore::new(1_000_000), WhenAway::Refuse).build().is_ok());
        assert_eq!(kind(&on, McpPolicy::new().tool("*a", |usual| usual)), Some(ConfigErrorKind::McpPattern));
        let scope = McpPolicy::new().tool("a", |usual| usual.with_scopes(["a b"]));
        assert_eq!(kind(&on, scope), Some(ConfigErrorKind::Scope));
        assert_eq!(kind(&off, McpPolicy::new().tool("a", |usual| usual.with_scopes(["a:b"]))), None);
    }

    #[test]
    fn each_option_is_checked() {
        let builder = || Verifier::builder("https://mcp.example.com/mcp", Nonces::Off);
        let kind = |builder: VerifierBuilder| builder.build().err().map(|error| error.0);
        assert_eq!(kind(builder()), None);
        for (url, expected) in [
            ("", ConfigErrorKind::PublicUrl),
            ("mcp.example.com", ConfigErrorKind::PublicUrl),
            ("/mcp", ConfigErrorKind::PublicUrl),
            ("https://", ConfigErrorKind::PublicUrl),
            ("https://h/a b", ConfigErrorKind::PublicUrl),
            ("mcp.example.com:443/mcp", ConfigErrorKind::PublicUrlScheme),
            ("ftp://h/mcp", ConfigErrorKind::PublicUrlScheme),
            ("https://h/mcp?tenant=1", ConfigErrorKind::PublicUrlQuery),
            ("https://h/mcp?", ConfigErrorKind::PublicUrlQuery),
            ("https://h/mcp#top", ConfigErrorKind::PublicUrlFragment),
            ("https://u@h/mcp", ConfigErrorKind::PublicUrlUser),
            ("https://u:p@h/mcp", ConfigErrorKind::PublicUrlUser),
        ] {
            assert_eq!(kind(Verifier::builder(url, Nonces::Off)), Some(expected), "{url}");
        }
        for path in ["/:tenant", "/*", "/{tenant}", "/{*rest}", "/healthz", "/", ""] {
            assert_eq!(
                kind(Verifier::builder(&format!("https://h{path}"), Nonces::Off)),
                if path.contains('{') { Some(ConfigErrorKind::PublicUrl) } else { None },
                "{path}"
            );
        }
        for resource in ["https://mcp.example.com", "https://mcp.example.com/", "https://mcp.example.com:443/a"] {
            assert_eq!(kind(builder().resource(resource)), None, "{resource}");
        }
        for resource in ["", "/mcp", "https://other.example.com/mcp", "http://mcp.example.com/mcp", "0e1f-a-guid"] {
            assert_eq!(kind(builder().resource(resource)), Some(ConfigErrorKind::Resource), "{resource}");
        }
        for scope in ["", "a b", "a\"b", "a\\b", "é", "a\n"] {
            assert_eq!(kind(builder().scopes(["good", scope])), Some(ConfigErrorKind::Scope), "{scope}");
        }
        assert_eq!(kind(builder().scopes(["a:b/c.d", "!#[]~"])), None);
        for issuer in ["", "issuer", "ftp://h", "https://h?q", "https://h#f"] {
            let built = kind(builder().authorization_servers([issuer]));
            assert_eq!(built, Some(ConfigErrorKind::AuthorizationServer), "{issuer}");
        }
        assert_eq!(kind(builder().authorization_servers(["https://h", "http://127.0.0.1:1/x/"])), None);
        assert_eq!(kind(builder().mounted_at("mcp")), Some(ConfigErrorKind::Mount));
        assert_eq!(kind(builder().trust_proxy([], ["https://h/p"])), Some(ConfigErrorKind::Origin));
        assert_eq!(kind(builder().algorithms([])), Some(ConfigErrorKind::Algorithms));
        let store = || MemoryStore::new(1_000_000);
        assert_eq!(kind(builder().single_use(store(), WhenAway::Refuse)), None);
        assert_eq!(kind(builder().single_use(store(), WhenAway::GoOnWithNonce)), Some(ConfigErrorKind::WhenAway));
        assert_eq!(kind(builder().resource_metadata("/here")), Some(ConfigErrorKind::ResourceMetadata));
        assert_eq!(kind(builder().resource_metadata("data:x")), Some(ConfigErrorKind::ResourceMetadata));
        assert_eq!(kind(builder().resource_metadata("https://h/.well-known/x")), None);
    }
}

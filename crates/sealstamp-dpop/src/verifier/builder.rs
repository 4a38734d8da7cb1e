//! The options of a verifier.

use std::net::IpAddr;
use std::sync::Arc;

use url::Url;

use crate::nonces::Nonces;
use crate::outcome::{Decision, Observer, Outcomes};
use crate::policy::{Decider, DigestDemand, McpPolicy, NonceDemand, Policy, Tightener};
use crate::proof::Algorithm;
use crate::request::{RequestHead, Target, normal};
use crate::response::Challenges;
use crate::single_use::{AnyStore, ProofStore, SingleUse, WhenAway};
use crate::token::TokenFacts;
use crate::verifier::decide::Verifier;
use crate::verifier::error::{ConfigError, ConfigErrorKind};
use crate::verifier::resource::{DigestFacts, Facts, Resource, well_known};
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
    resource: Option<String>,
    resource_metadata: Option<String>,
    authorization_servers: Vec<String>,
    scopes: Vec<String>,
    observer: Observer,
    mount: Option<String>,
    proxies: Vec<IpAddr>,
    origins: Vec<String>,
    bearer: bool,
    single_use: Option<SingleUse>,
    body_digest: DigestDemand,
    decider: Decider,
    mcp: Option<McpPolicy>,
    tightener: Tightener,
}

impl VerifierBuilder {
    fn new(public_url: &str, nonces: Nonces) -> Self {
        Self {
            public_url: public_url.to_owned(),
            nonces,
            algorithms: Algorithm::DEFAULT.to_vec(),
            resource: None,
            resource_metadata: None,
            authorization_servers: Vec::new(),
            scopes: Vec::new(),
            observer: Observer::default(),
            mount: None,
            proxies: Vec::new(),
            origins: Vec::new(),
            bearer: false,
            single_use: None,
            body_digest: DigestDemand::Off,
            decider: Decider::default(),
            mcp: None,
            tightener: Tightener::default(),
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

    /// The resource identifier (RFC 9728 section 1.2, RFC 8707), if it is not the public URL: another URL of the same
    /// origin, which the public URL is a part of. Clients ask for tokens for it, and its metadata carries it.
    ///
    /// It is neither the audience that a token has to name, which is the validator's matter and may be anything that the
    /// issuer writes there, nor the audience of nonces, which is the fleet's.
    #[must_use]
    pub fn resource(mut self, url: &str) -> Self {
        self.resource = Some(url.to_owned());
        self
    }

    /// Where clients get tokens: the issuer identifiers of authorization servers, as they write them (RFC 8414 section
    /// 2).
    ///
    /// The [metadata](Verifier::protected_resource) lists them, and challenges then say where the metadata is.
    #[must_use]
    pub fn authorization_servers<'a>(mut self, issuers: impl IntoIterator<Item = &'a str>) -> Self {
        self.authorization_servers = issuers.into_iter().map(str::to_owned).collect();
        self
    }

    /// The scopes that a client should ask for at first: challenges carry them (RFC 6750 section 3), and the
    /// [metadata](Verifier::protected_resource) lists them as `scopes_supported`.
    ///
    /// Nothing is demanded by this: see [`Policy::with_scopes`] and
    /// [`Accepted::require_scopes`](crate::Accepted::require_scopes).
    #[must_use]
    pub fn scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.scopes = scopes.into_iter().map(str::to_owned).collect();
        self
    }

    /// Shows every [`Decision`] to this function, for logs and metrics that say more than the
    /// [counters](Verifier::counters).
    ///
    /// It runs within the request, so it should not wait. If it panics, so does the request.
    ///
    /// ```
    /// # use sealstamp_dpop::{Nonces, Verifier};
    /// let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off)
    ///     .on_decision(|decision| match decision.refused() {
    ///         Some(reason) => eprintln!("refused: {reason}, client's clock: {:?} s", decision.client_clock_s()),
    ///         None => eprintln!("accepted: {:?}", decision.thumbprint()),
    ///     })
    ///     .build()?;
    /// # Ok::<(), sealstamp_dpop::ConfigError>(())
    /// ```
    #[must_use]
    pub fn on_decision(mut self, observe: impl Fn(&Decision) + Send + Sync + 'static) -> Self {
        self.observer = Observer(Some(Box::new(observe)));
        self
    }

    /// Where the protected resource metadata is (RFC 9728 section 5.1), if the server makes its own. MCP clients find the
    /// authorization server by it. With [`authorization_servers`](Self::authorization_servers) it need not be said.
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
    /// The proxy must overwrite both headers, not append to what a client sent. Challenges and metadata name the origin
    /// that the client used.
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

    /// Accepts each proof once (rule 12; RFC 9449 section 11.1), by asking `store` after all other rules have passed.
    ///
    /// Replicas that share their clients must share the store. `when_away` says what becomes of requests while it cannot be
    /// asked. `Bearer` tokens are refused then, whatever else was opted into: they come without a proof.
    ///
    /// A *proof* is then used once. A *call* is not: a client that repeats it makes a new proof.
    #[must_use]
    pub fn single_use(mut self, store: impl ProofStore + 'static, when_away: WhenAway) -> Self {
        self.single_use = Some(SingleUse { store: AnyStore::new(store), when_away, by_nonce: true });
        self
    }

    /// Whether proofs have to say what the body is (rule 11): by a `content_digest` claim, an extension of RFC 9449. The
    /// demand is [off](DigestDemand::Off) unless set, and a policy can change it for a request.
    ///
    /// The [metadata](Verifier::protected_resource) then says so, in two members of this crate's own:
    /// `dpop_content_digest_alg_values_supported`, which is `["sha-256"]`, and `dpop_content_digest_required`, which is
    /// `true` if no request passes without. Say [`DigestDemand::IfPresent`] here if only your [`policy`](Self::policy)
    /// demands a digest, so that clients can know.
    ///
    /// Somebody has to read the bodies then: see `DpopLayer::read_bodies` for the layer, and
    /// [`Bound::check_body`](crate::Bound::check_body) for others. `Bearer` tokens are refused where a digest is required.
    #[must_use]
    pub fn body_digest(mut self, demand: DigestDemand) -> Self {
        self.body_digest = demand;
        self
    }

    /// Decides for each request what it has to show, from its head and from what all requests have to show otherwise.
    ///
    /// The method and the path can be relied on: rule 5 compares them with signed claims. A header field cannot, since
    /// anybody on the way may change it. In MCP all tools are one path, and `Mcp-Method` and `Mcp-Name` are such fields:
    /// [`mcp_policy`](Self::mcp_policy) has them compared with the body, and so does [`Policy::with_mcp_fields`].
    ///
    /// ```
    /// use sealstamp_dpop::{NonceDemand, Nonces, Verifier};
    ///
    /// # fn build(fleet: sealstamp::Fleet) -> Result<Verifier, sealstamp_dpop::ConfigError> {
    /// Verifier::builder("https://mcp.example.com/mcp", Nonces::Required(fleet))
    ///     .policy(|request, usual| match request.uri().path() {
    ///         "/mcp/admin" => usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_scopes(["admin"]),
    ///         _ => usual,
    ///     })
    ///     .build()
    /// # }
    /// ```
    ///
    /// With [`single_use`](Self::single_use), claims are kept to the end of the window of `iat` then, as a policy may do
    /// without a nonce. A proof is claimed only where the policy says so. So a proof that was sent where it does not can
    /// be sent once more where it does.
    #[must_use]
    pub fn policy(mut self, decide: impl Fn(&RequestHead<'_>, Policy) -> Policy + Send + Sync + 'static) -> Self {
        self.decider.own = Some(Box::new(decide));
        self
    }

    /// Decides by MCP method and by the name of the tool what a request has to show: see [`McpPolicy`].
    ///
    /// ```
    /// use sealstamp_dpop::{McpPolicy, NonceDemand, Nonces, Verifier};
    ///
    /// # fn build(fleet: sealstamp::Fleet) -> Result<Verifier, sealstamp_dpop::ConfigError> {
    /// Verifier::builder("https://mcp.example.com/mcp", Nonces::Required(fleet))
    ///     .mcp_policy(
    ///         McpPolicy::new().tool("delete_*", |usual| usual.with_nonce(NonceDemand::Within { seconds: 10 })),
    ///     )
    ///     .build()
    /// # }
    /// ```
    ///
    /// Somebody has to read the bodies then, as for [`body_digest`](Self::body_digest). With a [`policy`](Self::policy) as
    /// well, a request is held to the stricter of both. What was said there about single use holds here too.
    #[must_use]
    pub fn mcp_policy(mut self, policy: McpPolicy) -> Self {
        self.mcp = Some(policy);
        self
    }

    /// Decides a second time, when the token is known: from the request's head, from what the token says, and from the
    /// policy so far. It can only tighten: whatever it returns, the [stricter](Policy::stricter) of both holds.
    ///
    /// ```
    /// use sealstamp_dpop::{NonceDemand, Nonces, Verifier};
    ///
    /// # fn build(fleet: sealstamp::Fleet) -> Result<Verifier, sealstamp_dpop::ConfigError> {
    /// Verifier::builder("https://mcp.example.com/mcp", Nonces::Required(fleet))
    ///     .tighten(|_request, token, policy| match token.client_id() {
    ///         Some("a-trusted-client") => policy,
    ///         _ => policy.with_nonce(NonceDemand::Within { seconds: 10 }),
    ///     })
    ///     .build()
    /// # }
    /// ```
    #[must_use]
    pub fn tighten(
        mut self,
        tighten: impl Fn(&RequestHead<'_>, &TokenFacts, Policy) -> Policy + Send + Sync + 'static,
    ) -> Self {
        self.tightener = Tightener(Some(Box::new(tighten)));
        self
    }

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
    use crate::single_use::MemoryStore;

    /// What a row cannot demand shows when the server starts, and not as refused requests.
    #[test]
    fn rows_for_mcp_are_checked() {
        let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, UnixMillis::default(), Fresh::from_os().unwrap());
        let fleet = Fleet::new(ring, Audience::new("https://mcp.example.com").unwrap()).unwrap();
        let kind = |nonces: &Nonces, policy: McpPolicy| {
            let builder = VerifierBuilder::new("https://mcp.example.com/mcp", nonces.clone()).mcp_policy(policy);
            builder.build().err().map(|error| error.0)
        };
        let (off, on) = (Nonces::Off, Nonces::Required(fleet));
        let young = || McpPolicy::new().tool("a", |usual| usual.with_nonce(NonceDemand::Within { seconds: 1 }));
        assert_eq!((kind(&on, young()), kind(&off, young())), (None, Some(ConfigErrorKind::McpNonce)));
        let once = || McpPolicy::new().method("a", |usual| usual.with_single_use(true));
        assert_eq!(kind(&on, once()), Some(ConfigErrorKind::McpSingleUse));
        let with_store = VerifierBuilder::new("https://mcp.example.com/mcp", Nonces::Off).mcp_policy(once());
        assert!(with_store.single_use(MemoryStore::new(1_000_000), WhenAway::Refuse).build().is_ok());
        assert_eq!(kind(&on, McpPolicy::new().tool("*a", |usual| usual)), Some(ConfigErrorKind::McpPattern));
        let scope = McpPolicy::new().tool("a", |usual| usual.with_scopes(["a b"]));
        assert_eq!(kind(&on, scope), Some(ConfigErrorKind::Scope));
        assert_eq!(kind(&off, McpPolicy::new().tool("a", |usual| usual.with_scopes(["a:b"]))), None);
    }

    #[test]
    fn each_option_is_checked() {
        let builder = || VerifierBuilder::new("https://mcp.example.com/mcp", Nonces::Off);
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
            assert_eq!(kind(VerifierBuilder::new(url, Nonces::Off)), Some(expected), "{url}");
        }
        for path in ["/:tenant", "/*", "/{tenant}", "/{*rest}", "/healthz", "/", ""] {
            assert_eq!(
                kind(VerifierBuilder::new(&format!("https://h{path}"), Nonces::Off)),
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

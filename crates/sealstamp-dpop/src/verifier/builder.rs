//! The options of a verifier.

use std::net::IpAddr;

use crate::nonces::Nonces;
use crate::outcome::{Decision, Observer};
use crate::policy::{Decider, DigestDemand, McpPolicy, Policy, Tightener};
use crate::proof::Algorithm;
use crate::request::RequestHead;
use crate::single_use::{AnyStore, ProofStore, SingleUse, WhenAway};
use crate::token::TokenFacts;
use crate::verifier::decide::Verifier;

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
    pub(super) public_url: String,
    pub(super) nonces: Nonces,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) resource: Option<String>,
    pub(super) resource_metadata: Option<String>,
    pub(super) authorization_servers: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) observer: Observer,
    pub(super) mount: Option<String>,
    pub(super) proxies: Vec<IpAddr>,
    pub(super) origins: Vec<String>,
    pub(super) bearer: bool,
    pub(super) single_use: Option<SingleUse>,
    pub(super) body_digest: DigestDemand,
    pub(super) decider: Decider,
    pub(super) mcp: Option<McpPolicy>,
    pub(super) tightener: Tightener,
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
}

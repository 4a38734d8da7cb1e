//! From the configuration to resources. Whatever is wrong is found here, before anything is in use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sealstamp::Audience;
use sealstamp_dpop::{Algorithm, Cached, Nonces, Verifier, VerifierBuilder, origin_audience};
use toml::Spanned;
use url::Url;

use crate::answer::Signer;
use crate::config::{
    self, File, Findings, NoncesName, PathRule, RingAt, Settings, SingleUse, StoreName, UpstreamToken, WhenAwayName,
    read_named,
};
use crate::dialect::agreed_path;
use crate::resource::kept::{Followed, Kept, check_ring};
use crate::resource::rules::{self, Rule};
use crate::resource::store::Store;
use crate::resource::watched::Watched;
use crate::resource::{Resource, Routes, tokens, urls};

/// How long a signed token for the upstream is good, in seconds, unless configured.
const TOKEN_LIFETIME_S: u64 = 30;

/// All resources of this file. They take from `old` what must not be forgotten. If anything is wrong, `findings` says
/// so, and the routes are not to be used.
pub(crate) fn routes(file: &File, settings: &Settings, old: &Kept, findings: &mut Findings) -> Routes {
    let ring = settings.ring.as_ref();
    let mut kept = Kept::default();
    let mut resources = BTreeMap::new();
    if file.resource.is_empty() {
        let says =
            "this is missing: without a [[resource]], which has name and public_url, there is nothing to protect";
        findings.add_missing_table("resource", says);
    }
    twice(&file.resource, findings);
    for spanned in &file.resource {
        let name = spanned.get_ref().name.get_ref();
        let maker = Maker {
            resource: spanned.get_ref(),
            ring,
            request: settings.bounds.request,
            old,
            kept: &mut kept,
            findings: &mut *findings,
        };
        if let Some(resource) = maker.make() {
            resources.insert(name.clone(), resource);
        }
    }
    if let Some(ring) = ring.filter(|_| kept.rings.is_empty()) {
        check_ring(ring, findings);
    }
    let signer = file.upstream_token.as_ref().and_then(|token| signer(token, findings)).map(Arc::new);
    Routes { resources, signer, kept }
}

/// Two resources of one name, or of one URL: the question of a proxy, or what clients find, would be about either.
fn twice(resources: &[Spanned<config::Resource>], findings: &mut Findings) {
    let url = |resource: &config::Resource| {
        let url = Url::parse(resource.public_url.get_ref()).ok()?;
        Some(url.as_str().trim_end_matches('/').to_owned())
    };
    for (at, resource) in resources.iter().map(Spanned::get_ref).enumerate() {
        let mut before = resources.iter().take(at).map(Spanned::get_ref);
        if before.clone().any(|before| before.name.get_ref() == resource.name.get_ref()) {
            findings.add(resource.name.span(), "another resource has this name");
        }
        if url(resource).is_some_and(|own| before.any(|before| url(before).as_ref() == Some(&own))) {
            findings.add(resource.public_url.span(), "another resource has this URL");
        }
    }
}

fn signer(token: &UpstreamToken, findings: &mut Findings) -> Option<Signer> {
    let lifetime_s = token.lifetime_s.as_ref().map_or(TOKEN_LIFETIME_S, |seconds| *seconds.get_ref());
    let pem = read_named(&token.key_file, findings)?;
    findings.some(token.key_file.span(), Signer::new(&pem, token.issuer.get_ref(), lifetime_s))
}

/// Makes one resource.
struct Maker<'m> {
    resource: &'m config::Resource,
    ring: Option<&'m RingAt>,
    /// How long a request may take.
    request: Duration,
    old: &'m Kept,
    kept: &'m mut Kept,
    findings: &'m mut Findings,
}

impl Maker<'_> {
    fn make(mut self) -> Option<Resource> {
        let resource = self.resource;
        let found = self.findings.count();
        self.name();
        let url = resource.public_url.get_ref();
        // Each option is tried alone, so that a mistake has its own line.
        self.public_url()?;
        let identifier = resource.identifier.as_ref();
        if let Some(identifier) = identifier {
            self.trial(identifier, |builder| builder.resource(identifier.get_ref()));
        }
        for scope in resource.scopes.iter().chain(&resource.required_scopes) {
            self.trial(scope, |builder| builder.scopes([scope.get_ref().as_str()]));
        }
        let issuers = self.authorization_servers();
        let path = self.own_path(&resource.public_url)?;
        let identifier = identifier.map_or(url, Spanned::get_ref);
        let mut watched = Watched::default();
        let tokens: Cached<_> = tokens::tokens(resource, identifier, self.old, self.kept, &mut watched, self.findings);
        let algorithms = self.algorithms();
        let nonces = self.nonces();
        let rules = self.rules(&path);
        let store = resource.single_use.as_ref().map(|single_use| self.store(single_use));
        // What is wrong has been said, each where it is.
        if self.findings.count() > found {
            return None;
        }

        let mut builder = Verifier::builder(url, nonces?)
            .resource(identifier)
            .authorization_servers(issuers.iter().map(String::as_str))
            .scopes(resource.scopes.iter().map(|scope| scope.get_ref().as_str()));
        if let Some(algorithms) = algorithms {
            builder = builder.algorithms(algorithms);
        }
        if resource.dangerously_accept_unbound_bearer_tokens {
            builder = builder.dangerously_accept_unbound_bearer_tokens();
        }
        if let Some(store) = store {
            let when_away = resource.single_use.as_ref().and_then(|once| once.get_ref().when_away.as_ref());
            let store = store?;
            watched.store = store.in_memory();
            builder = store.apply(builder, when_away.map(|name| *name.get_ref()));
        }
        if !rules.is_empty() {
            builder = builder.policy(move |request, usual| rules::apply(&rules, request.uri().path(), usual));
        }
        let name = resource.name.get_ref().clone();
        let verifier = self.findings.some(resource.name.span(), builder.build())?;
        Some(Resource {
            metadata: verifier.protected_resource(),
            upstream_audience: resource.upstream_audience.as_ref().map_or(url, Spanned::get_ref).clone(),
            asked_issuer: resource
                .introspection
                .as_ref()
                .and_then(|asked| Some(asked.get_ref().issuer.as_ref()?.get_ref().clone())),
            name,
            verifier,
            tokens,
            watched,
            path,
        })
    }

    /// Whether a verifier can be built with this option, which stands here.
    fn trial<T>(&mut self, at: &Spanned<T>, option: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Option<()> {
        let builder = Verifier::builder(self.resource.public_url.get_ref(), Nonces::Off);
        self.findings.some(at.span(), option(builder).build()).map(drop)
    }

    /// The public URL, if it is one that clients can use as it is written.
    fn public_url(&mut self) -> Option<()> {
        let text = &self.resource.public_url;
        let built = Verifier::builder(text.get_ref(), Nonces::Off).build();
        let built = built.map_err(|error| urls::public(text.get_ref(), || error.to_string()));
        self.findings.some(text.span(), built)?;
        self.findings.some(text.span(), urls::unreachable(text.get_ref()))
    }

    fn store(&mut self, spanned: &Spanned<SingleUse>) -> Option<Store> {
        let single_use = spanned.get_ref();
        if single_use.store == StoreName::Redis && single_use.address_file.is_none() {
            let says = "store = \"redis\" needs address_file: a file with the store's address";
            self.findings.add_missing(spanned.span(), says);
        }
        if let Some(wait) = &single_use.wait_ms
            && Duration::from_millis(*wait.get_ref()) >= self.request
        {
            self.findings
                .add(wait.span(), "this must be less than limits.request_s: a request ends before its wait does");
        }
        if let Some(when_away) = &single_use.when_away
            && *when_away.get_ref() == WhenAwayName::GoOnWithNonce
            && self.resource.nonces == NoncesName::Off
        {
            self.findings.add(when_away.span(), "this resource has no nonces, so it can only \"refuse\"");
        }
        let name = self.resource.name.get_ref();
        Store::of(single_use, name, &self.old.stores, &mut self.kept.stores, self.findings)
    }

    fn name(&mut self) {
        let name = &self.resource.name;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.get_ref().is_empty() || name.get_ref().len() > 64 || !name.get_ref().bytes().all(plain) {
            self.findings
                .add(name.span(), "this must be 1 to 64 of a-z, 0-9 and -, as it stands in the path /check/NAME");
        }
    }

    /// The path of the public URL, without a slash at its end.
    fn own_path(&mut self, url: &Spanned<String>) -> Option<String> {
        let path = Url::parse(url.get_ref()).ok()?.path().to_owned();
        let path = self.findings.some(url.span(), agreed_path(&path))?;
        Some(path.path().trim_end_matches('/').to_owned())
    }

    fn authorization_servers(&mut self) -> Vec<String> {
        let resource = self.resource;
        let mut issuers: Vec<String> = Vec::new();
        let asked = resource.introspection.as_ref();
        let urls = resource.issuer.iter().map(|issuer| &issuer.get_ref().url);
        for url in urls.chain(asked.and_then(|asked| asked.get_ref().issuer.as_ref())) {
            if self.findings.some(url.span(), urls::of_issuer(url.get_ref())).is_some() {
                self.trial(url, |builder| builder.authorization_servers([url.get_ref().as_str()]));
            }
            if !issuers.contains(url.get_ref()) {
                issuers.push(url.get_ref().clone());
            }
        }
        if resource.issuer.is_empty() && asked.is_none() {
            let says =
                "this resource has no issuer and no introspection, so no token is valid: [[resource.issuer]] with url";
            self.findings.add_missing(resource.name.span(), says);
        }
        issuers
    }

    fn algorithms(&mut self) -> Option<Vec<Algorithm>> {
        let named = self.resource.algorithms.as_ref()?;
        let known = Algorithm::ALL.map(Algorithm::as_str);
        let mut algorithms = Vec::new();
        for name in named.get_ref() {
            match Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == name.get_ref()) {
                Some(algorithm) => algorithms.push(algorithm),
                None => self.findings.add(name.span(), config::no_such_value(name.get_ref(), &known)),
            }
        }
        if named.get_ref().is_empty() {
            self.findings.add(named.span(), format_args!("this must name at least one of {}", known.join(", ")));
        }
        Some(algorithms)
    }

    fn nonces(&mut self) -> Option<Nonces> {
        let resource = self.resource;
        let named = resource.nonce_audience.as_ref();
        if resource.nonces == NoncesName::Off {
            if let Some(audience) = named {
                self.findings.add(audience.span(), "this resource has no nonces");
            }
            return Some(Nonces::Off);
        }
        let audience = match named {
            Some(audience) => self.findings.some(audience.span(), Audience::new(audience.get_ref())),
            None => self.findings.some(resource.public_url.span(), origin_audience(resource.public_url.get_ref())),
        }?;
        let Some(ring) = self.ring else {
            let says = "nonces need a ring: [ring] with file, or --ring, or else nonces = \"off\" here";
            self.findings.add_missing(resource.name.span(), says);
            return None;
        };
        let key = audience.as_str().to_owned();
        let known = self.kept.rings.get(&key).or_else(|| self.old.rings.get(&key)).cloned();
        let followed = match known {
            Some(followed) => followed,
            None => Followed::start(ring, audience, self.findings)?,
        };
        let fleet = followed.fleet.clone();
        self.kept.rings.insert(key, followed);
        Some(Nonces::Required(fleet))
    }

    /// The rules of the paths, and one for the whole resource if it has demands of its own.
    fn rules(&mut self, own_path: &str) -> Vec<Rule> {
        let resource = self.resource;
        let mut rules = Vec::new();
        let scopes =
            |scopes: &[Spanned<String>]| scopes.iter().map(|scope| scope.get_ref().clone()).collect::<Vec<_>>();
        let within_s = self.nonce_within(resource.nonce_within_s.as_ref());
        let whole = within_s.is_some() || !resource.required_scopes.is_empty();
        if whole {
            rules.push(Rule {
                path: own_path.to_owned(),
                scopes: scopes(&resource.required_scopes),
                nonce_within_s: within_s,
            });
        }
        for spanned in &resource.path {
            let PathRule { path, scopes: named, nonce_within_s } = spanned.get_ref();
            for scope in named {
                self.trial(scope, |builder| builder.scopes([scope.get_ref().as_str()]));
            }
            if named.is_empty() && nonce_within_s.is_none() {
                let says = "nothing is demanded for this path: scopes or nonce_within_s is missing here";
                self.findings.add_missing(path.span(), says);
            }
            let within_s = self.nonce_within(nonce_within_s.as_ref());
            let Some(agreed) = self.rule_path(path, own_path) else { continue };
            if rules.iter().skip(usize::from(whole)).any(|before: &Rule| before.path == agreed) {
                self.findings.add(path.span(), "this path has a rule already");
            }
            rules.push(Rule { path: agreed, scopes: scopes(named), nonce_within_s: within_s });
        }
        rules
    }

    /// The path of a rule, in its normal form.
    fn rule_path(&mut self, path: &Spanned<String>, own_path: &str) -> Option<String> {
        if path.get_ref().contains(['?', '*']) {
            let says = "this must be a path alone: all beneath it is covered without a *, and a query does not count";
            self.findings.add(path.span(), says);
            return None;
        }
        let agreed = self.findings.some(path.span(), agreed_path(path.get_ref()))?;
        let agreed = agreed.path().trim_end_matches('/').to_owned();
        if !rules::is_within(&agreed, own_path) {
            self.findings.add(path.span(), "this must be the path of public_url, or one beneath it");
            return None;
        }
        Some(agreed)
    }

    fn nonce_within(&mut self, seconds: Option<&Spanned<u64>>) -> Option<u32> {
        let seconds = seconds?;
        if self.resource.nonces == NoncesName::Off {
            self.findings.add(seconds.span(), "this resource has no nonces");
        }
        u32::try_from(*seconds.get_ref()).ok()
    }
}

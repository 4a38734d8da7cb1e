//! From the configuration to resources. Whatever is wrong is found here, before anything is in use.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use sealstamp::Audience;
use sealstamp_dpop::{Algorithm, Cached, Nonces, Verifier, VerifierBuilder, origin_audience};
use toml::Spanned;
use url::Url;

use crate::answer::Signer;
use crate::config::{self, File, Findings, NoncesName, PathRule, RingAt, UpstreamToken, within};
use crate::dialect::agreed_path;
use crate::resource::kept::{Followed, Kept};
use crate::resource::rules::{self, Rule};
use crate::resource::store::Store;
use crate::resource::{Resource, Routes, tokens};

/// How long a signed token for the upstream is good, in seconds, unless configured.
const TOKEN_LIFETIME_S: u64 = 30;

/// All resources of this file. They take from `old` what must not be forgotten. If anything is wrong, `findings` says
/// so, and the routes are not to be used.
pub(crate) fn routes(file: &File, ring: Option<&RingAt>, old: &Kept, findings: &mut Findings) -> Routes {
    let mut kept = Kept::default();
    let mut resources = BTreeMap::new();
    if file.resource.is_empty() {
        findings.add_whole("resource is missing: without a [[resource]] there is nothing to protect");
    }
    for spanned in &file.resource {
        let name = spanned.get_ref().name.get_ref();
        let maker = Maker { resource: spanned.get_ref(), ring, old, kept: &mut kept, findings: &mut *findings };
        if let Some(resource) = maker.make()
            && resources.insert(name.clone(), resource).is_some()
        {
            findings.add(spanned.get_ref().name.span(), "another resource has this name");
        }
    }
    let signer = file.upstream_token.as_ref().and_then(|token| signer(token, findings)).map(Arc::new);
    Routes { resources, signer, kept }
}

fn signer(token: &UpstreamToken, findings: &mut Findings) -> Option<Signer> {
    let lifetime_s = within(token.lifetime_s.as_ref(), TOKEN_LIFETIME_S, 1..=300, findings);
    let path = findings.folder().join(token.key_file.get_ref());
    let read = fs::read(path).map_err(|error| format!("this file cannot be read: {error}"));
    let pem = findings.some(token.key_file.span(), read)?;
    if token.issuer.get_ref().is_empty() {
        findings.add(token.issuer.span(), "this must not be empty");
    }
    findings.some(token.key_file.span(), Signer::new(&pem, token.issuer.get_ref(), lifetime_s))
}

/// Makes one resource.
struct Maker<'m> {
    resource: &'m config::Resource,
    ring: Option<&'m RingAt>,
    old: &'m Kept,
    kept: &'m mut Kept,
    findings: &'m mut Findings,
}

impl Maker<'_> {
    fn make(mut self) -> Option<Resource> {
        let resource = self.resource;
        self.name();
        let url = resource.public_url.get_ref();
        // Each option is tried alone, so that a mistake has its own line.
        self.trial(&resource.public_url, |builder| builder)?;
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
        let tokens: Cached<_> = tokens::tokens(resource, identifier, self.old, self.kept, self.findings);
        let algorithms = self.algorithms();
        let nonces = self.nonces();
        let rules = self.rules(&path);
        let store = resource.single_use.as_ref().map(|single_use| {
            let name = resource.name.get_ref();
            let single_use = single_use.get_ref();
            if single_use.store == config::StoreName::Redis && single_use.address_file.is_none() {
                let at = resource.single_use.as_ref().map_or(0..0, Spanned::span);
                self.findings.add(at, "store = \"redis\" needs address_file: a file with the store's address");
            }
            Store::of(single_use, name, &self.old.stores, &mut self.kept.stores, self.findings)
                .map(|store| (store, single_use.when_away))
        });

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
            let (store, when_away) = store?;
            builder = store.apply(builder, when_away);
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
            path,
        })
    }

    /// Whether a verifier can be built with this option, which stands here.
    fn trial<T>(&mut self, at: &Spanned<T>, option: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Option<()> {
        let builder = Verifier::builder(self.resource.public_url.get_ref(), Nonces::Off);
        self.findings.some(at.span(), option(builder).build()).map(drop)
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
            self.trial(url, |builder| builder.authorization_servers([url.get_ref().as_str()]));
            if !issuers.contains(url.get_ref()) {
                issuers.push(url.get_ref().clone());
            }
        }
        if resource.issuer.is_empty() && asked.is_none() {
            self.findings
                .add(resource.name.span(), "this resource has no issuer and no introspection, so no token is valid");
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
            self.findings.add(resource.name.span(), says);
            return None;
        };
        let key = audience.as_str().to_owned();
        let known = self.kept.rings.get(&key).or_else(|| self.old.rings.get(&key)).cloned();
        let followed = match known {
            Some(followed) => followed,
            None => self.findings.some(ring.at.0.clone(), Followed::start(ring, audience))?,
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
        if within_s.is_some() || !resource.required_scopes.is_empty() {
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
            let within_s = self.nonce_within(nonce_within_s.as_ref());
            let Some(agreed) = self.findings.some(path.span(), agreed_path(path.get_ref())) else { continue };
            let agreed = agreed.path().trim_end_matches('/').to_owned();
            if !rules::is_within(&agreed, own_path) {
                self.findings.add(path.span(), "this must be the path of public_url, or one beneath it");
            }
            rules.push(Rule { path: agreed, scopes: scopes(named), nonce_within_s: within_s });
        }
        rules
    }

    fn nonce_within(&mut self, seconds: Option<&Spanned<u32>>) -> Option<u32> {
        let seconds = seconds?;
        if self.resource.nonces == NoncesName::Off {
            self.findings.add(seconds.span(), "this resource has no nonces");
        }
        Some(within(Some(seconds), 0, 1..=3_600, self.findings))
    }
}

//! Who says what an access token is worth.

use std::fs;
use std::path::PathBuf;

use sealstamp_dpop::{
    ByIssuer, CacheBounds, Cached, DEFAULT_KEEP_S, IntrospectionCredentials, IntrospectionValidator, Jwks,
    JwtValidator, MAX_INACTIVE_S, MAX_KEEP_S, MAX_LEEWAY_S, RemoteJwtValidator,
};
use toml::Spanned;
use tracing::warn;

use crate::config::{Findings, Introspection, Issuer, Resource, TokenCache, within};
use crate::resource::kept::{IssuerKey, Kept};
use crate::resource::secret;

/// The validators of this resource, behind a cache. `identifier` is the audience of tokens unless others are named.
pub(crate) fn tokens(
    resource: &Resource,
    identifier: &str,
    old: &Kept,
    new: &mut Kept,
    findings: &mut Findings,
) -> Cached<ByIssuer> {
    let mut tokens = ByIssuer::new();
    for (at, spanned) in resource.issuer.iter().enumerate() {
        let issuer = spanned.get_ref();
        let known = resource.issuer.iter().take(at);
        if known.map(Spanned::get_ref).any(|before| before.url == issuer.url) {
            findings.add(issuer.url.span(), "this resource has this issuer already");
        }
        tokens = add_issuer(tokens, issuer, identifier, old, new, findings);
    }
    if let Some(spanned) = &resource.introspection
        && let Some(opaque) = introspection(spanned, identifier, findings)
    {
        tokens = tokens.opaque(opaque);
    }
    Cached::new(tokens, bounds(&resource.token_cache, resource.introspection.is_some(), findings))
}

fn add_issuer(
    tokens: ByIssuer,
    issuer: &Issuer,
    identifier: &str,
    old: &Kept,
    new: &mut Kept,
    findings: &mut Findings,
) -> ByIssuer {
    let url = issuer.url.get_ref();
    let audiences = audiences(&issuer.audiences, identifier, findings);
    let leeway_s = leeway(issuer.leeway_s.as_ref(), findings);
    match (&issuer.jwks_file, &issuer.jwks_uri) {
        (Some(file), None) => {
            let Some(keys) = static_keys(file, findings) else { return tokens };
            match expected(url, &audiences, leeway_s, keys) {
                Some(validator) => tokens.issuer(url, validator),
                None => tokens,
            }
        }
        (None, uri) => {
            let key = IssuerKey {
                issuer: url.clone(),
                jwks_uri: uri.as_ref().map(|uri| uri.get_ref().clone()),
                audiences,
                leeway_s,
            };
            let validator = new.issuers.get(&key).or_else(|| old.issuers.get(&key)).cloned();
            let validator = validator.or_else(|| {
                let expected = expected(url, &key.audiences, leeway_s, Jwks::none())?;
                match uri {
                    Some(uri) => findings.some(uri.span(), RemoteJwtValidator::start(expected, uri.get_ref())),
                    None => findings.some(issuer.url.span(), RemoteJwtValidator::start_discovering(expected)),
                }
            });
            match validator {
                Some(validator) => {
                    new.issuers.insert(key, validator.clone());
                    tokens.issuer(url, validator)
                }
                None => tokens,
            }
        }
        (Some(_), Some(uri)) => {
            findings.add(uri.span(), "an issuer has jwks_uri or jwks_file, or neither, but not both");
            tokens
        }
    }
}

/// A validator for these audiences. The leeway was checked before.
fn expected(url: &str, audiences: &[String], leeway_s: Option<u64>, keys: Jwks) -> Option<JwtValidator> {
    let (first, others) = audiences.split_first()?;
    let validator =
        others.iter().fold(JwtValidator::new(url, first, keys), |validator, audience| validator.or_audience(audience));
    match leeway_s {
        Some(seconds) => validator.leeway_s(seconds).ok(),
        None => Some(validator),
    }
}

fn static_keys(file: &Spanned<PathBuf>, findings: &mut Findings) -> Option<Jwks> {
    let path = findings.folder().join(file.get_ref());
    let read = fs::read(&path).map_err(|error| format!("this file cannot be read: {error}"));
    let json = findings.some(file.span(), read)?;
    let parsed = Jwks::parse(&json).map_err(|error| format!("this JWK set cannot be used: {error}"));
    let keys = findings.some(file.span(), parsed)?;
    for left_out in keys.left_out() {
        warn!(file = %path.display(), "a key of this set is not used: {left_out}");
    }
    Some(keys)
}

fn introspection(
    spanned: &Spanned<Introspection>,
    identifier: &str,
    findings: &mut Findings,
) -> Option<IntrospectionValidator> {
    let introspection = spanned.get_ref();
    let credentials = credentials(spanned, findings);
    let audiences = audiences(&introspection.audiences, identifier, findings);
    let leeway_s = leeway(introspection.leeway_s.as_ref(), findings);
    let (first, others) = audiences.split_first()?;
    let endpoint = &introspection.endpoint;
    let validator = IntrospectionValidator::new(endpoint.get_ref(), credentials?, first);
    let validator = findings.some(endpoint.span(), validator)?;
    let mut validator = others.iter().fold(validator, |validator, audience| validator.or_audience(audience));
    if let Some(seconds) = leeway_s {
        validator = validator.leeway_s(seconds).ok()?;
    }
    if introspection.dangerously_accept_answers_without_audience {
        validator = validator.dangerously_accept_answers_without_audience();
    }
    Some(validator)
}

fn credentials(spanned: &Spanned<Introspection>, findings: &mut Findings) -> Option<IntrospectionCredentials> {
    let one = spanned.get_ref();
    let secret = |file: &Spanned<PathBuf>, findings: &mut Findings| {
        let read = secret::read(&findings.folder().join(file.get_ref()));
        findings.some(file.span(), read)
    };
    match (&one.client_id, &one.client_secret_file, &one.bearer_token_file) {
        (Some(client), Some(file), None) => {
            let secret = secret(file, findings)?;
            findings.some(file.span(), IntrospectionCredentials::basic(client.get_ref(), &secret))
        }
        (None, None, Some(file)) => {
            let token = secret(file, findings)?;
            findings.some(file.span(), IntrospectionCredentials::bearer(&token))
        }
        _ => {
            findings.add(spanned.span(), "this needs client_id and client_secret_file, or else bearer_token_file");
            None
        }
    }
}

fn audiences(named: &[Spanned<String>], identifier: &str, findings: &mut Findings) -> Vec<String> {
    for audience in named.iter().filter(|audience| audience.get_ref().is_empty()) {
        findings.add(audience.span(), "an audience must not be empty");
    }
    match named {
        [] => vec![identifier.to_owned()],
        named => named.iter().map(|audience| audience.get_ref().clone()).collect(),
    }
}

fn leeway(seconds: Option<&Spanned<u64>>, findings: &mut Findings) -> Option<u64> {
    seconds.map(|seconds| within(Some(seconds), 0, 0..=MAX_LEEWAY_S, findings))
}

fn bounds(cache: &TokenCache, asks: bool, findings: &mut Findings) -> CacheBounds {
    let usual = CacheBounds::default();
    // A revoked opaque token is the one that an operator expects to be refused at once.
    let keep_s = if asks { 0 } else { DEFAULT_KEEP_S };
    let mut bounds = usual.keep_s(within(cache.keep_s.as_ref(), keep_s, 0..=MAX_KEEP_S, findings)).inactive_s(within(
        cache.inactive_s.as_ref(),
        0,
        0..=MAX_INACTIVE_S,
        findings,
    ));
    if cache.tokens.is_some() {
        bounds = bounds.entries(within(cache.tokens.as_ref(), 10_000, 1..=10_000_000, findings));
    }
    if cache.bytes.is_some() {
        bounds = bounds.bytes(within(cache.bytes.as_ref(), 0, 65_536..=u64::MAX, findings));
    }
    bounds
}

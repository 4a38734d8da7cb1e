//! Who says what an access token is worth.

use std::path::PathBuf;

use sealstamp_dpop::{
    ByIssuer, CacheBounds, Cached, DEFAULT_KEEP_S, IntrospectionCredentials, IntrospectionValidator, Jwks,
    JwtValidator, RemoteJwtValidator,
};
use toml::Spanned;
use tracing::warn;

use crate::config::{Findings, Introspection, Issuer, Resource, TokenCache, read_named};
use crate::resource::kept::{IssuerKey, Kept};
use crate::resource::watched::Watched;
use crate::resource::{secret, urls};

/// What a file with an issuer's keys must hold.
const JWK_SET: &str = "this must be a file with the issuer's public keys, {\"keys\": [{…}]} (RFC 7517 section 5)";

/// The validators of this resource, behind a cache. `identifier` is the audience of tokens unless others are named.
pub(crate) fn tokens(
    resource: &Resource,
    identifier: &str,
    old: &Kept,
    new: &mut Kept,
    watched: &mut Watched,
    findings: &mut Findings,
) -> Cached<ByIssuer> {
    let mut tokens = ByIssuer::new();
    for (at, spanned) in resource.issuer.iter().enumerate() {
        let issuer = spanned.get_ref();
        let known = resource.issuer.iter().take(at);
        if known.map(Spanned::get_ref).any(|before| before.url == issuer.url) {
            findings.add(issuer.url.span(), "this resource has this issuer already");
        }
        tokens = add_issuer(tokens, issuer, identifier, (old, &mut *new), &mut watched.issuers, findings);
    }
    if let Some(spanned) = &resource.introspection
        && let Some(opaque) = introspection(spanned, identifier, findings)
    {
        watched.introspection = Some(opaque.clone());
        tokens = tokens.opaque(opaque);
    }
    if let (Some(inactive_s), None) = (&resource.token_cache.inactive_s, &resource.introspection) {
        findings.add(inactive_s.span(), "this is for introspection alone");
    }
    Cached::new(tokens, bounds(&resource.token_cache, resource.introspection.is_some()))
}

fn add_issuer(
    tokens: ByIssuer,
    issuer: &Issuer,
    identifier: &str,
    (old, new): (&Kept, &mut Kept),
    watched: &mut Vec<RemoteJwtValidator>,
    findings: &mut Findings,
) -> ByIssuer {
    let url = issuer.url.get_ref();
    let audiences = audiences(issuer.audiences.as_ref(), identifier, findings);
    let leeway_s = issuer.leeway_s.as_ref().map(|seconds| *seconds.get_ref());
    if urls::of_issuer(url).is_err() {
        // Said where the issuers are listed.
        return tokens;
    }
    match (&issuer.jwks_file, &issuer.jwks_uri) {
        (Some(file), None) => {
            let Some(keys) = static_keys(file, findings) else { return tokens };
            match expected(url, &audiences, leeway_s, keys) {
                Some(validator) => tokens.issuer(url, validator),
                None => tokens,
            }
        }
        (None, uri) => {
            if let Some(uri) = uri
                && findings.some(uri.span(), urls::of_issuer(uri.get_ref())).is_none()
            {
                return tokens;
            }
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
                    watched.push(validator.clone());
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
    let json = read_named(file, findings)?;
    let parsed = Jwks::parse(&json).map_err(|error| format!("{JWK_SET}: {error}"));
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
    let audiences = audiences(introspection.audiences.as_ref(), identifier, findings);
    let leeway_s = introspection.leeway_s.as_ref().map(|seconds| *seconds.get_ref());
    let (first, others) = audiences.split_first()?;
    let endpoint = &introspection.endpoint;
    findings.some(endpoint.span(), urls::of_issuer(endpoint.get_ref()))?;
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
    match (&one.client_id, &one.client_secret_file, &one.bearer_token_file) {
        (Some(client), Some(file), None) => {
            let secret = secret::read(file, findings)?;
            findings.some(file.span(), IntrospectionCredentials::basic(client.get_ref(), &secret))
        }
        (None, None, Some(file)) => {
            let token = secret::read(file, findings)?;
            findings.some(file.span(), IntrospectionCredentials::bearer(&token))
        }
        _ => {
            let says = "this needs client_id and client_secret_file, or else bearer_token_file alone";
            findings.add_missing(spanned.span(), says);
            None
        }
    }
}

fn audiences(named: Option<&Spanned<Vec<Spanned<String>>>>, identifier: &str, findings: &mut Findings) -> Vec<String> {
    let Some(named) = named else { return vec![identifier.to_owned()] };
    if named.get_ref().is_empty() {
        findings.add(named.span(), "this must name at least one audience, or not be there");
    }
    for audience in named.get_ref().iter().filter(|audience| audience.get_ref().is_empty()) {
        findings.add(audience.span(), "an audience must not be empty");
    }
    named.get_ref().iter().map(|audience| audience.get_ref().clone()).collect()
}

fn bounds(cache: &TokenCache, asks: bool) -> CacheBounds {
    let value = |key: &Option<Spanned<u64>>| key.as_ref().map(|value| *value.get_ref());
    // A revoked opaque token is the one that an operator expects to be refused at once.
    let keep_s = if asks { 0 } else { DEFAULT_KEEP_S };
    let mut bounds = CacheBounds::default()
        .keep_s(value(&cache.keep_s).unwrap_or(keep_s))
        .inactive_s(value(&cache.inactive_s).unwrap_or(0));
    if let Some(tokens) = value(&cache.tokens) {
        bounds = bounds.entries(usize::try_from(tokens).unwrap_or(usize::MAX));
    }
    if let Some(bytes) = value(&cache.bytes) {
        bounds = bounds.bytes(bytes);
    }
    bounds
}

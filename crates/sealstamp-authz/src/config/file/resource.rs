//! The keys of one resource.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use sealstamp_dpop::{MAX_INACTIVE_S, MAX_KEEP_S, MAX_LEEWAY_S};
use toml::Spanned;

use crate::config::table::Table;

/// More than any machine has memory for, in bytes: 1 TiB.
const MAX_BYTES: u64 = 1 << 40;

/// The ages that can be demanded of nonces, in seconds.
const NONCE_WITHIN_S: RangeInclusive<u64> = 1..=3_600;

/// One protected resource.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) name: Spanned<String>,
    pub(crate) public_url: Spanned<String>,
    pub(crate) identifier: Option<Spanned<String>>,
    pub(crate) nonces: NoncesName,
    pub(crate) nonce_audience: Option<Spanned<String>>,
    pub(crate) nonce_within_s: Option<Spanned<u64>>,
    pub(crate) algorithms: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) scopes: Vec<Spanned<String>>,
    pub(crate) required_scopes: Vec<Spanned<String>>,
    pub(crate) dangerously_accept_unbound_bearer_tokens: bool,
    pub(crate) upstream_audience: Option<Spanned<String>>,
    pub(crate) issuer: Vec<Spanned<Issuer>>,
    pub(crate) introspection: Option<Spanned<Introspection>>,
    pub(crate) token_cache: TokenCache,
    pub(crate) single_use: Option<Spanned<SingleUse>>,
    pub(crate) path: Vec<Spanned<PathRule>>,
}

impl Resource {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let (name, public_url) = (table.needed("name", Table::text), table.needed("public_url", Table::text));
        let read = Self {
            identifier: table.text("identifier"),
            nonces: table.choice("nonces", &NoncesName::ALL).map_or(NoncesName::Required, Spanned::into_inner),
            nonce_audience: table.text("nonce_audience"),
            nonce_within_s: table.whole("nonce_within_s", NONCE_WITHIN_S),
            algorithms: table.texts("algorithms"),
            scopes: table.list("scopes"),
            required_scopes: table.list("required_scopes"),
            dangerously_accept_unbound_bearer_tokens: table.on("dangerously_accept_unbound_bearer_tokens"),
            upstream_audience: table.word("upstream_audience"),
            issuer: table.tables("issuer", Issuer::read),
            introspection: table.table("introspection", Introspection::read),
            token_cache: table.table("token_cache", TokenCache::read).map(Spanned::into_inner).unwrap_or_default(),
            single_use: table.table("single_use", SingleUse::read),
            path: table.tables("path", PathRule::read),
            name: name?,
            public_url: public_url?,
        };
        Some(read)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum NoncesName {
    Required,
    Off,
}

impl NoncesName {
    const ALL: [(&'static str, Self); 2] = [("required", Self::Required), ("off", Self::Off)];
}

/// An issuer of JWT access tokens.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) url: Spanned<String>,
    pub(crate) audiences: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) jwks_uri: Option<Spanned<String>>,
    pub(crate) jwks_file: Option<Spanned<PathBuf>>,
    pub(crate) leeway_s: Option<Spanned<u64>>,
}

impl Issuer {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let url = table.needed("url", Table::text);
        let audiences = table.texts("audiences");
        let (jwks_uri, jwks_file) = (table.text("jwks_uri"), table.file("jwks_file"));
        let leeway_s = table.whole("leeway_s", 0..=MAX_LEEWAY_S);
        Some(Self { url: url?, audiences, jwks_uri, jwks_file, leeway_s })
    }
}

/// Whom to ask about opaque tokens.
#[derive(Debug)]
pub(crate) struct Introspection {
    pub(crate) endpoint: Spanned<String>,
    pub(crate) issuer: Option<Spanned<String>>,
    pub(crate) client_id: Option<Spanned<String>>,
    pub(crate) client_secret_file: Option<Spanned<PathBuf>>,
    pub(crate) bearer_token_file: Option<Spanned<PathBuf>>,
    pub(crate) audiences: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) leeway_s: Option<Spanned<u64>>,
    pub(crate) dangerously_accept_answers_without_audience: bool,
}

impl Introspection {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let endpoint = table.needed("endpoint", Table::text);
        let read = Self {
            issuer: table.text("issuer"),
            client_id: table.word("client_id"),
            client_secret_file: table.file("client_secret_file"),
            bearer_token_file: table.file("bearer_token_file"),
            audiences: table.texts("audiences"),
            leeway_s: table.whole("leeway_s", 0..=MAX_LEEWAY_S),
            dangerously_accept_answers_without_audience: table.on("dangerously_accept_answers_without_audience"),
            endpoint: endpoint?,
        };
        Some(read)
    }
}

/// How long tokens that were found valid are remembered.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    pub(crate) keep_s: Option<Spanned<u64>>,
    pub(crate) inactive_s: Option<Spanned<u64>>,
    pub(crate) tokens: Option<Spanned<u64>>,
    pub(crate) bytes: Option<Spanned<u64>>,
}

impl TokenCache {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        Some(Self {
            keep_s: table.whole("keep_s", 0..=MAX_KEEP_S),
            inactive_s: table.whole("inactive_s", 0..=MAX_INACTIVE_S),
            tokens: table.whole("tokens", 1..=10_000_000),
            bytes: table.whole("bytes", 65_536..=MAX_BYTES),
        })
    }
}

/// Each proof is accepted once.
#[derive(Debug)]
pub(crate) struct SingleUse {
    pub(crate) store: StoreName,
    pub(crate) bytes: Option<Spanned<u64>>,
    pub(crate) address_file: Option<Spanned<PathBuf>>,
    pub(crate) prefix: Option<Spanned<String>>,
    pub(crate) wait_ms: Option<Spanned<u64>>,
    pub(crate) when_away: Option<Spanned<WhenAwayName>>,
}

impl SingleUse {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let store = table.needed_choice("store", &StoreName::ALL);
        let bytes = table.whole("bytes", 1024 * 1024..=MAX_BYTES);
        let (address_file, prefix) = (table.file("address_file"), table.text("prefix"));
        let (wait_ms, when_away) = (table.whole("wait_ms", 1..=60_000), table.choice("when_away", &WhenAwayName::ALL));
        Some(Self { store: store?.into_inner(), bytes, address_file, prefix, wait_ms, when_away })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum StoreName {
    Memory,
    Redis,
}

impl StoreName {
    const ALL: [(&'static str, Self); 2] = [("memory", Self::Memory), ("redis", Self::Redis)];
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum WhenAwayName {
    Refuse,
    GoOnWithNonce,
}

impl WhenAwayName {
    const ALL: [(&'static str, Self); 2] = [("refuse", Self::Refuse), ("go_on_with_nonce", Self::GoOnWithNonce)];
}

/// What requests for a path, and for all beneath it, have to show beyond the rest.
#[derive(Debug)]
pub(crate) struct PathRule {
    pub(crate) path: Spanned<String>,
    pub(crate) scopes: Vec<Spanned<String>>,
    pub(crate) nonce_within_s: Option<Spanned<u64>>,
}

impl PathRule {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let path = table.needed("path", Table::text);
        let scopes = table.list("scopes");
        let nonce_within_s = table.whole("nonce_within_s", NONCE_WITHIN_S);
        Some(Self { path: path?, scopes, nonce_within_s })
    }
}

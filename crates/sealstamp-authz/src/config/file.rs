//! What may stand in the configuration file, key by key. docs/service.md explains each.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) listener: Vec<Spanned<Listener>>,
    pub(crate) operator: Option<Operator>,
    #[serde(default)]
    pub(crate) limits: Limits,
    pub(crate) ring: Option<Ring>,
    pub(crate) upstream_token: Option<UpstreamToken>,
    #[serde(default)]
    pub(crate) resource: Vec<Spanned<Resource>>,
}

/// Where one kind of proxy asks.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    pub(crate) address: Spanned<String>,
    pub(crate) dialect: DialectName,
    #[serde(default)]
    pub(crate) beyond_loopback: bool,
    pub(crate) socket_mode: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DialectName {
    Nginx,
    Caddy,
    Traefik,
    Envoy,
}

/// Where operators look: health, readiness, status, metrics.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operator {
    pub(crate) address: Spanned<String>,
    #[serde(default)]
    pub(crate) beyond_loopback: bool,
}

/// How much one process takes on.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) head_bytes: Option<Spanned<usize>>,
    pub(crate) head_s: Option<Spanned<u64>>,
    pub(crate) requests: Option<Spanned<usize>>,
    pub(crate) request_s: Option<Spanned<u64>>,
    pub(crate) connections: Option<Spanned<usize>>,
    pub(crate) stop_s: Option<Spanned<u64>>,
}

/// The key ring of the fleet.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ring {
    pub(crate) file: Spanned<PathBuf>,
    #[serde(default)]
    pub(crate) min_serial: u64,
    #[serde(default)]
    pub(crate) refuse_unconfirmed: bool,
}

/// The signed token for upstreams that want proof.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamToken {
    pub(crate) key_file: Spanned<PathBuf>,
    pub(crate) issuer: Spanned<String>,
    pub(crate) lifetime_s: Option<Spanned<u64>>,
}

/// One protected resource.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resource {
    pub(crate) name: Spanned<String>,
    pub(crate) public_url: Spanned<String>,
    pub(crate) identifier: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) nonces: NoncesName,
    pub(crate) nonce_audience: Option<Spanned<String>>,
    pub(crate) nonce_within_s: Option<Spanned<u32>>,
    pub(crate) algorithms: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(crate) scopes: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) required_scopes: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) dangerously_accept_unbound_bearer_tokens: bool,
    pub(crate) upstream_audience: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) issuer: Vec<Spanned<Issuer>>,
    pub(crate) introspection: Option<Spanned<Introspection>>,
    #[serde(default)]
    pub(crate) token_cache: TokenCache,
    pub(crate) single_use: Option<Spanned<SingleUse>>,
    #[serde(default)]
    pub(crate) path: Vec<Spanned<PathRule>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoncesName {
    #[default]
    Required,
    Off,
}

/// An issuer of JWT access tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issuer {
    pub(crate) url: Spanned<String>,
    #[serde(default)]
    pub(crate) audiences: Vec<Spanned<String>>,
    pub(crate) jwks_uri: Option<Spanned<String>>,
    pub(crate) jwks_file: Option<Spanned<PathBuf>>,
    pub(crate) leeway_s: Option<Spanned<u64>>,
}

/// Whom to ask about opaque tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Introspection {
    pub(crate) endpoint: Spanned<String>,
    pub(crate) issuer: Option<Spanned<String>>,
    pub(crate) client_id: Option<Spanned<String>>,
    pub(crate) client_secret_file: Option<Spanned<PathBuf>>,
    pub(crate) bearer_token_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(crate) audiences: Vec<Spanned<String>>,
    pub(crate) leeway_s: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) dangerously_accept_answers_without_audience: bool,
}

/// How long tokens that were found valid are remembered.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenCache {
    pub(crate) keep_s: Option<Spanned<u64>>,
    pub(crate) inactive_s: Option<Spanned<u64>>,
    pub(crate) tokens: Option<Spanned<usize>>,
    pub(crate) bytes: Option<Spanned<u64>>,
}

/// Each proof is accepted once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SingleUse {
    pub(crate) store: StoreName,
    pub(crate) bytes: Option<Spanned<usize>>,
    pub(crate) address_file: Option<Spanned<PathBuf>>,
    pub(crate) prefix: Option<String>,
    pub(crate) wait_ms: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) when_away: WhenAwayName,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoreName {
    Memory,
    Redis,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenAwayName {
    #[default]
    Refuse,
    GoOnWithNonce,
}

/// What requests for a path, and for all beneath it, have to show beyond the rest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathRule {
    pub(crate) path: Spanned<String>,
    #[serde(default)]
    pub(crate) scopes: Vec<Spanned<String>>,
    pub(crate) nonce_within_s: Option<Spanned<u32>>,
}

//! What may stand in the configuration file, key by key. docs/service.md explains each.

mod resource;

use std::path::PathBuf;

use toml::Spanned;

use crate::config::table::{Table, keys};
pub(crate) use resource::{
    Introspection, Issuer, NoncesName, PathRule, Resource, SingleUse, StoreName, TokenCache, WhenAwayName,
};

/// The whole file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) listener: Vec<Spanned<Listener>>,
    pub(crate) operator: Option<Operator>,
    pub(crate) limits: Limits,
    pub(crate) ring: Option<Ring>,
    pub(crate) upstream_token: Option<UpstreamToken>,
    pub(crate) resource: Vec<Spanned<Resource>>,
}

/// Reads the whole file. Nothing in it is needed here: what must be there is said by who needs it.
pub(crate) fn file(table: &mut Table<'_, '_>) -> Option<File> {
    Some(File {
        listener: table.tables("listener", Listener::read),
        operator: table.table("operator", Operator::read).map(Spanned::into_inner),
        limits: table.table("limits", Limits::read).map(Spanned::into_inner).unwrap_or_default(),
        ring: table.table("ring", Ring::read).map(Spanned::into_inner),
        upstream_token: table.table("upstream_token", UpstreamToken::read).map(Spanned::into_inner),
        resource: table.tables("resource", Resource::read),
    })
}

/// All tables, as their headers are written, and their keys.
pub(crate) fn homes() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("the top of the file", keys(file)),
        ("[[listener]]", keys(Listener::read)),
        ("[operator]", keys(Operator::read)),
        ("[limits]", keys(Limits::read)),
        ("[ring]", keys(Ring::read)),
        ("[upstream_token]", keys(UpstreamToken::read)),
        ("[[resource]]", keys(Resource::read)),
        ("[[resource.issuer]]", keys(Issuer::read)),
        ("[resource.introspection]", keys(Introspection::read)),
        ("[resource.token_cache]", keys(TokenCache::read)),
        ("[resource.single_use]", keys(SingleUse::read)),
        ("[[resource.path]]", keys(PathRule::read)),
    ]
}

/// Where one kind of proxy asks.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: Spanned<String>,
    pub(crate) dialect: DialectName,
    pub(crate) beyond_loopback: Option<Spanned<bool>>,
    pub(crate) socket_mode: Option<Spanned<String>>,
}

impl Listener {
    fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let address = table.needed("address", Table::text);
        let dialect = table.needed_choice("dialect", &DialectName::ALL);
        let beyond_loopback = table.switch("beyond_loopback");
        let socket_mode = table.text_like("socket_mode", "three octal digits in quotes, such as \"660\"");
        Some(Self { address: address?, dialect: dialect?.into_inner(), beyond_loopback, socket_mode })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum DialectName {
    Nginx,
    Caddy,
    Traefik,
    Envoy,
}

impl DialectName {
    const ALL: [(&'static str, Self); 4] =
        [("nginx", Self::Nginx), ("caddy", Self::Caddy), ("traefik", Self::Traefik), ("envoy", Self::Envoy)];
}

/// Where operators look: health, readiness, status, metrics.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) address: Spanned<String>,
    pub(crate) beyond_loopback: Option<Spanned<bool>>,
}

impl Operator {
    fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let address = table.needed("address", Table::text);
        let beyond_loopback = table.switch("beyond_loopback");
        Some(Self { address: address?, beyond_loopback })
    }
}

/// How much one process takes on.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) head_bytes: Option<Spanned<u64>>,
    pub(crate) head_s: Option<Spanned<u64>>,
    pub(crate) requests: Option<Spanned<u64>>,
    pub(crate) request_s: Option<Spanned<u64>>,
    pub(crate) connections: Option<Spanned<u64>>,
    pub(crate) stop_s: Option<Spanned<u64>>,
}

impl Limits {
    fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        Some(Self {
            // The parser needs 8 KiB for itself.
            head_bytes: table.whole("head_bytes", 8 * 1024..=1024 * 1024),
            head_s: table.whole("head_s", 1..=3_600),
            requests: table.whole("requests", 1..=1_000_000),
            request_s: table.whole("request_s", 1..=300),
            connections: table.whole("connections", 1..=1_000_000),
            stop_s: table.whole("stop_s", 0..=3_600),
        })
    }
}

/// The key ring of the fleet.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(crate) file: Spanned<PathBuf>,
    pub(crate) min_serial: Option<Spanned<u64>>,
    pub(crate) refuse_unconfirmed: bool,
}

impl Ring {
    fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let file = table.needed("file", Table::file);
        let min_serial = table.whole("min_serial", 0..=u64::MAX);
        let refuse_unconfirmed = table.on("refuse_unconfirmed");
        Some(Self { file: file?, min_serial, refuse_unconfirmed })
    }
}

/// The signed token for upstreams that want proof.
#[derive(Debug)]
pub(crate) struct UpstreamToken {
    pub(crate) key_file: Spanned<PathBuf>,
    pub(crate) issuer: Spanned<String>,
    pub(crate) lifetime_s: Option<Spanned<u64>>,
}

impl UpstreamToken {
    fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let key_file = table.needed("key_file", Table::file);
        let issuer = table.needed("issuer", Table::word);
        let lifetime_s = table.whole("lifetime_s", 1..=300);
        Some(Self { key_file: key_file?, issuer: issuer?, lifetime_s })
    }
}

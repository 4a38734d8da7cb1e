//! What holds for the whole process, and stays as it is until the process ends.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use crate::config::address::Address;
use crate::config::file::{DialectName, File, Limits, Listener, Ring};
use crate::config::mistake::Findings;
use crate::dialect::Dialect;

/// The permissions of a socket, unless configured: the proxy's group may ask.
const SOCKET_MODE: u32 = 0o660;

/// Flags that go before what the file says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) ring: Option<PathBuf>,
    pub(crate) min_serial: Option<u64>,
    pub(crate) operator: Option<String>,
}

/// Where to listen, within which bounds, and by which ring.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) listeners: Vec<ListenAt>,
    pub(crate) operator: Option<Address>,
    pub(crate) bounds: Bounds,
    pub(crate) ring: Option<RingAt>,
}

/// A listener for one dialect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ListenAt {
    pub(crate) address: Address,
    pub(crate) dialect: Dialect,
    pub(crate) socket_mode: u32,
}

/// How much is taken on. Over each, the answer is a status.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) head_bytes: usize,
    pub(crate) head: Duration,
    pub(crate) requests: usize,
    pub(crate) request: Duration,
    pub(crate) connections: usize,
    pub(crate) stop: Duration,
}

/// The ring file and how it is followed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RingAt {
    pub(crate) file: PathBuf,
    pub(crate) min_serial: u64,
    pub(crate) refuse_unconfirmed: bool,
    /// Where the configuration names it.
    pub(crate) at: Place,
}

/// A place in the configuration. Two settings are the same wherever they stand.
#[derive(Debug, Clone)]
pub(crate) struct Place(pub(crate) Range<usize>);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Settings {
    pub(crate) fn of(file: &File, overrides: &Overrides, findings: &mut Findings) -> Self {
        let listeners: Vec<_> = file.listener.iter().filter_map(|one| listener(one.get_ref(), findings)).collect();
        if file.listener.is_empty() {
            findings.add_whole("listener is missing: without a [[listener]] no proxy can ask");
        }
        for (at, one) in listeners.iter().enumerate() {
            if listeners.iter().take(at).any(|before| before.address == one.address) {
                let span = file.listener.get(at).map_or(0..0, |one| one.get_ref().address.span());
                findings.add(span, "another listener has this address");
            }
        }
        let operator = match (&overrides.operator, &file.operator) {
            (Some(address), file) => {
                let beyond = file.as_ref().is_some_and(|operator| operator.beyond_loopback);
                Address::parse(address, beyond)
                    .map_err(|error| findings.add_whole(format_args!("--operator: {error}")))
                    .ok()
            }
            (None, Some(operator)) => {
                let address = Address::parse(operator.address.get_ref(), operator.beyond_loopback);
                findings.some(operator.address.span(), address)
            }
            (None, None) => None,
        };
        if let (Some(operator), Some(file)) = (&operator, &file.operator)
            && listeners.iter().any(|listener| listener.address == *operator)
        {
            findings.add(file.address.span(), "a listener has this address, and proxies must not see these pages");
        }
        let ring = ring(file.ring.as_ref(), overrides, findings);
        Self { listeners, operator, bounds: Bounds::of(&file.limits, findings), ring }
    }

    /// What differs, by the name of its key, if anything does: no reload can change it.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            ("listener", self.listeners != other.listeners),
            ("operator", self.operator != other.operator),
            ("limits", self.bounds != other.bounds),
            ("ring", self.ring != other.ring),
        ];
        differs.into_iter().find(|(_, differs)| *differs).map(|(key, _)| key)
    }
}

fn listener(listener: &Listener, findings: &mut Findings) -> Option<ListenAt> {
    let address = Address::parse(listener.address.get_ref(), listener.beyond_loopback);
    let address = findings.some(listener.address.span(), address)?;
    let socket_mode = match &listener.socket_mode {
        None => SOCKET_MODE,
        Some(mode) if matches!(address, Address::Tcp(_)) => {
            findings.add(mode.span(), "this is for unix: addresses alone");
            SOCKET_MODE
        }
        Some(mode) => {
            let read = u32::from_str_radix(mode.get_ref(), 8).ok().filter(|mode| *mode <= 0o777);
            let read = read.ok_or("this must be three octal digits in quotes, such as \"660\"");
            findings.some(mode.span(), read)?
        }
    };
    let dialect = match listener.dialect {
        DialectName::Nginx => Dialect::Nginx,
        DialectName::Caddy | DialectName::Traefik => Dialect::Forwarded,
        DialectName::Envoy => Dialect::Envoy,
    };
    Some(ListenAt { address, dialect, socket_mode })
}

fn ring(ring: Option<&Ring>, overrides: &Overrides, findings: &Findings) -> Option<RingAt> {
    let configured = ring.map(|ring| findings.folder().join(ring.file.get_ref()));
    Some(RingAt {
        file: overrides.ring.clone().or(configured)?,
        min_serial: overrides.min_serial.or(ring.map(|ring| ring.min_serial)).unwrap_or(0),
        refuse_unconfirmed: ring.is_some_and(|ring| ring.refuse_unconfirmed),
        at: Place(ring.map_or(0..0, |ring| ring.file.span())),
    })
}

impl Bounds {
    fn of(limits: &Limits, findings: &mut Findings) -> Self {
        let seconds = |value: u64| Duration::from_secs(value);
        Self {
            // The parser needs 8 KiB for itself.
            head_bytes: within(limits.head_bytes.as_ref(), 32 * 1024, 8 * 1024..=1024 * 1024, findings),
            head: seconds(within(limits.head_s.as_ref(), 30, 1..=3_600, findings)),
            requests: within(limits.requests.as_ref(), 1_024, 1..=1_000_000, findings),
            request: seconds(within(limits.request_s.as_ref(), 10, 1..=300, findings)),
            connections: within(limits.connections.as_ref(), 4_096, 1..=1_000_000, findings),
            stop: seconds(within(limits.stop_s.as_ref(), 30, 0..=3_600, findings)),
        }
    }
}

/// The value, or what is usual if there is none or it is out of its range.
pub(crate) fn within<T: PartialOrd + Copy + Display>(
    value: Option<&Spanned<T>>,
    usual: T,
    range: RangeInclusive<T>,
    findings: &mut Findings,
) -> T {
    let Some(value) = value else { return usual };
    if range.contains(value.get_ref()) {
        return *value.get_ref();
    }
    findings.add(value.span(), format_args!("this must be {} to {}", range.start(), range.end()));
    usual
}

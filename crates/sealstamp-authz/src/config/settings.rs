//! What holds for the whole process, and stays as it is until the process ends.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use crate::config::address::Address;
use crate::config::file::{DialectName, File, Limits, Listener, Ring};
use crate::config::mistake::{Findings, Place};
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
    pub(crate) named: Place,
    pub(crate) serial_named: Place,
}

impl Settings {
    pub(crate) fn of(file: &File, overrides: &Overrides, findings: &mut Findings) -> Self {
        let listeners: Vec<_> = file.listener.iter().map(|one| listener(one.get_ref(), findings)).collect();
        if listeners.is_empty() {
            let says = "this is missing: without a [[listener]], which has address and dialect, no proxy can ask";
            findings.add_missing_table("listener", says);
        }
        for (at, (one, read)) in file.listener.iter().zip(&listeners).enumerate() {
            let before = || listeners.iter().take(at).flatten();
            if read.as_ref().is_some_and(|read| before().any(|before| before.address.clashes(&read.address))) {
                findings.add(one.get_ref().address.span(), "another listener has this address");
            }
        }
        let listeners: Vec<_> = listeners.into_iter().flatten().collect();
        let beyond = file.operator.as_ref().and_then(|operator| operator.beyond_loopback.as_ref());
        let operator = match (&overrides.operator, &file.operator) {
            (Some(address), _) => Some((address.as_str(), Place::Flag("--operator"))),
            (None, Some(operator)) => Some((operator.address.get_ref().as_str(), Place::File(operator.address.span()))),
            (None, None) => None,
        };
        let operator = operator.and_then(|(text, named)| {
            let address = address(text, &named, beyond, findings)?;
            if listeners.iter().any(|listener| listener.address.clashes(&address)) {
                findings.add_at(&named, "a listener has this address, and proxies must not see these pages");
            }
            Some(address)
        });
        let ring = ring(file.ring.as_ref(), overrides, findings);
        Self { listeners, operator, bounds: Bounds::of(&file.limits), ring }
    }

    /// What differs, by the names of its keys: no reload can change it.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let differs = [
            ("listener", self.listeners != other.listeners),
            ("operator", self.operator != other.operator),
            ("limits", self.bounds != other.bounds),
            ("ring", self.ring != other.ring),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

fn address(text: &str, named: &Place, beyond: Option<&Spanned<bool>>, findings: &mut Findings) -> Option<Address> {
    let leave = beyond.is_some_and(|beyond| *beyond.get_ref());
    let address = Address::parse(text, leave).map_err(|error| findings.add_at(named, error)).ok()?;
    if let (Address::Unix(_), Some(beyond)) = (&address, beyond) {
        findings.add(beyond.span(), "this is for IP addresses alone");
    }
    Some(address)
}

fn listener(listener: &Listener, findings: &mut Findings) -> Option<ListenAt> {
    let named = Place::File(listener.address.span());
    let address = address(listener.address.get_ref(), &named, listener.beyond_loopback.as_ref(), findings);
    let socket_mode = match (&listener.socket_mode, &address) {
        (None, _) => Some(SOCKET_MODE),
        (Some(mode), Some(Address::Tcp(_))) => {
            findings.add(mode.span(), "this is for unix: addresses alone");
            None
        }
        (Some(mode), _) => findings.some(mode.span(), permissions(mode.get_ref())),
    };
    let dialect = match listener.dialect {
        DialectName::Nginx => Dialect::Nginx,
        DialectName::Caddy | DialectName::Traefik => Dialect::Forwarded,
        DialectName::Envoy => Dialect::Envoy,
    };
    Some(ListenAt { address: address?, dialect, socket_mode: socket_mode? })
}

/// From three octal digits. A 0 before them changes nothing.
fn permissions(mode: &str) -> Result<u32, &'static str> {
    let digits = if mode.len() == 4 { mode.strip_prefix('0') } else { Some(mode) };
    digits
        .filter(|digits| digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit()))
        .and_then(|digits| u32::from_str_radix(digits, 8).ok())
        .ok_or("this must be three octal digits in quotes, such as \"660\"")
}

fn ring(ring: Option<&Ring>, overrides: &Overrides, findings: &Findings) -> Option<RingAt> {
    let configured = ring.map(|ring| findings.folder().join(ring.file.get_ref()));
    let in_file = |at: Option<Range<usize>>| Place::File(at.unwrap_or(0..0));
    let serial = ring.and_then(|ring| ring.min_serial.as_ref());
    Some(RingAt {
        named: match overrides.ring {
            Some(_) => Place::Flag("--ring"),
            None => in_file(ring.map(|ring| ring.file.span())),
        },
        serial_named: match overrides.min_serial {
            Some(_) => Place::Flag("--min-serial"),
            None => in_file(serial.map(Spanned::span)),
        },
        file: overrides.ring.clone().or(configured)?,
        min_serial: overrides.min_serial.or(serial.map(|serial| *serial.get_ref())).unwrap_or(0),
        refuse_unconfirmed: ring.is_some_and(|ring| ring.refuse_unconfirmed),
    })
}

impl Bounds {
    /// What is configured, or what is usual. The ranges are those of the keys.
    fn of(limits: &Limits) -> Self {
        let value = |value: &Option<Spanned<u64>>, usual| value.as_ref().map_or(usual, |value| *value.get_ref());
        let count = |key: &Option<Spanned<u64>>, usual| usize::try_from(value(key, usual)).unwrap_or(usize::MAX);
        let seconds = |key: &Option<Spanned<u64>>, usual| Duration::from_secs(value(key, usual));
        Self {
            head_bytes: count(&limits.head_bytes, 32 * 1024),
            head: seconds(&limits.head_s, 30),
            requests: count(&limits.requests, 1_024),
            request: seconds(&limits.request_s, 10),
            connections: count(&limits.connections, 4_096),
            stop: seconds(&limits.stop_s, 30),
        }
    }
}

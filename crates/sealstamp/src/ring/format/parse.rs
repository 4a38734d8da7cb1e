//! From bytes to a ring.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::encoding;
use crate::kid::Kid;
use crate::ring::format::error::{Place, RingError, RingErrorKind};
use crate::ring::format::raw::{self, RawId, RawKey, RawRing, RawSettings};
use crate::ring::format::{FORMAT, FORMAT_1};
use crate::ring::key::{Key, Material};
use crate::ring::lineage::{Lineage, MAX_SERIAL, RingId};
use crate::ring::{MAX_KEYS, Ring, Unfit};
use crate::secret::Secret;
use crate::settings::{NextSettings, Settings};
use crate::suite::Suite;
use crate::time::UnixMillis;

impl Ring {
    /// The most bytes that a ring file may have.
    pub const MAX_FILE_LEN: usize = 1 << 20;

    /// Reads a ring file of the format `sealstamp-ring/2`, or of `sealstamp-ring/1`, the version before.
    ///
    /// The caller wipes `bytes` (see [`zeroize::Zeroizing`]). No copy of a secret is left anywhere else.
    ///
    /// # Errors
    /// [`RingError`], with the place of the fault. [`RingErrorKind`] lists the kinds.
    ///
    /// ```
    /// use sealstamp::{Ring, RingErrorKind};
    ///
    /// let error = Ring::parse(br#"{"format": "sealstamp-ring/2","#).unwrap_err();
    /// assert_eq!(error.kind(), RingErrorKind::Syntax);
    /// assert_eq!(error.line(), Some(1));
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, RingError> {
        let whole_file = |kind| RingError { kind, place: Place::File };
        if bytes.len() > Self::MAX_FILE_LEN {
            return Err(whole_file(RingErrorKind::TooLarge));
        }
        let line_of = |offset: usize| {
            let before = bytes.iter().take(offset);
            Place::Line(before.filter(|b| **b == b'\n').count().saturating_add(1))
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|e| RingError { kind: RingErrorKind::Syntax, place: line_of(e.valid_up_to()) })?;
        if let Some(offset) = text.find('\\') {
            return Err(RingError { kind: RingErrorKind::Syntax, place: line_of(offset) });
        }
        let raw = raw::parse(text).map_err(|(kind, line)| RingError { kind, place: Place::Line(line) })?;
        let ring = from_raw(&raw)?;
        ring.check().map_err(|(unfit, index)| RingError {
            kind: match unfit {
                Unfit::DuplicateKid => RingErrorKind::DuplicateKid,
                Unfit::DateOrder => RingErrorKind::DateOrder,
                Unfit::TooManyKeys => RingErrorKind::TooManyKeys,
                Unfit::NoActiveKey => RingErrorKind::NoActiveKey,
            },
            place: match unfit {
                Unfit::TooManyKeys | Unfit::NoActiveKey => Place::Member("keys"),
                _ => Place::Key {
                    position: index.saturating_add(1),
                    kid: ring.keys.get(index).map(Key::kid),
                    member: None,
                },
            },
        })?;
        Ok(ring)
    }
}

fn fault(kind: RingErrorKind, member: &'static str) -> RingError {
    RingError { kind, place: Place::Member(member) }
}

fn need<T>(value: Option<T>, member: &'static str) -> Result<T, RingError> {
    value.ok_or(fault(RingErrorKind::MissingField, member))
}

fn from_raw(raw: &RawRing<'_>) -> Result<Ring, RingError> {
    let version_1 = match need(raw.format, "format")? {
        FORMAT => false,
        FORMAT_1 => true,
        _ => return Err(fault(RingErrorKind::Format, "format")),
    };
    if version_1 && raw.next_settings.is_some() {
        return Err(fault(RingErrorKind::UnknownField, "next_settings"));
    }
    let serial = serial_from_raw(raw.serial, "serial")?;
    let settings = settings_from_raw(raw.lifetime_s, raw.max_skew_s, raw.propagation_s)?;
    let next_settings = raw.next_settings.as_ref().map(next_settings_from_raw).transpose()?;
    let lineage = match &raw.ancestors {
        None if version_1 => None,
        Some(_) if version_1 => return Err(fault(RingErrorKind::UnknownField, "ancestors")),
        None => return Err(fault(RingErrorKind::MissingField, "ancestors")),
        Some(ancestors) => Some(lineage_from_raw(ancestors, serial)?),
    };
    let raw_keys = need(raw.keys.as_deref(), "keys")?;
    if raw_keys.len() > MAX_KEYS {
        return Err(fault(RingErrorKind::TooManyKeys, "keys"));
    }
    let keys = raw_keys.iter().zip(1..).map(|(key, position)| key_from_raw(key, position));
    Ok(Ring { serial, settings, next_settings, keys: keys.collect::<Result<_, _>>()?, lineage })
}

fn serial_from_raw(serial: Option<u64>, member: &'static str) -> Result<u64, RingError> {
    let serial = need(serial, member)?;
    if (1..=MAX_SERIAL).contains(&serial) { Ok(serial) } else { Err(fault(RingErrorKind::OutOfRange, member)) }
}

fn settings_from_raw(
    lifetime_s: Option<u64>,
    max_skew_s: Option<u64>,
    propagation_s: Option<u64>,
) -> Result<Settings, RingError> {
    let narrow =
        |value, member| u32::try_from(need(value, member)?).map_err(|_| fault(RingErrorKind::OutOfRange, member));
    let lifetime_s = narrow(lifetime_s, "lifetime_s")?;
    let max_skew_s = narrow(max_skew_s, "max_skew_s")?;
    let propagation_s = narrow(propagation_s, "propagation_s")?;
    Settings::new(lifetime_s, max_skew_s, propagation_s).map_err(|e| fault(RingErrorKind::OutOfRange, e.member()))
}

fn next_settings_from_raw(raw: &RawSettings<'_>) -> Result<NextSettings, RingError> {
    let from = parse_time(need(raw.from, "from")?).ok_or(fault(RingErrorKind::BadTime, "from"))?;
    Ok(NextSettings { from, settings: settings_from_raw(raw.lifetime_s, raw.max_skew_s, raw.propagation_s)? })
}

fn lineage_from_raw(raw: &[RawId<'_>], serial: u64) -> Result<Lineage, RingError> {
    if raw.len() > Ring::MAX_ANCESTORS {
        return Err(fault(RingErrorKind::Lineage, "ancestors"));
    }
    let ids = raw.iter().map(|id| {
        let serial = serial_from_raw(id.serial, "ancestors, serial")?;
        let digest = need(id.digest, "ancestors, digest")?;
        let digest = encoding::unhex_32(digest).ok_or(fault(RingErrorKind::BadEncoding, "ancestors, digest"))?;
        Ok(RingId { serial, digest })
    });
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    Lineage::read(ids, serial).ok_or(fault(RingErrorKind::Lineage, "ancestors"))
}

fn key_from_raw(raw: &RawKey<'_>, position: usize) -> Result<Key, RingError> {
    use RingErrorKind as Kind;
    let named = raw.kid.and_then(|text| text.parse::<Kid>().ok());
    let whole = |kind| RingError { kind, place: Place::Key { position, kid: named, member: None } };
    let fault = |kind, member| RingError { kind, place: Place::Key { position, kid: named, member: Some(member) } };
    let time = |text: &str, member| parse_time(text).ok_or(fault(Kind::BadTime, member));

    raw.kid.ok_or(fault(Kind::MissingField, "kid"))?;
    let kid = named.ok_or(fault(Kind::BadEncoding, "kid"))?;
    let mut fingerprint = [0; 32];
    if !encoding::decode_32(raw.fingerprint.ok_or(fault(Kind::MissingField, "fingerprint"))?, &mut fingerprint) {
        return Err(fault(Kind::BadEncoding, "fingerprint"));
    }
    let suite = raw.suite.ok_or(fault(Kind::MissingField, "suite"))?;
    let suite = suite.parse::<Suite>().map_err(|_| fault(Kind::BadSuite, "suite"))?;
    let created_at = time(raw.created_at.ok_or(fault(Kind::MissingField, "created_at"))?, "created_at")?;
    let activates_at = raw.activates_at.map(|text| time(text, "activates_at")).transpose()?;
    let revoked_at = raw.revoked_at.map(|text| time(text, "revoked_at")).transpose()?;
    if !fingerprint.starts_with(kid.as_bytes()) {
        return Err(whole(Kind::KidMismatch));
    }
    let material = match (raw.secret, revoked_at) {
        (Some(_), Some(_)) => return Err(whole(Kind::RevokedWithSecret)),
        (None, None) => return Err(whole(Kind::MissingSecret)),
        (None, Some(_)) => None,
        (Some(text), None) => {
            let secret = Secret::decode(text).ok_or(fault(Kind::BadEncoding, "secret"))?;
            if secret.is_zero() {
                return Err(whole(Kind::ZeroSecret));
            }
            let prk = secret.extract();
            if prk.fingerprint() != fingerprint {
                return Err(whole(Kind::FingerprintMismatch));
            }
            Some(Arc::new(Material { secret, prk }))
        }
    };
    Ok(Key { fingerprint, suite, created_at, activates_at, revoked_at, material })
}

/// Reads the one spelling of a time that [`UnixMillis`] writes.
fn parse_time(text: &str) -> Option<UnixMillis> {
    let time = UnixMillis::from_system_time(humantime::parse_rfc3339(text).ok()?);
    let mut again = String::with_capacity(text.len());
    write!(again, "{time}").ok()?;
    (again == text).then_some(time)
}

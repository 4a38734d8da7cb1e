//! `sealstamp-ring/1`: bytes to ring and back.
//!
//! Strict on purpose: one spelling per value, unknown and doubled members refused, so that two versions of the software
//! never read one file differently. A refusal names the line or the key, never a byte of the file's own text.
//!
//! Secrets are read from where they stand in the input (the format has no escapes, so the parser never copies one) and
//! written into memory that is wiped.

use std::fmt::{self, Write as _};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::encoding;
use crate::ring::{Key, Kid, MAX_KEYS, MAX_SERIAL, Material, Ring, Settings, Suite, Unfit};
use crate::secret::Secret;
use crate::window::UnixMillis;
use raw::{RawKey, RawRing};

mod raw;

/// The name of the format and its version.
const FORMAT: &str = "sealstamp-ring/1";

/// Why a ring file was refused: see [`RingError::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingErrorKind {
    /// More than 1 MiB.
    TooLarge,
    /// Not JSON, cut short, not UTF-8, or with an escape (the format has none).
    Syntax,
    /// `format` is not `sealstamp-ring/1`.
    Format,
    /// A member that the format does not have.
    UnknownField,
    /// A member twice in one object.
    DuplicateMember,
    /// A member that must be there is not.
    MissingField,
    /// A member of the wrong JSON type.
    WrongType,
    /// A number out of its range.
    OutOfRange,
    /// A time that is not RFC 3339, UTC, in seconds or milliseconds, 1970 to 9999.
    BadTime,
    /// A secret or fingerprint that is not 43 characters of base64url, or a kid that is not 8 of lower-case hexadecimal.
    BadEncoding,
    /// A suite that this version does not know.
    BadSuite,
    /// The fingerprint is not the secret's.
    FingerprintMismatch,
    /// The kid is not the first 4 bytes of the fingerprint.
    KidMismatch,
    /// The secret is all zero: what an empty or sparse file makes of a key.
    ZeroSecret,
    /// Two keys with one kid.
    DuplicateKid,
    /// Creation times go back, activation times do not increase, or a staged key stands before a dated one.
    DateOrder,
    /// A revoked key still has its secret.
    RevokedWithSecret,
    /// A key that is not revoked has no secret.
    MissingSecret,
    /// No key is dated and not revoked, so nothing could mint.
    NoActiveKey,
    /// More than 1,024 keys.
    TooManyKeys,
}

impl RingErrorKind {
    /// The kind as a label for metrics and for test vectors: `fingerprint_mismatch` for example.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Syntax => "syntax",
            Self::Format => "format",
            Self::UnknownField => "unknown_field",
            Self::DuplicateMember => "duplicate_member",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::BadTime => "bad_time",
            Self::BadEncoding => "bad_encoding",
            Self::BadSuite => "bad_suite",
            Self::FingerprintMismatch => "fingerprint_mismatch",
            Self::KidMismatch => "kid_mismatch",
            Self::ZeroSecret => "zero_secret",
            Self::DuplicateKid => "duplicate_kid",
            Self::DateOrder => "date_order",
            Self::RevokedWithSecret => "revoked_with_secret",
            Self::MissingSecret => "missing_secret",
            Self::NoActiveKey => "no_active_key",
            Self::TooManyKeys => "too_many_keys",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::TooLarge => "the file is larger than 1 MiB",
            Self::Syntax => "not plain JSON, or cut short",
            Self::Format => "the format is not sealstamp-ring/1",
            Self::UnknownField => "a member that the format does not have",
            Self::DuplicateMember => "a member stands twice",
            Self::MissingField => "a member is missing",
            Self::WrongType => "a value of the wrong type",
            Self::OutOfRange => "a number out of its range",
            Self::BadTime => "not a time like 2026-11-22T19:00:00Z",
            Self::BadEncoding => "wrong length or alphabet",
            Self::BadSuite => "a suite that is not aes-256-gcm or chacha20-poly1305",
            Self::FingerprintMismatch => "the fingerprint is not the secret's",
            Self::KidMismatch => "the kid is not the start of the fingerprint",
            Self::ZeroSecret => "the secret is all zero",
            Self::DuplicateKid => "another key has the same kid",
            Self::DateOrder => "the dates are out of order",
            Self::RevokedWithSecret => "the key is revoked and still has its secret",
            Self::MissingSecret => "the key has no secret and is not revoked",
            Self::NoActiveKey => "no key can mint",
            Self::TooManyKeys => "more than 1,024 keys",
        }
    }
}

/// A ring file was refused. The message says where and why, and quotes nothing of the file but a well-formed kid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingError {
    kind: RingErrorKind,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    File,
    Line(usize),
    Member(&'static str),
    Key { position: usize, kid: Option<Kid>, member: Option<&'static str> },
}

impl RingError {
    /// Why the file was refused.
    #[must_use]
    pub const fn kind(&self) -> RingErrorKind {
        self.kind
    }

    /// The line of the fault, counted from 1, where the text itself is at fault.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        match self.place {
            Place::Line(line) => Some(line),
            _ => None,
        }
    }

    /// The kid of the key at fault, where one key is at fault and its kid could be read.
    #[must_use]
    pub const fn kid(&self) -> Option<Kid> {
        match self.place {
            Place::Key { kid, .. } => kid,
            _ => None,
        }
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::File => {}
            Place::Line(line) => write!(f, "line {line}: ")?,
            Place::Member(member) => write!(f, "{member}: ")?,
            Place::Key { position, kid, member } => {
                match kid {
                    Some(kid) => write!(f, "key {kid}")?,
                    None => write!(f, "key number {position}")?,
                }
                if let Some(member) = member {
                    write!(f, ", {member}")?;
                }
                f.write_str(": ")?;
            }
        }
        f.write_str(self.kind.message())
    }
}

impl std::error::Error for RingError {}

impl Ring {
    /// The most bytes that a ring file may have.
    pub const MAX_FILE_LEN: usize = 1 << 20;

    /// Reads a ring file of the format `sealstamp-ring/1`.
    ///
    /// The caller wipes `bytes` (see [`zeroize::Zeroizing`]); no copy of a secret is left elsewhere.
    ///
    /// # Errors
    /// [`RingError`], with the place of the fault; the kinds are listed at [`RingErrorKind`].
    ///
    /// ```
    /// use sealstamp::{Ring, RingErrorKind};
    ///
    /// let error = Ring::parse(br#"{"format": "sealstamp-ring/1","#).unwrap_err();
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

    /// SHA-256 of the ring's file without its secrets: 32 bytes that tell two rings apart and give nothing away.
    ///
    /// It is what `jq 'del(.keys[].secret)' ring.json | sha256sum` says of the file.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.write(&FileForm::of(self).without_secrets()).as_bytes()).into()
    }

    /// The ring as a file: JSON of the format `sealstamp-ring/1`, secrets included, ending in a line feed.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        self.write(&FileForm::of(self))
    }

    fn write(&self, form: &FileForm<'_>) -> Zeroizing<String> {
        // Growing would leave unwiped copies behind, so the room is made first: a key takes less than 512 bytes.
        let room = self.keys.len().saturating_mul(512).saturating_add(512);
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        let mut json = serde_json::Serializer::with_formatter(&mut *out, serde_json::ser::PrettyFormatter::new());
        #[expect(clippy::expect_used, reason = "strings and numbers are written to memory; neither step can fail")]
        form.serialize(&mut json).expect("a ring can be written");
        out.push(b'\n');
        debug_assert!(out.len() <= room, "the file outgrew its room");
        #[expect(clippy::expect_used, reason = "serde_json writes UTF-8")]
        Zeroizing::new(String::from_utf8(std::mem::take(&mut *out)).expect("JSON is UTF-8"))
    }
}

/// The file's members in their order.
#[derive(Serialize)]
struct FileForm<'r> {
    format: &'static str,
    serial: u64,
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
    keys: Vec<KeyForm<'r>>,
}

#[derive(Serialize)]
struct KeyForm<'r> {
    kid: String,
    fingerprint: String,
    suite: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret_text")]
    secret: Option<&'r Secret>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    activates_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

fn secret_text<S: serde::Serializer>(secret: &Option<&Secret>, to: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => to.serialize_str(&secret.encode()),
        None => to.serialize_none(),
    }
}

impl<'r> FileForm<'r> {
    fn of(ring: &'r Ring) -> Self {
        let keys = ring.keys.iter().map(|key| KeyForm {
            kid: key.kid().to_string(),
            fingerprint: encoding::encode_32(&key.fingerprint),
            suite: key.suite.as_str(),
            secret: key.material.as_ref().map(|m| &m.secret),
            created_at: key.created_at.to_string(),
            activates_at: key.activates_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        });
        Self {
            format: FORMAT,
            serial: ring.serial,
            lifetime_s: ring.settings.lifetime_s(),
            max_skew_s: ring.settings.max_skew_s(),
            propagation_s: ring.settings.propagation_s(),
            keys: keys.collect(),
        }
    }

    fn without_secrets(mut self) -> Self {
        self.keys.iter_mut().for_each(|key| key.secret = None);
        self
    }
}

fn from_raw(raw: &RawRing<'_>) -> Result<Ring, RingError> {
    let fault = |kind, member| RingError { kind, place: Place::Member(member) };
    let need = |value: Option<u64>, member| value.ok_or(fault(RingErrorKind::MissingField, member));
    let narrow =
        |value, member| u32::try_from(need(value, member)?).map_err(|_| fault(RingErrorKind::OutOfRange, member));
    if raw.format.ok_or(fault(RingErrorKind::MissingField, "format"))? != FORMAT {
        return Err(fault(RingErrorKind::Format, "format"));
    }
    let serial = need(raw.serial, "serial")?;
    if !(1..=MAX_SERIAL).contains(&serial) {
        return Err(fault(RingErrorKind::OutOfRange, "serial"));
    }
    let lifetime_s = narrow(raw.lifetime_s, "lifetime_s")?;
    let max_skew_s = narrow(raw.max_skew_s, "max_skew_s")?;
    let propagation_s = narrow(raw.propagation_s, "propagation_s")?;
    let settings = Settings::new(lifetime_s, max_skew_s, propagation_s)
        .map_err(|e| fault(RingErrorKind::OutOfRange, e.member()))?;
    let raw_keys = raw.keys.as_deref().ok_or(fault(RingErrorKind::MissingField, "keys"))?;
    if raw_keys.len() > MAX_KEYS {
        return Err(fault(RingErrorKind::TooManyKeys, "keys"));
    }
    let keys = raw_keys.iter().zip(1..).map(|(key, position)| key_from_raw(key, position));
    Ok(Ring { serial, settings, keys: keys.collect::<Result<_, _>>()? })
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
            Some(std::sync::Arc::new(Material { secret, prk }))
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

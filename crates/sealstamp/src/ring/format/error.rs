//! Why a ring file was refused, and where in the file the fault is.

use std::fmt;

use crate::kid::Kid;

/// Why a ring file was refused: see [`RingError::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingErrorKind {
    /// More than 1 MiB.
    TooLarge,
    /// Not JSON, cut short, not UTF-8, or with an escape. The format has no escapes.
    Syntax,
    /// `format` is neither `sealstamp-ring/2` nor `sealstamp-ring/1`.
    Format,
    /// A member that the format does not have.
    UnknownField,
    /// A member twice in one object.
    DuplicateMember,
    /// A member is missing.
    MissingField,
    /// A member of the wrong JSON type.
    WrongType,
    /// A number out of its range.
    OutOfRange,
    /// A time that is not RFC 3339 in UTC, in seconds or milliseconds, from 1970 to 9999.
    BadTime,
    /// A secret or fingerprint that is not 43 characters of base64url, or a kid that is not 8 lower-case hexadecimal
    /// digits.
    BadEncoding,
    /// A suite that this version does not know.
    BadSuite,
    /// The fingerprint is not the secret's.
    FingerprintMismatch,
    /// The kid is not the first 4 bytes of the fingerprint.
    KidMismatch,
    /// The secret is all zero. That is what a key looks like that was read from an empty or sparse file.
    ZeroSecret,
    /// Two keys with the same kid.
    DuplicateKid,
    /// Creation times go back, activation times do not increase, or a staged key stands before a dated one.
    DateOrder,
    /// A revoked key still has its secret.
    RevokedWithSecret,
    /// A key that is not revoked has no secret.
    MissingSecret,
    /// No key has a date and is not revoked, so no key could mint.
    NoActiveKey,
    /// More than 1,024 keys.
    TooManyKeys,
    /// The ancestors are more than 64, name one ring twice, or do not go down from the serial of the ring.
    Lineage,
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
            Self::Lineage => "lineage",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::TooLarge => "the file is larger than 1 MiB",
            Self::Syntax => "not plain JSON, or cut short",
            Self::Format => "the format is neither sealstamp-ring/2 nor sealstamp-ring/1",
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
            Self::Lineage => "more than 64 ancestors, one of them twice, or a serial out of order",
        }
    }
}

/// A ring file was refused. The message says where and why. It quotes nothing of the file but a well-formed kid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingError {
    pub(super) kind: RingErrorKind,
    pub(super) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
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

    /// The line of the fault, counted from 1, if the text itself is at fault.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        match self.place {
            Place::Line(line) => Some(line),
            _ => None,
        }
    }

    /// The kid of the key at fault, if one key is at fault and its kid could be read.
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

//! Rules 1 and 2: what the request's fields hold, before anything in them is decoded.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::verdict::Reason;

/// The longest proof that is looked at, in bytes. One with a 4096-bit RSA key and every claim takes about 2 KiB.
pub const MAX_PROOF_BYTES: usize = 8 * 1024;

/// The longest access token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest `Authorization` field that is looked at, in bytes: such a token, and room for a scheme and spaces.
const MAX_FIELD_BYTES: usize = MAX_TOKEN_BYTES + 64;

/// The credentials of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credentials<'r> {
    Dpop(&'r str),
    Bearer(&'r str),
}

impl<'r> Credentials<'r> {
    /// Rule 1: exactly one `Authorization`, `scheme 1*SP token68` (RFC 9110 section 11.4).
    pub(crate) fn of(headers: &'r HeaderMap) -> Result<Self, Reason> {
        let mut fields = headers.get_all(AUTHORIZATION).iter();
        let field = fields.next().ok_or(Reason::NoCredentials)?;
        if fields.next().is_some() {
            return Err(Reason::SeveralAuthorizations);
        }
        // Before anything reads the field to its end: to look at every byte of a long one costs more than a signature.
        if field.len() > MAX_FIELD_BYTES {
            return Err(Reason::MalformedAuthorization);
        }
        let field = field.to_str().map_err(|_| Reason::MalformedAuthorization)?;
        let (scheme, token) = field.split_once(' ').unwrap_or((field, ""));
        let credentials = if scheme.eq_ignore_ascii_case("DPoP") {
            Self::Dpop
        } else if scheme.eq_ignore_ascii_case("Bearer") {
            Self::Bearer
        } else {
            return Err(Reason::UnsupportedScheme);
        };
        let token = token.trim_start_matches(' ');
        if is_token68(token) && token.len() <= MAX_TOKEN_BYTES {
            Ok(credentials(token))
        } else {
            Err(Reason::MalformedAuthorization)
        }
    }
}

/// Rule 2: exactly one `DPoP` field, and no longer than it has to be. RFC 9449 section 4.3, check 1: "There is not more
/// than one DPoP HTTP request header field."
pub(crate) fn proof_field(headers: &HeaderMap) -> Result<&str, Reason> {
    let mut fields = headers.get_all("dpop").iter();
    let field = fields.next().ok_or(Reason::NoProof)?;
    if fields.next().is_some() {
        return Err(Reason::SeveralProofs);
    }
    if field.len() > MAX_PROOF_BYTES {
        return Err(Reason::ProofTooLong);
    }
    // A proxy may fold two fields into one, with a comma.
    if field.as_bytes().contains(&b',') {
        return Err(Reason::SeveralProofs);
    }
    field.to_str().map_err(|_| Reason::MalformedProof)
}

fn is_token68(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    // Without a branch for each byte, so that a compiler can look at many at once.
    let is_fit = |b: u8| b.is_ascii_alphanumeric() | matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() & body.bytes().fold(true, |all, b| all & is_fit(b))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn rule_1() {
        for (fields, expected) in [
            (&[][..], Err(Reason::NoCredentials)),
            (&[&b"DPoP abc"[..]][..], Ok(Credentials::Dpop("abc"))),
            (&[b"dpop abc"], Ok(Credentials::Dpop("abc"))),
            (&[b"DPOP   a.b-c_d~e+f/g=="], Ok(Credentials::Dpop("a.b-c_d~e+f/g=="))),
            (&[b"bEaReR abc"], Ok(Credentials::Bearer("abc"))),
            (&[b"DPoP abc", b"DPoP abc"], Err(Reason::SeveralAuthorizations)),
            (&[b"DPoP abc", b"Basic abc"], Err(Reason::SeveralAuthorizations)),
            (&[b"Basic abc"], Err(Reason::UnsupportedScheme)),
            (&[b"DPoP2 abc"], Err(Reason::UnsupportedScheme)),
            (&[b""], Err(Reason::UnsupportedScheme)),
            (&[b"DPoP"], Err(Reason::MalformedAuthorization)),
            (&[b"DPoP "], Err(Reason::MalformedAuthorization)),
            (&[b"DPoP =="], Err(Reason::MalformedAuthorization)),
            (&[b"DPoP a=b"], Err(Reason::MalformedAuthorization)),
            (&[b"DPoP a b"], Err(Reason::MalformedAuthorization)),
            (&[b"DPoP a,b"], Err(Reason::MalformedAuthorization)),
            (&[b"DPoP abc "], Err(Reason::MalformedAuthorization)),
            (&[b"DPoP \tabc"], Err(Reason::MalformedAuthorization)),
            (&[b"DPoP\tabc"], Err(Reason::UnsupportedScheme)),
            (&[b"DPoP \xc3\xa9"], Err(Reason::MalformedAuthorization)),
        ] {
            assert_eq!(Credentials::of(&headers("authorization", fields)), expected, "{fields:?}");
        }
        assert_eq!((MAX_PROOF_BYTES, MAX_TOKEN_BYTES), (8_192, 16_384), "what the documentation says in KiB");
        let longest = format!("DPoP {}", "a".repeat(MAX_TOKEN_BYTES));
        assert!(Credentials::of(&headers("authorization", &[longest.as_bytes()])).is_ok());
        let longer = format!("{longest}a");
        let longer = headers("authorization", &[longer.as_bytes()]);
        assert_eq!(Credentials::of(&longer), Err(Reason::MalformedAuthorization));
        // The field has a bound of its own, and it comes first.
        for (length, expected) in [
            (MAX_FIELD_BYTES, Err(Reason::UnsupportedScheme)),
            (MAX_FIELD_BYTES + 1, Err(Reason::MalformedAuthorization)),
        ] {
            let other = headers("authorization", &["x".repeat(length).as_bytes()]);
            assert_eq!(Credentials::of(&other), expected, "{length}");
        }
    }

    /// R43-1.
    #[test]
    fn rule_2() {
        for (fields, expected) in [
            (&[][..], Err(Reason::NoProof)),
            (&[&b"a.b.c"[..]][..], Ok("a.b.c")),
            (&[b"a.b.c", b"a.b.c"], Err(Reason::SeveralProofs)),
            (&[b"a.b.c,a.b.c"], Err(Reason::SeveralProofs)),
            (&[b"a.b.c,"], Err(Reason::SeveralProofs)),
            (&[b"a.b.\xc3\xa9"], Err(Reason::MalformedProof)),
        ] {
            assert_eq!(proof_field(&headers("dpop", fields)), expected, "{fields:?}");
        }
        let longest = "a".repeat(MAX_PROOF_BYTES);
        assert!(proof_field(&headers("dpop", &[longest.as_bytes()])).is_ok());
        let longer = format!("{longest}a");
        assert_eq!(proof_field(&headers("dpop", &[longer.as_bytes()])), Err(Reason::ProofTooLong));
    }
}

//! Whether two URIs are one, after the normalisation of RFC 3986 (RFC 9449 section 4.3, check 9).
//!
//! "To reduce the likelihood of false negatives, servers SHOULD employ syntax-based normalization (Section 6.2.2 of
//! [RFC3986]) and scheme-based normalization (Section 6.2.3 of [RFC3986]) before comparing the htu claim." Query and
//! fragment do not count. The `url` crate does the parsing. It follows the URL standard of WHATWG, which differs in
//! places that matter here, and [`normal`] closes the gap:
//!
//! - WHATWG keeps `%7E` where RFC 3986 wants `~`, and keeps hex digits in the case in which they came;
//! - WHATWG repairs what RFC 3986 forbids (spaces, tabs, `\`, `https:host`, `https:///host`). Here such a text is not a
//!   URI, so it matches nothing;
//! - WHATWG drops an empty userinfo (`https://@host`) and reads `0x7f.1` as an IPv4 address. Neither matches here;
//! - WHATWG maps escaped non-ASCII characters in a host as IDNA does: `%C2%AD` becomes nothing, and a full-width letter
//!   becomes a plain one. Neither matches here.

use url::{Host, Url};

/// Whether `htu`, its query and fragment aside, is this origin and path.
pub(crate) fn same(htu: &str, origin: &str, path: &str) -> bool {
    let htu = htu.split(['?', '#']).next().unwrap_or_default();
    // Equal bytes stay equal under any normalisation, and nearly every client sends equal bytes.
    if htu.strip_prefix(origin) == Some(path) && path.starts_with('/') {
        return true;
    }
    let Some((htu_origin, htu_path)) = normal(htu) else {
        return false;
    };
    htu_origin == origin && normal_path(path).is_some_and(|path| path == htu_path)
}

/// Origin and path of an absolute http(s) URI, in their normal form.
pub(crate) fn normal(uri: &str) -> Option<(String, String)> {
    if !uri.bytes().all(is_uri_byte) {
        return None;
    }
    let (_, after_scheme) = uri.split_once("://")?;
    let authority = after_scheme.split('/').next()?;
    let url = Url::parse(uri).ok()?;
    let host_as_written = match url.host()? {
        Host::Ipv4(address) => authority.split(':').next() == Some(&address.to_string()),
        Host::Ipv6(_) | Host::Domain(_) => true,
    };
    let plain = matches!(url.scheme(), "http" | "https")
        && !authority.is_empty()
        && !authority.contains('@')
        && !decode_unreserved(authority)?.contains('%');
    if !plain || !host_as_written || uri.contains(['?', '#']) {
        return None;
    }
    Some((url.origin().ascii_serialization(), decode_unreserved(url.path())?))
}

/// An absolute path in its normal form.
pub(crate) fn normal_path(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.contains(['\\', '?', '#']) {
        return None;
    }
    let url = Url::parse(&format!("http://host{path}")).ok()?;
    decode_unreserved(url.path())
}

/// RFC 3986 section 6.2.2.1 and 6.2.2.2: unreserved characters stand for themselves, other escapes are in upper case.
/// `None` for a `%` that escapes nothing.
fn decode_unreserved(path: &str) -> Option<String> {
    let mut normal = String::with_capacity(path.len());
    let mut parts = path.split('%');
    normal.push_str(parts.next()?);
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        // `from_str_radix` alone would take a sign.
        let byte = digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())??;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => normal.push(char::from(byte)),
            _ => {
                normal.push('%');
                normal.push_str(&digits.to_ascii_uppercase());
            }
        }
        normal.push_str(rest);
    }
    Some(normal)
}

/// RFC 3986 section 2: reserved, unreserved, and `%`.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

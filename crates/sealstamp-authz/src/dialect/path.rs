//! Paths that a proxy, this service and an upstream all read alike.
//!
//! Some paths are read in two ways in practice: an upstream that resolves `%2F` or `..` after the proxy has chosen it
//! serves another path than the one that was judged. Such a path is refused. Escaped unreserved characters and the case
//! of hex digits mean the same to everybody (RFC 3986 section 6.2.2), and are brought to their normal form.

use std::fmt;

use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

/// Why a path is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ambiguous {
    NotAbsolute,
    EmptySegment,
    DotSegment,
    Escape,
    Character,
    TooLong,
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "the path does not begin with /",
            Self::EmptySegment => "the path has // in it",
            Self::DotSegment => "the path has a segment . or ..",
            Self::Escape => "the path has an escape that some servers read as something else: / \\ ; % or a control",
            Self::Character => {
                "the path has a character that some servers read as something else, or that no URI holds"
            }
            Self::TooLong => "the path is too long",
        })
    }
}

/// The path of this request target in its normal form; the query goes. Fails if somebody may read the path otherwise.
pub(crate) fn agreed_path(target: &str) -> Result<Uri, Ambiguous> {
    let path = target.split('?').next().unwrap_or_default();
    let normal = normal(path)?;
    PathAndQuery::try_from(normal).map(Uri::from).map_err(|_| Ambiguous::TooLong)
}

fn normal(path: &str) -> Result<String, Ambiguous> {
    if !path.starts_with('/') {
        return Err(Ambiguous::NotAbsolute);
    }
    let mut normal = String::with_capacity(path.len());
    let mut parts = path.split('%');
    push_plain(parts.next().unwrap_or_default(), &mut normal)?;
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(Ambiguous::Character)?;
        let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let byte = hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten().ok_or(Ambiguous::Character)?;
        match byte {
            b'/' | b'\\' | b';' | b'%' | 0..=0x1f | 0x7f => return Err(Ambiguous::Escape),
            b'-' | b'.' | b'_' | b'~' => normal.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => normal.push(char::from(byte)),
            _ => {
                normal.push('%');
                normal.push_str(&digits.to_ascii_uppercase());
            }
        }
        push_plain(rest, &mut normal)?;
    }
    if normal.contains("//") {
        return Err(Ambiguous::EmptySegment);
    }
    if normal.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(Ambiguous::DotSegment);
    }
    // An overlong form, such as %C0%AF, is a slash to some.
    percent_decode_str(&normal).decode_utf8().map_err(|_| Ambiguous::Escape)?;
    Ok(normal)
}

/// RFC 3986 section 3.3: `pchar` and the slash, but no `;`, behind which some servers cut a segment off.
fn push_plain(text: &str, normal: &mut String) -> Result<(), Ambiguous> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/".contains(&byte);
    if !text.bytes().all(plain) {
        return Err(Ambiguous::Character);
    }
    normal.push_str(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reading_passes_in_its_normal_form() {
        for (target, path) in [
            ("/", "/"),
            ("/mcp", "/mcp"),
            ("/mcp/", "/mcp/"),
            ("/mcp?x=../..//%2F;", "/mcp"),
            ("/%6Dcp", "/mcp"),
            ("/%6dcp/%c3%A9", "/mcp/%C3%A9"),
            ("/a%20b", "/a%20b"),
            ("/a.b/..c/d..", "/a.b/..c/d.."),
            ("/a!$&'()*+,=:@b", "/a!$&'()*+,=:@b"),
        ] {
            assert_eq!(agreed_path(target).unwrap().to_string(), path, "{target}");
        }
    }

    #[test]
    fn two_readings_do_not() {
        for (target, why) in [
            ("", Ambiguous::NotAbsolute),
            ("*", Ambiguous::NotAbsolute),
            ("mcp", Ambiguous::NotAbsolute),
            ("http://h/mcp", Ambiguous::NotAbsolute),
            ("?x", Ambiguous::NotAbsolute),
            ("//mcp", Ambiguous::EmptySegment),
            ("/mcp//", Ambiguous::EmptySegment),
            ("/x/../mcp", Ambiguous::DotSegment),
            ("/./mcp", Ambiguous::DotSegment),
            ("/mcp/..", Ambiguous::DotSegment),
            ("/mcp/%2e%2E/x", Ambiguous::DotSegment),
            ("/mcp/.%2e", Ambiguous::DotSegment),
            ("/mcp%2Fx", Ambiguous::Escape),
            ("/mcp%2fx", Ambiguous::Escape),
            ("/mcp%5Cx", Ambiguous::Escape),
            ("/mcp%252Fx", Ambiguous::Escape),
            ("/mcp%00", Ambiguous::Escape),
            ("/mcp%1F", Ambiguous::Escape),
            ("/mcp%7f", Ambiguous::Escape),
            ("/mcp%3Bx", Ambiguous::Escape),
            ("/mcp%C0%AFx", Ambiguous::Escape),
            ("/mcp%FF", Ambiguous::Escape),
            ("/mcp;x", Ambiguous::Character),
            ("/mcp\\x", Ambiguous::Character),
            ("/mcp x", Ambiguous::Character),
            ("/mcp#x", Ambiguous::Character),
            ("/mcp\u{e9}", Ambiguous::Character),
            ("/mcp%", Ambiguous::Character),
            ("/mcp%6", Ambiguous::Character),
            ("/mcp%zz", Ambiguous::Character),
            ("/mcp%+6d", Ambiguous::Character),
            ("/mcp%6\u{e9}", Ambiguous::Character),
            ("/mcp\"", Ambiguous::Character),
        ] {
            assert_eq!(agreed_path(target).unwrap_err(), why, "{target:?}");
        }
        assert_eq!(agreed_path(&format!("/{}", "a".repeat(70_000))).unwrap_err(), Ambiguous::TooLong);
    }
}

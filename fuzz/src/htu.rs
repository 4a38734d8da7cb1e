//! Which `htu` names this server: the verifier's answer against one that is put together here from the `url` crate.
//!
//! The verifier compares inside its decision, so the decision is asked: a proof without a valid signature is refused
//! for its `htu` (`wrong_htu`) or, if that was right, for its signature.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, Method, Uri};
use sealstamp_dpop::{Nonces, Reason, RequestHead, Verifier};
use sealstamp_testkit::b64;
use url::{Host, Url};

use crate::client::{self, NOW, quoted};

/// Input, a line each: `htu`, the request's path, the server's public URL, its mount if it has one.
pub fn htu(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n');
    let [htu, path, public_url, mount] = [(); 4].map(|()| lines.next().unwrap_or_default());
    let mut builder = Verifier::builder(public_url, Nonces::Off);
    if !mount.is_empty() {
        builder = builder.mounted_at(mount);
    }
    let (Ok(verifier), Ok(uri)) = (builder.build(), path.parse::<Uri>()) else { return };
    let claims = format!(r#"{{"jti":"1","htm":"GET","htu":{},"iat":{}}}"#, quoted(htu), NOW.get() / 1_000);
    if claims.matches([',', '\\']).count() > 64 {
        return;
    }
    let proof = format!("{}.{}.{}", b64(HEADER.as_str()), b64(claims), b64([0; 64]));
    let mut headers = HeaderMap::new();
    headers.insert("dpop", HeaderValue::from_str(&proof).expect("base64url and dots"));
    let request = RequestHead::new(&Method::GET, &uri, &headers);
    let refused = verifier.check_token_request(request, NOW).expect_err("a proof with a signature of zeros");
    let named = match refused.reason() {
        Reason::BadSignature => true,
        Reason::WrongUri => false,
        Reason::ProofTooLong => return,
        other => panic!("{other}"),
    };
    let expected = names(htu, uri.path(), public_url, Some(mount).filter(|mount| !mount.is_empty()));
    assert_eq!(named, expected, "{htu:?} for {:?} at {public_url:?}, mounted at {mount:?}", uri.path());
}

static HEADER: LazyLock<String> = LazyLock::new(client::header);

/// Whether `htu` names what a request for `path` asks of the server with this public URL.
pub(crate) fn names(htu: &str, path: &str, public_url: &str, mount: Option<&str>) -> bool {
    let Some(public) = Resource::read(public_url) else { return false };
    let bare = htu.find(['?', '#']).map_or(htu, |end| &htu[..end]);
    let public_path = match mount {
        None => path.to_owned(),
        Some(mount) => match (segments(mount), segments(path)) {
            (Some(mount), Some(path)) if mount == path => spelled(&public.path),
            (Some(mount), Some(path)) => match path.strip_prefix(trimmed(&mount)) {
                Some(below @ [_, ..]) => spelled(&[trimmed(&public.path), below].concat()),
                _ => return false,
            },
            _ => return false,
        },
    };
    // The same text needs no reading, even where it is more than a URI may hold.
    if public_path.starts_with('/') && bare.strip_prefix(public.origin.as_str()) == Some(&public_path) {
        return true;
    }
    let named = Resource::read(bare);
    named.is_some_and(|named| named.origin == public.origin && segments(&public_path) == Some(named.path))
}

/// A URL as RFC 3986 compares it.
struct Resource {
    origin: String,
    path: Vec<Segment>,
}

/// Octets, each with whether it was escaped and is not unreserved: `%2F` is not `/`, but `%61` is `a`.
type Segment = Vec<(u8, bool)>;

impl Resource {
    fn read(text: &str) -> Option<Self> {
        // Only what RFC 3986 calls a URI; WHATWG's parser repairs the rest.
        let uri = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
        let scheme = ["http://", "https://"].into_iter().find(|scheme| starts_with_any_case(text, scheme))?;
        let authority = text[scheme.len()..].split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())?;
        if !text.bytes().all(uri) || text.contains(['?', '#']) || authority.contains('@') {
            return None;
        }
        // An escape stands for an unreserved character, or for something that no host of ours is spelled with; the
        // parser would map it through IDNA, where a soft hyphen is nothing and a full-width letter is a letter.
        if segment(authority)?.iter().any(|(_, escaped)| *escaped) {
            return None;
        }
        let url = Url::parse(text).ok()?;
        if let Host::Ipv4(address) = url.host()?
            && authority.split(':').next() != Some(address.to_string().as_str())
        {
            return None;
        }
        Some(Self { origin: url.origin().ascii_serialization(), path: decoded(url.path())? })
    }
}

/// Without what a slash, or several, at the end make.
fn trimmed(path: &[Segment]) -> &[Segment] {
    let end = path.iter().rposition(|segment| !segment.is_empty()).map_or(0, |last| last + 1);
    &path[..end]
}

/// In its one normal form.
fn spelled(path: &[Segment]) -> String {
    let octet = |(octet, escaped): &(u8, bool)| match escaped {
        true => format!("%{octet:02X}"),
        false => char::from(*octet).to_string(),
    };
    path.iter().map(|segment| format!("/{}", segment.iter().map(octet).collect::<String>())).collect()
}

fn starts_with_any_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The segments of a path, without dot segments.
fn segments(path: &str) -> Option<Vec<Segment>> {
    if !path.starts_with('/') || path.contains(['\\', '?', '#']) {
        return None;
    }
    decoded(Url::parse("http://host").ok()?.join(&format!("http://host{path}")).ok()?.path())
}

fn decoded(path: &str) -> Option<Vec<Segment>> {
    path.strip_prefix('/')?.split('/').map(segment).collect()
}

fn segment(text: &str) -> Option<Segment> {
    let mut segment = Segment::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            segment.push((byte, false));
            continue;
        }
        let mut digit = || u8::try_from(char::from(bytes.next()?).to_digit(16)?).ok();
        let octet = digit()? * 16 + digit()?;
        segment.push((octet, !(octet.is_ascii_alphanumeric() || b"-._~".contains(&octet))));
    }
    Some(segment)
}

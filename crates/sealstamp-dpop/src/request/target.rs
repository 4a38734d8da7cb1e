//! Rule 5's `htu`: which URI the client meant, and whether the proof names it (RFC 9449 section 4.3, check 9).

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderMap;

use crate::names::Name;
use crate::request::head::RequestHead;
use crate::request::uri::{normal, normal_path, same};
use crate::verdict::Reason;

/// The server's own names for itself, by configuration.
#[derive(Debug)]
pub(crate) struct Target {
    /// Scheme, host and port, as in `https://mcp.example.com`: the public URL's, and then those that a proxy may name.
    origins: Vec<String>,
    /// The path of the public URL.
    path: String,
    /// The path under which the public URL's own path arrives here, if something on the way rewrites it.
    mount: Option<String>,
    /// Whose forwarded headers count.
    proxies: Vec<IpAddr>,
}

impl Target {
    /// `None` if the text is not an absolute http(s) URL, or if it has a userinfo, query or fragment.
    pub(crate) fn new(public_url: &str) -> Option<Self> {
        let (origin, path) = normal(public_url)?;
        Some(Self { origins: vec![origin], path, mount: None, proxies: Vec::new() })
    }

    /// `None` if the text is not an absolute path.
    pub(crate) fn mounted_at(self, path: &str) -> Option<Self> {
        Some(Self { mount: Some(normal_path(path)?), ..self })
    }

    /// `None` if one of the origins is not an origin: scheme, host, perhaps a port, and nothing else.
    pub(crate) fn trusting(mut self, proxies: Vec<IpAddr>, origins: &[String]) -> Option<Self> {
        for origin in origins {
            let (origin, _) = normal(origin).filter(|(_, path)| path == "/")?;
            self.origins.push(origin);
        }
        Some(Self { proxies, ..self })
    }

    /// The origins of the public names, the public URL's first.
    pub(crate) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The public name that the client used.
    pub(crate) fn name(&self, request: &RequestHead<'_>) -> Result<Name, Reason> {
        match request.peer {
            Some(peer) if self.proxies.contains(&peer) => self.forwarded(request.headers),
            _ => Ok(Name::MAIN),
        }
    }

    /// Whether `htu` names what this request asks for.
    pub(crate) fn check(&self, htu: &str, request: &RequestHead<'_>) -> Result<(), Reason> {
        let origin = self.name(request)?.pick(&self.origins).ok_or(Reason::WrongUri)?;
        let path = self.public_path(request.uri.path()).ok_or(Reason::WrongUri)?;
        if same(htu, origin, &path) { Ok(()) } else { Err(Reason::WrongUri) }
    }

    /// The origin that a trusted proxy says the client used. It must be a configured one. Otherwise a proxy that passes
    /// any host name on would let in proofs that were made for another server.
    fn forwarded(&self, headers: &HeaderMap) -> Result<Name, Reason> {
        let mut hosts = headers.get_all("x-forwarded-host").iter();
        let mut schemes = headers.get_all("x-forwarded-proto").iter();
        let (host, scheme) = match (hosts.next(), schemes.next()) {
            (None, None) => return Ok(Name::MAIN),
            (Some(host), Some(scheme)) if hosts.next().is_none() && schemes.next().is_none() => (host, scheme),
            _ => return Err(Reason::ForwardedHeaders),
        };
        let named = match (scheme.to_str(), host.to_str()) {
            (Ok(scheme), Ok(host)) => normal(&format!("{scheme}://{host}")),
            _ => None,
        };
        let (named, _) = named.filter(|(_, path)| path == "/").ok_or(Reason::ForwardedHeaders)?;
        self.origins.iter().position(|origin| *origin == named).map(Name).ok_or(Reason::ForwardedHeaders)
    }

    /// The path a client sees, for the path that arrived here; `None` if it lies outside the mount.
    fn public_path<'p>(&self, path: &'p str) -> Option<Cow<'p, str>> {
        let Some(mount) = &self.mount else {
            return Some(Cow::Borrowed(path));
        };
        let path = normal_path(path)?;
        if path == *mount {
            return Some(Cow::Owned(self.path.clone()));
        }
        let rest = path.strip_prefix(mount.trim_end_matches('/')).filter(|rest| rest.starts_with('/'))?;
        Some(Cow::Owned(format!("{}{rest}", self.path.trim_end_matches('/'))))
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, Uri};

    use super::*;

    fn check(target: &Target, htu: &str, path: &'static str) -> Result<(), Reason> {
        let (method, uri, headers) = (Method::POST, Uri::from_static(path), HeaderMap::new());
        target.check(htu, &RequestHead::new(&method, &uri, &headers))
    }

    fn forwarded(target: &Target, peer: [u8; 4], fields: &[(&'static str, &str)], htu: &str) -> Result<(), Reason> {
        let (method, uri) = (Method::POST, Uri::from_static("/mcp"));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        target.check(htu, &RequestHead::new(&method, &uri, &headers).from_peer(peer.into()))
    }

    /// R43-9: the table in the crate's documentation, row by row.
    #[test]
    fn htu_table() {
        let target = Target::new("https://mcp.example.com/mcp").unwrap();
        for same in [
            "https://mcp.example.com/mcp",
            "https://mcp.example.com:443/mcp",
            "https://mcp.example.com:/mcp",
            "HTTPS://MCP.Example.COM/mcp",
            "https://mcp.example.com/%6Dcp",
            "https://mcp.example.com/%6dcp",
            "https://mcp.ex%61mple.com/mcp",
            "https://mcp.example.com/./mcp",
            "https://mcp.example.com/x/../mcp",
            "https://mcp.example.com/x/%2E%2e/mcp",
            "https://mcp.example.com/mcp?a=b",
            "https://mcp.example.com/mcp?",
            "https://mcp.example.com/mcp#f",
            "https://mcp.example.com/mcp?a=b#f",
            "https://mcp.example.com/mcp#f?a",
        ] {
            assert_eq!(check(&target, same, "/mcp"), Ok(()), "{same}");
        }
        for other in [
            "",
            "/mcp",
            "mcp.example.com/mcp",
            "https://mcp.example.com",
            "https://mcp.example.com/",
            "https://mcp.example.com/mcp/",
            "https://mcp.example.com//mcp",
            "https://mcp.example.com/MCP",
            "https://mcp.example.com/mcp2",
            "https://mcp.example.com/mcp%2F",
            "https://mcp.example.com/other",
            "http://mcp.example.com/mcp",
            "http://mcp.example.com:443/mcp",
            "https://mcp.example.com:444/mcp",
            "https://mcp.example.com:80/mcp",
            "wss://mcp.example.com/mcp",
            "https://other.example.com/mcp",
            "https://mcp.example.com./mcp",
            "https://mcp.example.com.evil.example/mcp",
            "https://user@mcp.example.com/mcp",
            "https://user:word@mcp.example.com/mcp",
            "https://@mcp.example.com/mcp",
            "https://:@mcp.example.com/mcp",
            "https://mcp.example.com@evil.example/mcp",
            "https:mcp.example.com/mcp",
            "https:/mcp.example.com/mcp",
            "https:///mcp.example.com/mcp",
            "https:\\\\mcp.example.com\\mcp",
            "https://mcp.example.com\\mcp",
            " https://mcp.example.com/mcp",
            "https://mcp.example.com/mcp ",
            "https://mcp.example.com/m\tcp",
            "https://mcp.example.com/m\ncp",
            "https://mcp.example.com/mcp\u{0}",
            "https://mcp.example.com/mcp%",
            "https://mcp.example.com/mcp%6",
            "https://mcp.example.com/mcp%zz",
            "https://mcp.example.com/%+6dcp",
            "https://mcp.example.com/mcpé",
            "https://ⓜcp.example.com/mcp",
            "https://%EF%BD%8Dcp.example.com/mcp",
            "https://mcp.exam%C2%ADple.com/mcp",
            "https://mcp%E3%80%82example.com/mcp",
            "https://mcp.example.com%/mcp",
            "https://mcp.example.com%3A443/mcp",
            "?",
            "#",
        ] {
            assert_eq!(check(&target, other, "/mcp"), Err(Reason::WrongUri), "{other:?}");
        }
    }

    #[test]
    fn both_sides_are_normalised() {
        let target = Target::new("HTTP://LocalHost:80/x/../mcp").unwrap();
        for (htu, path) in [
            ("http://localhost/mcp", "/mcp"),
            ("http://localhost/a~b", "/%61%7eb"),
            ("http://localhost/%61%7eb", "/a~b"),
            ("http://localhost/a%2fb", "/a%2Fb"),
            ("http://localhost/mcp", "/x/../mcp?q"),
            ("http://localhost", "/"),
            ("http://localhost/", "/"),
            ("http://localhost/deep/er", "/deep/er"),
        ] {
            assert_eq!(check(&target, htu, path), Ok(()), "{htu} {path}");
        }
        assert_eq!(check(&target, "http://localhost/a/b", "/a%2Fb"), Err(Reason::WrongUri));
        assert_eq!(check(&target, "http://localhost/mcp", "*"), Err(Reason::WrongUri));
    }

    #[test]
    fn addresses_have_one_spelling() {
        let target = Target::new("http://127.0.0.1:8080/mcp").unwrap();
        assert_eq!(check(&target, "http://127.0.0.1:8080/mcp", "/mcp"), Ok(()));
        for other in ["http://127.1:8080/mcp", "http://0x7f.0.0.1:8080/mcp", "http://2130706433:8080/mcp"] {
            assert_eq!(check(&target, other, "/mcp"), Err(Reason::WrongUri), "{other}");
        }
        let target = Target::new("http://[::1]:8080/mcp").unwrap();
        assert_eq!(check(&target, "http://[::1]:8080/mcp", "/mcp"), Ok(()));
        assert_eq!(check(&target, "http://[::2]:8080/mcp", "/mcp"), Err(Reason::WrongUri));
    }

    #[test]
    fn a_rewritten_path_is_mapped_back() {
        let target = Target::new("https://example.com/api/mcp").unwrap().mounted_at("/").unwrap();
        for (htu, path) in [
            ("https://example.com/api/mcp", "/"),
            ("https://example.com/api/mcp/x", "/x"),
            ("https://example.com/api/mcp/x/", "/x/"),
        ] {
            assert_eq!(check(&target, htu, path), Ok(()), "{htu} {path}");
        }
        assert_eq!(check(&target, "https://example.com/", "/"), Err(Reason::WrongUri));

        let target = Target::new("https://example.com/api/mcp").unwrap().mounted_at("/mcp").unwrap();
        for (htu, path) in [
            ("https://example.com/api/mcp", "/mcp"),
            ("https://example.com/api/mcp/", "/mcp/"),
            ("https://example.com/api/mcp/x", "/mcp/x"),
        ] {
            assert_eq!(check(&target, htu, path), Ok(()), "{htu} {path}");
        }
        for (htu, path) in [
            ("https://example.com/api/mcpx", "/mcpx"),
            ("https://example.com/mcp", "/mcp"),
            ("https://example.com/other", "/other"),
            ("https://example.com/api/mcp/../other", "/mcp/../other"),
        ] {
            assert_eq!(check(&target, htu, path), Err(Reason::WrongUri), "{htu} {path}");
        }
    }

    #[test]
    fn forwarded_headers_count_from_a_named_proxy_only() {
        const ORG: &str = "mcp.example.org";
        let target = Target::new("https://mcp.example.com/mcp").unwrap();
        let target = target.trusting(vec![[10, 0, 0, 1].into()], &["https://mcp.example.org".into()]).unwrap();
        let org: &[_] = &[("x-forwarded-proto", "https"), ("x-forwarded-host", ORG)];
        let (com_mcp, org_mcp) = ("https://mcp.example.com/mcp", "https://mcp.example.org/mcp");

        assert_eq!(forwarded(&target, [10, 0, 0, 1], org, org_mcp), Ok(()));
        assert_eq!(forwarded(&target, [10, 0, 0, 1], org, com_mcp), Err(Reason::WrongUri));
        assert_eq!(forwarded(&target, [10, 0, 0, 2], org, org_mcp), Err(Reason::WrongUri));
        assert_eq!(forwarded(&target, [10, 0, 0, 2], org, com_mcp), Ok(()));
        assert_eq!(forwarded(&target, [10, 0, 0, 1], &[], com_mcp), Ok(()));

        for fields in [
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.example")][..],
            &[("x-forwarded-proto", "http"), ("x-forwarded-host", ORG)],
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", "mcp.example.org, mcp.example.com")],
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", "mcp.example.org/mcp")],
            // Twice the same is not once: a proxy that appends lets clients write the first.
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", ORG), ("x-forwarded-host", ORG)],
            &[("x-forwarded-proto", "https"), ("x-forwarded-proto", "https"), ("x-forwarded-host", ORG)],
            &[("x-forwarded-host", ORG)],
            &[("x-forwarded-proto", "https")],
        ] {
            assert_eq!(forwarded(&target, [10, 0, 0, 1], fields, org_mcp), Err(Reason::ForwardedHeaders), "{fields:?}");
        }
    }

    #[test]
    fn a_public_url_is_absolute_and_bare() {
        for bad in
            ["", "mcp.example.com", "/mcp", "ftp://h/", "https://h/?q", "https://h/#f", "https://u@h/", "https://"]
        {
            assert!(Target::new(bad).is_none(), "{bad}");
        }
        let target = || Target::new("https://h").unwrap();
        assert!(target().mounted_at("mcp").is_none());
        assert!(target().trusting(vec![], &["https://h/path".into()]).is_none());
    }
}

//! The spellings of an audience.

use url::Url;

/// The audience as it is, and in its other spelling where it has one: a URL without a path is the same with a slash and
/// without (RFC 3986 section 6.2.3). Clients write it either way, and issuers repeat what clients wrote. Any other
/// trailing slash makes another name.
pub(super) fn spellings(audience: &str) -> impl Iterator<Item = String> {
    let bare = Url::parse(audience).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let other = bare.then(|| match audience.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{audience}/"),
    });
    std::iter::once(audience.to_owned()).chain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_has_two_spellings() {
        let of = |audience: &str| spellings(audience).collect::<Vec<_>>();
        assert_eq!(of("https://h"), ["https://h", "https://h/"]);
        assert_eq!(of("https://h:8443/"), ["https://h:8443/", "https://h:8443"]);
        for one in
            ["https://h/mcp", "https://h/mcp/", "https://h//", "https://h/?q", "https://h#f", "api://h", "h", "", "/"]
        {
            assert_eq!(of(one), [one], "{one}");
        }
    }
}

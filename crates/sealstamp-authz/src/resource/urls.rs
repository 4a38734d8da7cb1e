//! URLs in the configuration, beyond what the verifier asks of them: what a client or an issuer would never see so.

use url::Url;

/// Why a URL is not one to use.
type Unusable = String;

/// A public URL that clients can have written in the same way. What else is wrong with it, the verifier says.
pub(crate) fn public(text: &str, otherwise: impl FnOnce() -> Unusable) -> Unusable {
    match Url::parse(text) {
        Ok(url) if rewritten(&url, text) => format!("clients write this URL as {url}, so it must be written so here"),
        _ => otherwise(),
    }
}

/// Whether the URL is a whole one, and only written as no client writes it: with letters of other alphabets, say.
fn rewritten(url: &Url, text: &str) -> bool {
    let whole = matches!(url.scheme(), "http" | "https") && text.trim().to_ascii_lowercase().contains("://");
    let bare = url.username().is_empty() && url.password().is_none() && !text.contains(['@', '?', '#', '{', '}']);
    whole && bare && url.as_str() != text
}

/// What makes a public URL one that no request comes for, though it is a URL.
pub(crate) fn unreachable(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "this must be a URL")?;
    if url.port() == Some(0) {
        return Err("nobody can reach port 0");
    }
    if url.host_str().is_some_and(|host| host.contains('*')) {
        return Err("this must be one host: a * stands for itself, and each name needs a [[resource]] of its own");
    }
    if text.contains('*') {
        return Err("a * stands for itself here, and all paths beneath this one are covered without it");
    }
    let path = text.split_once("://").and_then(|(_, rest)| Some(rest.split_once('/')?.1)).unwrap_or_default();
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("the path has a segment . or ..");
    }
    Ok(())
}

/// A URL of an issuer's.
pub(crate) fn of_issuer(text: &str) -> Result<(), &'static str> {
    let absolute = "this must be an absolute URL, such as https://issuer.example.com";
    let url = Url::parse(text).map_err(|_| absolute)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(absolute);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("a URL has no spaces, no control characters and no \\");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL has no user and no password here: it is shown in logs and metrics");
    }
    if url.port() == Some(0) {
        return Err("nobody can reach port 0");
    }
    if text.contains('#') {
        return Err("a URL has no fragment here: nobody is sent it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_write() {
        for (text, written) in [
            ("https://b\u{fc}cher.example/mcp", Some("https://xn--bcher-kva.example/mcp")),
            ("https://h/caf\u{e9}", Some("https://h/caf%C3%A9")),
            ("https://h/a b", Some("https://h/a%20b")),
            (" https://h/mcp ", Some("https://h/mcp")),
            ("https://h\\mcp", Some("https://h/mcp")),
            ("https://user:pw@h/a b", None),
            ("https://h/a b?q", None),
            ("h/mcp", None),
            ("https:/h/mcp", None),
            ("ftp://h/a b", None),
        ] {
            let says = public(text, || "otherwise".to_owned());
            assert_eq!(says.split(" as ").nth(1).and_then(|rest| rest.split(',').next()), written, "{text}: {says}");
        }
    }

    #[test]
    fn urls_that_nobody_is_at() {
        for (text, good) in [
            ("https://h/mcp", true),
            ("https://h:8443", true),
            ("https://h/a.b/..c", true),
            ("https://h:0/mcp", false),
            ("https://*.example.com/mcp", false),
            ("https://h/mcp/*", false),
            ("https://h/a/../b", false),
            ("https://h/.", false),
        ] {
            assert_eq!(unreachable(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn urls_of_issuers() {
        for (text, good) in [
            ("https://issuer.example.com", true),
            ("http://127.0.0.1:1/x?y", true),
            ("issuer.example.com", false),
            ("ftp://h", false),
            ("https://h/a b", false),
            ("https://h ", false),
            ("https://h\n", false),
            ("https://h\\x", false),
            ("https://u@h", false),
            ("https://:p@h", false),
            ("https://h:0", false),
            ("https://h/#f", false),
        ] {
            assert_eq!(of_issuer(text).is_ok(), good, "{text}");
        }
    }
}

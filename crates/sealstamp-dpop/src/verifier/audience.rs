//! The audience of nonces that belongs to a public URL.

use sealstamp::Audience;

use crate::request::normal;
use crate::verifier::error::{ConfigError, ConfigErrorKind};

/// Whom nonces are for, if nothing else is chosen: the *origin* of the server's public URL.
///
/// Clients keep one nonce for each origin, whatever the path, and use the newest (RFC 9449 section 8.2). Servers of one
/// origin that share a ring therefore share this audience. With audiences of their own, each would refuse the nonce
/// that the other has just handed out, and a client that talks to both by turns would send every request twice.
///
/// An authorization server keeps an audience of its own (RFC 9449 section 9), and needs another one than this even on
/// the same origin: `Audience::new("https://example.com/token")`, say.
///
/// ```
/// let audience = sealstamp_dpop::origin_audience("https://MCP.example.com:443/tenants/7/mcp")?;
/// assert_eq!(audience.as_str(), "https://mcp.example.com");
/// # Ok::<(), sealstamp_dpop::ConfigError>(())
/// ```
///
/// # Errors
///
/// A [`ConfigError`] if the text is no public URL, or has more than 1,024 bytes before its path.
pub fn origin_audience(public_url: &str) -> Result<Audience, ConfigError> {
    let (origin, _) = normal(public_url).ok_or_else(|| ConfigErrorKind::of_public_url(public_url))?;
    Audience::new(&origin).map_err(|_| ConfigErrorKind::PublicUrl.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One origin is one audience, however it is written, and nothing else is.
    #[test]
    fn an_origin_is_an_audience() {
        let audience = |url: &str| origin_audience(url).map(|audience| audience.as_str().to_owned());
        for same in ["https://h", "https://h/", "https://h/mcp", "https://h/mcp/", "HTTPS://H:443/a/b", "https://h:/"] {
            assert_eq!(audience(same).unwrap(), "https://h", "{same}");
        }
        for (other, origin) in
            [("http://h/", "http://h"), ("https://h:8443/mcp", "https://h:8443"), ("http://[::1]:80/", "http://[::1]")]
        {
            assert_eq!(audience(other).unwrap(), origin);
        }
        for bad in ["", "h", "/mcp", "ftp://h/", "https://u@h/", "https://h/?q", "https://h/#f"] {
            assert!(audience(bad).is_err(), "{bad}");
        }
        assert!(audience(&format!("https://{}.h", "a.".repeat(600))).is_err());
    }
}

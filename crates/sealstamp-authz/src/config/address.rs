//! Addresses to listen on.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A Unix socket, or an address and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Address {
    /// From `unix:/path` or `IP:PORT`. Without leave, the address is one of this machine alone.
    pub(crate) fn parse(text: &str, beyond_loopback: bool) -> Result<Self, Unusable> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(Unusable::Form) };
        }
        let address: SocketAddr = text.parse().map_err(|_| Unusable::Form)?;
        if address.ip().is_loopback() || beyond_loopback { Ok(Self::Tcp(address)) } else { Err(Unusable::Beyond) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// Why a text is no address to listen on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Form,
    Beyond,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "this must be unix:/PATH, or an IP address and a port, such as 127.0.0.1:9180 or [::1]:9180",
            Self::Beyond => {
                "other machines can reach this address; if they may, write beyond_loopback = true beside it"
            }
        })
    }
}

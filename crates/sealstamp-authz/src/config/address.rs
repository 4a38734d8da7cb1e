//! Addresses to listen on.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

/// A Unix socket, or an address and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// The most bytes of a socket's path: what `sun_path` holds, less the byte behind its end (unix(7)).
const SOCKET_PATH_BYTES: usize = 107;

impl Address {
    /// From `unix:/path` or `IP:PORT`. Without leave, the address is one of this machine alone. A socket's folder need
    /// not be there yet.
    pub(crate) fn parse(text: &str, beyond_loopback: bool) -> Result<Self, Unusable> {
        if let Some(path) = text.strip_prefix("unix:") {
            return socket(path).map(Self::Unix);
        }
        let address: SocketAddr = text.parse().map_err(|_| Unusable::Form)?;
        if address.ip().is_loopback() || beyond_loopback { Ok(Self::Tcp(address)) } else { Err(Unusable::Beyond) }
    }
}

impl Address {
    /// Whether one process cannot listen on both.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            // The system chooses a port that is free.
            (Self::Tcp(one), Self::Tcp(other)) if one.port() == 0 || other.port() == 0 => false,
            (Self::Tcp(one), Self::Tcp(other)) => {
                // All addresses of IPv6 are those of IPv4 too.
                let covers = |one: IpAddr, other: IpAddr| {
                    one == other || (one.is_unspecified() && (one.is_ipv6() || other.is_ipv4()))
                };
                one.port() == other.port() && (covers(one.ip(), other.ip()) || covers(other.ip(), one.ip()))
            }
            _ => self == other,
        }
    }
}

fn socket(path: &str) -> Result<PathBuf, Unusable> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(Unusable::Form);
    }
    if path.len() > SOCKET_PATH_BYTES {
        return Err(Unusable::TooLong);
    }
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => Err(Unusable::Taken),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Unusable::InFile),
        _ if path.ends_with('/') => Err(Unusable::Form),
        _ => Ok(path.into()),
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
    TooLong,
    Taken,
    InFile,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "this must be unix:/PATH, or an IP address and a port, such as 127.0.0.1:9180 or [::1]:9180",
            Self::Beyond => {
                "other machines can reach this address; if they may, write beyond_loopback = true beside it"
            }
            Self::TooLong => "the path of a socket has at most 107 bytes",
            Self::Taken => "there is something at this path that is no socket, and it is not replaced",
            Self::InFile => "a file is where this path needs a folder",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_listened_on_at_once() {
        let address = |text: &str| Address::parse(text, true).unwrap();
        for (one, other, clash) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "127.0.0.1:81", false),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::]:80", "[::1]:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::]:80", "0.0.0.0:80", true),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("unix:/run/a", "unix:/run/a", true),
            ("unix:/run//a", "unix:/run/a", true),
            ("unix:/run/a", "unix:/run/b", false),
            ("unix:/run/a", "127.0.0.1:80", false),
        ] {
            assert_eq!(address(one).clashes(&address(other)), clash, "{one} {other}");
            assert_eq!(address(other).clashes(&address(one)), clash, "{other} {one}");
        }
    }
}

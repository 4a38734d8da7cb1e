//! Addresses to listen on.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
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

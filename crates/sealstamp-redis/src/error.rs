//! What is wrong with a configuration. It shows at start-up.

use std::fmt;

/// The store cannot be made like this.
///
/// It holds no password: an address that does not parse is not repeated.
#[derive(Debug)]
pub struct BuildError(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Address(redis::ErrorKind),
    Bound,
    NoRuntime,
    #[cfg(feature = "tls")]
    Certificate,
    #[cfg(feature = "cluster")]
    Cluster(redis::ErrorKind),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Address(kind) => write!(f, "the address of the store cannot be used: {kind:?}"),
            Kind::Bound => f.write_str("the bound is 1 millisecond to 60 seconds"),
            Kind::NoRuntime => f.write_str("the store is made inside of a tokio runtime"),
            #[cfg(feature = "tls")]
            Kind::Certificate => f.write_str("the root certificate is not a certificate in PEM"),
            #[cfg(feature = "cluster")]
            Kind::Cluster(kind) => write!(f, "the cluster cannot be reached: {kind:?}"),
        }
    }
}

impl std::error::Error for BuildError {}

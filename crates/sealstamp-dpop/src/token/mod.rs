//! Rule 10: what an access token says, and who finds that out.

#[cfg(feature = "jwt")]
mod audience;
mod binding;
#[cfg(feature = "jwt")]
mod by_issuer;
#[cfg(feature = "token-cache")]
mod cache;
mod defect;
mod facts;
#[cfg(feature = "jwks-http")]
mod fetch;
#[cfg(any(feature = "jwks-http", feature = "token-cache"))]
mod flight;
#[cfg(feature = "jwks-http")]
mod introspection;
#[cfg(feature = "jwt")]
mod jwks;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "jwks-http")]
mod keeper;
mod presented;
#[cfg(feature = "jwks-http")]
mod remote;
#[cfg(feature = "jwks-http")]
mod source;
#[cfg(feature = "jwt")]
mod times;
mod validator;

pub use binding::TokenBinding;
#[cfg(feature = "jwt")]
pub use by_issuer::ByIssuer;
#[cfg(feature = "token-cache")]
pub use cache::{CacheBounds, CacheStatus, Cached, DEFAULT_KEEP_S, MAX_INACTIVE_S, MAX_KEEP_S};
pub use defect::TokenDefect;
pub use facts::TokenFacts;
#[cfg(feature = "jwks-http")]
pub use fetch::{FetchError, MAX_DOCUMENT_BYTES};
#[cfg(feature = "jwks-http")]
pub use introspection::{CredentialsError, IntrospectionCredentials, IntrospectionValidator, MAX_QUESTIONS};
#[cfg(feature = "jwt")]
pub use jwks::{Jwks, JwksError, LeftOut, Unfit};
#[cfg(feature = "jwt")]
pub use jwt::{JwtStatus, JwtValidator};
#[cfg(feature = "jwks-http")]
pub use keeper::{KEEP_S, MIN_INTERVAL_S, REFRESH_AFTER_S};
pub use presented::PresentedToken;
#[cfg(feature = "jwks-http")]
pub use remote::{RemoteFault, RemoteJwtValidator, RemoteStatus};
#[cfg(feature = "jwt")]
pub use times::{DEFAULT_LEEWAY_S, LeewayError, MAX_LEEWAY_S};
pub use validator::TokenValidator;

//! Rule 10: what an access token says, and who finds that out.

#[cfg(feature = "token-cache")]
mod cache;
mod defect;
mod facts;
#[cfg(feature = "token-cache")]
mod flight;
#[cfg(feature = "jwt")]
mod jwks;
#[cfg(feature = "jwt")]
mod jwt;
mod presented;
#[cfg(feature = "jwks-http")]
mod remote;
mod validator;

#[cfg(feature = "token-cache")]
pub use cache::{CacheBounds, CacheStatus, Cached, DEFAULT_KEEP_S, MAX_INACTIVE_S, MAX_KEEP_S};
pub use defect::TokenDefect;
pub use facts::{TokenBinding, TokenFacts};
#[cfg(feature = "jwt")]
pub use jwks::{Jwks, JwksError};
#[cfg(feature = "jwt")]
pub use jwt::{JwtValidator, NBF_LEEWAY_S};
pub use presented::PresentedToken;
#[cfg(feature = "jwks-http")]
pub use remote::{FetchError, KEEP_S, MAX_JWKS_BYTES, MIN_INTERVAL_S, REFRESH_AFTER_S, RemoteJwtValidator};
pub use validator::TokenValidator;

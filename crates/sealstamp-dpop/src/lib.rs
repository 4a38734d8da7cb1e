//! Verifier.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod challenge;
mod config;
mod counters;
mod decide;
mod header;
mod json;
mod jwk;
#[cfg(feature = "jwks-http")]
mod jwks_http;
#[cfg(feature = "jwt")]
mod jwt;
mod proof;
mod reason;
mod signature;
mod target;
mod token;
#[cfg(feature = "tower")]
pub mod tower;

pub use algorithm::Algorithm;
pub use challenge::DPOP_NONCE;
pub use config::{ConfigError, Nonces, VerifierBuilder};
pub use counters::Counters;
pub use decide::{Accepted, Checked, IAT_WINDOW_S, Refused, VerifiedProof, Verifier};
pub use header::{MAX_PROOF_BYTES, MAX_TOKEN_BYTES, RequestHead};
#[cfg(feature = "jwks-http")]
pub use jwks_http::{FetchError, KEEP_S, MAX_JWKS_BYTES, MIN_INTERVAL_S, REFRESH_AFTER_S, RemoteJwtValidator};
#[cfg(feature = "jwt")]
pub use jwt::{Jwks, JwksError, JwtValidator, NBF_LEEWAY_S};
pub use reason::{Answer, Reason};
pub use token::{TokenBinding, TokenDefect, TokenFacts, TokenValidator};

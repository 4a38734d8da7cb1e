//! Rules 2 to 4, 8, 9 and 11: from the `DPoP` field's text to a proof whose signature verifies, and what it says of the
//! body.
//!
//! [`Jws`] decodes the field. `json` reads header and claims, `jwk` the key in the header, and `signature` verifies.

mod algorithm;
mod ath;
mod content_digest;
mod json;
mod jwk;
mod jws;
mod key;
mod signature;
mod verified;

pub use algorithm::Algorithm;
pub(crate) use ath::ath_of;
pub(crate) use content_digest::ContentDigest;
#[cfg(feature = "jwt")]
pub(crate) use json::{Members, Value, object};
#[cfg(feature = "jwt")]
pub(crate) use jwk::{Jwk, RawJwk};
pub(crate) use jws::{Claims, Jws};
#[cfg(feature = "jwt")]
pub(crate) use key::{Curve, PublicKey};
pub use verified::{IAT_WINDOW_S, VerifiedProof};

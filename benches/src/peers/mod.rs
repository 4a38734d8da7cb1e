//! The peers, each set up as its own documentation shows, and given the same request, key and token.
//!
//! | peer | mint and open | proof |
//! |---|---|---|
//! | `dpop-verifier` | `nonce::issue_nonce`, `verify_nonce`, as `NonceMode::Hmac` calls them | `DpopVerifier::verify` |
//! | `huskarl` | `SealedTimestampNonce::check_nonce` without and with a nonce | `CustomValidator::validate_request` |
//! | `turbomcp-dpop` | has none | `parse_and_validate_jwt`; it checks no nonce |
//! | `jsonwebtoken`, `branca`, `fernet`, `pasetors` | the time of minting in a token with an age limit | have none |
//!
//! Where a peer offers work that ours does not do, it is switched off: no store of `jti` is asked but where ours asks
//! one too, and the access token is taken as valid (`huskarl` still parses it: it has no way around that, and it is a
//! hundredth of its time).

mod dpop_verifier;
mod huskarl;
mod tokens;
mod turbomcp;

pub use dpop_verifier::{DpopVerifierPeer, SetOfJti};
pub use huskarl::{Cipher, Huskarl, HuskarlNonce};
pub use tokens::{BrancaPeer, FernetPeer, Hs256Peer, PasetoPeer};
pub use turbomcp::{Tracker, Turbomcp};

/// How old a nonce may get, in seconds, with every peer that lets one choose: as old as ours.
pub const LIFETIME_S: u32 = 125;

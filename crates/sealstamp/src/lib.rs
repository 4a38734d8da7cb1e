//! Encrypted, time-stamped nonces for stateless server fleets, under rotating keys that every replica holds.
//!
//! A nonce that lives in one process breaks as soon as there are two. So the nonce carries its own mint time, sealed with
//! an AEAD: any replica mints, any replica opens, nothing is stored. It is what RFC 9449 (DPoP) sections 8 and 9 ask a
//! server to hand out, and what SEP-1932 asks of MCP servers that cannot keep state.
//!
//! ```
//! use std::time::SystemTime;
//! use sealstamp::{Audience, Binding, Fleet, Fresh, Refusal, Ring, Settings, Suite, UnixMillis};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = UnixMillis::from_system_time(SystemTime::now());
//! // An operator makes the ring once: `sealstamp init`. Every replica reads the same file.
//! let file = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?).to_json();
//!
//! let audience = Audience::new("https://mcp.example.com/mcp")?;
//! let replica_1 = Fleet::new(Ring::parse(file.as_bytes())?, audience.clone())?;
//! let replica_2 = Fleet::new(Ring::parse(file.as_bytes())?, audience)?;
//!
//! let nonce = replica_1.mint(now, &Binding::None);
//! assert!(replica_2.open(&nonce, now, &Binding::None).is_ok());
//!
//! let much_later = now.saturating_add(200_000);
//! assert_eq!(replica_2.open(&nonce, much_later, &Binding::None), Err(Refusal::Expired { by_ms: 75_000 }));
//! # Ok(())
//! # }
//! ```
//!
//! # Reading order
//!
//! The data goes from top to bottom, one file a step:
//!
//! 1. `ring_file`: bytes to ring and back, strict ([`Ring::parse`], [`RingError`]).
//! 2. `ring`: keys, and the state of each as a pure function of (ring, now) ([`Ring::status`], [`KeyState`]).
//! 3. `transition`: `init`, `rotate`, `revoke`, `prune` as pure functions ([`Ring::rotate`], [`TransitionError`]).
//! 4. `secret` and `epoch`: secrets, and the keys derived from them for one audience and 4,096 s.
//! 5. `nonce`: the 45 bytes, sealed and opened.
//! 6. `window`: milliseconds, and the verdict on an age.
//! 7. `fleet`: the handle that threads share ([`Fleet`]).
//!
//! Beside that path, each behind a feature of its name, stand `file` (`RingFile`: read and write a ring file so that a
//! crash leaves the old or the new one) and `reload` (`Reloader`: keep a running server at what its file says).
//!
//! # What a nonce does not do
//!
//! It bounds the age of a proof. It does not make a proof single-use, does not sign a request's body, and does not help
//! once the client's own key is stolen.

#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::string_slice, clippy::unreachable))]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test stops by panicking"
    )
)]

mod binding;
mod counter;
mod encoding;
mod epoch;
#[cfg(feature = "file")]
mod file;
mod fleet;
mod nonce;
#[cfg(feature = "reload")]
mod reload;
mod ring;
mod ring_file;
mod secret;
mod transition;
mod window;

pub use binding::{Audience, AudienceError, Binding, Thumbprint, ThumbprintError};
#[cfg(feature = "file")]
pub use file::{FileError, FileErrorKind, RingFile, UpdateError};
pub use fleet::{Fleet, SwapError};
pub use nonce::{Nonce, Opened, Refusal, UnverifiedHeader};
#[cfg(feature = "reload")]
pub use reload::{ReloadError, ReloadFault, ReloadStatus, Reloader};
pub use ring::{Key, KeyState, KeyStatus, Kid, KidError, Ring, Settings, SettingsError, Suite, SuiteError};
pub use ring_file::{RingError, RingErrorKind};
pub use secret::{EntropyError, Fresh};
pub use transition::{Cost, Force, Transition, TransitionError};
pub use window::{EPOCH_MS, UnixMillis};

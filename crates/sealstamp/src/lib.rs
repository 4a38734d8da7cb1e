//! Encrypted, time-stamped nonces for stateless server fleets, under rotating keys that every replica holds.
//!
//! A nonce that is kept in the memory of one process is of no use to another. So these nonces carry their own mint
//! time, sealed with an AEAD. Any replica mints, any replica opens, and nothing is stored. RFC 9449 (DPoP) asks a
//! server to hand out such nonces (sections 8 and 9), and SEP-1932 asks it of MCP servers that cannot keep state.
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
//! The data goes from top to bottom, and imports go from bottom to top:
//!
//! 1. `time`, `kid`, `suite`, `audience`, `binding`: small types that everything else uses.
//! 2. `window`, `refusal`, `settings`: the verdict on an age, the reasons of a refusal, what the fleet agrees on.
//! 3. `secret`: random bytes, made, held and wiped.
//! 4. `ring`: keys, and the state of each as a pure function of (ring, now) ([`Ring::status`], [`KeyState`]). Inside
//!    it, `ring::format` goes from bytes to a ring and back ([`Ring::parse`], [`RingError`]), and `ring::transition`
//!    makes the next ring ([`Ring::rotate`], [`TransitionError`]).
//! 5. `seal`: the AEAD and the IVs, for one audience and 4,096 s.
//! 6. `nonce`: the 45 bytes on the wire. `epoch`: the derived keys, and which of them a nonce needs.
//! 7. `fleet`: the handle that threads share ([`Fleet`]). `clock`: what a thread that polls reads.
//! 8. `disk`: ring files. With the feature `file`, `RingFile` reads and writes them so that a crash leaves the old file
//!    or the new one. With the feature `reload`, `Reloader` keeps a running server up to date with its file.
//!
//! A third feature, `insecure-test-seed`, is for tests only: it adds `Fleet::with_seed`, whose nonces are the same in
//! each run.
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

mod audience;
mod binding;
#[cfg(feature = "reload")]
mod clock;
mod counter;
#[cfg(feature = "file")]
mod disk;
mod encoding;
mod epoch;
mod fleet;
mod kid;
mod kid_index;
mod nonce;
mod opened;
mod refusal;
mod ring;
mod seal;
mod secret;
mod settings;
mod suite;
mod time;
mod window;

pub use audience::{Audience, AudienceError};
pub use binding::{Binding, Thumbprint, ThumbprintError};
#[cfg(feature = "reload")]
pub use clock::{Clock, SystemClock};
#[cfg(feature = "file")]
pub use disk::error::{FileError, FileErrorKind, UpdateError};
#[cfg(feature = "file")]
pub use disk::exposure::Exposure;
#[cfg(feature = "reload")]
pub use disk::reload::error::ReloadError;
#[cfg(feature = "reload")]
pub use disk::reload::status::{ReloadFault, ReloadStatus, ReloadThread, StatusKey};
#[cfg(feature = "reload")]
pub use disk::reload::{Reloader, ReloaderBuilder};
#[cfg(feature = "file")]
pub use disk::ring_file::RingFile;
pub use fleet::Fleet;
pub use fleet::error::SwapError;
pub use kid::{Kid, KidError};
pub use nonce::{Nonce, UnverifiedHeader};
pub use opened::Opened;
pub use refusal::Refusal;
pub use ring::Ring;
pub use ring::format::error::{RingError, RingErrorKind};
pub use ring::key::Key;
pub use ring::lineage::{RingId, RingIdError};
pub use ring::state::{KeyState, KeyStatus};
pub use ring::transition::error::TransitionError;
pub use ring::transition::{Cost, Force, Transition};
pub use secret::{EntropyError, Fresh};
pub use settings::{NextSettings, Settings, SettingsError};
pub use suite::{Suite, SuiteError};
pub use time::{EPOCH_MS, UnixMillis};

//! Rules 1, 2 and 5: what a request's head holds, and whether the proof is for this request.

mod fields;
mod head;
mod target;
mod uri;

pub(crate) use fields::{Credentials, proof_field};
pub use fields::{MAX_PROOF_BYTES, MAX_TOKEN_BYTES};
pub use head::RequestHead;
pub(crate) use target::Target;
pub(crate) use uri::{normal, normal_path};

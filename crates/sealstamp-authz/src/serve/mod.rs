//! From connections to answers.
//!
//! `listen` binds addresses, `connection` speaks HTTP/1.1 on what they accept, as far as there are `descriptors`,
//! `check` answers proxies and `operator` answers operators.

mod check;
mod connection;
mod descriptors;
mod listen;
mod operator;

pub(crate) use check::check;
pub(crate) use connection::{Limits, serve};
pub(crate) use descriptors::room_for;
pub(crate) use listen::Listener;
pub(crate) use operator::operator;

//! From connections to answers.
//!
//! `listen` binds addresses, `connection` speaks HTTP/1.1 on what they accept, `check` answers proxies and `operator`
//! answers operators.

mod check;
mod connection;
mod listen;
mod operator;

pub(crate) use check::check;
pub(crate) use connection::{Limits, serve};
pub(crate) use listen::Listener;
pub(crate) use operator::operator;

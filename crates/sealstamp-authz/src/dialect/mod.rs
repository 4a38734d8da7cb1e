//! How each proxy says which request it asks about.
//!
//! The dialect is configured for each listener and never guessed: headers of another dialect are ignored, since whoever
//! sent the request may have written them.

mod path;

use std::fmt;

use http::{HeaderMap, Method, Request, Uri};

pub(crate) use path::{Ambiguous, agreed_path};

/// A proxy's way to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `X-Original-Method` and `X-Original-URI`, as docs/service.md has nginx write them. `auth_request` passes on 401
    /// and 403 alone.
    Nginx,
    /// `X-Forwarded-Method` and `X-Forwarded-Uri`: Caddy's `forward_auth` and Traefik's `ForwardAuth`.
    Forwarded,
    /// The method of the question, and its path behind the configured prefix: Envoy's `ext_authz` over HTTP.
    Envoy,
}

/// The request that a proxy asks about. Its path is in a form that everybody reads alike.
#[derive(Debug)]
pub(crate) struct Original {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
}

/// Why a question cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    Missing(&'static str),
    Doubled(&'static str),
    Method(&'static str),
    Path(Ambiguous),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the proxy did not send {name}"),
            Self::Doubled(name) => write!(f, "{name} came more than once: the proxy must replace what clients send"),
            Self::Method(name) => write!(f, "what is in {name} is no method"),
            Self::Path(ambiguous) => ambiguous.fmt(f),
        }
    }
}

impl Dialect {
    /// The request that is asked about. `rest` is what stands behind `/check/NAME` in the target of the question.
    pub(crate) fn original<B>(self, question: &Request<B>, rest: &str) -> Result<Original, Misfit> {
        let (method, target) = match self {
            Self::Envoy => (question.method().clone(), rest),
            Self::Nginx => named(question.headers(), "x-original-method", "x-original-uri")?,
            Self::Forwarded => named(question.headers(), "x-forwarded-method", "x-forwarded-uri")?,
        };
        Ok(Original { method, uri: agreed_path(target).map_err(Misfit::Path)? })
    }
}

fn named<'h>(headers: &'h HeaderMap, method: &'static str, uri: &'static str) -> Result<(Method, &'h str), Misfit> {
    let method_text = one(headers, method)?;
    let read = Method::from_bytes(method_text.as_bytes()).map_err(|_| Misfit::Method(method))?;
    Ok((read, one(headers, uri)?))
}

fn one<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Misfit> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Misfit::Missing(name))?;
    if values.next().is_some() {
        return Err(Misfit::Doubled(name));
    }
    value.to_str().map_err(|_| Misfit::Path(Ambiguous::Character))
}

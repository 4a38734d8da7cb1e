//! From when to when a token is good: `nbf` and `exp`, by an issuer's clock that is not ours.

use std::fmt;

use sealstamp::UnixMillis;
use serde_json::{Map, Value};

use crate::token::defect::TokenDefect;

/// How far an issuer's clock may be from ours, in seconds, unless set.
pub const DEFAULT_LEEWAY_S: u64 = 30;

/// The greatest leeway, in seconds.
pub const MAX_LEEWAY_S: u64 = 120;

/// The leeway asked for is above [`MAX_LEEWAY_S`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeewayError(());

impl fmt::Display for LeewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the leeway for a token's times is 0 to 120 seconds")
    }
}

impl std::error::Error for LeewayError {}

/// Judges a token's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    leeway_s: u64,
}

/// The times were right, with the leeway or without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InForce {
    until: UnixMillis,
    needed_leeway: bool,
}

impl InForce {
    /// From when on the token is good no more, the leeway included.
    pub(super) fn until(self) -> UnixMillis {
        self.until
    }

    pub(super) fn needed_leeway(self) -> bool {
        self.needed_leeway
    }
}

impl Times {
    pub(super) const fn new(leeway_s: u64) -> Self {
        Self { leeway_s }
    }

    pub(super) fn checked(leeway_s: u64) -> Result<Self, LeewayError> {
        if leeway_s <= MAX_LEEWAY_S { Ok(Self { leeway_s }) } else { Err(LeewayError(())) }
    }

    /// `exp` must be there and later than now, `nbf` not later than now; both give or take the leeway.
    pub(super) fn check(self, claims: &Map<String, Value>, now: UnixMillis) -> Result<InForce, TokenDefect> {
        if !claims.contains_key("exp") {
            return Err(TokenDefect::Malformed);
        }
        self.check_those_there(claims, now)
    }

    /// The same, where `exp` may be left out: in an introspection response (RFC 7662 section 2.2).
    pub(super) fn check_those_there(
        self,
        claims: &Map<String, Value>,
        now: UnixMillis,
    ) -> Result<InForce, TokenDefect> {
        let now = now.get() / 1000;
        let time = |name| claims.get(name).map(|time| seconds(time).ok_or(TokenDefect::Malformed)).transpose();
        let (exp, nbf) = (time("exp")?.unwrap_or(u64::MAX), time("nbf")?.unwrap_or(0));
        let end = exp.saturating_add(self.leeway_s);
        if now >= end {
            return Err(TokenDefect::Expired);
        }
        if nbf > now.saturating_add(self.leeway_s) {
            return Err(TokenDefect::NotYetValid);
        }
        let until = UnixMillis::new(end.saturating_mul(1000));
        Ok(InForce { until, needed_leeway: now >= exp || nbf > now })
    }
}

/// A NumericDate, fractions of a second dropped (RFC 7519 section 2).
fn seconds(value: &Value) -> Option<u64> {
    if let Some(seconds) = value.as_u64() {
        return Some(seconds);
    }
    let seconds = value.as_f64().filter(|seconds| (0.0..=9e15).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^53")]
    Some(seconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(leeway_s: u64, claims: &str, now_s: u64) -> Result<bool, TokenDefect> {
        let claims = serde_json::from_str(claims).unwrap();
        let now = UnixMillis::new(now_s * 1000);
        Times::checked(leeway_s).unwrap().check(&claims, now).map(InForce::needed_leeway)
    }

    #[test]
    fn each_edge_from_both_sides() {
        for leeway in [0, 1, 30, 120] {
            let exp = |now| check(leeway, r#"{"exp":1000}"#, now);
            assert_eq!(exp(999), Ok(false));
            assert_eq!(exp(999 + leeway), Ok(leeway > 0));
            assert_eq!(exp(1000 + leeway), Err(TokenDefect::Expired));
            let nbf = |now| check(leeway, r#"{"exp":9999,"nbf":1000}"#, now);
            assert_eq!(nbf(1000), Ok(false));
            assert_eq!(nbf(1000 - leeway), Ok(leeway > 0));
            assert_eq!(nbf(999 - leeway), Err(TokenDefect::NotYetValid));
        }
        assert!(Times::checked(MAX_LEEWAY_S).is_ok());
        assert_eq!(Times::checked(MAX_LEEWAY_S + 1), Err(LeewayError(())));
    }
}

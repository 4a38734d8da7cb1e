//! What one request has to show, beyond the rules that hold for all.
//!
//! The first decision is made from the request's head, before rule 7. The second, after rule 10, knows the token, and
//! can only tighten. In this folder: `demands` is what can be demanded, `decide` is who decides, `mcp` is the ready
//! policy for MCP.

mod decide;
mod demands;
mod mcp;

use std::sync::Arc;

pub(crate) use decide::{Decider, Tightener};
pub use demands::{DigestDemand, NonceDemand};
pub use mcp::McpPolicy;

use crate::nonces::Nonces;
use crate::proof::{ContentDigest, VerifiedProof};
use crate::request::{McpFields, RequestHead};
use crate::single_use::SingleUse;
use crate::verdict::Reason;

/// What a request has to show.
///
/// It is decided from the request's head, before rule 7, which is the first to depend on it. Then it travels inside the
/// stages ([`Proven`](crate::Proven), [`Bound`](crate::Bound), [`Accepted`](crate::Accepted)), so that no later step
/// can forget it, and a handler can see what the request that it serves has shown. Once the token is known, the server
/// may [tighten](crate::VerifierBuilder::tighten) it.
///
/// Unless the server [decides by the request](crate::VerifierBuilder::policy), every request gets the same policy, as the
/// verifier was built: a nonce or none, whether a proof may be used only once, and whether it has to name the body. It
/// needs no scopes.
///
/// ```
/// # use sealstamp_dpop::{NonceDemand, Policy};
/// fn for_money(usual: Policy) -> Policy {
///     usual.with_nonce(NonceDemand::Within { seconds: 10 }).with_single_use(true).with_scopes(["payments"])
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    nonce: NonceDemand,
    single_use: bool,
    body_digest: DigestDemand,
    mcp_fields: bool,
    /// `None` where there are none, which is what most requests need.
    scopes: Option<Arc<[Box<str>]>>,
}

impl Policy {
    /// The policy of a server with these nonces, with a store or none, and with this demand for a digest.
    pub(crate) const fn of(nonces: &Nonces, store: Option<&SingleUse>, body_digest: DigestDemand) -> Self {
        let nonce = match nonces {
            Nonces::Required(_) => NonceDemand::Always,
            Nonces::Off => NonceDemand::Never,
        };
        Self { nonce, single_use: store.is_some(), body_digest, mcp_fields: false, scopes: None }
    }

    /// Which nonces a proof may carry.
    #[must_use]
    pub const fn nonce(&self) -> NonceDemand {
        self.nonce
    }

    /// Whether a proof is accepted once only (rule 12).
    #[must_use]
    pub const fn single_use(&self) -> bool {
        self.single_use
    }

    /// Whether a proof has to name the digest of the body (rule 11).
    #[must_use]
    pub const fn body_digest(&self) -> DigestDemand {
        self.body_digest
    }

    /// Whether the fields `Mcp-Method` and `Mcp-Name`, where a request has one, must say what its body says.
    #[must_use]
    pub const fn mcp_fields(&self) -> bool {
        self.mcp_fields
    }

    /// The scopes that the token must have, all of them.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().flat_map(|scopes| scopes.iter()).map(|scope| &**scope)
    }

    /// The same, with another demand for the nonce. On a server without nonces, nobody meets a demand for one.
    #[must_use]
    pub fn with_nonce(self, nonce: NonceDemand) -> Self {
        Self { nonce, ..self }
    }

    /// The same, with or without single use. On a server without a store, all requests are refused that need one
    /// ([`Reason::StoreNotAsked`](crate::Reason::StoreNotAsked)).
    #[must_use]
    pub fn with_single_use(self, single_use: bool) -> Self {
        Self { single_use, ..self }
    }

    /// The same, with another demand for the body's digest. Where nobody reads the body, all requests are refused that
    /// need it read ([`Reason::BodyNotSeen`](crate::Reason::BodyNotSeen)).
    #[must_use]
    pub fn with_body_digest(self, body_digest: DigestDemand) -> Self {
        Self { body_digest, ..self }
    }

    /// The same, with or without the comparison of `Mcp-Method` and `Mcp-Name` with the body. A function that goes by
    /// these fields should demand it: the fields are what the sender says, and the body is what the tool gets.
    /// [`McpPolicy`] always does.
    #[must_use]
    pub fn with_mcp_fields(self, mcp_fields: bool) -> Self {
        Self { mcp_fields, ..self }
    }

    /// The same, with these scopes in place of those before. A token that lacks one gets 403 `insufficient_scope` with all
    /// of them (RFC 6750 section 3.1), which makes an MCP client step up.
    #[must_use]
    pub fn with_scopes<'s>(self, scopes: impl IntoIterator<Item = &'s str>) -> Self {
        let mut distinct: Vec<Box<str>> = Vec::new();
        for scope in scopes {
            if !distinct.iter().any(|known| **known == *scope) {
                distinct.push(scope.into());
            }
        }
        Self { scopes: (!distinct.is_empty()).then(|| distinct.into()), ..self }
    }

    /// On each point the stricter of two: what it accepts, both accept.
    ///
    /// ```
    /// # use sealstamp_dpop::{NonceDemand, Policy};
    /// # fn example(usual: Policy) {
    /// let young = usual.clone().with_nonce(NonceDemand::Within { seconds: 10 });
    /// let once = usual.with_single_use(true).with_scopes(["files:write"]);
    /// let both = young.stricter(&once);
    /// assert_eq!(both.nonce(), NonceDemand::Within { seconds: 10 });
    /// assert!(both.single_use() && both.scopes().eq(["files:write"]));
    /// # }
    /// ```
    #[must_use]
    pub fn stricter(self, other: &Self) -> Self {
        let scopes = match (&self.scopes, &other.scopes) {
            (Some(_), Some(_)) => self.clone().with_scopes(self.scopes().chain(other.scopes())).scopes,
            (one, two) => one.as_ref().or(two.as_ref()).map(Arc::clone),
        };
        Self {
            nonce: self.nonce.stricter(other.nonce),
            single_use: self.single_use || other.single_use,
            body_digest: self.body_digest.max(other.body_digest),
            mcp_fields: self.mcp_fields || other.mcp_fields,
            scopes,
        }
    }

    /// Whether the body has to be read for it: to compare it with the proof's digest (rule 11), or with the fields of MCP.
    ///
    /// Fails if the proof has no digest and must have one, or has one that cannot be read, or if the fields cannot.
    pub(crate) fn needs_body(&self, request: &RequestHead<'_>, proof: Option<&VerifiedProof>) -> Result<bool, Reason> {
        let digest = proof.map_or(ContentDigest::Absent, |proof| proof.content_digest);
        let for_digest = match (self.body_digest, digest) {
            (DigestDemand::Off, _) | (DigestDemand::IfPresent, ContentDigest::Absent) => false,
            (DigestDemand::Required, ContentDigest::Absent) => return Err(Reason::NoContentDigest),
            (DigestDemand::IfPresent | DigestDemand::Required, ContentDigest::Malformed) => {
                return Err(Reason::MalformedContentDigest);
            }
            (DigestDemand::IfPresent | DigestDemand::Required, ContentDigest::Sha256(_)) => true,
        };
        let for_fields = self.mcp_fields && McpFields::are_there(request.headers);
        if for_fields {
            McpFields::of(request.headers)?;
        }
        Ok(for_digest || for_fields)
    }

    /// Rule 11, and the fields of MCP: whether the body is as the request says, whose bytes are these parts, one after the
    /// other.
    pub(crate) fn check_body<P: AsRef<[u8]>>(
        &self,
        request: &RequestHead<'_>,
        proof: Option<&VerifiedProof>,
        parts: &[P],
    ) -> Result<(), Reason> {
        let digest = proof.map_or(ContentDigest::Absent, |proof| proof.content_digest);
        if self.body_digest != DigestDemand::Off && digest != ContentDigest::Absent && !digest.is_of(parts) {
            return Err(Reason::WrongContentDigest);
        }
        if self.mcp_fields && McpFields::are_there(request.headers) {
            McpFields::of(request.headers)?.check_body(parts)?;
        }
        Ok(())
    }

    /// Whether it demands what only a proof can show, so that a `Bearer` token does not do.
    pub(crate) fn demands_proof(&self) -> bool {
        self.single_use
            || matches!(self.nonce, NonceDemand::Within { .. })
            || matches!(self.body_digest, DigestDemand::Required)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policies() -> impl Strategy<Value = Policy> {
        let nonce = prop_oneof![
            Just(NonceDemand::Never),
            Just(NonceDemand::Always),
            (0..20_u32).prop_map(|seconds| NonceDemand::Within { seconds }),
        ];
        let digest = prop_oneof![Just(DigestDemand::Off), Just(DigestDemand::IfPresent), Just(DigestDemand::Required)];
        let scopes = proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4);
        (nonce, any::<bool>(), digest, any::<bool>(), scopes).prop_map(|(nonce, once, digest, mcp, scopes)| {
            Policy::of(&Nonces::Off, None, digest)
                .with_nonce(nonce)
                .with_single_use(once)
                .with_mcp_fields(mcp)
                .with_scopes(scopes)
        })
    }

    /// Whether whatever passes `strict` passes `loose` as well, member by member and from what each demand means.
    fn is_at_least(strict: &Policy, loose: &Policy) -> bool {
        let age = |policy: &Policy| match policy.nonce() {
            NonceDemand::Never => u64::MAX,
            NonceDemand::Always => u64::from(u32::MAX) + 1,
            NonceDemand::Within { seconds } => seconds.into(),
        };
        age(strict) <= age(loose)
            && (strict.single_use() || !loose.single_use())
            && (strict.mcp_fields() || !loose.mcp_fields())
            && (strict.body_digest() as u8) >= (loose.body_digest() as u8)
            && loose.scopes().all(|scope| strict.scopes().any(|has| has == scope))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Nothing that a second decision says can loosen the first.
        #[test]
        fn a_second_decision_can_only_tighten(first in policies(), second in policies()) {
            let tightener = Tightener(Some(Box::new({
                let second = second.clone();
                move |_, _, _| second.clone()
            })));
            let (parts, ()) = http::Request::new(()).into_parts();
            let token = crate::token::TokenFacts::new(crate::token::TokenBinding::None);
            let both = tightener.tighten(&crate::request::RequestHead::of(&parts), &token, first.clone());
            prop_assert!(is_at_least(&both, &first));
            prop_assert!(is_at_least(&both, &second));
            // And it demands nothing that neither of them does.
            prop_assert!(both.single_use() == (first.single_use() || second.single_use()));
            prop_assert!(both.mcp_fields() == (first.mcp_fields() || second.mcp_fields()));
            prop_assert!([first.nonce(), second.nonce()].contains(&both.nonce()));
            prop_assert!([first.body_digest(), second.body_digest()].contains(&both.body_digest()));
            prop_assert!(both.scopes().all(|scope| first.scopes().chain(second.scopes()).any(|known| known == scope)));
        }

        #[test]
        fn the_stricter_of_two_does_not_depend_on_their_order(one in policies(), two in policies(), three in policies()) {
            let same = |one: &Policy, two: &Policy| is_at_least(one, two) && is_at_least(two, one);
            prop_assert!(same(&one.clone().stricter(&two), &two.clone().stricter(&one)));
            prop_assert!(same(&one.clone().stricter(&one), &one));
            let left = one.clone().stricter(&two).stricter(&three);
            prop_assert!(same(&left, &one.clone().stricter(&two.clone().stricter(&three))));
        }
    }

    #[test]
    fn scopes_are_distinct_and_keep_their_order() {
        let policy = Policy::of(&Nonces::Off, None, DigestDemand::Off).with_scopes(["b", "a", "b"]);
        assert!(policy.scopes().eq(["b", "a"]));
        let more = policy.clone().with_scopes(["c", "a"]);
        assert!(policy.stricter(&more).scopes().eq(["b", "a", "c"]));
        assert_eq!(more.with_scopes([]).scopes, None);
    }
}

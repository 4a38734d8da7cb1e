//! Why a request was refused: one value per defect, for the operator.

use crate::verdict::answer::Answer;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal => $answer:ident,)+) => {
        /// Why a request was refused, in the order of the rules. For metrics and logs: a client never sees it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every reason there is, in the order of the rules.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// A stable label in snake_case, for a metric.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            /// What the client is told.
            #[must_use]
            pub const fn answer(self) -> Answer {
                match self { $(Self::$name => Answer::$answer,)+ }
            }
        }
    };
}

reasons! {
    // Before all rules.
    /// [`sealstamp::Refusal::Unconfirmed`]: this server was told to refuse service while its ring is not confirmed.
    NonceUnconfirmed = "nonce_unconfirmed" => Unavailable,
    // Rule 1.
    /// No `Authorization` field.
    NoCredentials = "no_credentials" => Challenge,
    /// A scheme that is neither `DPoP` nor `Bearer`.
    UnsupportedScheme = "unsupported_scheme" => Challenge,
    /// More than one `Authorization` field.
    SeveralAuthorizations = "several_authorizations" => InvalidToken,
    /// Not `scheme SP token68`, or a token over [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES).
    MalformedAuthorization = "malformed_authorization" => InvalidToken,
    /// `Bearer`, which this server does not accept.
    BearerScheme = "bearer_scheme" => InvalidToken,
    // Rule 2.
    /// No `DPoP` field.
    NoProof = "no_proof" => InvalidDpopProof,
    /// More than one `DPoP` field, or one with a comma, which is what a proxy makes of two.
    SeveralProofs = "several_proofs" => InvalidDpopProof,
    /// Over [`MAX_PROOF_BYTES`](crate::MAX_PROOF_BYTES).
    ProofTooLong = "proof_too_long" => InvalidDpopProof,
    /// Not three parts of strict base64url.
    MalformedProof = "malformed_proof" => InvalidDpopProof,
    // Rule 3.
    /// The header is not one JSON object with distinct members of the right types.
    MalformedHeader = "malformed_header" => InvalidDpopProof,
    /// `typ` is not `dpop+jwt`.
    WrongType = "wrong_typ" => InvalidDpopProof,
    /// `alg` is missing, unknown, symmetric, or not on this server's list.
    AlgorithmNotAllowed = "alg_not_allowed" => InvalidDpopProof,
    /// The header has `crit` or `b64`.
    CriticalHeader = "critical_header" => InvalidDpopProof,
    /// No `jwk`.
    NoKey = "no_jwk" => InvalidDpopProof,
    /// `jwk` has a private or symmetric member.
    PrivateKey = "private_jwk" => InvalidDpopProof,
    /// `jwk` is of another type or curve than `alg` needs.
    KeyMismatch = "jwk_does_not_fit_alg" => InvalidDpopProof,
    /// A member of `jwk` is missing or not in its one encoding.
    MalformedKey = "malformed_jwk" => InvalidDpopProof,
    /// An RSA key outside 2048 to 4096 bits, an unfit exponent, or a point of low order.
    WeakKey = "weak_jwk" => InvalidDpopProof,
    // Rule 4.
    /// The claims are not one JSON object with distinct members of the right types.
    MalformedClaims = "malformed_claims" => InvalidDpopProof,
    /// `jti` is missing, empty, or longer than 256 characters.
    BadJti = "bad_jti" => InvalidDpopProof,
    /// No `htm`.
    NoHtm = "no_htm" => InvalidDpopProof,
    /// No `htu`.
    NoHtu = "no_htu" => InvalidDpopProof,
    /// No `iat`.
    NoIat = "no_iat" => InvalidDpopProof,
    /// No `ath`.
    NoAth = "no_ath" => InvalidDpopProof,
    // Rule 5.
    /// `htm` is another method.
    WrongMethod = "wrong_htm" => InvalidDpopProof,
    /// The forwarded headers of a trusted proxy do not name one configured origin.
    ForwardedHeaders = "forwarded_headers" => InvalidDpopProof,
    /// `htu` is another URI.
    WrongUri = "wrong_htu" => InvalidDpopProof,
    // Rule 6.
    /// `iat` is more than 300 s ago.
    IatTooOld = "iat_too_old" => InvalidDpopProof,
    /// `iat` is more than 300 s ahead.
    IatInFuture = "iat_in_future" => InvalidDpopProof,
    /// The proof has an `exp`, and that has passed.
    ProofExpired = "proof_expired" => InvalidDpopProof,
    /// The proof has an `nbf` that lies ahead, and is later than its own `iat`.
    ProofNotYetValid = "proof_not_yet_valid" => InvalidDpopProof,
    // Rule 7.
    /// No `nonce` claim.
    NoNonce = "no_nonce" => UseDpopNonce,
    /// [`sealstamp::Refusal::Malformed`].
    NonceMalformed = "nonce_malformed" => UseDpopNonce,
    /// [`sealstamp::Refusal::UnknownVersion`].
    NonceUnknownVersion = "nonce_unknown_version" => UseDpopNonce,
    /// [`sealstamp::Refusal::UnknownKey`].
    NonceUnknownKey = "nonce_unknown_key" => UseDpopNonce,
    /// [`sealstamp::Refusal::RevokedKey`].
    NonceRevokedKey = "nonce_revoked_key" => UseDpopNonce,
    /// [`sealstamp::Refusal::OutsideWindow`].
    NonceOutsideWindow = "nonce_outside_window" => UseDpopNonce,
    /// [`sealstamp::Refusal::NotAuthentic`]: forged, or of another audience.
    NonceNotAuthentic = "nonce_not_authentic" => UseDpopNonce,
    /// [`sealstamp::Refusal::KeyRetired`].
    NonceKeyRetired = "nonce_key_retired" => UseDpopNonce,
    /// [`sealstamp::Refusal::Expired`].
    NonceExpired = "nonce_expired" => UseDpopNonce,
    /// [`sealstamp::Refusal::InFuture`].
    NonceInFuture = "nonce_in_future" => UseDpopNonce,
    /// The nonce opens, and is older than the policy allows for this request.
    NonceTooOldHere = "nonce_too_old_here" => UseDpopNonce,
    /// A refusal this version of the crate has no name for.
    NonceRefused = "nonce_refused" => UseDpopNonce,
    // Rule 8.
    /// `ath` is not the hash of the token presented.
    WrongAth = "wrong_ath" => InvalidDpopProof,
    // Rule 9.
    /// The key is not a point of its curve, or the signature does not verify.
    BadSignature = "bad_signature" => InvalidDpopProof,
    // Rule 10.
    /// Not a token of the expected form.
    TokenMalformed = "token_malformed" => InvalidToken,
    /// The token's type or algorithm is not acceptable.
    TokenUnacceptable = "token_unacceptable" => InvalidToken,
    /// No key of the issuer's fits the token.
    TokenUnknownKey = "token_unknown_key" => InvalidToken,
    /// The token's signature does not verify.
    TokenBadSignature = "token_bad_signature" => InvalidToken,
    /// The token is from another issuer.
    TokenWrongIssuer = "token_wrong_issuer" => InvalidToken,
    /// The token is for another audience.
    TokenWrongAudience = "token_wrong_audience" => InvalidToken,
    /// The token has expired.
    TokenExpired = "token_expired" => InvalidToken,
    /// The token is not valid yet.
    TokenNotYetValid = "token_not_yet_valid" => InvalidToken,
    /// The issuer says that the token is not, or no longer, active.
    TokenInactive = "token_inactive" => InvalidToken,
    /// The token could not be checked now.
    TokenUnavailable = "token_unavailable" => Unavailable,
    /// The token under the `DPoP` scheme is bound to no key, or in a way this crate does not know.
    TokenNotBound = "token_not_bound" => InvalidToken,
    /// The token is bound to another key than the proof's.
    TokenOfAnotherKey = "token_of_another_key" => InvalidToken,
    /// A bound token under the `Bearer` scheme.
    BoundTokenAsBearer = "bound_token_as_bearer" => InvalidToken,
    // After rule 10.
    /// The token lacks a scope that the request needs.
    InsufficientScope = "insufficient_scope" => InsufficientScope,
    // Rule 11, and what a body has to be read for.
    /// The policy wants a digest of the body, and the proof has no `content_digest`.
    NoContentDigest = "no_content_digest" => InvalidDpopProof,
    /// `content_digest` is not a dictionary of RFC 9530 with one SHA-256.
    MalformedContentDigest = "malformed_content_digest" => InvalidDpopProof,
    /// The policy needs the body, and the program did not show it: see
    /// [`Bound::check_body`](crate::Bound::check_body), and for the layer `DpopLayer::read_bodies`.
    BodyNotSeen = "body_not_seen" => Unavailable,
    /// The body has to be read, and is larger than the layer reads.
    BodyTooLarge = "body_too_large" => BodyTooLarge,
    /// The body has to be read, and broke off.
    BodyIncomplete = "body_incomplete" => MalformedBody,
    /// The body has another digest than the proof says.
    WrongContentDigest = "wrong_content_digest" => InvalidDpopProof,
    /// `Mcp-Method` or `Mcp-Name` is there twice, or cannot be read.
    McpFieldsMalformed = "mcp_fields_malformed" => McpFieldsMismatch,
    /// `Mcp-Method` or `Mcp-Name` is to be compared with the body, which is not one JSON-RPC request, or is one that could
    /// be read in two ways.
    McpBodyMalformed = "mcp_body_malformed" => MalformedBody,
    /// `Mcp-Method` or `Mcp-Name` does not say what the body says.
    McpFieldsContradict = "mcp_fields_contradict_body" => McpFieldsMismatch,
    // Rule 12.
    /// The proof was accepted before, on this replica or another.
    ProofReplayed = "proof_replayed" => InvalidDpopProof,
    /// So much time passed between the checks and the claim that the proof can no longer be used.
    ClaimLate = "claim_late" => Unavailable,
    /// The store of used proofs is full.
    StoreFull = "store_full" => Unavailable,
    /// The store of used proofs gave no answer.
    StoreUnavailable = "store_unavailable" => Unavailable,
    /// The policy wants single use, and the program did not ask the store: it called
    /// [`Bound::accept`](crate::Bound::accept) in place of [`Bound::accept_once`](crate::Bound::accept_once), or
    /// [`Verifier::check_token_request`](crate::Verifier::check_token_request) in place of
    /// [`Verifier::decide_token_request`](crate::Verifier::decide_token_request).
    StoreNotAsked = "store_not_asked" => Unavailable,
}

impl From<sealstamp::Refusal> for Reason {
    fn from(refusal: sealstamp::Refusal) -> Self {
        use sealstamp::Refusal;
        match refusal {
            Refusal::Malformed => Self::NonceMalformed,
            Refusal::UnknownVersion => Self::NonceUnknownVersion,
            Refusal::UnknownKey => Self::NonceUnknownKey,
            Refusal::RevokedKey => Self::NonceRevokedKey,
            Refusal::OutsideWindow => Self::NonceOutsideWindow,
            Refusal::NotAuthentic => Self::NonceNotAuthentic,
            Refusal::KeyRetired => Self::NonceKeyRetired,
            Refusal::Expired { .. } => Self::NonceExpired,
            Refusal::InFuture { .. } => Self::NonceInFuture,
            Refusal::Unconfirmed => Self::NonceUnconfirmed,
            _ => Self::NonceRefused,
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counters are indexed by a reason's place, and dashboards by its label.
    #[test]
    fn reasons_are_dense_and_labels_distinct() {
        let mut labels: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        for (place, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, place);
            assert!(reason.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Reason::ALL.len());
    }
}

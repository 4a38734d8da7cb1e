//! What a refused client learns: one of nine answers.

/// What a refused client is told. Several [`Reason`](crate::Reason)s share one answer, so that an attacker who tries
/// things out cannot tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// 401 with a challenge that names no error: the request carried no credentials that this server understands (RFC
    /// 6750 section 3.1: "the resource server SHOULD NOT include an error code").
    Challenge,
    /// 401 `invalid_token` (RFC 6750 section 3.1).
    InvalidToken,
    /// 401 `invalid_dpop_proof` (RFC 9449 section 7.1).
    InvalidDpopProof,
    /// 401 `use_dpop_nonce`: sign again with the nonce that comes with this response (RFC 9449 section 9).
    UseDpopNonce,
    /// 403 `insufficient_scope`: ask the authorization server for a token with the scopes that the challenge names (RFC
    /// 6750 section 3.1).
    InsufficientScope,
    /// 400: the body broke off, or is not one JSON-RPC request and has to be.
    MalformedBody,
    /// 400: `Mcp-Method` or `Mcp-Name` does not say what the body says, or cannot be read. The JSON-RPC error has the code
    /// -32020, as MCP 2026-07-28 has it.
    McpFieldsMismatch,
    /// 413: the body has to be read, and is larger than the layer reads.
    BodyTooLarge,
    /// 503: the token, the nonce, or whether the proof is new could not be checked now. Not a 401, which would make
    /// clients throw away good tokens.
    Unavailable,
}

impl Answer {
    /// Every answer there is.
    pub(crate) const ALL: [Self; 9] = [
        Self::Challenge,
        Self::InvalidToken,
        Self::InvalidDpopProof,
        Self::UseDpopNonce,
        Self::InsufficientScope,
        Self::MalformedBody,
        Self::McpFieldsMismatch,
        Self::BodyTooLarge,
        Self::Unavailable,
    ];

    /// The registered OAuth error code, if this answer has one.
    #[must_use]
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::Challenge => None,
            Self::InvalidToken => Some("invalid_token"),
            Self::InvalidDpopProof => Some("invalid_dpop_proof"),
            Self::UseDpopNonce => Some("use_dpop_nonce"),
            Self::InsufficientScope => Some("insufficient_scope"),
            Self::MalformedBody | Self::McpFieldsMismatch | Self::BodyTooLarge => Some("invalid_request"),
            Self::Unavailable => Some("temporarily_unavailable"),
        }
    }
}

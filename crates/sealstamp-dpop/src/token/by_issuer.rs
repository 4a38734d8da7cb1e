//! Several issuers: each token goes to the validator of the issuer that it names.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sealstamp::UnixMillis;
use serde::Deserialize;

use crate::proof::Jws;
use crate::token::defect::TokenDefect;
use crate::token::facts::TokenFacts;
use crate::token::validator::TokenValidator;

/// Validates tokens of several issuers, each with keys and audiences of its own.
///
/// A JWT goes to the validator of the issuer in its `iss`, compared exactly. That claim is read before anything is
/// verified, so it only chooses: the validator compares it again under the signature. A token that is no JWT goes to
/// the validator for opaque tokens, if there is one.
///
/// ```
/// use sealstamp_dpop::{ByIssuer, Jwks, JwtValidator};
///
/// # fn keys() -> Result<Jwks, sealstamp_dpop::JwksError> {
/// #     Jwks::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)
/// # }
/// let (ours, theirs) = ("https://issuer.example.com", "https://login.partner.example");
/// let tokens = ByIssuer::new()
///     .issuer(ours, JwtValidator::new(ours, "https://mcp.example.com/mcp", keys()?))
///     .issuer(theirs, JwtValidator::new(theirs, "a6b1f0c2-6f0f-4b64-9d3e-1f6d2f0a9b7e", keys()?));
/// # drop(tokens);
/// # Ok::<(), sealstamp_dpop::JwksError>(())
/// ```
#[derive(Clone, Default)]
pub struct ByIssuer {
    issuers: HashMap<String, Arc<dyn AnyValidator>>,
    opaque: Option<Arc<dyn AnyValidator>>,
}

impl ByIssuer {
    /// No issuer yet: every token is refused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens whose `iss` is this go to this validator.
    #[must_use]
    pub fn issuer(mut self, issuer: &str, validator: impl TokenValidator + 'static) -> Self {
        self.issuers.insert(issuer.to_owned(), Arc::new(validator));
        self
    }

    /// Tokens that are no JWTs go to this validator.
    #[must_use]
    pub fn opaque(mut self, validator: impl TokenValidator + 'static) -> Self {
        self.opaque = Some(Arc::new(validator));
        self
    }

    fn choose(&self, token: &str) -> Result<&dyn AnyValidator, TokenDefect> {
        let mut buffer = Vec::new();
        let Ok(jws) = Jws::decode(token, &mut buffer) else {
            return self.opaque.as_deref().ok_or(TokenDefect::Malformed);
        };
        let claims: Named<'_> = serde_json::from_slice(jws.claims_json()).map_err(|_| TokenDefect::Malformed)?;
        self.issuers.get(&*claims.iss).map(|validator| &**validator).ok_or(TokenDefect::WrongIssuer)
    }
}

impl TokenValidator for ByIssuer {
    async fn validate(&self, token: &str, now: UnixMillis) -> Result<TokenFacts, TokenDefect> {
        self.choose(token)?.validate_boxed(token, now).await
    }

    /// Generations only grow, so their sum changes when one of them does.
    fn generation(&self) -> u64 {
        self.issuers.values().chain(&self.opaque).fold(0, |sum, validator| sum.wrapping_add(validator.generation_now()))
    }
}

impl fmt::Debug for ByIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut issuers: Vec<_> = self.issuers.keys().collect();
        issuers.sort_unstable();
        f.debug_struct("ByIssuer").field("issuers", &issuers).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Named<'c> {
    #[serde(borrow)]
    iss: Cow<'c, str>,
}

/// A [`TokenValidator`] of any type: its future is boxed, since it has no name.
trait AnyValidator: Send + Sync {
    fn validate_boxed<'v>(
        &'v self,
        token: &'v str,
        now: UnixMillis,
    ) -> Pin<Box<dyn Future<Output = Result<TokenFacts, TokenDefect>> + Send + 'v>>;

    fn generation_now(&self) -> u64;
}

impl<V: TokenValidator> AnyValidator for V {
    fn validate_boxed<'v>(
        &'v self,
        token: &'v str,
        now: UnixMillis,
    ) -> Pin<Box<dyn Future<Output = Result<TokenFacts, TokenDefect>> + Send + 'v>> {
        Box::pin(self.validate(token, now))
    }

    fn generation_now(&self) -> u64 {
        self.generation()
    }
}

//! `dpop-verifier`, with the stateless nonces that its README recommends: a time and random bytes under an HMAC.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use ::dpop_verifier::nonce::{NonceCtx, issue_nonce, verify_nonce};
use ::dpop_verifier::{DpopError, DpopVerifier, HmacConfig, NonceMode, ReplayContext, ReplayStore};
use http::{Response, StatusCode};

use super::LIFETIME_S;
use crate::inputs::{METHOD, PUBLIC_URL, seconds};
use crate::ready;

const SECRET: &[u8; 32] = &[7; 32];

/// The verifier, and its nonces. `bound` is to URL, method and key, as its documentation has them; without, they are
/// bound to nothing, as ours.
pub struct DpopVerifierPeer {
    config: HmacConfig,
    verifier: DpopVerifier,
    thumbprint: Option<String>,
}

/// The README's store: every `jti` is new.
struct NoStore;

#[async_trait::async_trait]
impl ReplayStore for NoStore {
    async fn insert_once(&mut self, _jti_hash: [u8; 32], _ctx: ReplayContext<'_>) -> Result<bool, DpopError> {
        Ok(true)
    }
}

/// It has no store of its own. This is the least that one writes: a set behind a lock, which grows for ever.
#[derive(Default)]
pub struct SetOfJti(Mutex<HashSet<[u8; 32]>>);

impl SetOfJti {
    /// Whether it is new. From now on it is not.
    pub fn insert(&self, hash: [u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash)
    }
}

#[async_trait::async_trait]
impl ReplayStore for &SetOfJti {
    async fn insert_once(&mut self, jti_hash: [u8; 32], _ctx: ReplayContext<'_>) -> Result<bool, DpopError> {
        Ok(self.insert(jti_hash))
    }
}

impl DpopVerifierPeer {
    /// For proofs by the key of this thumbprint, with bound nonces or without.
    #[must_use]
    pub fn new(bound_to: Option<&str>) -> Self {
        let bound = bound_to.is_some();
        let config = HmacConfig::new(SECRET, LIFETIME_S.into(), bound, bound, false);
        let verifier = DpopVerifier::new()
            .with_max_age_seconds(300)
            .with_future_skew_seconds(5)
            .with_nonce_mode(NonceMode::Hmac(config.clone()));
        Self { config, verifier, thumbprint: bound_to.map(str::to_owned) }
    }

    fn context(&self) -> NonceCtx<'_> {
        let bound = self.thumbprint.as_deref();
        NonceCtx { htu: bound.map(|_| PUBLIC_URL), htm: bound.map(|_| "POST"), jkt: bound, client: None }
    }

    /// A nonce.
    pub fn mint(&self) -> String {
        self.mint_at(seconds())
    }

    /// A nonce of another time, in seconds since the Unix epoch.
    #[must_use]
    pub fn mint_at(&self, seconds: u64) -> String {
        issue_nonce(&self.config.secret, seconds.cast_signed(), &self.context()).expect("a nonce")
    }

    /// Whether a nonce is good.
    pub fn open(&self, nonce: &str) {
        let now = seconds().cast_signed();
        verify_nonce(&self.config.secret, nonce, now, self.config.max_age_seconds, &self.context())
            .expect("a good nonce");
    }

    /// The proof, nonce and `ath` included.
    ///
    /// # Errors
    /// As the crate's own.
    pub fn check(&self, token: &str, proof: &str) -> Result<::dpop_verifier::VerifiedDpop, DpopError> {
        ready(self.verifier.verify(&mut NoStore, proof, PUBLIC_URL, METHOD.as_str(), Some(token)))
    }

    /// The same, and that its `jti` is new.
    ///
    /// # Errors
    /// As the crate's own.
    pub fn check_once(
        &self,
        mut store: &SetOfJti,
        token: &str,
        proof: &str,
    ) -> Result<::dpop_verifier::VerifiedDpop, DpopError> {
        ready(self.verifier.verify(&mut store, proof, PUBLIC_URL, METHOD.as_str(), Some(token)))
    }

    /// The refusal of a bad nonce, as its README answers it.
    pub fn refuse(&self, token: &str, proof: &str) -> Response<()> {
        let Err(DpopError::UseDpopNonce { nonce }) = self.check(token, proof) else { panic!("a bad nonce") };
        Response::builder()
            .status(StatusCode::UNAUTHORIZED)
            .header("DPoP-Nonce", nonce)
            .header("WWW-Authenticate", r#"DPoP error="use_dpop_nonce", algs="ES256""#)
            .header("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce")
            .body(())
            .expect("a response")
    }
}

//! `huskarl-resource-server`, with the nonces of `huskarl-core`: the time, in seconds, sealed by an AEAD.
//!
//! The access token goes through its `CustomValidator` under a key that accepts whatever it is asked: valid already.

use std::sync::Arc;

use http::request::Parts;
use http::{Response, Uri};
use huskarl_core::crypto::KeyMatchStrength;
use huskarl_core::crypto::seal::AeadV1Sealer;
use huskarl_core::crypto::verifier::{JwsVerifier, JwsVerifierFactory, JwsVerifierPlatform, KeyMatch, VerifyError};
use huskarl_core::dpop::{DPoPNonceChecker as _, NonceCheck, SealedTimestampNonce};
use huskarl_core::jwk::{OctKey, PublicJwk, SymmetricJwk};
use huskarl_core::platform::{Duration, MaybeSendBoxFuture};
use huskarl_core::{EndpointUrl, Error};
use huskarl_crypto_native::aead::{AesGcmKey, XChaChaKey};
use huskarl_resource_server::validator::custom::CustomValidator;
use huskarl_resource_server::validator::metadata::ValidatorMetadata;

use super::LIFETIME_S;
use crate::inputs::{ISSUER, PUBLIC_URL};
use crate::ready;

/// What its nonces are sealed with: it documents XChaCha20-Poly1305, and has AES-256-GCM.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-256-GCM.
    AesGcm,
    /// XChaCha20-Poly1305.
    XChaCha,
}

/// Its nonces.
pub struct HuskarlNonce(SealedTimestampNonce);

impl HuskarlNonce {
    /// Sealed with this cipher, and good for as long as ours.
    #[must_use]
    pub fn new(cipher: Cipher) -> Self {
        Self(sealed(cipher, LIFETIME_S))
    }

    /// A nonce: it hands one out when it is shown none.
    pub fn mint(&self) -> String {
        match ready(self.0.check_nonce(None)) {
            Ok(NonceCheck::Invalid(fresh)) => fresh,
            _ => panic!("no nonce was shown"),
        }
    }

    /// Whether a nonce is good.
    pub fn open(&self, nonce: &str) {
        let check = ready(self.0.check_nonce(Some(nonce)));
        assert!(matches!(check, Ok(NonceCheck::Valid)), "a good nonce");
    }
}

fn sealed(cipher: Cipher, lifetime_s: u32) -> SealedTimestampNonce {
    let key = |algorithm: &str| {
        SymmetricJwk::builder().key(OctKey::builder().k([7; 32]).build()).algorithm(algorithm).build()
    };
    let lifetime = Duration::from_secs(lifetime_s.into());
    let builder = SealedTimestampNonce::builder().nonce_lifetime(lifetime).renewal_window(lifetime / 4);
    match cipher {
        Cipher::AesGcm => {
            let key = AesGcmKey::from_jwk(key("A256GCM")).expect("a key");
            builder.sealer(AeadV1Sealer::new(key)).build()
        }
        Cipher::XChaCha => {
            let key = XChaChaKey::from_jwk(key("XC20P")).expect("a key");
            builder.sealer(AeadV1Sealer::new(key)).build()
        }
    }
}

/// The validator of requests.
pub struct Huskarl {
    validator: CustomValidator,
    metadata: ValidatorMetadata,
    uri: Uri,
}

impl Huskarl {
    /// With nonces under this cipher, and any token taken as the issuer's.
    #[must_use]
    pub fn new(cipher: Cipher, lifetime_s: u32) -> Self {
        Self::with_keys(cipher, lifetime_s, accept_all)
    }

    /// With nonces under this cipher, and tokens checked with the first key of the issuer's JWK set.
    #[must_use]
    pub fn with_issuer(cipher: Cipher, lifetime_s: u32, jwks: &str) -> Self {
        let set: serde_json::Value = serde_json::from_str(jwks).expect("a JWK set");
        let key: PublicJwk = serde_json::from_value(set["keys"][0].clone()).expect("a key");
        Self::with_keys(cipher, lifetime_s, move |_: Option<&EndpointUrl>, platform: Arc<dyn JwsVerifierPlatform>| {
            let verifier = platform.create_verifier_from_jwk(key.clone());
            Box::pin(async { Ok(verifier.await.expect("a good key")) }) as Building
        })
    }

    fn with_keys(cipher: Cipher, lifetime_s: u32, keys: impl JwsVerifierFactory + 'static) -> Self {
        let validator = CustomValidator::builder()
            .authorization_server(ISSUER)
            .iss(ISSUER)
            .aud(PUBLIC_URL)
            .jws_verifier_factory(keys)
            .require_dpop(true)
            .max_dpop_proof_age(Duration::from_secs(300))
            .allowed_dpop_signing_algorithms(vec!["ES256".to_owned()])
            .dpop_nonce_checker(sealed(cipher, lifetime_s))
            .build();
        let validator = ready(validator).expect("a validator");
        let metadata = validator.validator_metadata(None);
        Self { validator, metadata, uri: Uri::from_static(PUBLIC_URL) }
    }

    /// Whether the request is good: proof, nonce, `ath`, and the comparison of keys.
    pub fn verify(&self, request: &Parts) {
        let result = ready(self.validator.validate_request(&request.headers, &request.method, &self.uri, None));
        assert!(matches!(result.outcome, Ok(Some(_))), "a good request");
    }

    /// Its answer to a request that it does not let pass; none if it does.
    pub fn answer(&self, request: &Parts) -> Option<Response<()>> {
        let result = ready(self.validator.validate_request(&request.headers, &request.method, &self.uri, None));
        let rejection = result.rejection(&self.metadata, None)?;
        Some(rejection.apply(Response::builder()).body(()).expect("a response"))
    }
}

#[derive(Debug)]
struct AcceptAll;

impl JwsVerifier for AcceptAll {
    fn key_match(&self, _: &KeyMatch<'_>) -> Option<KeyMatchStrength> {
        Some(KeyMatchStrength::ByAlgorithm)
    }

    fn verify<'a>(
        &'a self,
        _input: &'a [u8],
        _signature: &'a [u8],
        _key_match: &'a KeyMatch<'a>,
    ) -> MaybeSendBoxFuture<'a, Result<(), VerifyError>> {
        Box::pin(async { Ok(()) })
    }
}

type Building = MaybeSendBoxFuture<'static, Result<Arc<dyn JwsVerifier>, Error>>;

fn accept_all(_: Option<&EndpointUrl>, _: Arc<dyn JwsVerifierPlatform>) -> Building {
    Box::pin(async { Ok(Arc::new(AcceptAll) as Arc<dyn JwsVerifier>) })
}

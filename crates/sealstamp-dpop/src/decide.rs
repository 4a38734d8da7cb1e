//! The rules, in their order: from a request to a decision.
//!
//! Cheap before dear: nothing asymmetric runs until the nonce has opened. Rules 1 to 9 need the request's head alone and
//! run without waiting ([`Verifier::check`]). Rule 10 needs to know what the access token says, which may mean asking its
//! issuer, so whoever knows brings the answer ([`Checked::accept`]). Only rules 1 to 9 make a [`Checked`], and only
//! rule 10 makes an [`Accepted`] from it.
//!
//! Where later rules will sit: what a request needs by its risk (how fresh a nonce, rules 11 and 12 or not) is decided
//! from the head before rule 7. A body's digest is compared after rule 10, when the body has been read, with the claim
//! that the proof carries (rule 11). A single-use store is asked last (rule 12): one atomic insert of thumbprint and
//! `jti`, so that nothing a forger sends ever touches it. Each is a step from [`Accepted`] on, and takes nothing from it.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sealstamp::{Binding, Nonce, Opened, Refusal, Thumbprint, UnixMillis};
use sha2::{Digest, Sha256};

use crate::{
    Algorithm, Answer, Counters, Nonces, Reason, RequestHead, TokenBinding, TokenDefect, TokenFacts, TokenValidator,
    VerifierBuilder,
    challenge::Challenges,
    header::{self, Credentials},
    proof::Jws,
    target::Target,
};

/// How far `iat` may be from the server's clock, in seconds (SEP-1932: MUST).
pub const IAT_WINDOW_S: i64 = 300;

/// Verifies requests to one server. Cheap to clone; clones share counters.
///
/// ```
/// use sealstamp::UnixMillis;
/// use sealstamp_dpop::{Nonces, Reason, RequestHead, Verifier};
///
/// let verifier = Verifier::builder("https://mcp.example.com/mcp", Nonces::Off).build()?;
/// let (request, ()) = http::Request::post("/mcp").body(())?.into_parts();
/// let refused = verifier.check(RequestHead::of(&request), UnixMillis::new(1_790_000_000_000)).unwrap_err();
/// assert_eq!(refused.reason(), Reason::NoCredentials);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier(pub(crate) Arc<Rules>);

/// What the rules are applied with.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) target: Target,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) nonces: Nonces,
    pub(crate) bearer: bool,
    pub(crate) challenges: Challenges,
    pub(crate) counters: Counters,
}

impl Verifier {
    /// A verifier for the server that clients know by this URL.
    #[must_use]
    pub fn builder(public_url: &str, nonces: Nonces) -> VerifierBuilder {
        VerifierBuilder::new(public_url, nonces)
    }

    /// All the rules, for a token that `tokens` knows how to validate.
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks, as a [`Refused`].
    pub async fn decide(
        &self,
        request: RequestHead<'_>,
        tokens: &impl TokenValidator,
        now: UnixMillis,
    ) -> Result<Accepted, Refused> {
        let checked = self.check(request, now)?;
        let facts = tokens.validate(checked.token(), now).await;
        checked.accept(facts, now)
    }

    /// Rules 1 to 9, for a request to a resource server.
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks, as a [`Refused`].
    pub fn check<'r>(&'r self, request: RequestHead<'r>, now: UnixMillis) -> Result<Checked<'r>, Refused> {
        let rules = &*self.0;
        rules.check(request, now).map_err(|fault| rules.refuse(fault, now))
    }

    /// Rules 2 to 7 and 9, for a request to an authorization server's token endpoint, where there is no access token yet
    /// (RFC 9449 section 5).
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks, as a [`Refused`]. Answer it with
    /// [`authorization_server_response`](Self::authorization_server_response).
    pub fn check_token_request(&self, request: RequestHead<'_>, now: UnixMillis) -> Result<VerifiedProof, Refused> {
        let rules = &*self.0;
        let proof = rules.prove(&request, None, now).map_err(|fault| rules.refuse(fault, now))?;
        rules.counters.count_accepted();
        Ok(proof)
    }

    /// How often each thing happened.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }
}

impl Rules {
    fn check<'r>(&'r self, request: RequestHead<'r>, now: UnixMillis) -> Result<Checked<'r>, Fault> {
        // 1. `Authorization`: exactly one, under the `DPoP` scheme (or `Bearer`, if the server opted in).
        let (token, proof) = match Credentials::of(request.headers)? {
            Credentials::Bearer(token) if self.bearer => (token, None),
            Credentials::Bearer(_) => return Err(Reason::BearerScheme.into()),
            // 2 to 9. The proof.
            Credentials::Dpop(token) => (token, Some(self.prove(&request, Some(token), now)?)),
        };
        Ok(Checked { rules: self, token, proof })
    }

    fn prove(&self, request: &RequestHead<'_>, token: Option<&str>, now: UnixMillis) -> Result<VerifiedProof, Fault> {
        // 2. `DPoP`: exactly one field, one compact JWS, at most 8 KiB.
        let field = header::proof_field(request.headers)?;
        let mut buffer = Vec::new();
        let jws = Jws::decode(field, &mut buffer)?;

        // 3. Header: a proof, signed with an algorithm on the list, by a public key that fits it.
        let header = jws.header(&self.algorithms)?;

        // 4. Claims: all there, of exact types; `ath` as a token is presented.
        let claims = jws.claims()?;
        let ath = match token {
            Some(token) => Some((token, claims.ath.as_deref().ok_or(Reason::NoAth)?)),
            None => None,
        };

        // 5. For this method and URI.
        if claims.htm != request.method.as_str() {
            return Err(Reason::WrongMethod.into());
        }
        self.target.check(&claims.htu, request)?;

        // 6. Made about now, by the client's clock.
        check_iat(claims.iat, now)?;

        // 7. Made lately, by this fleet's clock. The policy for this request (how fresh?) will be an argument here.
        let opened = self.open(claims.nonce.as_deref(), now)?;

        // 8. For this token.
        if ath.is_some_and(|(token, ath)| ath.as_bytes() != hash_of(token)) {
            return Err(Reason::WrongAth.into());
        }

        // 9. By this key.
        self.counters.count_signature_check();
        jws.verify(&header)?;

        Ok(VerifiedProof {
            thumbprint: header.jwk.thumbprint(),
            jti: claims.jti.as_ref().into(),
            iat: claims.iat,
            algorithm: header.algorithm,
            next_nonce: opened.filter(Opened::renew).and_then(|_| self.mint(now)),
            opened,
        })
    }

    /// Exactly one key is tried, and the failure is for the operator alone.
    fn open(&self, nonce: Option<&str>, now: UnixMillis) -> Result<Option<Opened>, Fault> {
        match &self.nonces {
            Nonces::Off => Ok(None),
            Nonces::Required(fleet) => {
                let nonce = nonce.ok_or(Reason::NoNonce)?;
                fleet.open(nonce, now, &Binding::None).map(Some).map_err(Fault::from)
            }
        }
    }

    fn mint(&self, now: UnixMillis) -> Option<Nonce> {
        match &self.nonces {
            Nonces::Off => None,
            Nonces::Required(fleet) => Some(fleet.mint(now, &Binding::None)),
        }
    }

    /// Every refusal hands out a nonce, the first 401 included: the client's next request then needs no extra round trip.
    fn refuse(&self, fault: Fault, now: UnixMillis) -> Refused {
        self.counters.count_refused(fault.reason);
        Refused { reason: fault.reason, nonce_refusal: fault.nonce, nonce: self.mint(now) }
    }
}

/// The client's seconds against ours, both whole. Saturating: whatever `iat` is, a nonsense time is far off.
fn check_iat(iat: i64, now: UnixMillis) -> Result<(), Reason> {
    let now = i64::try_from(now.get() / 1000).unwrap_or(i64::MAX);
    if now.saturating_sub(iat) > IAT_WINDOW_S {
        Err(Reason::IatTooOld)
    } else if iat.saturating_sub(now) > IAT_WINDOW_S {
        Err(Reason::IatInFuture)
    } else {
        Ok(())
    }
}

/// `ath` of a token: base64url of its SHA-256 (RFC 9449 section 4.2).
fn hash_of(token: &str) -> [u8; 43] {
    let mut encoded = [0; 43];
    // 32 bytes encode to exactly 43 characters; were it not so, the result would match no `ath`.
    let _ = URL_SAFE_NO_PAD.encode_slice(Sha256::digest(token), &mut encoded);
    encoded
}

/// A request whose proof has passed rules 1 to 9; what its token is worth is not known yet.
#[derive(Debug)]
#[must_use = "a checked request is not accepted before its token is"]
pub struct Checked<'r> {
    rules: &'r Rules,
    token: &'r str,
    proof: Option<VerifiedProof>,
}

impl<'r> Checked<'r> {
    /// The access token, for whoever validates it.
    #[must_use]
    pub fn token(&self) -> &'r str {
        self.token
    }

    /// The proof; `None` for a `Bearer` request on a server that opted in to those.
    #[must_use]
    pub fn proof(&self) -> Option<&VerifiedProof> {
        self.proof.as_ref()
    }

    /// Rule 10: the token is valid here and now, and bound to the proof's key.
    ///
    /// # Errors
    ///
    /// A [`Refused`] if the token has a defect, is bound to another key, is bound to none and came with a proof, or is
    /// bound to one and came without.
    pub fn accept(self, token: Result<TokenFacts, TokenDefect>, now: UnixMillis) -> Result<Accepted, Refused> {
        let rules = self.rules;
        self.bind(token).map_err(|reason| rules.refuse(reason.into(), now)).inspect(|_| rules.counters.count_accepted())
    }

    fn bind(self, token: Result<TokenFacts, TokenDefect>) -> Result<Accepted, Reason> {
        let token = token?;
        match (&self.proof, token.binding()) {
            (Some(proof), TokenBinding::Thumbprint(bound)) if bound == proof.thumbprint => {}
            (Some(_), TokenBinding::Thumbprint(_)) => return Err(Reason::TokenOfAnotherKey),
            (Some(_), TokenBinding::None | TokenBinding::Unknown) => {
                return Err(Reason::TokenNotBound);
            }
            (None, TokenBinding::None) => {}
            (None, TokenBinding::Thumbprint(_) | TokenBinding::Unknown) => {
                return Err(Reason::BoundTokenAsBearer);
            }
        }
        Ok(Accepted { proof: self.proof, token })
    }
}

/// A proof that has passed its rules: whoever sent the request held this key then.
#[derive(Debug, Clone)]
pub struct VerifiedProof {
    thumbprint: Thumbprint,
    jti: Arc<str>,
    iat: i64,
    algorithm: Algorithm,
    opened: Option<Opened>,
    next_nonce: Option<Nonce>,
}

impl VerifiedProof {
    /// The key's thumbprint (RFC 7638, SHA-256, 32 bytes).
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// `jti`, 1 to 256 characters that the client chose: hash it before storing it (RFC 9449 section 11.1).
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// `iat`, in seconds since the Unix epoch by the client's clock.
    #[must_use]
    pub fn issued_at(&self) -> i64 {
        self.iat
    }

    /// What it was signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What its nonce said; `None` with [`Nonces::Off`].
    #[must_use]
    pub fn nonce(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// The nonce to hand out with the response, if it is time for a new one (RFC 9449 section 8.2).
    #[must_use]
    pub fn next_nonce(&self) -> Option<&Nonce> {
        self.next_nonce.as_ref()
    }
}

/// A request that has passed every rule. Only [`Checked::accept`] makes one; put it where the handler finds it.
#[derive(Debug, Clone)]
pub struct Accepted {
    proof: Option<VerifiedProof>,
    token: TokenFacts,
}

impl Accepted {
    /// The proof; `None` for a `Bearer` request on a server that opted in to those.
    #[must_use]
    pub fn proof(&self) -> Option<&VerifiedProof> {
        self.proof.as_ref()
    }

    /// What the access token says.
    #[must_use]
    pub fn token(&self) -> &TokenFacts {
        &self.token
    }

    /// The nonce to hand out with the response, if it is time for a new one (RFC 9449 section 8.2).
    #[must_use]
    pub fn next_nonce(&self) -> Option<&Nonce> {
        self.proof.as_ref().and_then(VerifiedProof::next_nonce)
    }
}

/// A request that broke a rule: [`Answer`] is for the client, [`Reason`] for the operator.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    reason: Reason,
    nonce_refusal: Option<Refusal>,
    nonce: Option<Nonce>,
}

impl Refused {
    /// What the client is told.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.reason.answer()
    }

    /// Why, for metrics and logs.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// How far off the nonce was, if it was the nonce.
    #[must_use]
    pub fn nonce_refusal(&self) -> Option<Refusal> {
        self.nonce_refusal
    }

    /// The fresh nonce that goes with the refusal; `None` with [`Nonces::Off`].
    #[must_use]
    pub fn nonce(&self) -> Option<&Nonce> {
        self.nonce.as_ref()
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "request refused: {}", self.reason)
    }
}

impl std::error::Error for Refused {}

/// A broken rule, before anything is minted for the answer.
#[derive(Debug)]
struct Fault {
    reason: Reason,
    nonce: Option<Refusal>,
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self { reason, nonce: None }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self { reason: refusal.into(), nonce: Some(refusal) }
    }
}

//! Verifies DPoP proofs (RFC 9449) with nonces that no server stores, for MCP servers (SEP-1932) and any others.
//!
//! A [`Verifier`] takes the head of a request and decides. If the request is [`Accepted`], you get the client's key,
//! what its token says, and the next nonce if it is time for one. If not, you get a [`Rejection`], with an [`Answer`]
//! for the client and a [`Reason`] for the operator. The verifier fits any framework that uses the types of the `http`
//! crate. It reads no clock: you pass the time in.
//!
//! ```
//! use sealstamp::{Fleet, Fresh, Ring, Settings, Suite, UnixMillis};
//! use sealstamp_dpop::{Answer, DPOP_NONCE, Nonces, RequestHead, Verifier, origin_audience};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = UnixMillis::from_system_time(std::time::SystemTime::now());
//! let public_url = "https://mcp.example.com/mcp";
//! // On a real server, every replica reads the same ring from a file.
//! let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, now, Fresh::from_os()?);
//! let fleet = Fleet::new(ring, origin_audience(public_url)?)?;
//!
//! let verifier = Verifier::builder(public_url, Nonces::Required(fleet))
//!     .authorization_servers(["https://issuer.example.com"])
//!     .build()?;
//!
//! // A first request, without credentials, is told what is needed and given a nonce for the next one.
//! let (request, ()) = http::Request::post("/mcp").body(())?.into_parts();
//! let rejection = verifier.check(RequestHead::of(&request), now).unwrap_err();
//! assert_eq!(rejection.answer(), Answer::Challenge);
//! let response = verifier.resource_server_response(&rejection);
//! assert_eq!(response.status(), 401);
//! assert_eq!(response.headers()[DPOP_NONCE].len(), 60);
//! # Ok(())
//! # }
//! ```
//!
//! # The rules, in their order
//!
//! A request is accepted if it passes all of them, and refused by the first that it breaks. Checks that cost little
//! come first. No signature is checked until the nonce has opened, so a flood of forged proofs costs no signature
//! check.
//!
//! | | rule | else the client is told |
//! |---|---|---|
//! | 1 | `Authorization`: exactly one, under the scheme `DPoP` in any case. With none, or under a scheme that is of no use here, the client gets a challenge without an error. `Bearer` is refused; if the server [opts in](VerifierBuilder::dangerously_accept_unbound_bearer_tokens), it may carry a token that is bound to no key | `invalid_token` |
//! | 2 | `DPoP`: exactly one field without a comma, at most 8 KiB, a compact JWS in strict base64url | `invalid_dpop_proof` |
//! | 3 | Header: `typ` is `dpop+jwt`; `alg` is on the server's list, which holds asymmetric ones only; `jwk` is a public key that fits it, with no private member, RSA of 2048 to 4096 bits; no `crit`, no `b64` | `invalid_dpop_proof` |
//! | 4 | Claims: `jti` of 1 to 256 characters, `htm`, `htu`, `iat` as a number without an exponent, and `ath` | `invalid_dpop_proof` |
//! | 5 | `htm` is the method, and `htu` the URL (below) | `invalid_dpop_proof` |
//! | 6 | `iat` is within 300 s of the server's clock, either way; `exp` and `nbf`, which few proofs have, are kept | `invalid_dpop_proof` |
//! | 7 | `nonce` opens: some replica of this fleet minted it for this server, and its lifetime is not over. All failures look alike | `use_dpop_nonce` |
//! | 8 | `ath` is the SHA-256 of the access token | `invalid_dpop_proof` |
//! | 9 | The signature verifies, over the bytes as received | `invalid_dpop_proof` |
//! | 10 | The access token is valid, for this audience, and bound to the proof's key | `invalid_token` |
//! | 11 | If the [policy](VerifierBuilder::body_digest) wants it: the body has the digest that the proof names | `invalid_dpop_proof` |
//! | 12 | If the server [wants it](VerifierBuilder::single_use): the proof was not accepted before, on any replica | `invalid_dpop_proof` |
//!
//! JSON objects have distinct members at every level, nest at most 8 deep and have at most 32 members each; header and
//! claims have at most 64 commas and backslashes each, which bounds what reading them costs.
//!
//! What these rules do not do: without rule 12, anybody who sees a proof can use it again while its nonce lives;
//! without rule 11, with another body; and nothing here helps against a client's key being stolen.
//!
//! # The stages of a request
//!
//! | stage | made by | it says |
//! |---|---|---|
//! | [`Proven`] | [`Verifier::check`] | rules 1 to 9 hold; what the token is worth is not known yet |
//! | [`Bound`] | [`Proven::bind`] | rule 10 holds as well: the token is valid, belongs to the proof's key, and has the scopes that the policy demands |
//! | [`Accepted`] | [`Bound::accept`], [`Bound::accept_once`] | the request has shown all that its [`Policy`] demanded, and is counted as accepted |
//!
//! [`Verifier::decide`] is all three. They are apart because a token may have to be looked up over the network
//! ([`TokenValidator`]). No stage can be skipped: each is made from the one before it and from nothing else. Rules 11
//! and 12 stand between [`Bound`] and [`Accepted`]: the first needs the body ([`Bound::check_body`]), the second a
//! store.
//!
//! # Which `htu` names this server
//!
//! Scheme and host are those of the configured public URL, and the path is the request's. `Host` is not read. Forwarded
//! headers are read only if the server [trusts a proxy](VerifierBuilder::trust_proxy). Both sides are normalised (RFC
//! 3986 sections 6.2.2 and 6.2.3). With the public URL `https://mcp.example.com/mcp` and a request for `/mcp`:
//!
//! | `htu` | names it |
//! |---|---|
//! | `https://mcp.example.com/mcp` | yes |
//! | `https://mcp.example.com:443/mcp`: the scheme's own port | yes |
//! | `HTTPS://MCP.Example.COM/mcp`: scheme and host in any case | yes |
//! | `https://mcp.example.com/%6Dcp`: an escaped unreserved character | yes |
//! | `https://mcp.example.com/x/../mcp`: dot segments | yes |
//! | `https://mcp.example.com/mcp?a=b#f`: query and fragment are ignored | yes |
//! | `https://mcp.example.com/mcp/`: a trailing slash more, or less | no |
//! | `https://mcp.example.com/MCP`, `/other`, `//mcp`, `/mcp%2F`: another path | no |
//! | `http://mcp.example.com/mcp`: another scheme | no |
//! | `https://mcp.example.com:444/mcp`: another port | no |
//! | `https://user@mcp.example.com/mcp`, `https://@mcp.example.com/mcp`: a userinfo | no |
//! | `https:mcp.example.com/mcp`, `https://mcp.example.com\mcp`, spaces, non-ASCII: no URI | no |
//!
//! # Features
//!
//! - `aws-lc-rs` (default): signatures by AWS-LC. `rust-crypto`: by pure-Rust crates, slower. One of the two is needed.
//!   They give the same answers. With both on, AWS-LC is used.
//! - `jwt`: `JwtValidator`, for access tokens that are JWTs.
//! - `jwks-http`: `RemoteJwtValidator`, which fetches the issuer's keys, and `IntrospectionValidator`, which asks it.
//! - `token-cache`: `Cached`, which remembers the tokens that another validator has found valid.
//! - `tower`: `tower::DpopLayer`, the verifier in front of any HTTP service.
//! - `metrics`: counters, gauges and histograms for a monitoring system, through the facade of that name.
//! - `tracing`: a span and an event for each decision, with the target `sealstamp_dpop`. The span, `decide`, has the
//!   level `DEBUG`. So has the event for an accepted request. A refused one is `INFO`, with its reason, and `WARN` if
//!   the fault is on the server's side. No event holds a token, a proof, a nonce, a `jti` or any other text of a
//!   client's. The thumbprint of a client's key, once its signature was verified, is there if `DEBUG` is on. An attempt
//!   to fetch an issuer's keys that failed is a `WARN`, with all causes.
//!
//! # Where things are
//!
//! The folders follow the path of a request, and each imports from those above it only:
//!
//! | module | holds |
//! |---|---|
//! | `names` | the number of the public name that a client used |
//! | `verdict` | what is said about a refused request: reason, answer, rejection |
//! | `request` | rules 1, 2 and 5: the head, its fields, the URI that `htu` must name; what an MCP request says it is |
//! | `proof` | rules 2 to 4, 8, 9 and 11: the JWS, its JSON, its key, algorithms, signatures, the digest in it |
//! | `token` | rule 10: what a token says, and who finds that out: JWTs, JWK sets, the issuer's URL |
//! | `nonces` | whether there are nonces |
//! | `single_use` | rule 12: what is claimed of a proof, and the stores that remember it |
//! | `policy` | what a request has to show, and who decides that |
//! | `response` | statuses, headers and texts |
//! | `outcome` | the one place where a decision is counted, shown and given its nonce |
//! | `stages` | `Proven`, `Bound`, `Accepted` |
//! | `verifier` | the rules in their order, the builder, and the metadata that says what they are |
//! | `tower` | the layer |

#![cfg_attr(not(test), deny(clippy::cast_possible_truncation, clippy::string_slice, clippy::unreachable))]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "a test that overflows panics"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod names;
mod nonces;
mod outcome;
mod policy;
mod proof;
mod request;
mod response;
mod single_use;
mod stages;
mod token;
#[cfg(feature = "tower")]
pub mod tower;
mod verdict;
mod verifier;

pub use nonces::Nonces;
#[cfg(feature = "metrics")]
pub use outcome::metrics;
pub use outcome::{Counters, Decision};
pub use policy::{DigestDemand, McpPolicy, NonceDemand, Policy};
pub use proof::{Algorithm, IAT_WINDOW_S, VerifiedProof};
pub use request::{MAX_PROOF_BYTES, MAX_TOKEN_BYTES, RequestHead};
pub use response::{CORS_ALLOW_HEADERS, CORS_EXPOSE_HEADERS, DPOP_NONCE, JsonRpcId};
pub use single_use::{Claim, Claimed, MemoryStore, ProofId, ProofStore, StoreError, WhenAway};
pub use stages::{Accepted, Bound, InsufficientScope, Proven};
#[cfg(feature = "jwt")]
pub use token::{
    ByIssuer, DEFAULT_LEEWAY_S, Jwks, JwksError, JwtStatus, JwtValidator, LeewayError, LeftOut, MAX_LEEWAY_S, Unfit,
};
#[cfg(feature = "token-cache")]
pub use token::{CacheBounds, CacheStatus, Cached, DEFAULT_KEEP_S, MAX_INACTIVE_S, MAX_KEEP_S};
#[cfg(feature = "jwks-http")]
pub use token::{
    CredentialsError, FetchError, IntrospectionCredentials, IntrospectionValidator, KEEP_S, MAX_DOCUMENT_BYTES,
    MAX_QUESTIONS, MIN_INTERVAL_S, REFRESH_AFTER_S, RemoteFault, RemoteJwtValidator, RemoteStatus,
};
pub use token::{PresentedToken, TokenBinding, TokenDefect, TokenFacts, TokenValidator};
pub use verdict::{Answer, Reason, Rejection};
pub use verifier::{ConfigError, ProtectedResource, Verifier, VerifierBuilder, origin_audience};

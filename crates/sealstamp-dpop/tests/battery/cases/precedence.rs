//! Which error, when several apply: the first rule's.

use sealstamp_dpop::Reason;
use sealstamp_testkit::quoted;

use crate::cases::case::{Case, proof, token};
use crate::cases::defects::{iat, token_time};

pub(super) const CASES: &[Case] = &[
    token("SEP-3", "Bearer, and two proofs", Reason::BearerScheme, |d, _| {
        d.on_authorization(|t| vec![format!("Bearer {t}")]);
        d.on_proof(|p| vec![p.clone(), p]);
    }),
    proof("SEP-3", "a wrong typ, and no nonce", Reason::WrongType, |d, _| {
        d.header.set("typ", quoted("JWT"));
        d.claims.remove("nonce");
    }),
    proof("SEP-3", "an old iat, and no nonce", Reason::IatTooOld, |d, w| {
        iat(d, w, -303);
        d.claims.remove("nonce");
    }),
    proof("SEP-3", "a bad signature, and an expired token", Reason::BadSignature, |d, w| {
        d.on_signature(|_, _, _| vec![0; 64]);
        token_time(d, w, "exp", -60);
    }),
];

//! Rule 6: iat.

use sealstamp_dpop::Reason;

use crate::cases::case::{Case, proof};
use crate::cases::defects::{iat, limit};

pub(super) const CASES: &[Case] = &[
    proof("R43-11 SEP-2 SEP-7", "iat 301 s ago", Reason::IatTooOld, |d, w| iat(d, w, -301)),
    proof("R43-11 SEP-2 SEP-7", "iat 303 s ago", Reason::IatTooOld, |d, w| iat(d, w, -303)),
    proof("R43-11 SEP-2 SEP-7", "iat 301 s ahead", Reason::IatInFuture, |d, w| iat(d, w, 301)),
    proof("R43-11 SEP-2 SEP-7", "iat 303 s ahead", Reason::IatInFuture, |d, w| iat(d, w, 303)),
    proof("R43-11", "iat in milliseconds", Reason::IatInFuture, |d, w| d.claims.set("iat", w.now.get().to_string())),
    proof("R43-11", "iat 0", Reason::IatTooOld, |d, _| d.claims.set("iat", "0")),
    proof("R43-11", "iat -0", Reason::IatTooOld, |d, _| d.claims.set("iat", "-0")),
    proof("R43-11", "iat -0.0", Reason::IatTooOld, |d, _| d.claims.set("iat", "-0.0")),
    proof("R43-11 J-2", "iat 300.5 s ago, which is 301 whole ones", Reason::IatTooOld, |d, w| {
        iat(d, w, -301);
        d.claims.set("iat", format!("{}.5", d.claims.get("iat")));
    }),
    proof("R43-11", "exp now", Reason::ProofExpired, |d, w| limit(d, w, "exp", "", 0, "")),
    proof("R43-11", "exp a second ago", Reason::ProofExpired, |d, w| limit(d, w, "exp", "", -1, "")),
    proof("R43-11 J-2", "exp within this second", Reason::ProofExpired, |d, w| limit(d, w, "exp", "", 0, ".9")),
    proof("R43-11", "exp before iat", Reason::ProofExpired, |d, w| {
        iat(d, w, 10);
        limit(d, w, "exp", "", -10, "");
    }),
    proof("R43-11", "nbf in a second", Reason::ProofNotYetValid, |d, w| limit(d, w, "nbf", "", 1, "")),
    proof("R43-11", "nbf in an hour", Reason::ProofNotYetValid, |d, w| limit(d, w, "nbf", "", 3_600, "")),
    proof("R43-11", "nbf a second after an iat ahead", Reason::ProofNotYetValid, |d, w| {
        iat(d, w, 60);
        limit(d, w, "nbf", "", 61, "");
    }),
    proof("R43-11", "iat -1", Reason::IatTooOld, |d, _| d.claims.set("iat", "-1")),
    proof("R43-11", "the least iat", Reason::IatTooOld, |d, _| d.claims.set("iat", i64::MIN.to_string())),
    proof("R43-11", "the greatest iat", Reason::IatInFuture, |d, _| d.claims.set("iat", i64::MAX.to_string())),
    proof("R43-11", "iat 2^53 + 1", Reason::IatInFuture, |d, _| d.claims.set("iat", "9007199254740993")),
    proof("R43-11", "iat 2^31 - 1", Reason::IatInFuture, |d, _| d.claims.set("iat", "2147483647")),
    proof("R43-11", "iat 2^32 seconds ahead", Reason::IatInFuture, |d, w| iat(d, w, 1 << 32)),
    proof("R43-11", "iat an hour ago, in another time zone", Reason::IatTooOld, |d, w| iat(d, w, -3_600)),
];

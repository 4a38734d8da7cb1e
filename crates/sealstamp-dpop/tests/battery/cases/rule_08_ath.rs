//! Rule 8: ath.

use sealstamp_dpop::Reason;
use sealstamp_testkit::{quoted, sha256};

use crate::cases::case::{Case, proof};

pub(super) const CASES: &[Case] = &[
    proof("R43-12a", "ath of another token", Reason::WrongAth, |d, _| d.ath = Some(Some(quoted(sha256("other"))))),
    proof("R43-12a", "ath empty", Reason::WrongAth, |d, _| d.ath = Some(Some(quoted("")))),
    proof("R43-12a", "ath padded", Reason::WrongAth, |d, _| {
        d.ath = Some(Some(quoted(format!("{}=", sha256(d.token())))))
    }),
    proof("R43-12a", "ath in hexadecimal", Reason::WrongAth, |d, _| d.ath = Some(Some(quoted("00".repeat(32))))),
    proof("R43-12a", "ath of the scheme and the token", Reason::WrongAth, |d, _| {
        d.ath = Some(Some(quoted(sha256(format!("DPoP {}", d.token())))));
    }),
    proof("R43-12a", "another token than the one signed for", Reason::WrongAth, |d, _| {
        d.on_authorization(|_| vec!["DPoP stolen.access.token".into()]);
    }),
];

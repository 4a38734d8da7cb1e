//! The battery as data, a file for each rule. Ids are those of the requirements.

mod accepted;
pub(crate) mod case;
mod defects;
mod precedence;
mod rule_01_authorization;
mod rule_02_dpop_field;
mod rule_03_header;
mod rule_03_key;
mod rule_04_claims;
mod rule_05_request;
mod rule_06_iat;
mod rule_07_nonce;
mod rule_08_ath;
mod rule_09_signature;
mod rule_10_token;
mod rule_11_body;

use crate::cases::case::Case;

/// All cases, in the order of the rules.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        accepted::CASES,
        rule_01_authorization::CASES,
        rule_02_dpop_field::CASES,
        rule_03_header::CASES,
        rule_03_key::CASES,
        rule_04_claims::CASES,
        rule_05_request::CASES,
        rule_06_iat::CASES,
        rule_07_nonce::CASES,
        rule_08_ath::CASES,
        rule_09_signature::CASES,
        rule_10_token::CASES,
        rule_11_body::CASES,
        precedence::CASES,
    ]
    .into_iter()
    .flatten()
}

//! Rule 1: Authorization.

use sealstamp_dpop::Reason;

use crate::cases::case::{Case, Wire, bare, token};

pub(super) const CASES: &[Case] = &[
    bare("D-4 R71-1", "no Authorization", Reason::NoCredentials, |d, _| d.on_authorization(|_| vec![])),
    bare("R71-1", "no Authorization and no DPoP", Reason::NoCredentials, |d, _| {
        d.on_authorization(|_| vec![]);
        d.on_proof(|_| vec![]);
    }),
    bare("R71-1", "Basic", Reason::UnsupportedScheme, |d, _| d.on_authorization(|t| vec![format!("Basic {t}")])),
    bare("R71-1", "an empty Authorization", Reason::UnsupportedScheme, |d, _| {
        d.on_authorization(|_| vec![String::new()])
    }),
    bare("R71-1", "a tab after the scheme", Reason::UnsupportedScheme, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP\t{t}")]);
    }),
    bare("R71-1", "a comma after the scheme", Reason::UnsupportedScheme, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP, {t}")]);
    }),
    token("SEP-3", "another scheme in a field of 20 KiB", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec![format!("Basic {}", "a".repeat(20 << 10))]);
    }),
    token("SEP-4 R72-1", "a bound token as Bearer", Reason::BearerScheme, |d, _| {
        d.on_authorization(|t| vec![format!("Bearer {t}")]);
    }),
    token("SEP-4 R72-1", "a bound token as bearer, without a proof", Reason::BearerScheme, |d, _| {
        d.on_authorization(|t| vec![format!("bearer {t}")]);
        d.on_proof(|_| vec![]);
    }),
    token("SEP-3", "two Authorization fields", Reason::SeveralAuthorizations, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP {t}"), format!("DPoP {t}")]);
    }),
    token("SEP-3", "DPoP and Bearer", Reason::SeveralAuthorizations, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP {t}"), format!("Bearer {t}")]);
    }),
    token("SEP-3", "no token", Reason::MalformedAuthorization, |d, _| d.on_authorization(|_| vec!["DPoP".into()])),
    token("SEP-3", "an empty token", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec!["DPoP ".into()])
    }),
    token("SEP-3", "two tokens", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP {t} {t}")]);
    }),
    token("SEP-3", "two tokens and a comma", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP {t}, DPoP {t}")]);
    }),
    token("SEP-3", "a quoted token", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP \"{t}\"")]);
    }),
    token("SEP-3", "a token parameter", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP token=\"{t}\"")]);
    }),
    token("SEP-3", "a tab before the token", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|t| vec![format!("DPoP \t{t}")]);
    }),
    token("SEP-3", "a non-ASCII token", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec!["DPoP tök".into()]);
    }),
    token("SEP-3", "a token of 16 KiB and one byte", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec![format!("DPoP {}", "A".repeat((16 << 10) + 1))]);
    }),
    token("SEP-3", "a token of 8 MiB", Reason::MalformedAuthorization, |d, _| {
        d.on_authorization(|_| vec![format!("DPoP {}", "a".repeat(8 << 20))]);
    })
    .on_the_wire(Wire::TooLarge),
];

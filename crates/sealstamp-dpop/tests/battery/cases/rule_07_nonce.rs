//! Rule 7: the nonce.

use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite};
use sealstamp_dpop::Reason;
use sealstamp_testkit::{PUBLIC_URL, quoted, sha256};

use crate::cases::case::{Case, nonce};
use crate::cases::defects::{nonce_of_age, nonce_of_stage, nonce_with, rename, token_time};
use crate::support::ring;

pub(super) const CASES: &[Case] = &[
    nonce("R43-10 R9-1 SEP-8", "no nonce", Reason::NoNonce, |d, _| d.claims.remove("nonce")),
    nonce("R43-10 R9-1", "nonce null", Reason::NoNonce, |d, _| d.claims.set("nonce", "null")),
    nonce("R43-10 R9-1", "nonce empty", Reason::NonceMalformed, |d, _| d.claims.set("nonce", quoted(""))),
    nonce("R43-10 R9-1", "a nonce of no server", Reason::NonceMalformed, |d, _| d.claims.set("nonce", quoted("abc"))),
    nonce("R43-10 R9-1", "a nonce one character short", Reason::NonceMalformed, |d, w| {
        d.claims.set("nonce", quoted(&w.nonce()[..59]));
    }),
    nonce("R43-10 R9-1", "a nonce one character long", Reason::NonceMalformed, |d, w| {
        d.claims.set("nonce", quoted(format!("{}A", w.nonce())));
    }),
    nonce("R43-10 R9-1", "a nonce in non-ASCII", Reason::NonceMalformed, |d, _| {
        d.claims.set("nonce", quoted("é".repeat(30)))
    }),
    nonce("R43-10 R8-2", "60 zeros", Reason::NonceUnknownVersion, |d, _| d.claims.set("nonce", quoted("A".repeat(60)))),
    nonce("R43-10 R8-2", "a forged nonce", Reason::NonceNotAuthentic, |d, w| {
        let mut forged = w.nonce();
        let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
        forged.push(last);
        d.claims.set("nonce", quoted(forged));
    }),
    nonce("R43-10 R9-2", "a nonce of another fleet", Reason::NonceUnknownKey, |d, w| {
        let other = Ring::init(Settings::default(), Suite::Aes256Gcm, w.now, Fresh::insecure_from_seed(2));
        let other = Fleet::new(other, Audience::new(PUBLIC_URL).unwrap()).unwrap();
        d.claims.set("nonce", quoted(other.mint(w.now, &Binding::None)));
    }),
    nonce("R43-10 R9-2", "a nonce of another audience under the same ring", Reason::NonceNotAuthentic, |d, w| {
        let other = Fleet::new(ring(w.now), Audience::new("https://issuer.example.com").unwrap()).unwrap();
        d.claims.set("nonce", quoted(other.mint(w.now, &Binding::None)));
    }),
    nonce("R43-10", "a nonce bound to a key", Reason::NonceNotAuthentic, |d, w| {
        let bound = Binding::Thumbprint(d.key.thumbprint().parse().unwrap());
        d.claims.set("nonce", quoted(w.fleet.mint(w.now, &bound)));
    }),
    nonce("R43-10 R43-11 SEP-7", "a nonce 1 ms too old", Reason::NonceExpired, |d, w| nonce_of_age(d, w, 125_001)),
    nonce("R43-10 R43-11 SEP-7", "a nonce of ten minutes", Reason::NonceExpired, |d, w| nonce_of_age(d, w, 600_000)),
    nonce("R43-10 R43-11 SEP-7", "a nonce 1 ms too new", Reason::NonceInFuture, |d, w| nonce_of_age(d, w, -5_001)),
    nonce("R43-10 SEP-7", "a nonce of three hours", Reason::NonceOutsideWindow, |d, w| {
        nonce_of_age(d, w, 3 * 3_600_000)
    }),
    nonce("R43-10", "a nonce sealed now with a key that has retired", Reason::NonceKeyRetired, |d, w| {
        nonce_of_stage(d, w, 0);
    }),
    nonce("R43-10", "a nonce sealed now with a key that was revoked", Reason::NonceRevokedKey, |d, w| {
        nonce_of_stage(d, w, 1);
    }),
    nonce("R43-10 R8-2", "a nonce under the other suite's version", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[0] = 2);
    }),
    nonce("R43-10 R8-2", "a nonce of version 0", Reason::NonceUnknownVersion, |d, w| {
        nonce_with(d, w, |raw| raw[0] = 0)
    }),
    nonce("R43-10 R8-2", "a nonce of version 3", Reason::NonceUnknownVersion, |d, w| {
        nonce_with(d, w, |raw| raw[0] = 3)
    }),
    nonce("R43-10 R8-2", "a nonce with another kid", Reason::NonceUnknownKey, |d, w| {
        nonce_with(d, w, |raw| raw[4] ^= 1);
    }),
    nonce("R43-10 SEP-7", "a nonce with the next epoch in its header", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[8] = raw[8].wrapping_add(1));
    }),
    nonce("R43-10 SEP-7", "a nonce with an epoch far off in its header", Reason::NonceOutsideWindow, |d, w| {
        nonce_with(d, w, |raw| raw[5..9].fill(0xff));
    }),
    nonce("R43-10 R8-2", "a nonce with one bit of its IV flipped", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[9] ^= 0x80);
    }),
    nonce("R43-10 R8-2", "a nonce with one bit of its time flipped", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[28] ^= 1);
    }),
    nonce("R43-10 R8-2", "a nonce without its tag", Reason::NonceNotAuthentic, |d, w| {
        nonce_with(d, w, |raw| raw[29..].fill(0));
    }),
    nonce("R43-10 R8-2", "a nonce in the standard alphabet", Reason::NonceMalformed, |d, w| {
        d.claims.set("nonce", quoted(format!("+/{}", &w.nonce()[2..])));
    }),
    nonce("R43-10 R8-2", "a padded nonce", Reason::NonceMalformed, |d, w| {
        d.claims.set("nonce", quoted(format!("{}=", w.nonce())));
    }),
    nonce("R43-10", "Nonce for nonce", Reason::NoNonce, |d, _| rename(&mut d.claims, "nonce", "Nonce")),
    nonce("R43-10", "nonce with a Cyrillic letter in its name", Reason::NoNonce, |d, _| {
        rename(&mut d.claims, "nonce", "nоnce");
    }),
    nonce("R43-10", "a nonce in the header, where it has no meaning", Reason::NoNonce, |d, w| {
        d.claims.remove("nonce");
        d.header.add("nonce", quoted(w.nonce()));
    }),
    nonce("R9-1", "no nonce, and a bad signature behind it", Reason::NoNonce, |d, _| {
        d.claims.remove("nonce");
        d.on_signature(|_, _, _| vec![0; 64]);
    }),
    nonce("R9-1", "no nonce, and a wrong ath behind it", Reason::NoNonce, |d, _| {
        d.claims.remove("nonce");
        d.ath = Some(Some(quoted(sha256("other"))));
    }),
    nonce("R9-1", "no nonce, and an expired token behind it", Reason::NoNonce, |d, w| {
        d.claims.remove("nonce");
        token_time(d, w, "exp", -60);
    }),
];

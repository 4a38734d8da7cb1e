//! Rule 9: the signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp_dpop::{Algorithm, Reason};
use sealstamp_testkit::{b64, other_key, quoted};

use crate::cases::case::{Case, proof};
use crate::cases::defects::{part, sign_with};

pub(super) const CASES: &[Case] = &[
    proof("R43-6", "a signature of zeros", Reason::BadSignature, |d, _| d.on_signature(|_, _, _| vec![0; 64])),
    proof("R43-6", "a signature of ones", Reason::BadSignature, |d, _| d.on_signature(|_, _, _| vec![0xff; 64])),
    proof("R43-6", "r = 0", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| [vec![0; 32], s[32..].to_vec()].concat());
    }),
    proof("R43-6", "s = 0", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| [s[..32].to_vec(), vec![0; 32]].concat());
    }),
    proof("R43-6", "r and s swapped", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| [s[32..].to_vec(), s[..32].to_vec()].concat());
    }),
    proof("R43-6", "a DER signature", Reason::BadSignature, |d, _| {
        d.on_signature(|key, signed, _| key.sign_der(signed))
    }),
    proof("R43-6", "a signature one byte short", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| s[..63].to_vec())
    }),
    proof("R43-6", "a signature one byte long", Reason::BadSignature, |d, _| {
        d.on_signature(|_, _, s| [s, vec![0]].concat());
    }),
    proof("R43-6", "another key's signature", Reason::BadSignature, |d, _| {
        d.on_signature(|_, signed, _| other_key().sign(signed));
    }),
    proof("R43-6", "another key in the header", Reason::BadSignature, |d, _| d.jwk = other_key().jwk()),
    proof("R43-6", "a signature over the claims alone", Reason::BadSignature, |d, _| {
        d.on_signature(|key, signed, _| key.sign(signed.split_once('.').unwrap().1));
    }),
    proof("R43-6", "a signature over decoded bytes", Reason::BadSignature, |d, _| {
        d.on_signature(|key, signed, _| key.sign(&signed.replace('.', "")));
    }),
    proof("R43-6", "claims changed after signing", Reason::BadSignature, |d, _| {
        d.claims.set("jti", quoted("a0b1c2"));
        part(d, 1, |p| {
            let claims = URL_SAFE_NO_PAD.decode(p).unwrap();
            b64(String::from_utf8(claims).unwrap().replace("a0b1c2", "a0b1c3"))
        });
    }),
    proof("R43-6", "an RSA signature and a zero byte", Reason::BadSignature, |d, w| {
        sign_with(d, Algorithm::RS256, w);
        d.on_signature(|_, _, s| [vec![0], s].concat());
    }),
    proof("R43-6", "an RSA signature of ones, above the modulus", Reason::BadSignature, |d, w| {
        sign_with(d, Algorithm::PS256, w);
        d.on_signature(|_, _, s| vec![0xff; s.len()]);
    }),
];

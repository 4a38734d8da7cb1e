//! Rule 2: the DPoP field.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sealstamp_dpop::{MAX_PROOF_BYTES, Reason};
use sealstamp_testkit::{b64, quoted};

use crate::cases::case::{Case, Wire, proof};
use crate::cases::defects::part;

pub(super) const CASES: &[Case] = &[
    proof("R43-1 SEP-3", "no DPoP field", Reason::NoProof, |d, _| d.on_proof(|_| vec![])),
    proof("R43-1 SEP-3", "the DPoP field twice", Reason::SeveralProofs, |d, _| d.on_proof(|p| vec![p.clone(), p])),
    proof("R43-1 SEP-3", "two proofs in one field", Reason::SeveralProofs, |d, _| {
        d.on_proof(|p| vec![format!("{p}, {p}")])
    }),
    proof("R43-1 SEP-3", "a comma after the proof", Reason::SeveralProofs, |d, _| {
        d.on_proof(|p| vec![format!("{p},")])
    }),
    proof("R43-1", "a proof and an empty field", Reason::SeveralProofs, |d, _| d.on_proof(|p| vec![p, String::new()])),
    proof("R43-2", "an empty field", Reason::MalformedProof, |d, _| d.on_proof(|_| vec![String::new()])),
    proof("R43-2", "not a JWT", Reason::MalformedProof, |d, _| d.on_proof(|_| vec!["not-a-jwt".into()])),
    proof("R43-2", "two parts", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![p.rsplit_once('.').unwrap().0.to_owned()]);
    }),
    proof("R43-2", "four parts", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!("{p}.AAAA")])),
    proof("R43-2", "five parts, like a JWE", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!("{p}.AAAA.AAAA")])
    }),
    proof("R43-2", "an empty header", Reason::MalformedHeader, |d, _| part(d, 0, |_| String::new())),
    proof("R43-2", "empty claims", Reason::MalformedClaims, |d, _| part(d, 1, |_| String::new())),
    proof("R43-6", "an empty signature", Reason::BadSignature, |d, _| part(d, 2, |_| String::new())),
    proof("R43-2", "a padded header", Reason::MalformedProof, |d, _| part(d, 0, |p| format!("{p}="))),
    proof("R43-2", "padded claims", Reason::MalformedProof, |d, _| part(d, 1, |p| format!("{p}=="))),
    proof("R43-2", "a padded signature", Reason::MalformedProof, |d, _| part(d, 2, |p| format!("{p}=="))),
    proof("R43-2", "spare bits in the signature", Reason::MalformedProof, |d, _| {
        // 64 bytes end in two characters that carry 12 bits for 8; the last character's low bits are spare.
        part(d, 2, |mut p| {
            let last = p.pop().unwrap();
            p.push(char::from(u8::try_from(last).unwrap() + 1));
            p
        });
    }),
    proof("R43-2", "a space in the header", Reason::MalformedProof, |d, _| {
        part(d, 0, |p| format!("{} {}", &p[..8], &p[8..]))
    }),
    proof("R43-2", "a space before the proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!(" {p}")]))
        .on_the_wire(Wire::Trimmed),
    proof("R43-2", "a space after the proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!("{p} ")]))
        .on_the_wire(Wire::Trimmed),
    proof("R43-2", "a tab in the claims", Reason::MalformedProof, |d, _| {
        part(d, 1, |p| format!("{}\t{}", &p[..8], &p[8..]))
    }),
    proof("R43-2", "the standard alphabet", Reason::MalformedProof, |d, _| {
        d.claims.set("x", quoted("???>>>"));
        d.on_proof(|p| vec![p.replace('_', "/").replace('-', "+")]);
    }),
    proof("R43-2", "standard base64 of the header", Reason::MalformedProof, |d, _| {
        d.header.add("x", quoted("?>?>?>?>~~~"));
        part(d, 0, |p| {
            let raw = URL_SAFE_NO_PAD.decode(p).unwrap();
            format!("{}+", STANDARD.encode(raw))
        });
    }),
    proof("R43-2", "a length of base64url that no bytes have", Reason::MalformedProof, |d, _| {
        part(d, 2, |p| format!("{p}AAA"));
    }),
    proof("R43-2", "the JSON serialisation of a JWS", Reason::SeveralProofs, |d, _| {
        d.on_proof(|p| {
            let mut parts = p.split('.');
            let mut next = || parts.next().unwrap();
            vec![format!(r#"{{"protected":"{}","payload":"{}","signature":"{}"}}"#, next(), next(), next())]
        });
    }),
    proof("R43-2", "a proof that says DPoP first", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!("DPoP {p}")])
    }),
    proof("R43-2", "non-ASCII in the field", Reason::MalformedProof, |d, _| {
        d.on_proof_bytes(|p| vec![[p.as_bytes(), "é".as_bytes()].concat()]);
    }),
    proof("R43-2", "a field of 8 KiB and one byte", Reason::ProofTooLong, |d, _| {
        d.on_proof(|p| vec![format!("{p}{}", "A".repeat(MAX_PROOF_BYTES + 1 - p.len()))]);
    }),
    proof("R43-2", "a field of 8 MiB", Reason::ProofTooLong, |d, _| d.on_proof(|_| vec!["A".repeat(8 << 20)]))
        .on_the_wire(Wire::TooLarge),
    proof("R43-2", "a field of 8 MiB of commas", Reason::ProofTooLong, |d, _| {
        d.on_proof(|_| vec![",".repeat(8 << 20)])
    })
    .on_the_wire(Wire::TooLarge),
    proof("R43-2", "the flattened JSON serialisation, of one member", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!(r#"{{"payload":"{}"}}"#, p.split('.').nth(1).unwrap())]);
    }),
    proof("R43-2", "the general JSON serialisation", Reason::SeveralProofs, |d, _| {
        d.on_proof(|p| {
            let parts: Vec<_> = p.split('.').collect();
            let [header, claims, signature] = parts[..] else { panic!("three parts") };
            vec![format!(
                r#"{{"payload":"{claims}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
            )]
        });
    }),
    proof("R43-2", "a proof in base64url once more", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![b64(p)])),
    proof("R43-2", "a quoted proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![quoted(p)])),
    proof("R43-2", "a dot before the proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!(".{p}")])),
    proof("R43-2", "a dot after the proof", Reason::MalformedProof, |d, _| d.on_proof(|p| vec![format!("{p}.")])),
    proof("R43-2", "a semicolon and a parameter after the proof", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!("{p};q=1")]);
    }),
    proof("R43-2", "two proofs with a space between", Reason::MalformedProof, |d, _| {
        d.on_proof(|p| vec![format!("{p} {p}")]);
    }),
];

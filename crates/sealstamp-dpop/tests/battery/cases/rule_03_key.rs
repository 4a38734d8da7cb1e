//! Rule 3: the key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp_dpop::{Algorithm, Reason};
use sealstamp_testkit::{b64, quoted};

use crate::cases::case::{Case, proof};
use crate::cases::defects::{ed25519, little_endian, rename, rsa, rsa_jwk, sign_with};
use crate::support::key;

pub(super) const CASES: &[Case] = &[
    proof("R43-3", "no jwk", Reason::NoKey, |d, _| {
        d.header_text = Some(r#"{"typ":"dpop+jwt","alg":"ES256"}"#.into());
    }),
    proof("R43-3", "a kid instead of a jwk", Reason::NoKey, |d, _| {
        d.header_text = Some(r#"{"typ":"dpop+jwt","alg":"ES256","kid":"1","jku":"https://evil.example"}"#.into());
    }),
    proof("R43-3", "jwk null", Reason::MalformedHeader, |d, _| d.header.add("jwk", "null")),
    proof("R43-3", "jwk a string", Reason::MalformedHeader, |d, _| d.header.add("jwk", "\"key\"")),
    proof("R43-3", "jwk a list", Reason::MalformedHeader, |d, _| d.header.add("jwk", format!("[{}]", d.jwk.json()))),
    proof("R43-3", "jwk empty", Reason::MalformedKey, |d, _| d.jwk.0.clear()),
    proof("R43-7", "d", Reason::PrivateKey, |d, _| d.jwk.add("d", quoted("AAAA"))),
    proof("R43-7", "d null", Reason::PrivateKey, |d, _| d.jwk.add("d", "null")),
    proof("R43-7", "d, escaped", Reason::PrivateKey, |d, _| d.jwk.add("\\u0064", quoted("AAAA"))),
    proof("R43-7", "an RSA key's p", Reason::PrivateKey, |d, w| {
        sign_with(d, Algorithm::RS256, w);
        d.jwk.add("p", quoted("AAAA"));
    }),
    proof("R43-7", "q", Reason::PrivateKey, |d, _| d.jwk.add("q", quoted("AAAA"))),
    proof("R43-7", "dp", Reason::PrivateKey, |d, _| d.jwk.add("dp", quoted("AAAA"))),
    proof("R43-7", "dq", Reason::PrivateKey, |d, _| d.jwk.add("dq", quoted("AAAA"))),
    proof("R43-7", "qi", Reason::PrivateKey, |d, _| d.jwk.add("qi", quoted("AAAA"))),
    proof("R43-7", "oth", Reason::PrivateKey, |d, _| d.jwk.add("oth", "[]")),
    proof("R43-7", "k", Reason::PrivateKey, |d, _| d.jwk.add("k", quoted("AAAA"))),
    proof("R43-2", "x twice", Reason::MalformedHeader, |d, _| d.jwk.add("x", d.jwk.get("x").to_owned())),
    proof("R43-2", "kty twice", Reason::MalformedHeader, |d, _| d.jwk.add("kty", quoted("RSA"))),
    proof("R43-2", "an unknown jwk member twice", Reason::MalformedHeader, |d, _| {
        d.jwk.add("kid", quoted("1"));
        d.jwk.add("kid", quoted("2"));
    }),
    proof("R43-5", "no kty", Reason::MalformedKey, |d, _| d.jwk.remove("kty")),
    proof("R43-5", "kty in lower case", Reason::KeyMismatch, |d, _| d.jwk.set("kty", quoted("ec"))),
    proof("R43-5", "kty oct", Reason::KeyMismatch, |d, _| d.jwk.set("kty", quoted("oct"))),
    proof("R43-5", "no crv", Reason::MalformedKey, |d, _| d.jwk.remove("crv")),
    proof("R43-5", "a P-384 key under ES256", Reason::KeyMismatch, |d, _| d.jwk = key(Algorithm::ES384).jwk()),
    proof("R43-5", "a P-384 key that says P-256", Reason::MalformedKey, |d, _| {
        d.jwk = key(Algorithm::ES384).jwk();
        d.jwk.set("crv", quoted("P-256"));
    }),
    proof("R43-5", "a P-256 key under ES384", Reason::KeyMismatch, |d, _| d.header.set("alg", quoted("ES384"))),
    proof("R43-5", "secp256k1", Reason::KeyMismatch, |d, _| d.jwk.set("crv", quoted("secp256k1"))),
    proof("R43-5", "X25519 under EdDSA", Reason::KeyMismatch, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("crv", quoted("X25519"));
    }),
    proof("R43-5", "Ed448 under EdDSA", Reason::KeyMismatch, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("crv", quoted("Ed448"));
    }),
    proof("R43-2", "no x", Reason::MalformedKey, |d, _| d.jwk.remove("x")),
    proof("R43-2", "no y", Reason::MalformedKey, |d, _| d.jwk.remove("y")),
    proof("R43-2", "x empty", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(""))),
    proof("R43-2", "x a number", Reason::MalformedHeader, |d, _| d.jwk.set("x", "1")),
    proof("R43-2", "x one byte short", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(b64([7; 31])))),
    proof("R43-2", "x one byte long", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(b64([7; 33])))),
    proof("R43-2", "x of 2 KiB", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(b64([7; 2048])))),
    proof("R43-2", "x padded", Reason::MalformedKey, |d, _| d.jwk.set("x", quoted(format!("{}=", b64([7; 32]))))),
    proof("R43-2", "x with spare bits", Reason::MalformedKey, |d, _| {
        d.jwk.set("x", quoted(format!("{}B", "A".repeat(42))))
    }),
    proof("R43-2", "x with a space", Reason::MalformedKey, |d, _| {
        d.jwk.set("x", quoted(format!("{} ", "A".repeat(42))))
    }),
    proof("R43-2", "x in the standard alphabet", Reason::MalformedKey, |d, _| {
        d.jwk.set("x", quoted(format!("+{}A", "A".repeat(41))))
    }),
    proof("R43-2", "x with a leading zero", Reason::MalformedKey, |d, _| {
        let x = URL_SAFE_NO_PAD.decode(d.jwk.get("x").trim_matches('"')).unwrap();
        d.jwk.set("x", quoted(b64([vec![0], x].concat())));
    }),
    proof("R43-2", "y with a leading zero", Reason::MalformedKey, |d, _| {
        let y = URL_SAFE_NO_PAD.decode(d.jwk.get("y").trim_matches('"')).unwrap();
        d.jwk.set("y", quoted(b64([vec![0], y].concat())));
    }),
    proof("R43-2", "y one byte short", Reason::MalformedKey, |d, _| d.jwk.set("y", quoted(b64([7; 31])))),
    proof("R43-2", "y of 4 KiB", Reason::MalformedKey, |d, _| d.jwk.set("y", quoted(b64([7; 4096])))),
    proof("R43-2", "a compressed point in x", Reason::MalformedKey, |d, _| {
        let x = URL_SAFE_NO_PAD.decode(d.jwk.get("x").trim_matches('"')).unwrap();
        d.jwk.set("x", quoted(b64([vec![2], x].concat())));
        d.jwk.remove("y");
    }),
    proof("R43-2", "x a list of bytes", Reason::MalformedHeader, |d, _| d.jwk.set("x", "[7,7]")),
    proof("R43-2", "X for x", Reason::MalformedKey, |d, _| rename(&mut d.jwk, "x", "X")),
    proof("R43-2", "x twice, once escaped", Reason::MalformedHeader, |d, _| {
        d.jwk.add("\\u0078", d.jwk.get("x").to_owned());
    }),
    proof("R43-6", "x and y swapped", Reason::BadSignature, |d, _| {
        let (x, y) = (d.jwk.get("x").to_owned(), d.jwk.get("y").to_owned());
        d.jwk.set("x", y);
        d.jwk.set("y", x);
    }),
    proof("R43-6", "the point at infinity's neighbour: x = 0", Reason::BadSignature, |d, _| {
        d.jwk.set("x", quoted(b64([0; 32])));
    }),
    proof("R43-7", "d empty", Reason::PrivateKey, |d, _| d.jwk.add("d", quoted(""))),
    proof("R43-7", "an Ed25519 key's d", Reason::PrivateKey, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.add("d", quoted(b64([7; 32])));
    }),
    proof("R43-5", "an OKP key that says EC", Reason::KeyMismatch, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("kty", quoted("EC"));
    }),
    proof("R43-5", "an EC key that says RSA, under RS256", Reason::MalformedKey, |d, _| {
        d.header.set("alg", quoted("RS256"));
        d.jwk.set("kty", quoted("RSA"));
    }),
    proof("R43-5 SEP-5 R116-1", "HS256 with the public key as its secret", Reason::AlgorithmNotAllowed, |d, w| {
        sign_with(d, Algorithm::RS256, w);
        d.header.set("alg", quoted("HS256"));
    }),
    proof("R43-7", "RSA of 0 bits", Reason::MalformedKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.set("n", quoted(""));
    }),
    proof("R43-7", "an RSA exponent as great as the modulus", Reason::WeakKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[0xc5; 256]));
    }),
    proof("R43-2", "an RSA exponent in decimal", Reason::MalformedHeader, |d, _| {
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.set("e", "65537");
    }),
    proof("R43-7", "Ed25519: a point of order 8", Reason::WeakKey, |d, _| {
        ed25519(
            d,
            [
                0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
                0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
            ],
        );
    }),
    proof("R43-7", "Ed25519: the other point of order 8, with the other x", Reason::WeakKey, |d, _| {
        ed25519(
            d,
            [
                0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
                0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0xfa,
            ],
        );
    }),
    proof("R43-7", "Ed25519: y = p + 1, an unreduced 1", Reason::WeakKey, |d, _| {
        ed25519(d, little_endian(0xee, 0xff, 0x7f));
    }),
    proof("R43-2", "Ed25519: x one byte long", Reason::MalformedKey, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("x", quoted(b64([7; 33])));
    }),
    proof("R43-6", "Ed25519: a signature that adds the group's order to S", Reason::BadSignature, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.on_signature(|_, _, mut signature| {
            // L = 2^252 + 27742317777372353535851937790883648493, little-endian (RFC 8032 section 5.1).
            let order = [
                0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
            ];
            let mut carry = 0_u16;
            for (byte, add) in signature[32..].iter_mut().zip(order) {
                let sum = u16::from(*byte) + add + carry;
                *byte = (sum & 0xff) as u8;
                carry = sum >> 8;
            }
            signature
        });
    }),
    proof("R43-6", "a point not on the curve", Reason::BadSignature, |d, _| d.jwk.set("x", quoted(b64([7; 32])))),
    proof("R43-6", "the point 0, 0", Reason::BadSignature, |d, _| {
        d.jwk.set("x", quoted(b64([0; 32])));
        d.jwk.set("y", quoted(b64([0; 32])));
    }),
    proof("R43-6", "a coordinate beyond the field", Reason::BadSignature, |d, _| {
        d.jwk.set("y", quoted(b64([0xff; 32])))
    }),
    proof("R43-7", "RSA of 1,024 bits", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(1024, &[1, 0, 1]))),
    proof("R43-7", "RSA of 2,047 bits", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2047, &[1, 0, 1]))),
    proof("R43-6", "RSA of 2,048 bits", Reason::BadSignature, |d, _| rsa(d, rsa_jwk(2048, &[1, 0, 1]))),
    proof("R43-6", "RSA of 4,096 bits", Reason::BadSignature, |d, _| rsa(d, rsa_jwk(4096, &[1, 0, 1]))),
    proof("R43-7", "RSA of 4,097 bits", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(4097, &[1, 0, 1]))),
    proof("R43-7", "RSA of 16,384 bits", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(16384, &[1, 0, 1]))),
    proof("R43-7", "RSA exponent 1", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[1]))),
    proof("R43-7", "RSA exponent 3", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[3]))),
    proof("R43-7", "RSA exponent 65535", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[0xff, 0xff]))),
    proof("R43-7", "RSA exponent 65536", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[1, 0, 0]))),
    proof("R43-7", "RSA exponent 65538", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[1, 0, 2]))),
    proof("R43-6", "RSA exponent 2^32 - 1", Reason::BadSignature, |d, _| rsa(d, rsa_jwk(2048, &[0xff; 4]))),
    proof("R43-7", "RSA exponent 2^32 + 1", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[1, 0, 0, 0, 1]))),
    proof("R43-7", "RSA exponent of 256 bytes", Reason::WeakKey, |d, _| rsa(d, rsa_jwk(2048, &[0xff; 256]))),
    proof("R43-2", "RSA exponent 0", Reason::MalformedKey, |d, _| rsa(d, rsa_jwk(2048, &[0]))),
    proof("R43-2", "RSA exponent with a leading zero", Reason::MalformedKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[0, 1, 0, 1]))
    }),
    proof("R43-2", "RSA modulus with a leading zero", Reason::MalformedKey, |d, _| {
        let n: Vec<u8> = [vec![0], vec![0xc5; 256]].concat();
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.set("n", quoted(b64(n)));
    }),
    proof("R43-7", "RSA modulus even", Reason::WeakKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.set("n", quoted(b64([0xc4; 256])));
    }),
    proof("R43-2", "RSA without e", Reason::MalformedKey, |d, _| {
        rsa(d, rsa_jwk(2048, &[1, 0, 1]));
        d.jwk.remove("e");
    }),
    proof("R43-7", "Ed25519: the neutral point", Reason::WeakKey, |d, _| ed25519(d, little_endian(1, 0, 0))),
    proof("R43-7", "Ed25519: y = 0", Reason::WeakKey, |d, _| ed25519(d, [0; 32])),
    proof("R43-7", "Ed25519: y = 0 and the other x", Reason::WeakKey, |d, _| ed25519(d, little_endian(0, 0, 0x80))),
    proof("R43-7", "Ed25519: y = -1", Reason::WeakKey, |d, _| ed25519(d, little_endian(0xec, 0xff, 0x7f))),
    proof("R43-7", "Ed25519: y = p, an unreduced 0", Reason::WeakKey, |d, _| {
        ed25519(d, little_endian(0xed, 0xff, 0x7f))
    }),
    proof("R43-7", "Ed25519: all ones", Reason::WeakKey, |d, _| ed25519(d, [0xff; 32])),
    proof("R43-6", "Ed25519: y = -2, which is reduced", Reason::BadSignature, |d, _| {
        ed25519(d, little_endian(0xeb, 0xff, 0x7f))
    }),
    proof("R43-2", "Ed25519: x one byte short", Reason::MalformedKey, |d, w| {
        sign_with(d, Algorithm::EdDSA, w);
        d.jwk.set("x", quoted(b64([7; 31])));
    }),
];

//! The claim `content_digest`: which bytes the body must have (rule 11).
//!
//! RFC 9449 signs no body. This claim is an extension of it: the value of a `Content-Digest` field (RFC 9530), inside
//! the proof. Of the algorithms there, SHA-256 counts, and the others are ignored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// What a proof says of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ContentDigest {
    /// Nothing: there is no such claim.
    #[default]
    Absent,
    /// It has the claim, and no SHA-256 can be read from it.
    Malformed,
    /// The SHA-256 of the body.
    Sha256([u8; 32]),
}

impl ContentDigest {
    /// From the claim's text.
    pub(super) fn read(text: &str) -> Self {
        sha_256(text).map_or(Self::Malformed, Self::Sha256)
    }

    /// Whether it is that of the body of these parts, one after the other.
    pub(crate) fn is_of<P: AsRef<[u8]>>(&self, parts: &[P]) -> bool {
        let Self::Sha256(expected) = self else { return false };
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        let found: [u8; 32] = hash.finalize().into();
        found == *expected
    }
}

/// The digest under `sha-256` in a dictionary of byte sequences (RFC 8941 section 3.2): members with commas between
/// them, each `key=:base64:`.
///
/// It is stricter than a field. Each key stands there once, for a reader that takes the first of two sees another
/// digest than one that takes the last. There are no parameters, of which RFC 9530 has none. Base64 is padded and has
/// no spare bits.
fn sha_256(text: &str) -> Option<[u8; 32]> {
    let mut found = None;
    let mut keys: Vec<&str> = Vec::new();
    for member in text.split(',') {
        let (key, value) = member.trim_matches([' ', '\t']).split_once('=')?;
        let encoded = value.strip_prefix(':')?.strip_suffix(':')?;
        if !is_key(key) || keys.contains(&key) {
            return None;
        }
        keys.push(key);
        let digest = STANDARD.decode(encoded).ok()?;
        if key == "sha-256" {
            found = Some(digest.try_into().ok()?);
        }
    }
    // A space within `text` is for the members alone, as RFC 8941 has it; a dictionary does not begin or end with one.
    found.filter(|_| text.trim_matches([' ', '\t']) == text)
}

/// RFC 8941 section 3.2: `key = ( lcalpha / "*" ) *( lcalpha / DIGIT / "_" / "-" / "." / "*" )`.
fn is_key(key: &str) -> bool {
    let mut bytes = key.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'*')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9530 appendix D has this one, of `{"hello": "world"}` and a line feed.
    const HELLO: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    const EMPTY: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    #[test]
    fn a_digest_is_of_its_bytes() {
        let hello = ContentDigest::read(HELLO);
        let body = b"{\"hello\": \"world\"}\n";
        assert!(hello.is_of(&[body]));
        for cut in 0..=body.len() {
            let (start, end) = body.split_at(cut);
            assert!(hello.is_of(&[start, &[], end]), "{cut}");
        }
        for place in 0..body.len() {
            let mut flipped = *body;
            flipped[place] ^= 1;
            assert!(!hello.is_of(&[flipped]));
        }
        assert!(!hello.is_of(&[&body[1..]]));
        let empty = ContentDigest::read(EMPTY);
        assert!(empty.is_of::<&[u8]>(&[]) && empty.is_of(&[b""]) && !empty.is_of(&[b"\0"]));
        for not in [ContentDigest::Absent, ContentDigest::Malformed] {
            assert!(!not.is_of(&[body]) && !not.is_of::<&[u8]>(&[]));
        }
    }

    #[test]
    fn others_are_ignored() {
        let expected = ContentDigest::read(EMPTY);
        assert_ne!(expected, ContentDigest::Malformed);
        for text in [
            format!("sha-512=:AAAA:, {EMPTY}"),
            format!("{EMPTY},sha-512=:AAAA:"),
            format!("{EMPTY}\t ,\t*a_-.*9=::"),
            format!("md5=:AA==:,unixsum=:AAA=:,{EMPTY}"),
        ] {
            assert_eq!(ContentDigest::read(&text), expected, "{text}");
        }
    }

    #[test]
    fn odd_ones_are_malformed() {
        let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for text in [
            String::new(),
            "sha-256".into(),
            "sha-256=".into(),
            "sha-256=::".into(),
            "sha-512=:AAAA:".into(),
            digest.into(),
            format!("sha-256={digest}"),
            format!("sha-256=\"{digest}\""),
            format!("sha-256=:{digest}"),
            format!("sha-256=:{}:", digest.trim_end_matches('=')),
            format!("sha-256=:{}:", digest.replace("FU=", "FV=")),
            format!("sha-256=:{}:", digest.replace('+', "-").replace('/', "_")),
            format!("sha-256=:{digest}:;a=1"),
            format!("sha-256=:{digest}:;a"),
            format!("sha-256= :{digest}:"),
            format!("sha-256 =:{digest}:"),
            format!("SHA-256=:{digest}:"),
            format!("sha256=:{digest}:"),
            format!(" {EMPTY}"),
            format!("{EMPTY} "),
            format!("{EMPTY},"),
            format!(",{EMPTY}"),
            format!("{EMPTY},,a=::"),
            format!("{EMPTY}\n"),
            format!("{EMPTY}, {EMPTY}"),
            format!("{EMPTY}, {HELLO}"),
            format!("a=::,a=::,{EMPTY}"),
            format!("{EMPTY}, sha-512"),
            format!("{EMPTY}, sha-512=?1"),
            format!("{EMPTY}, 9=::"),
            format!("{EMPTY}, =::"),
            format!("{EMPTY}, \u{e9}=::"),
            "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==:".into(),
            "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA:".into(),
        ] {
            assert_eq!(ContentDigest::read(&text), ContentDigest::Malformed, "{text}");
        }
    }
}

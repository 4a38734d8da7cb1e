//! base64url without padding (RFC 4648 section 5), and lower-case hexadecimal. Each value has one spelling: spare bits
//! must be zero.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Characters of 32 bytes in base64url.
const CHARS_32: usize = 43;

/// Reads 43 characters into `out`. False if the text is anything else.
pub(crate) fn decode_32(text: &str, out: &mut [u8; 32]) -> bool {
    // The decoder needs room for whole groups of four characters.
    let mut room = Zeroizing::new([0; 33]);
    if text.len() != CHARS_32 || URL_SAFE_NO_PAD.decode_slice(text, &mut room[..]) != Ok(32) {
        return false;
    }
    out.copy_from_slice(room.first_chunk::<32>().unwrap_or(&[0; 32]));
    true
}

/// Writes 32 bytes as 43 characters.
pub(crate) fn encode_32(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads 64 lower-case hexadecimal digits.
pub(crate) fn unhex_32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |b: &u8| char::from(*b).to_digit(16).filter(|_| !b.is_ascii_uppercase());
        let [high, low] = pair else { return None };
        *byte = u8::try_from(digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?).ok()?;
    }
    Some(bytes)
}

/// Writes 32 bytes as 64 lower-case hexadecimal digits.
pub(crate) fn hex_32(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let text = encode_32(&[0xA7; 32]);
        let mut out = [0; 32];
        assert!(decode_32(&text, &mut out));
        assert_eq!(out, [0xA7; 32]);
        let spare_bits = format!("{}d", &text[..42]);
        assert_ne!(spare_bits, text);
        for bad in [&text[..42], &format!("{text}="), &format!("{text}A"), &spare_bits, &text.replace('p', "+")] {
            assert!(!decode_32(bad, &mut out), "{bad}");
        }
    }

    #[test]
    fn one_spelling_in_hexadecimal() {
        let bytes: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * 8 + 7).unwrap());
        let text = hex_32(&bytes);
        assert_eq!(unhex_32(&text), Some(bytes));
        let wide = format!("{}\u{e9}", &text[..62]);
        for bad in [&text[..62], &text[..63], &format!("{text}0"), &text.to_uppercase(), &text.replace('f', "g"), &wide]
        {
            assert_eq!(unhex_32(bad), None, "{bad}");
        }
    }
}

//! base64url without padding (RFC 4648 section 5). Spare bits must be zero, so each value has one spelling.

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
}

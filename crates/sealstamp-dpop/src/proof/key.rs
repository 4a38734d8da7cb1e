//! A public key in the form that both signature backends take.

/// A curve for ECDSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Length of a coordinate in bytes (RFC 7518 section 6.2.1.2).
    pub(crate) const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// A public key as the signature's backends want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// An uncompressed point, `0x04 || x || y`, at the front of the buffer.
    Ec(Curve, [u8; 133]),
    /// RFC 8032 section 5.1.5.
    Ed25519([u8; 32]),
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa(Vec<u8>, Vec<u8>),
}

impl PublicKey {
    /// The point of an elliptic-curve key, without what follows it in the buffer.
    pub(crate) fn point(curve: Curve, buffer: &[u8; 133]) -> &[u8] {
        let length = curve.coordinate().saturating_mul(2).saturating_add(1);
        buffer.get(..length).unwrap_or(buffer)
    }
}

/// Whether this is a point of order 1, 2, 4 or 8, under which anybody can sign some messages, or an encoding of `y`
/// that is not below 2^255 - 19. RFC 8032 leaves both open and backends differ, so no backend ever sees one.
pub(crate) fn is_unfit_edwards_point(encoded: &[u8; 32]) -> bool {
    const LOW_ORDER: [[u8; 32]; 5] = [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        {
            let mut minus_one = [0xff; 32];
            minus_one[0] = 0xec;
            minus_one[31] = 0x7f;
            minus_one
        },
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *encoded;
    let [first, middle @ .., last] = &mut y;
    // The highest bit is the sign of x.
    *last &= 0x7f;
    let not_reduced = *last == 0x7f && middle.iter().all(|byte| *byte == 0xff) && *first >= 0xed;
    not_reduced || LOW_ORDER.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lies on either side of the exclusion, in bytes: all five values of `y`, both signs, and the border of the
    /// field.
    #[test]
    fn edwards_points_of_low_order_and_unreduced_ones() {
        let unfit = |mut y: [u8; 32], last_bits: u8| {
            y[31] |= last_bits;
            is_unfit_edwards_point(&y)
        };
        let from = |first: u8, middle: u8, last: u8| {
            let mut y = [middle; 32];
            (y[0], y[31]) = (first, last);
            y
        };
        for sign in [0, 0x80] {
            for first in 0..=255 {
                assert_eq!(unfit(from(first, 0, 0), sign), first <= 1, "{first}");
                // p - 1 = 0xec.., p = 0xed.. and all above it.
                assert_eq!(unfit(from(first, 0xff, 0x7f), sign), first >= 0xec, "{first}");
            }
            assert!(!unfit(from(0xed, 0xff, 0x7e), sign));
            let mut nearly = from(0xed, 0xff, 0x7f);
            nearly[17] = 0xfe;
            assert!(!unfit(nearly, sign));
        }
        let eighth = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
        let byte = |i: usize| u8::from_str_radix(&eighth[2 * i..2 * i + 2], 16).unwrap();
        let y: [u8; 32] = std::array::from_fn(byte);
        // p - y, byte by byte: p is 0xed, 0xff.., 0x7f.
        let p = from(0xed, 0xff, 0x7f);
        let minus_y: [u8; 32] = std::array::from_fn(|i| p[i] - y[i]);
        assert!(unfit(y, 0) && unfit(y, 0x80) && unfit(minus_y, 0) && unfit(minus_y, 0x80));
        assert!(!unfit(from(9, 0, 0), 0));
    }
}

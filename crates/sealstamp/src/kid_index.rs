//! From kid to position, in the same time for one key as for a thousand.

use crate::kid::Kid;

/// Where each kid stands in a list.
///
/// A kid is the start of a hash, so its low bits choose the place in the table and nothing is hashed again. At most
/// half of the table is in use. A search ends at the first empty place.
pub(crate) struct KidIndex {
    places: Box<[Option<(Kid, u16)>]>,
}

impl KidIndex {
    pub(crate) fn new(kids: impl ExactSizeIterator<Item = Kid>) -> Self {
        let size = kids.len().saturating_mul(2).next_power_of_two().max(4);
        let mut index = Self { places: vec![None; size].into() };
        for (kid, position) in kids.zip(0_u16..) {
            let free = index.path(kid).find(|place| index.places.get(*place).is_some_and(Option::is_none));
            if let Some(place) = free.and_then(|place| index.places.get_mut(place)) {
                *place = Some((kid, position));
            }
        }
        index
    }

    /// The position of this kid in the list.
    pub(crate) fn find(&self, kid: Kid) -> Option<usize> {
        let places = self.path(kid).map_while(|place| *self.places.get(place)?);
        places.into_iter().find(|(there, _)| *there == kid).map(|(_, position)| usize::from(position))
    }

    /// The places where this kid may be, in the order of the search. Each place comes once, so every search ends.
    fn path(&self, kid: Kid) -> impl Iterator<Item = usize> + use<> {
        let size = self.places.len();
        let mask = size.saturating_sub(1);
        let start = usize::try_from(u32::from_be_bytes(kid.0)).unwrap_or_default();
        (0..size).map(move |step| start.wrapping_add(step) & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_every_kid_and_no_other() {
        // All in one place of the table, in a row, and far apart.
        for stride in [0x0001_0000_u32, 1, 0x9E37_79B9] {
            for count in [1_u32, 2, 3, 1_000, 1_024] {
                let kid = |n: u32| Kid(n.wrapping_mul(stride).to_be_bytes());
                let kids: Vec<Kid> = (0..count).map(kid).collect();
                let index = KidIndex::new(kids.iter().copied());
                for (position, one) in kids.iter().enumerate() {
                    assert_eq!(index.find(*one), Some(position), "{stride:x} {count}");
                }
                assert_eq!(index.find(kid(count)), None, "{stride:x} {count}");
                assert_eq!(index.find(kid(u32::MAX)), None, "{stride:x} {count}");
            }
        }
    }
}

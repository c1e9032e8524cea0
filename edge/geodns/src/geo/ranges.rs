//! Sorted ranges of addresses that cover a whole family, each with a number: neighbours never have the same. So the
//! widest prefix around an address whose addresses all have its number follows from the ends of its range alone.

use std::net::IpAddr;

/// An address as a number.
pub trait Bits: Copy + Ord + std::fmt::Debug + Send + Sync + 'static {
    /// Bits of an address.
    const LENGTH: u8;
    /// The first address.
    const MIN: Self;
    /// The one behind it; `None` behind the last.
    #[must_use]
    fn next(self) -> Option<Self>;
    /// The one before it; `None` before the first.
    #[must_use]
    fn previous(self) -> Option<Self>;
    /// Leading bits that both share.
    fn shared(self, other: Self) -> u8;
    /// The last address of the network of `length` bits that begins here.
    #[must_use]
    fn last_of(self, length: u8) -> Self;
}

macro_rules! bits {
    ($type:ty, $length:literal) => {
        impl Bits for $type {
            const LENGTH: u8 = $length;
            const MIN: Self = 0;

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }

            fn shared(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            fn last_of(self, length: u8) -> Self {
                self | Self::MAX.checked_shr(length.into()).unwrap_or(0)
            }
        }
    };
}

bits!(u32, 32);
bits!(u128, 128);

/// The ranges of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges<T> {
    /// First addresses, rising; the first is the family's.
    starts: Vec<T>,
    /// The number of each.
    values: Vec<u32>,
}

impl<T: Bits> Ranges<T> {
    /// One range with one number.
    pub fn whole(value: u32) -> Self {
        Self { starts: vec![T::MIN], values: vec![value] }
    }

    /// From first addresses, rising from the family's first, and their numbers. Neighbours alike become one.
    pub fn build(rows: impl IntoIterator<Item = (T, u32)>) -> Self {
        let mut ranges = Self { starts: Vec::new(), values: Vec::new() };
        for (start, value) in rows {
            debug_assert!(ranges.starts.last().map_or(start == T::MIN, |last| *last < start));
            if ranges.values.last() != Some(&value) {
                ranges.starts.push(start);
                ranges.values.push(value);
            }
        }
        ranges
    }

    /// Where the range of `address` is.
    fn index(&self, address: T) -> usize {
        self.starts.partition_point(|start| *start <= address) - 1
    }

    /// The number of `address`.
    pub fn value(&self, address: T) -> u32 {
        self.values[self.index(address)]
    }

    /// The number of `address`, and the length of the widest prefix around it whose addresses all have this number.
    pub fn look_up(&self, address: T) -> (u32, u8) {
        let index = self.index(address);
        // A prefix must be long enough to part the address from both neighbours of its range.
        let before = self.starts[index].previous().map_or(0, |before| address.shared(before) + 1);
        let behind = self.starts.get(index + 1).map_or(0, |behind| address.shared(*behind) + 1);
        (self.values[index], before.max(behind))
    }

    /// First addresses and numbers.
    pub fn rows(&self) -> impl Iterator<Item = (T, u32)> {
        self.starts.iter().copied().zip(self.values.iter().copied())
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Never: the family is always covered.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }
}

/// Lays prefixes over one another, the longer over the shorter, and both over `ground`: rows for [`Ranges::build`].
/// `rows` are (first address, length, number); of two that are equal the later counts.
pub fn overlay<T: Bits>(mut rows: Vec<(T, u8, u32)>, ground: u32) -> Vec<(T, u32)> {
    // Stable: equal ones stay in order, so that the later is laid last.
    rows.sort_by_key(|row| (row.0, row.1));
    let mut out: Vec<(T, u32)> = vec![(T::MIN, ground)];
    // Networks that are open, the outermost first: last address and number.
    let mut open: Vec<(Option<T>, u32)> = Vec::new();
    let push = |out: &mut Vec<(T, u32)>, start: T, value: u32| match out.last_mut() {
        Some(last) if last.0 == start => last.1 = value,
        _ => out.push((start, value)),
    };
    let close = |open: &mut Vec<(Option<T>, u32)>, out: &mut Vec<(T, u32)>, until: Option<T>| {
        while let Some((behind, _)) = open.last().copied() {
            let Some(behind) = behind.filter(|behind| until.is_none_or(|until| *behind <= until)) else {
                // It reaches the family's end, or beyond the next start.
                if until.is_some() {
                    return;
                }
                open.pop();
                continue;
            };
            open.pop();
            push(out, behind, open.last().map_or(ground, |outer| outer.1));
        }
    };
    for (start, length, value) in rows {
        close(&mut open, &mut out, Some(start));
        push(&mut out, start, value);
        open.push((start.last_of(length).next(), value));
    }
    close(&mut open, &mut out, None);
    out
}

/// The ranges of both families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Both {
    /// IPv4.
    pub v4: Ranges<u32>,
    /// IPv6.
    pub v6: Ranges<u128>,
}

impl Both {
    /// One number for all.
    pub fn whole(value: u32) -> Self {
        Self { v4: Ranges::whole(value), v6: Ranges::whole(value) }
    }

    /// As [`Ranges::look_up`].
    pub fn look_up(&self, address: IpAddr) -> (u32, u8) {
        match address {
            IpAddr::V4(address) => self.v4.look_up(address.to_bits()),
            IpAddr::V6(address) => self.v6.look_up(address.to_bits()),
        }
    }

    /// Whether all addresses of both families have one and the same number.
    pub fn is_whole(&self) -> bool {
        self.v4.len() == 1 && self.v6.len() == 1 && self.v4.values == self.v6.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_widest_prefix_follows_from_the_ends() {
        let ranges = Ranges::build([(0_u32, 1), (0x0A00_0000, 2), (0x0B00_0000, 1), (0x0C00_0000, 1)]);
        assert_eq!(ranges.len(), 3);
        for (address, expected) in [
            (0x0A01_0203, (2, 8)),
            (0x0B00_0001, (1, 8)),
            (0xC000_0000, (1, 1)),
            (0x0900_0000, (1, 7)),
            (0, (1, 5)),
        ] {
            assert_eq!(ranges.look_up(address), expected, "{address:x}");
        }
        assert_eq!(Ranges::whole(7).look_up(9_u128), (7, 0));
    }

    /// What a list of prefixes says of an address, without any cleverness.
    fn slow(rows: &[(u32, u8, u32)], address: u32) -> u32 {
        let within = |row: &&(u32, u8, u32)| row.0 <= address && address <= row.0.last_of(row.1);
        rows.iter().filter(within).max_by_key(|row| row.1).map_or(0, |row| row.2)
    }

    proptest! {
        #[test]
        fn overlaid_prefixes_give_what_the_longest_says_and_its_widest_scope(
            raw in proptest::collection::vec((any::<u32>(), 0_u8..=32, 1_u32..4), 0..12),
            probes in proptest::collection::vec(any::<u32>(), 32),
        ) {
            let rows: Vec<(u32, u8, u32)> = raw.iter().map(|(address, length, value)| {
                let mask = u32::MAX.checked_shl(32 - u32::from(*length)).unwrap_or(0);
                (address & mask, *length, *value)
            }).collect();
            let ranges = Ranges::build(overlay(rows.clone(), 0));
            let edges = rows.iter().flat_map(|row| [row.0, row.0.last_of(row.1), row.0.wrapping_sub(1), row.0.last_of(row.1).wrapping_add(1)]);
            let edges: Vec<u32> = edges.collect();
            for address in probes.iter().copied().chain(edges.iter().copied()) {
                let (value, scope) = ranges.look_up(address);
                prop_assert_eq!(value, slow(&rows, address));
                let mask = |length: u8| u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                let within = |other: &&u32, length| (**other ^ address) & mask(length) == 0;
                for other in probes.iter().chain(&edges).filter(|other| within(other, scope)) {
                    prop_assert_eq!(slow(&rows, *other), value, "within the scope /{}", scope);
                }
                if scope > 0 {
                    // Values change only at edges, so that one of them, or the prefix's ends, must tell the difference.
                    let first = address & mask(scope - 1);
                    let ends = [first, first.last_of(scope - 1)];
                    let differs = edges.iter().chain(&ends).filter(|other| within(other, scope - 1)).any(|other| slow(&rows, *other) != value);
                    prop_assert!(differs, "a wider scope than /{} of {:x} would be right too", scope, address);
                }
            }
        }
    }
}

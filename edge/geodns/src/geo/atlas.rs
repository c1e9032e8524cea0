//! All geographic files, laid over one another: for each range of addresses what is known of it.

use crate::geo::ranges::Bits;
use crate::geo::{Both, Facts, Ranges};
use std::collections::HashMap;
use std::net::IpAddr;

/// What is known of all addresses.
#[derive(Clone, Debug)]
pub struct Atlas {
    ranges: Both,
    facts: Vec<Facts>,
}

impl Default for Atlas {
    fn default() -> Self {
        Self { ranges: Both::whole(0), facts: vec![Facts::default()] }
    }
}

impl Atlas {
    /// From ranges and the facts that their numbers stand for.
    pub fn new(ranges: Both, facts: Vec<Facts>) -> Self {
        debug_assert!(
            ranges
                .v4
                .rows()
                .map(|row| row.1)
                .chain(ranges.v6.rows().map(|row| row.1))
                .all(|index| (index as usize) < facts.len())
        );
        Self { ranges, facts }
    }

    /// What is known of `address`.
    pub fn facts(&self, address: IpAddr) -> &Facts {
        &self.facts[self.ranges.look_up(address).0 as usize]
    }

    /// The ranges; their numbers are places in [`Atlas::all_facts`].
    pub const fn ranges(&self) -> &Both {
        &self.ranges
    }

    /// All that is known, each once or a few times.
    pub fn all_facts(&self) -> &[Facts] {
        &self.facts
    }

    /// This atlas, and `other` where it says nothing: a file of countries and one of autonomous systems.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut facts =
            Joined { facts: Vec::new(), known: HashMap::new(), left: &self.facts, right: &other.facts };
        let v4 =
            Ranges::build(merged(&self.ranges.v4, &other.ranges.v4, |left, right| facts.join(left, right)));
        let v6 =
            Ranges::build(merged(&self.ranges.v6, &other.ranges.v6, |left, right| facts.join(left, right)));
        Self { ranges: Both { v4, v6 }, facts: facts.facts }
    }
}

struct Joined<'a> {
    facts: Vec<Facts>,
    known: HashMap<(u32, u32), u32>,
    left: &'a [Facts],
    right: &'a [Facts],
}

impl Joined<'_> {
    fn join(&mut self, left: u32, right: u32) -> u32 {
        *self.known.entry((left, right)).or_insert_with(|| {
            self.facts.push(self.left[left as usize].clone().or(&self.right[right as usize]));
            self.facts.len() as u32 - 1
        })
    }
}

/// The rows of both, cut at the starts of either.
pub fn merged<T: Bits>(
    left: &Ranges<T>,
    right: &Ranges<T>,
    mut join: impl FnMut(u32, u32) -> u32,
) -> Vec<(T, u32)> {
    let (mut lefts, mut rights) = (left.rows().peekable(), right.rows().peekable());
    let mut rows = Vec::with_capacity(left.len() + right.len());
    let (mut of_left, mut of_right) = (0, 0);
    loop {
        let start = match (lefts.peek(), rights.peek()) {
            (Some(left), Some(right)) => left.0.min(right.0),
            (Some(left), None) => left.0,
            (None, Some(right)) => right.0,
            (None, None) => return rows,
        };
        if let Some(row) = lefts.next_if(|row| row.0 == start) {
            of_left = row.1;
        }
        if let Some(row) = rights.next_if(|row| row.0 == start) {
            of_right = row.1;
        }
        rows.push((start, join(of_left, of_right)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Code;
    use crate::geo::ranges::overlay;

    #[test]
    fn two_files_are_one_atlas() {
        let country = Facts { country: Code::parse("DE"), ..Facts::default() };
        let system = Facts { asn: Some(64_500), ..Facts::default() };
        let one = |row: (u32, u8), facts: Facts| {
            let v4 = Ranges::build(overlay(vec![(row.0, row.1, 1)], 0));
            Atlas::new(Both { v4, v6: Ranges::whole(0) }, vec![Facts::default(), facts])
        };
        let both = one((0x0A00_0000, 8), country.clone()).or(&one((0x0A80_0000, 9), system.clone()));
        let rows = [
            ("9.255.255.255", Facts::default()),
            ("10.0.0.0", country.clone()),
            ("10.128.0.0", country.or(&system)),
            ("11.0.0.0", Facts::default()),
            ("::1", Facts::default()),
        ];
        for (address, expected) in rows {
            assert_eq!(*both.facts(address.parse().unwrap()), expected, "{address}");
        }
    }
}

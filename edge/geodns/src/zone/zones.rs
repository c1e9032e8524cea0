//! All zones of a server. A set is made whole and exchanged whole; queries see the one or the other.

use crate::wire::Name;
use crate::wire::name::suffixes;
use crate::zone::Zone;
use std::collections::HashMap;
use std::sync::Arc;

/// All zones.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    by_origin: HashMap<Name, Arc<Zone>>,
    /// A bit for each length that an apex has, so that a name of many labels is not looked up for each of them.
    lengths: [u64; 4],
}

/// A zone that is responsible for a name.
pub type Found<'z> = &'z Arc<Zone>;

impl Zones {
    /// From zones with different apexes; of two with the same the later counts.
    pub fn new(zones: impl IntoIterator<Item = Arc<Zone>>) -> Self {
        let mut all = Self::default();
        for zone in zones {
            let length = zone.origin.wire().len();
            all.lengths[length / 64] |= 1 << (length % 64);
            all.by_origin.insert(zone.origin.clone(), zone);
        }
        all
    }

    /// The zone nearest to a folded name in wire form.
    pub fn find(&self, name: &[u8]) -> Option<Found<'_>> {
        let has = |length: usize| self.lengths[length / 64] & 1 << (length % 64) != 0;
        suffixes(name).filter(|suffix| has(suffix.len())).find_map(|suffix| self.by_origin.get(suffix))
    }

    /// The zone nearest above a folded name, itself not counted: whose DS records it has.
    pub fn find_above(&self, name: &[u8]) -> Option<Found<'_>> {
        suffixes(name).nth(1).and_then(|parent| self.find(parent))
    }

    /// The zone with this apex.
    pub fn get(&self, origin: &[u8]) -> Option<Found<'_>> {
        self.by_origin.get(origin)
    }

    /// All of them, sorted by apex.
    pub fn all(&self) -> Vec<Found<'_>> {
        let mut all: Vec<_> = self.by_origin.values().collect();
        all.sort_by(|left, right| left.origin.cmp(&right.origin));
        all
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_origin.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_origin.is_empty()
    }
}

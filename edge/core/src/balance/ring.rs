//! Ring hash (ketama): each member has points on a ring by its weight; a key belongs to the next point.
//!
//! A second attempt hashes the key again instead of walking on, so that the keys of a lost member spread over all
//! others and not onto one neighbour (Chen, Coleman, Shrivastava, 2021).

use crate::balance::Settings;
use crate::balance::algorithm::{Algorithm, Ask, Member};
use crate::{Random, hash};
use std::sync::Arc;

/// Points of a member of average weight. With 256 the shares of equal members differ by about 1/√256 = 6 %.
const POINTS: f64 = 256.0;
/// All points together; beyond it members have fewer points each.
const POINTS_MAX: f64 = 1_000_000.0;

/// The ring.
#[derive(Debug)]
pub(super) struct Ring {
    /// Sorted.
    points: Box<[u64]>,
    owners: Box<[u32]>,
    /// For each value of the upper bits, the first point that is not below it. Points are even, and there are about as
    /// many values as points, so a search looks at one or two.
    first: Box<[u32]>,
    shift: u32,
}

pub(super) fn build(members: &[Member], _: &Settings, _: u64) -> Arc<dyn Algorithm> {
    Arc::new(Ring::new(members))
}

impl Ring {
    pub(super) fn new(members: &[Member]) -> Self {
        let total: f64 = members.iter().map(|member| f64::from(member.configured)).sum();
        let points = (POINTS * members.len() as f64).min(POINTS_MAX);
        let mut ring = Vec::new();
        for (index, member) in members.iter().enumerate() {
            let share = f64::from(member.configured) / total;
            let count = ((points * share).round() as u64).max(1);
            let token = member.endpoint.token().0;
            let own = (0..count).map(|n| (hash::mix(token ^ hash::mix(n + 1)), index as u32));
            ring.extend(own);
        }
        ring.sort_unstable();
        let bits = ring.len().ilog2() + 1;
        let shift = u64::BITS - bits;
        let mut at = 0;
        let first_not_below = |upper: u64| {
            while at < ring.len() && ring[at].0 < upper << shift {
                at += 1;
            }
            at as u32
        };
        Self {
            first: (0..1_u64 << bits).map(first_not_below).collect(),
            shift,
            points: ring.iter().map(|(point, _)| *point).collect(),
            owners: ring.iter().map(|(_, owner)| *owner).collect(),
        }
    }

    /// Whom this hash belongs to: the owner of the first point that is not below it, around the ring.
    pub(super) fn owner(&self, hash: u64) -> usize {
        let mut at = self.first[(hash >> self.shift) as usize] as usize;
        while at < self.points.len() && self.points[at] < hash {
            at += 1;
        }
        self.owners[if at == self.points.len() { 0 } else { at }] as usize
    }
}

impl Algorithm for Ring {
    fn pick(&self, _: &[Member], ask: Ask, _: &mut Random) -> usize {
        self.owner(hash::again(ask.key, ask.attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::suite::members;

    #[test]
    fn the_index_finds_what_a_search_finds() {
        for weights in [vec![1], vec![1, 2, 3], vec![7; 100]] {
            let ring = Ring::new(&members(&weights));
            let mut random = Random::new(1);
            let edges =
                ring.points.iter().flat_map(|point| [point.wrapping_sub(1), *point, point.wrapping_add(1)]);
            let some = (0..10_000).map(|_| random.bits()).chain([0, u64::MAX]);
            for hash in edges.chain(some) {
                let after = ring.points.partition_point(|point| *point < hash) % ring.points.len();
                assert_eq!(ring.owner(hash), ring.owners[after] as usize, "{hash:x}");
            }
        }
    }
}

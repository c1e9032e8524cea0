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
    /// Sorted; searched alone, so that the search stays in the cache.
    points: Box<[u64]>,
    owners: Box<[u32]>,
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
        Self {
            points: ring.iter().map(|(point, _)| *point).collect(),
            owners: ring.iter().map(|(_, owner)| *owner).collect(),
        }
    }

    /// Whom this hash belongs to.
    pub(super) fn owner(&self, hash: u64) -> usize {
        let after = self.points.partition_point(|point| *point < hash);
        self.owners[if after == self.points.len() { 0 } else { after }] as usize
    }
}

impl Algorithm for Ring {
    fn pick(&self, _: &[Member], ask: Ask, _: &mut Random) -> usize {
        self.owner(hash::again(ask.key, ask.attempt))
    }
}

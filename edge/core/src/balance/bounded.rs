//! Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2018): a key goes to its place on the ring
//! unless that member already has `bound` times its share of the requests in flight; then to its next place.
//!
//! To know the share, a pick adds up the group's requests in flight: n loads. Two picks at once may each find the last
//! room; the bound can be passed by as many as pick at once.

use crate::balance::Settings;
use crate::balance::algorithm::{Algorithm, Ask, Member};
use crate::balance::ring::Ring;
use crate::{Random, hash};
use std::sync::Arc;

/// How many places of a key are tried before the first member with room is taken.
const PLACES_MAX: u32 = 16;

#[derive(Debug)]
struct Bounded {
    ring: Ring,
    weights: f64,
    bound: f64,
}

pub(super) fn build(members: &[Member], settings: &Settings, _: u64) -> Arc<dyn Algorithm> {
    let weights = members.iter().map(|member| f64::from(member.configured)).sum();
    Arc::new(Bounded { ring: Ring::new(members), weights, bound: settings.load_bound.max(1.0) })
}

impl Algorithm for Bounded {
    fn pick(&self, members: &[Member], ask: Ask, _: &mut Random) -> usize {
        let in_flight: u64 = members.iter().map(|member| u64::from(member.endpoint.in_flight())).sum();
        let allowance = self.bound * (in_flight + 1) as f64 / self.weights;
        let has_room = |index: usize| {
            let member = &members[index];
            f64::from(member.endpoint.in_flight()) < (allowance * f64::from(member.configured)).ceil()
        };
        let places =
            (ask.attempt..ask.attempt + PLACES_MAX).map(|n| self.ring.owner(hash::again(ask.key, n)));
        let first = self.ring.owner(hash::again(ask.key, ask.attempt));
        let start = (ask.key % members.len() as u64) as usize;
        let rest = (start..members.len()).chain(0..start);
        places.chain(rest).find(|&index| has_room(index)).unwrap_or(first)
    }
}

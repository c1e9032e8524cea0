//! Maglev's table (Eisenbud et al., NSDI 2016, section 3.4): each member claims slots of a prime-sized table in an order
//! of its own, in turn and by weight; a key looks up one slot. Shares are even to within a slot's size, and a lookup
//! touches one cache line; a change moves a little more than its share of the keys.

use crate::balance::Settings;
use crate::balance::algorithm::{Algorithm, Ask, Member};
use crate::{Random, hash};
use std::sync::Arc;

/// Slots: a prime. About a hundred for each member keep shares within 1 %, so this is good for 650 members.
const SLOTS: usize = 65_537;
/// The next prime size, for more members than that.
const SLOTS_LARGE: usize = 655_373;

#[derive(Debug)]
struct Maglev {
    slots: Box<[u32]>,
}

/// A member's walk through the table.
struct Walk {
    at: usize,
    skip: usize,
    /// Claims that it may make, by weight; one is used up each time.
    credit: f64,
    gain: f64,
}

pub(super) fn build(members: &[Member], _: &Settings, _: u64) -> Arc<dyn Algorithm> {
    let size = if members.len() * 100 <= SLOTS { SLOTS } else { SLOTS_LARGE };
    Arc::new(Maglev { slots: fill(members, size) })
}

fn fill(members: &[Member], size: usize) -> Box<[u32]> {
    const FREE: u32 = u32::MAX;
    let heaviest = f64::from(members.iter().map(|member| member.configured).max().unwrap_or(1));
    let walk = |member: &Member| {
        let token = member.endpoint.token().0;
        Walk {
            at: (hash::mix(token) % size as u64) as usize,
            skip: (hash::mix(!token) % (size as u64 - 1)) as usize + 1,
            credit: 0.0,
            gain: f64::from(member.configured) / heaviest,
        }
    };
    let mut walks: Vec<Walk> = members.iter().map(walk).collect();
    let mut slots = vec![FREE; size].into_boxed_slice();
    let mut free = size;
    loop {
        for (index, walk) in walks.iter_mut().enumerate() {
            walk.credit += walk.gain;
            if walk.credit < 1.0 {
                continue;
            }
            walk.credit -= 1.0;
            while slots[walk.at] != FREE {
                walk.at = (walk.at + walk.skip) % size;
            }
            slots[walk.at] = index as u32;
            free -= 1;
            if free == 0 {
                return slots;
            }
        }
    }
}

impl Algorithm for Maglev {
    fn pick(&self, _: &[Member], ask: Ask, _: &mut Random) -> usize {
        let hash = hash::again(ask.key, ask.attempt);
        self.slots[((u128::from(hash) * self.slots.len() as u128) >> 64) as usize] as usize
    }
}

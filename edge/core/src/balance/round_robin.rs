//! Smooth weighted round robin without a lock: a static stride schedule.
//!
//! A counter walks over the members again and again. In its g-th walk a member of scaled weight w (the heaviest has
//! `FULL`) is taken if w·g crosses a multiple of `FULL`, so it is taken w times in `FULL` walks, evenly spread. Equal
//! weights are taken in every walk. What a pick skips are at most the members that are not due; with one heavy member
//! among n light ones, that is n steps.

use crate::Random;
use crate::balance::Settings;
use crate::balance::algorithm::{Algorithm, Ask, Member};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The scaled weight of the heaviest member.
const FULL: u64 = 65_535;
/// After so many walks without a pick (all warm up, say) the next member is taken.
const WALKS_MAX: u64 = 32;

#[derive(Debug)]
struct RoundRobin {
    next: AtomicU64,
    scale: f64,
}

pub(super) fn build(members: &[Member], _: &Settings, start: u64) -> Arc<dyn Algorithm> {
    let heaviest = members.iter().map(|member| member.weight).fold(0.0, f64::max);
    // Far from the counter's end, anywhere in a walk.
    let next = AtomicU64::new(start & 0xFFFF_FFFF);
    Arc::new(RoundRobin { next, scale: FULL as f64 / heaviest })
}

impl Algorithm for RoundRobin {
    fn pick(&self, members: &[Member], ask: Ask, _: &mut Random) -> usize {
        let count = members.len() as u64;
        let mut index = 0;
        for _ in 0..count * WALKS_MAX {
            let step = self.next.fetch_add(1, Ordering::Relaxed);
            let walk = step / count;
            index = (step % count) as usize;
            let weight = ((members[index].weight_at(ask.now) * self.scale) as u64).clamp(1, FULL);
            // Members of the same weight are spread over different walks.
            let phase = (weight.wrapping_mul(walk).wrapping_add(index as u64 * (FULL / 2))) % FULL;
            if phase >= FULL - weight {
                break;
            }
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::suite::members;
    use std::time::Duration;

    #[test]
    fn turns_are_smooth() {
        let members = members(&[5, 1, 1]);
        let algorithm = build(&members, &Settings::default(), 0);
        let ask = Ask { key: 0, attempt: 0, now: Duration::ZERO };
        let mut random = Random::new(0);
        let picks: Vec<usize> = (0..70_000).map(|_| algorithm.pick(&members, ask, &mut random)).collect();
        // In every stretch of 14 picks the light ones have their two turns, give or take one.
        for stretch in picks.chunks(14) {
            for light in [1, 2] {
                let turns = stretch.iter().filter(|&&pick| pick == light).count();
                assert!((1..=3).contains(&turns), "{stretch:?}");
            }
        }
        assert_eq!(picks.iter().filter(|&&pick| pick == 0).count() / 1_000, 50);
    }
}

//! Weighted random: a draw from an alias table. No state is shared between picks, so nothing is contended.

use crate::Random;
use crate::balance::Settings;
use crate::balance::algorithm::{Algorithm, Ask, Member};
use crate::balance::draw::Draw;
use std::sync::Arc;

/// A draw is refused with the part of the weight that a warming endpoint lacks, at most so often.
const REFUSALS_MAX: u32 = 8;

#[derive(Debug)]
struct Weighted {
    draw: Draw,
}

pub(super) fn build(members: &[Member], _: &Settings, _: u64) -> Arc<dyn Algorithm> {
    Arc::new(Weighted { draw: Draw::new(members.iter().map(|member| member.weight)) })
}

impl Algorithm for Weighted {
    fn pick(&self, members: &[Member], ask: Ask, random: &mut Random) -> usize {
        let mut index = self.draw.index(random);
        for _ in 0..REFUSALS_MAX {
            let member = &members[index];
            let warm = member.slow_start.factor(member.endpoint.warm_from(), ask.now);
            if warm >= 1.0 || random.chance(warm) {
                break;
            }
            index = self.draw.index(random);
        }
        index
    }
}

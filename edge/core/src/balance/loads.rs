//! By requests in flight: the least loaded of all, or the less loaded of two drawn at random (Mitzenmacher, 2001).
//!
//! The least of all is best where one balancer sees all of the load. Where several do, each with a part of the
//! picture, they all find the same endpoint idle and meet there; two random choices avoid that.

use crate::Random;
use crate::balance::Settings;
use crate::balance::algorithm::{Algorithm, Ask, Member};
use crate::balance::draw::Draw;
use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
struct Least;

pub(super) fn least(_: &[Member], _: &Settings, _: u64) -> Arc<dyn Algorithm> {
    Arc::new(Least)
}

impl Algorithm for Least {
    /// Looks at every member. Equals are drawn by weight.
    fn pick(&self, members: &[Member], ask: Ask, random: &mut Random) -> usize {
        let (mut best, mut lowest, mut weights) = (0, f64::INFINITY, 0.0);
        for (index, member) in members.iter().enumerate() {
            let load = member.load(ask.now);
            if load > lowest {
                continue;
            }
            let weight = member.weight_at(ask.now);
            weights = if load < lowest { weight } else { weights + weight };
            if load < lowest || random.chance(weight / weights) {
                (best, lowest) = (index, load);
            }
        }
        best
    }
}

#[derive(Debug)]
struct OfTwo {
    draw: Draw,
}

pub(super) fn of_two(members: &[Member], _: &Settings, _: u64) -> Arc<dyn Algorithm> {
    Arc::new(OfTwo { draw: Draw::new(members.iter().map(|member| member.weight)) })
}

impl Algorithm for OfTwo {
    fn pick(&self, members: &[Member], ask: Ask, random: &mut Random) -> usize {
        let (first, second) = self.draw.two(random);
        if less(members[first].load(ask.now), members[second].load(ask.now), ask.now, &members[first], random)
        {
            first
        } else {
            second
        }
    }
}

/// Whether the first of two is taken. When they are equal it is, except with the part of the weight that it lacks
/// while it warms up.
fn less(first: f64, second: f64, now: Duration, member: &Member, random: &mut Random) -> bool {
    match first.total_cmp(&second) {
        Ordering::Less => return true,
        Ordering::Greater => return false,
        Ordering::Equal => {}
    }
    let warm = member.slow_start.factor(member.endpoint.warm_from(), now);
    warm >= 1.0 || random.chance(warm)
}

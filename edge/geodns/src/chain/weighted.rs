//! `weighted`: shuffles, so that each comes first in proportion to its weight; those of weight 0 go unless there are no
//! others. Draws without replacement by exponential keys (Efraimidis and Spirakis, 2006).

use crate::chain::stage::List;
use crate::chain::{Filter, Options, Stage};

pub(super) const NAME: &str = "weighted";

#[derive(Debug)]
struct Weighted;

#[expect(clippy::unnecessary_wraps, reason = "one signature for all filters")]
pub(super) fn build(_: &Options) -> Result<Box<dyn Filter>, String> {
    Ok(Box::new(Weighted))
}

/// Drops those of weight 0, unless there are no others.
pub(super) fn drop_weightless(stage: &mut Stage<'_>) {
    if stage.list.iter().any(|index| stage.candidate(*index).weight > 0) {
        stage.retain(|candidate, _| candidate.weight > 0, |_, _| "its weight is 0".to_owned());
    }
}

/// Puts the list in the order of keys that `unit` draws from [0, 1), one for each place.
pub(super) fn order(stage: &mut Stage<'_>, mut unit: impl FnMut(u16) -> f64) {
    let mut keyed: smallvec::SmallVec<[(f64, u16); 16]> = stage
        .list
        .iter()
        .map(|index| {
            let weight = f64::from(stage.candidates[*index as usize].weight.max(1));
            // 1 − u lies in (0, 1], so that the logarithm is finite.
            (-(1.0 - unit(*index)).ln() / weight, *index)
        })
        .collect();
    keyed.sort_by(|left, right| left.0.total_cmp(&right.0));
    stage.list = keyed.into_iter().map(|(_, index)| index).collect::<List>();
}

impl Filter for Weighted {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_drawn(&self) -> bool {
        true
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        drop_weightless(stage);
        if stage.list.len() > 1 {
            let mut random = stage.random.clone();
            order(stage, |_| random.unit());
            *stage.random = random;
        }
    }
}

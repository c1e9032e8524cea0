//! `shed_load`: takes load off targets that are busy. Below `load.low` an answer stays, above `load.high` it goes, in between it
//! goes with a chance that rises evenly. A target that reports no load, and an answer without bounds, stay. If all would
//! go, all stay.

use crate::chain::{Candidate, Filter, Options, Stage};

pub(super) const NAME: &str = "shed_load";

#[derive(Debug)]
struct ShedLoad;

#[expect(clippy::unnecessary_wraps, reason = "one signature for all filters")]
pub(super) fn build(_: &Options) -> Result<Box<dyn Filter>, String> {
    Ok(Box::new(ShedLoad))
}

/// The chance that an answer goes.
fn chance(candidate: &Candidate) -> f64 {
    let Some((load, (low, high))) = candidate.vital.load().zip(candidate.load) else { return 0.0 };
    if high > low {
        ((f64::from(load) - f64::from(low)) / (f64::from(high) - f64::from(low))).clamp(0.0, 1.0)
    } else {
        f64::from(u8::from(load > high))
    }
}

impl Filter for ShedLoad {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_drawn(&self) -> bool {
        true
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        let mut goes: crate::chain::stage::List = stage.list.clone();
        goes.retain(|index| {
            let chance = chance(&stage.candidates[*index as usize]);
            chance > 0.0 && stage.random.chance(chance)
        });
        if goes.is_empty() {
            return;
        }
        if goes.len() == stage.list.len() {
            stage.notes.remark(|| "all are busy: all are kept".to_owned());
            return;
        }
        for index in goes {
            let candidate = &stage.candidates[index as usize];
            let load = candidate.vital.load().unwrap_or(0.0);
            stage.notes.dropped(candidate, || format!("{} reports a load of {load}", candidate.target));
            stage.list.retain(|other| *other != index);
        }
    }
}

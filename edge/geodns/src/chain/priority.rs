//! `priority`: keeps the answers of the lowest priority number that is left: failover, behind `up`.

use crate::chain::{Filter, Options, Stage};

pub(super) const NAME: &str = "priority";

#[derive(Debug)]
struct Priority;

#[expect(clippy::unnecessary_wraps, reason = "one signature for all filters")]
pub(super) fn build(_: &Options) -> Result<Box<dyn Filter>, String> {
    Ok(Box::new(Priority))
}

impl Filter for Priority {
    fn name(&self) -> &'static str {
        NAME
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        let Some(best) = stage.list.iter().map(|index| stage.candidate(*index).priority).min() else {
            return;
        };
        stage.retain(
            |candidate, _| candidate.priority == best,
            |candidate, _| format!("its priority is {}, and {best} is there", candidate.priority),
        );
    }
}

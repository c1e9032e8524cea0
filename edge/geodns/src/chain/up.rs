//! `up`: drops answers whose target is down or drains. If none is left, all are kept (`when_none = "all"`, the default: a
//! broken checker must not take a service off the net) or none (`"none"`).

use crate::chain::{Filter, Options, Stage, word};
use bole_edge_core::health::Condition;

pub(super) const NAME: &str = "up";

#[derive(Debug)]
struct Up {
    all_when_none: bool,
}

pub(super) fn build(options: &Options) -> Result<Box<dyn Filter>, String> {
    Ok(Box::new(Up { all_when_none: word(options, "when_none", &["all", "none"])? == "all" }))
}

impl Filter for Up {
    fn name(&self) -> &'static str {
        NAME
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        let is_up = |index: &u16| stage.candidate(*index).vital.condition() == Condition::Well;
        if self.all_when_none && !stage.list.iter().any(is_up) {
            stage.notes.remark(|| "no target is up: all are kept".to_owned());
            return;
        }
        stage.retain(
            |candidate, _| candidate.vital.condition() == Condition::Well,
            |candidate, _| match candidate.vital.condition() {
                Condition::Draining => format!("{} drains", candidate.target),
                _ => format!("{} is down", candidate.target),
            },
        );
    }
}

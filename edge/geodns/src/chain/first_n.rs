//! `first_n`: keeps the first `n` (1 by default).

use crate::chain::{Filter, Options, Stage, whole};
use crate::limits;

pub(super) const NAME: &str = "first_n";

#[derive(Debug)]
struct FirstN {
    n: usize,
}

pub(super) fn build(options: &Options) -> Result<Box<dyn Filter>, String> {
    Ok(Box::new(FirstN { n: whole(options, "n", 1, 1..=limits::POOL_ANSWERS_MAX as u32)? as usize }))
}

impl Filter for FirstN {
    fn name(&self) -> &'static str {
        NAME
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        for index in stage.list.iter().skip(self.n) {
            let candidate = &stage.candidates[*index as usize];
            stage.notes.dropped(candidate, || format!("behind the first {}", self.n));
        }
        stage.list.truncate(self.n);
    }
}

//! `geofence`: drops answers whose area the client is not in. Answers without an area are kept; with `strict = true` they
//! are kept only if no area holds the client. It may leave none.

use crate::chain::area::Match;
use crate::chain::{Candidate, Filter, Options, Place, Stage, Value};

pub(super) const NAME: &str = "geofence";

#[derive(Debug)]
struct Geofence {
    strict: bool,
}

pub(super) fn build(options: &Options) -> Result<Box<dyn Filter>, String> {
    match options.get("strict") {
        None => Ok(Box::new(Geofence { strict: false })),
        Some(Value::Flag(strict)) => Ok(Box::new(Geofence { strict: *strict })),
        Some(other) => Err(format!("`strict` is {other:?}; it is true or false")),
    }
}

impl Filter for Geofence {
    fn name(&self) -> &'static str {
        NAME
    }

    /// 0 goes; 1 stays, if it is strict only where nobody has 2; 2 stays.
    fn ranks(&self, candidates: &[Candidate], place: &Place<'_>) -> Option<Vec<u16>> {
        let rank = |candidate: &Candidate| match candidate.area.matches(place) {
            Match::Elsewhere => 0,
            Match::Anywhere if self.strict => 1,
            _ => 2,
        };
        Some(candidates.iter().map(rank).collect())
    }

    fn drops(&self, rank: u16, best: u16) -> bool {
        rank == 0 || rank < best
    }

    fn is_dynamic(&self) -> bool {
        false
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        let best = stage.list.iter().map(|index| stage.rank(*index)).max().unwrap_or(0);
        stage.retain(
            |_, rank| !self.drops(rank, best),
            |_, rank| match rank {
                0 => "the client is outside its area".to_owned(),
                _ => "it has no area, and the area of another holds the client".to_owned(),
            },
        );
    }
}

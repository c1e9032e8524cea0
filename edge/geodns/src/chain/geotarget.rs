//! `geotarget`: prefers answers by where the client is.
//!
//! `by = "area"` (the default) keeps those that name the client most exactly: network, then autonomous system, region,
//! country, continent, then those without an area; if all that are left name others, they are all kept. `by = "distance"`
//! puts the nearest first and drops none; a client or an answer without coordinates leaves the order as it is, the answer
//! at the end.

use crate::chain::area::Match;
use crate::chain::{Candidate, Filter, Options, Place, Stage, word};

pub(super) const NAME: &str = "geotarget";

#[derive(Debug)]
struct ByArea;

#[derive(Debug)]
struct ByDistance;

pub(super) fn build(options: &Options) -> Result<Box<dyn Filter>, String> {
    Ok(match word(options, "by", &["area", "distance"])? {
        "distance" => Box::new(ByDistance),
        _ => Box::new(ByArea),
    })
}

impl Filter for ByArea {
    fn name(&self) -> &'static str {
        NAME
    }

    fn ranks(&self, candidates: &[Candidate], place: &Place<'_>) -> Option<Vec<u16>> {
        Some(candidates.iter().map(|candidate| candidate.area.matches(place) as u16).collect())
    }

    fn drops(&self, rank: u16, best: u16) -> bool {
        rank < best
    }

    fn is_dynamic(&self) -> bool {
        false
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        let best = stage.list.iter().map(|index| stage.rank(*index)).max().unwrap_or(0);
        stage.retain(
            |_, rank| rank == best,
            |candidate, _| {
                let what = if candidate.area.is_anywhere() { "it has no area" } else { "its area" };
                format!("{what}: another names the client more exactly")
            },
        );
    }
}

/// The rank of who has no coordinates.
const LAST: u16 = u16::MAX;

impl Filter for ByDistance {
    fn name(&self) -> &'static str {
        NAME
    }

    fn ranks(&self, candidates: &[Candidate], place: &Place<'_>) -> Option<Vec<u16>> {
        let Some(here) = place.facts.at else { return Some(vec![0; candidates.len()]) };
        let metres = |candidate: &Candidate| candidate.at.map(|at| (at.distance_km(here) * 1_000.0) as u64);
        let distances: Vec<Option<u64>> = candidates.iter().map(metres).collect();
        let mut sorted: Vec<u64> = distances.iter().flatten().copied().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let rank =
            |distance: &Option<u64>| distance.and_then(|distance| sorted.binary_search(&distance).ok());
        Some(distances.iter().map(|distance| rank(distance).map_or(LAST, |rank| rank as u16)).collect())
    }

    fn is_dynamic(&self) -> bool {
        false
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        let ranks = stage.ranks;
        stage.list.sort_by_key(|index| ranks.get(*index as usize).copied().unwrap_or(LAST));
        let list = &stage.list;
        let candidates = stage.candidates;
        stage.notes.remark(|| {
            let nearest = list.first().map(|index| candidates[*index as usize].name.to_string());
            format!("the nearest is {}", nearest.unwrap_or_else(|| "nobody".to_owned()))
        });
    }
}

/// Numbers of areas are those of [`Match`].
const _: () = assert!(Match::Elsewhere as u16 == 0);

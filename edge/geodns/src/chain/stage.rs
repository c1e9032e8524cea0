//! A chain at work: who is left, what the client is, what was noted for whoever asks why.

use crate::chain::Candidate;
use crate::wire::RecordType;
use bole_edge_core::Random;
use smallvec::SmallVec;
use std::net::IpAddr;

/// Candidates that are left, in order: places in the pool's list.
pub type List = SmallVec<[u16; 16]>;

/// What a filter works on.
#[derive(Debug)]
pub struct Stage<'a> {
    /// All candidates of the pool.
    pub candidates: &'a [Candidate],
    /// Who is left, in order.
    pub list: List,
    /// This filter's numbers for the client's place; empty if it has none.
    pub ranks: &'a [u16],
    /// The client's address.
    pub client: IpAddr,
    /// What separates the draws of one pool from those of another.
    pub seed: u64,
    /// Chance.
    pub random: &'a mut Random,
    /// What is noted.
    pub notes: &'a mut Notes,
}

impl Stage<'_> {
    /// Keeps those for whom `keep` says so; `why` says of the others why not.
    pub fn retain(
        &mut self,
        keep: impl Fn(&Candidate, u16) -> bool,
        why: impl Fn(&Candidate, u16) -> String,
    ) {
        let (candidates, ranks, notes) = (self.candidates, self.ranks, &mut *self.notes);
        self.list.retain(|index| {
            let (candidate, rank) =
                (&candidates[*index as usize], ranks.get(*index as usize).copied().unwrap_or(0));
            let kept = keep(candidate, rank);
            if !kept {
                notes.dropped(candidate, || why(candidate, rank));
            }
            kept
        });
    }

    /// This filter's number for a candidate.
    pub fn rank(&self, index: u16) -> u16 {
        self.ranks.get(index as usize).copied().unwrap_or(0)
    }

    /// The candidate at a place.
    pub fn candidate(&self, index: u16) -> &Candidate {
        &self.candidates[index as usize]
    }
}

/// What one filter did.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Note {
    /// The pool that it belongs to.
    pub pool: String,
    /// The filter.
    pub filter: String,
    /// Who was left behind it, in order.
    pub kept: Vec<String>,
    /// Who was dropped, and why.
    pub dropped: Vec<(String, String)>,
    /// What else there is to say.
    pub remarks: Vec<String>,
}

/// What is noted while a chain works: nothing, unless somebody asked why.
#[derive(Debug, Default)]
pub struct Notes {
    on: bool,
    /// Filter by filter.
    pub rows: Vec<Note>,
    /// Step by step on the way to the answer.
    pub steps: Vec<String>,
}

impl Notes {
    /// Notes nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Notes all.
    pub fn on() -> Self {
        Self { on: true, ..Self::default() }
    }

    /// A step on the way to the answer.
    pub fn step(&mut self, text: impl FnOnce() -> String) {
        if self.on {
            self.steps.push(text());
        }
    }

    /// What else there is to say of the current filter.
    pub fn remark(&mut self, text: impl FnOnce() -> String) {
        if self.on
            && let Some(row) = self.rows.last_mut()
        {
            row.remarks.push(text());
        }
    }

    pub(crate) fn begin(&mut self, pool: &str, filter: &str) {
        if self.on {
            self.rows.push(Note { pool: pool.to_owned(), filter: filter.to_owned(), ..Note::default() });
        }
    }

    pub(crate) fn dropped(&mut self, candidate: &Candidate, why: impl FnOnce() -> String) {
        if self.on
            && let Some(row) = self.rows.last_mut()
        {
            row.dropped.push((candidate.name.to_string(), why()));
        }
    }

    pub(crate) fn end(&mut self, list: &List, candidates: &[Candidate]) {
        if self.on
            && let Some(row) = self.rows.last_mut()
        {
            row.kept = list.iter().map(|index| candidates[*index as usize].name.to_string()).collect();
        }
    }
}

/// Those who have records of a type.
pub(crate) fn with_records(candidates: &[Candidate], kind: RecordType) -> List {
    let has = |(index, candidate): (usize, &Candidate)| candidate.set(kind).is_some().then_some(index as u16);
    candidates.iter().enumerate().filter_map(has).collect()
}

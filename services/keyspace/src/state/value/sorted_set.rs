//! A sorted set: members in the order of (score, bytes). Packed while small; then a table from member to score and an
//! order of both, which share the members' bytes.
//!
//! Every range is a range of ranks: by score or by bytes it is found with [`SortedSet::ranks_by_score`] and
//! [`SortedSet::ranks_by_lex`]. -0.0 and 0.0 are the same score; a NaN must never be given.

mod order;
mod packed;

use std::ops::{Bound, Range};
use std::sync::Arc;

use order::Order;
use packed::PackedScores;

use super::{Random, Rules, TABLE_BYTES_PER_ELEMENT, below};
use crate::state::slot::allocated;
use crate::state::table::{Element, Table};

/// See the module's documentation.
#[derive(Debug)]
pub struct SortedSet {
    inner: Inner,
}

impl Default for SortedSet {
    fn default() -> Self {
        Self { inner: Inner::Packed(PackedScores::default()) }
    }
}

#[derive(Debug)]
enum Inner {
    Packed(PackedScores),
    Large(Box<Large>),
}

#[derive(Debug)]
struct Large {
    table: Table<Member>,
    order: Order,
    bytes: usize,
}

#[derive(Debug)]
struct Member {
    bytes: Arc<[u8]>,
    score: f64,
}

impl Element for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.bytes
    }
}

/// What adding a member did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was no member before.
    New,
    /// Its score changed.
    Changed,
    /// It had this score.
    Same,
}

/// About the bytes of a member's shared allocation and its place in the order.
fn member_bytes(member: &[u8]) -> usize {
    allocated(member.len() + 16) + 32
}

impl Large {
    fn add(&mut self, score: f64, member: &[u8]) -> Added {
        let hash = self.table.seed().hash(member);
        if let Some(found) = self.table.get_mut(hash, member) {
            #[expect(clippy::float_cmp, reason = "the same score is the same score")]
            if found.score == score {
                return Added::Same;
            }
            self.order.remove(found.score, member);
            found.score = score;
            self.order.insert(score, Arc::clone(&found.bytes));
            return Added::Changed;
        }
        let bytes: Arc<[u8]> = member.into();
        self.bytes += member_bytes(member);
        self.order.insert(score, Arc::clone(&bytes));
        self.table.insert_new(hash, Member { bytes, score });
        Added::New
    }

    fn remove(&mut self, member: &[u8]) -> bool {
        let hash = self.table.seed().hash(member);
        let Some(found) = self.table.remove(hash, member) else { return false };
        self.order.remove(found.score, member);
        self.bytes -= member_bytes(member);
        true
    }
}

impl SortedSet {
    /// The number of members.
    pub fn len(&self) -> usize {
        match &self.inner {
            Inner::Packed(packed) => packed.len(),
            Inner::Large(large) => large.table.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.inner {
            Inner::Packed(packed) => {
                packed.iter().find(|(found, _)| *found == member).map(|(_, score)| score)
            }
            Inner::Large(large) => {
                large.table.get(large.table.seed().hash(member), member).map(|found| found.score)
            }
        }
    }

    /// How many members come before a member.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.inner {
            Inner::Packed(packed) => packed.iter().position(|(found, _)| found == member),
            Inner::Large(large) => {
                let score = self.score(member)?;
                Some(large.order.rank(|at, other| (at, other) < (score, member)))
            }
        }
    }

    /// Adds a member or changes its score.
    pub fn add(&mut self, score: f64, member: &[u8], rules: &Rules) -> Added {
        let packed = match &mut self.inner {
            Inner::Large(large) => return large.add(score, member),
            Inner::Packed(packed) => packed,
        };
        let old = packed.iter().enumerate().find(|(_, (found, _))| *found == member);
        let old = old.map(|(rank, (_, score))| (rank, score));
        let limits = &rules.limits;
        match old {
            #[expect(clippy::float_cmp, reason = "the same score is the same score")]
            Some((_, old)) if old == score => return Added::Same,
            Some((rank, _)) => packed.remove(rank),
            None if packed.len() < limits.sorted_set_entries_max
                && member.len() <= limits.sorted_set_value_bytes_max => {}
            None => {
                self.unpack(rules);
                return self.add(score, member, rules);
            }
        }
        packed.insert(score, member);
        if old.is_some() { Added::Changed } else { Added::New }
    }

    /// Removes a member; true if it was one.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.inner {
            Inner::Large(large) => large.remove(member),
            Inner::Packed(packed) => {
                let Some(rank) = packed.iter().position(|(found, _)| found == member) else { return false };
                packed.remove(rank);
                true
            }
        }
    }

    /// The members of a range of ranks (cut to those there are) with their scores, from both ends.
    pub fn range(&self, ranks: Range<usize>) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        let end = ranks.end.min(self.len());
        let ranks = ranks.start.min(end)..end;
        let (packed, large) = match &self.inner {
            Inner::Packed(packed) => (Some(packed.range(ranks)), None),
            Inner::Large(large) => (None, Some(large.order.range(ranks))),
        };
        packed.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// All members with their scores, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        self.range(0..self.len())
    }

    /// The ranks of the members with scores between the bounds; empty if there is none. Its length counts them.
    pub fn ranks_by_score(&self, min: Bound<f64>, max: Bound<f64>) -> Range<usize> {
        let start = match min {
            Bound::Unbounded => 0,
            Bound::Included(min) => self.rank_where(|score, _| score < min),
            Bound::Excluded(min) => self.rank_where(|score, _| score <= min),
        };
        let end = match max {
            Bound::Unbounded => self.len(),
            Bound::Included(max) => self.rank_where(|score, _| score <= max),
            Bound::Excluded(max) => self.rank_where(|score, _| score < max),
        };
        start..end.max(start)
    }

    /// The ranks of the members whose bytes are between the bounds. As in Redis, meaningful only when all scores are the same.
    pub fn ranks_by_lex(&self, min: Bound<&[u8]>, max: Bound<&[u8]>) -> Range<usize> {
        let start = match min {
            Bound::Unbounded => 0,
            Bound::Included(min) => self.rank_where(|_, member| member < min),
            Bound::Excluded(min) => self.rank_where(|_, member| member <= min),
        };
        let end = match max {
            Bound::Unbounded => self.len(),
            Bound::Included(max) => self.rank_where(|_, member| member <= max),
            Bound::Excluded(max) => self.rank_where(|_, member| member < max),
        };
        start..end.max(start)
    }

    /// As [`Table::scan`]; a packed sorted set is visited at once.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        match &self.inner {
            Inner::Packed(packed) => {
                packed.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            Inner::Large(large) => large.table.scan(cursor, count, |found| visit(&found.bytes, found.score)),
        }
    }

    /// A member at random, with its score.
    pub fn random(&self, random: Random<'_>) -> Option<(&[u8], f64)> {
        if self.is_empty() {
            return None;
        }
        let rank = below(random, self.len());
        self.range(rank..rank + 1).next()
    }

    /// The name of the encoding, as Redis gives it.
    pub fn encoding(&self) -> &'static str {
        match &self.inner {
            Inner::Packed(_) => "listpack",
            Inner::Large(_) => "skiplist",
        }
    }

    /// About how many bytes this owns.
    pub fn heap_bytes(&self) -> usize {
        match &self.inner {
            Inner::Packed(packed) => packed.heap_bytes(),
            Inner::Large(large) => {
                size_of::<Large>() + large.bytes + large.table.len() * (TABLE_BYTES_PER_ELEMENT + 13)
            }
        }
    }

    /// How many members come before the first that `before` is false for; it must be true for a prefix only.
    fn rank_where(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        match &self.inner {
            Inner::Packed(packed) => {
                packed.iter().take_while(|(member, score)| before(*score, member)).count()
            }
            Inner::Large(large) => large.order.rank(before),
        }
    }

    fn unpack(&mut self, rules: &Rules) {
        let mut large =
            Box::new(Large { table: Table::new(rules.seed, ()), order: Order::default(), bytes: 0 });
        for (member, score) in self.iter() {
            large.add(score, member);
        }
        self.inner = Inner::Large(large);
    }
}

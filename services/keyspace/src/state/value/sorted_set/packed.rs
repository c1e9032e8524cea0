//! A small sorted set in one buffer: for each member its score (f64), its LEB128 length and its bytes, in order.

use std::ops::Range;

use smallvec::SmallVec;

use crate::state::layout::{put_bytes, varint_len};
use crate::state::slot::allocated;
use crate::state::value::packed::split_first;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct PackedScores {
    bytes: Vec<u8>,
    len: usize,
}

/// A member and its score.
type Scored<'a> = (&'a [u8], f64);

fn split_member(bytes: &[u8]) -> Option<(Scored<'_>, &[u8])> {
    let (score, rest) = bytes.split_first_chunk()?;
    let (member, rest) = split_first(rest)?;
    Some(((member, f64::from_le_bytes(*score)), rest))
}

impl PackedScores {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (found, after) = split_member(rest)?;
            rest = after;
            Some(found)
        })
    }

    /// Members by rank; the range must be within the length.
    pub(super) fn range(&self, ranks: Range<usize>) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        let mut found: SmallVec<[(&[u8], f64); 16]> = SmallVec::new();
        found.extend(self.iter().skip(ranks.start).take(ranks.len()));
        found.into_iter()
    }

    /// Puts a member that is not there at its place.
    pub(super) fn insert(&mut self, score: f64, member: &[u8]) {
        let mut rest = &self.bytes[..];
        while let Some(((other, at), after)) = split_member(rest) {
            if (at, other) > (score, member) {
                break;
            }
            rest = after;
        }
        let at = self.bytes.len() - rest.len();
        let len = 8 + varint_len(member.len() as u64) + member.len();
        self.bytes.reserve_exact(len);
        self.bytes.extend_from_slice(&score.to_le_bytes());
        put_bytes(&mut self.bytes, member);
        self.bytes[at..].rotate_right(len);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, rank: usize) {
        let mut rest = &self.bytes[..];
        for _ in 0..rank {
            rest = split_member(rest).map_or(&[], |(_, after)| after);
        }
        let start = self.bytes.len() - rest.len();
        let end = self.bytes.len() - split_member(rest).map_or(0, |(_, after)| after.len());
        self.bytes.drain(start..end);
        self.len -= 1;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        allocated(self.bytes.capacity())
    }
}

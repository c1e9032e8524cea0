//! The order of a large sorted set: sorted chunks of up to 256 members. A place is found by two binary searches, over
//! the chunks' first members and within a chunk; a rank by adding up the lengths of the chunks before it, which are kept
//! side by side for that (a million members: 5,500 lengths).

use std::ops::Range;
use std::sync::Arc;

const CHUNK_LEN_MAX: usize = 256;
const CHUNK_LEN_MIN: usize = 32;

#[derive(Clone, Debug)]
struct Ranked {
    score: f64,
    member: Arc<[u8]>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The first member of each chunk: what a search looks at.
    firsts: Vec<Ranked>,
    lens: Vec<u32>,
    /// None is empty.
    chunks: Vec<Vec<Ranked>>,
}

impl Order {
    /// The chunk and the index in it of the first member that `before` is false for; the end of a chunk, if that is in the next one.
    fn locate(&self, before: impl Fn(f64, &[u8]) -> bool) -> (usize, usize) {
        let before = |found: &Ranked| before(found.score, &found.member);
        let chunk = self.firsts.partition_point(before).saturating_sub(1);
        (chunk, self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(before)))
    }

    /// How many members come before the first that `before` is false for.
    pub(super) fn rank(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        let (chunk, index) = self.locate(before);
        self.lens[..chunk].iter().map(|len| *len as usize).sum::<usize>() + index
    }

    /// Puts in a member that is not there.
    pub(super) fn insert(&mut self, score: f64, member: Arc<[u8]>) {
        let (chunk, index) = self.locate(|at, other| (at, other) < (score, &member[..]));
        let new = Ranked { score, member };
        let is_last = chunk + 1 == self.chunks.len();
        let Some(found) = self.chunks.get_mut(chunk) else { return self.put_chunk(chunk, vec![new]) };
        if found.len() < CHUNK_LEN_MAX {
            found.insert(index, new);
            return self.note(chunk);
        }
        if index == found.len() && is_last {
            // Rising scores fill every chunk.
            return self.put_chunk(chunk + 1, vec![new]);
        }
        let mut upper = found.split_off(CHUNK_LEN_MAX / 2);
        if index <= CHUNK_LEN_MAX / 2 {
            found.insert(index, new);
        } else {
            upper.insert(index - CHUNK_LEN_MAX / 2, new);
        }
        self.note(chunk);
        self.put_chunk(chunk + 1, upper);
    }

    /// Takes a member out, which is there with this score.
    pub(super) fn remove(&mut self, score: f64, member: &[u8]) {
        let (mut chunk, mut index) = self.locate(|at, other| (at, other) < (score, member));
        if self.chunks.get(chunk).is_some_and(|found| index == found.len()) {
            (chunk, index) = (chunk + 1, 0);
        }
        let Some(found) = self.chunks.get_mut(chunk) else { return };
        debug_assert!(&*found[index].member == member, "the order and the table know the same members");
        found.remove(index);
        let len = found.len();
        if len < CHUNK_LEN_MIN {
            // Into the neighbour before it, where there is room.
            let before =
                chunk.checked_sub(1).filter(|&before| self.chunks[before].len() + len <= CHUNK_LEN_MAX / 2);
            if len == 0 || before.is_some() {
                let rest = self.chunks.remove(chunk);
                self.firsts.remove(chunk);
                self.lens.remove(chunk);
                if let Some(before) = before {
                    self.chunks[before].extend(rest);
                    self.note(before);
                }
                return;
            }
        }
        self.note(chunk);
    }

    /// Members by rank, which must be within the length.
    pub(super) fn range(&self, ranks: Range<usize>) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        let (first, skip) = self.at(ranks.start);
        let (last, end) = if ranks.is_empty() { (first, skip) } else { self.at(ranks.end - 1) };
        let end = if ranks.is_empty() { skip } else { end + 1 };
        let chunks = self.chunks.get(first..=last).unwrap_or(&[]);
        chunks.iter().enumerate().flat_map(move |(number, chunk)| {
            let begin = if number == 0 { skip } else { 0 };
            let end = if first + number == last { end } else { chunk.len() };
            chunk[begin..end].iter().map(|found| (&*found.member, found.score))
        })
    }

    /// The chunk and index of a rank; an index behind the last chunk's members for one that is too high.
    fn at(&self, rank: usize) -> (usize, usize) {
        let mut left = rank;
        for (chunk, len) in self.lens.iter().enumerate() {
            if left < *len as usize {
                return (chunk, left);
            }
            left -= *len as usize;
        }
        (self.lens.len(), 0)
    }

    /// Brings what is kept about a chunk up to date.
    fn note(&mut self, chunk: usize) {
        let found = &self.chunks[chunk];
        self.lens[chunk] = found.len() as u32;
        if !Arc::ptr_eq(&self.firsts[chunk].member, &found[0].member) {
            self.firsts[chunk] = found[0].clone();
        }
        self.firsts[chunk].score = found[0].score;
    }

    fn put_chunk(&mut self, at: usize, chunk: Vec<Ranked>) {
        self.firsts.insert(at, chunk[0].clone());
        self.lens.insert(at, chunk.len() as u32);
        self.chunks.insert(at, chunk);
    }
}

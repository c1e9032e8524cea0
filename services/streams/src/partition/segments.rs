//! Which files hold a partition's records, and up to where. The files themselves are [`super::files`]' business.

use std::collections::VecDeque;

/// A file of batches. Compaction replaces a segment by one with the same base and a higher generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId {
    /// The offset of the first record that was put in.
    pub base: i64,
    /// 0 as appended; rises with every compaction.
    pub generation: u32,
}

/// A segment of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which file it is.
    pub id: SegmentId,
    /// Bytes of batches; the file may be longer by what a crash left.
    pub bytes: u64,
    /// The offset after its last record.
    pub end: i64,
    /// The newest timestamp in it; −1 if it holds nothing.
    pub max_timestamp: i64,
    /// The timestamp of its first batch, by which its age is counted.
    pub first_timestamp: i64,
}

/// The segments of a partition, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments(VecDeque<Segment>);

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which segment.
    pub segment: SegmentId,
    /// At which byte.
    pub position: u64,
}

impl Segments {
    /// Where the next batch goes if it does not start a segment; `None` if there is none.
    pub fn end(&self) -> Option<Place> {
        self.0.back().map(|last| Place { segment: last.id, position: last.bytes })
    }

    /// The newest segment.
    pub fn active(&self) -> Option<&Segment> {
        self.0.back()
    }

    /// All segments, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Segment> + ExactSizeIterator {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|segment| segment.bytes).sum()
    }

    /// The segment that holds `offset`, or the first one behind it.
    pub fn holding(&self, offset: i64) -> Option<&Segment> {
        let at = self.0.partition_point(|segment| segment.end <= offset);
        self.0.get(at)
    }

    /// Starts a segment at `base`.
    pub fn start(&mut self, base: i64, timestamp: i64) {
        let id = SegmentId { base, generation: 0 };
        self.0.push_back(Segment { id, bytes: 0, end: base, max_timestamp: -1, first_timestamp: timestamp });
    }

    /// Adds a batch of `bytes` bytes with records up to before `end` to the newest segment.
    pub fn extend(&mut self, bytes: u64, end: i64, max_timestamp: i64) {
        let last = self.0.back_mut().expect("a batch starts a segment where there is none");
        last.bytes += bytes;
        last.end = end;
        last.max_timestamp = last.max_timestamp.max(max_timestamp);
    }

    /// Drops the segments whose records are all below `offset`, but never the newest. What was dropped.
    pub fn drop_below(&mut self, offset: i64) -> Vec<SegmentId> {
        let mut dropped = Vec::new();
        while self.0.len() > 1 && self.0.front().is_some_and(|first| first.end <= offset) {
            dropped.extend(self.0.pop_front().map(|segment| segment.id));
        }
        dropped
    }

    /// Puts `with` in the place of the segments `old`, which stand next to each other. `false`, and nothing happened, if they are not there.
    pub fn replace(&mut self, old: &[SegmentId], with: Option<Segment>) -> bool {
        let Some(first) = old.first() else { return false };
        let Some(at) = self.0.iter().position(|segment| segment.id == *first) else { return false };
        let there = self.0.iter().skip(at).map(|segment| segment.id).take(old.len());
        if !there.eq(old.iter().copied()) {
            return false;
        }
        self.0.drain(at..at + old.len());
        if let Some(segment) = with {
            self.0.insert(at, segment);
        }
        true
    }

    /// Puts a segment back that a checkpoint held, behind those that are here.
    pub fn restore(&mut self, segment: Segment) {
        self.0.push_back(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Segments {
        let mut segments = Segments::default();
        for base in [0, 10, 20] {
            segments.start(base, 0);
            segments.extend(100, base + 10, base);
        }
        segments
    }

    #[test]
    fn offsets_are_found_and_old_segments_dropped() {
        let mut segments = three();
        for (offset, base) in [(0, Some(0)), (9, Some(0)), (10, Some(10)), (29, Some(20)), (30, None)] {
            assert_eq!(segments.holding(offset).map(|segment| segment.id.base), base, "{offset}");
        }
        assert_eq!(segments.drop_below(19).len(), 1);
        assert_eq!(segments.drop_below(100).len(), 1, "the newest stays");
        assert_eq!((segments.len(), segments.bytes()), (1, 100));
        assert_eq!(
            segments.end(),
            Some(Place { segment: SegmentId { base: 20, generation: 0 }, position: 100 })
        );
    }

    #[test]
    fn compaction_replaces_neighbours_only() {
        let id = |base, generation| SegmentId { base, generation };
        let with = Segment { id: id(0, 1), bytes: 50, end: 20, max_timestamp: 5, first_timestamp: 0 };
        // What is replaced, whether that works.
        for (old, works) in
            [(vec![id(0, 0), id(10, 0)], true), (vec![id(0, 0), id(20, 0)], false), (vec![id(0, 1)], false)]
        {
            let mut segments = three();
            assert_eq!(segments.replace(&old, Some(with)), works);
            assert_eq!(segments.len(), if works { 2 } else { 3 });
        }
        let mut segments = three();
        assert!(segments.replace(&[id(0, 0), id(10, 0)], Some(with)));
        assert_eq!(segments.holding(15).unwrap().id, id(0, 1));
    }
}

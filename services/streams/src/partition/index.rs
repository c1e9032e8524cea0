//! Where batches begin in the segment files: sparse, built by reading heads, kept for the segments that were read last.
//!
//! An index is only a shortcut. It is never stored: what is missing is made again from the file.

use std::collections::HashMap;
use std::io;

use parking_lot::Mutex;

use super::batch::{BODY_HEADER_BYTES, Fields, HEAD_BYTES, HEADER_BYTES, parse_head};
use super::files::{FileId, SegmentFiles};

/// About so many bytes of batches lie between two entries.
const INTERVAL_BYTES: u64 = 64 << 10;
/// Entries of all indexes together: 24 bytes each.
const ENTRIES_MAX: usize = 1 << 20;
/// How much is read at once where many small batches follow each other.
const WINDOW_BYTES: u64 = 64 << 10;

/// A place where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    base_offset: i64,
    position: u64,
    /// The newest timestamp of all batches before this one.
    max_timestamp: i64,
}

#[derive(Clone, Debug, Default)]
struct Index {
    entries: Vec<Entry>,
    /// Batches up to here were looked at.
    covered: u64,
    max_timestamp: i64,
    used: u64,
}

/// The indexes of the segments that were read last.
#[derive(Default)]
pub struct Indexes(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_file: HashMap<FileId, Index>,
    entries: usize,
    clock: u64,
}

/// A batch as a scan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The offset of its first record.
    pub base_offset: i64,
    /// Where it begins.
    pub position: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its fixed fields.
    pub fields: Fields,
}

impl Indexes {
    /// Drops what is known of a file.
    pub fn forget(&self, id: FileId) {
        let mut kept = self.0.lock();
        if let Some(index) = kept.by_file.remove(&id) {
            kept.entries -= index.entries.len();
        }
    }

    fn take(&self, id: FileId) -> Index {
        let mut kept = self.0.lock();
        let index = kept.by_file.remove(&id).unwrap_or(Index { max_timestamp: -1, ..Index::default() });
        kept.entries -= index.entries.len();
        index
    }

    fn put(&self, id: FileId, mut index: Index) {
        let mut kept = self.0.lock();
        kept.clock += 1;
        index.used = kept.clock;
        if let Some(other) = kept.by_file.get(&id)
            && other.covered >= index.covered
        {
            return;
        }
        kept.entries += index.entries.len();
        if let Some(other) = kept.by_file.insert(id, index) {
            kept.entries -= other.entries.len();
        }
        while kept.entries > ENTRIES_MAX && kept.by_file.len() > 1 {
            let oldest = kept.by_file.iter().min_by_key(|(_, index)| index.used).map(|(id, _)| *id);
            let gone = oldest.and_then(|id| kept.by_file.remove(&id));
            kept.entries -= gone.map_or(0, |index| index.entries.len());
        }
    }
}

impl SegmentFiles {
    /// The batch that holds `offset`, or the first one behind it, in the first `bytes` bytes of a segment. Blocks on the disk.
    pub fn find_offset(&self, id: FileId, bytes: u64, offset: i64) -> io::Result<Option<Seen>> {
        let from = self.near(id, bytes, |entry| entry.base_offset <= offset)?;
        let mut found = None;
        self.scan(id, from, bytes, |seen| {
            let last = seen.base_offset + i64::from(seen.fields.last_offset_delta());
            found = (last >= offset).then_some(*seen);
            found.is_none()
        })?;
        Ok(found)
    }

    /// The first batch with a timestamp of at least `timestamp` in the first `bytes` bytes of a segment. Blocks on the disk.
    pub fn find_timestamp(&self, id: FileId, bytes: u64, timestamp: i64) -> io::Result<Option<Seen>> {
        let from = self.near(id, bytes, |entry| entry.max_timestamp < timestamp)?;
        let mut found = None;
        self.scan(id, from, bytes, |seen| {
            found = (seen.fields.max_timestamp() >= timestamp).then_some(*seen);
            found.is_none()
        })?;
        Ok(found)
    }

    /// The position of the last indexed batch for which `before` holds; the index is extended to `bytes`.
    fn near(&self, id: FileId, bytes: u64, before: impl Fn(&Entry) -> bool) -> io::Result<u64> {
        let mut index = self.indexes.take(id);
        if index.covered < bytes {
            let (from, mut next) =
                (index.covered, index.entries.last().map_or(0, |last| last.position + INTERVAL_BYTES));
            let Index { entries, max_timestamp, .. } = &mut index;
            self.scan(id, from, bytes, |seen| {
                if seen.position >= next {
                    let (base_offset, position) = (seen.base_offset, seen.position);
                    entries.push(Entry { base_offset, position, max_timestamp: *max_timestamp });
                    next = seen.position + INTERVAL_BYTES;
                }
                *max_timestamp = (*max_timestamp).max(seen.fields.max_timestamp());
                true
            })?;
            index.covered = bytes;
        }
        let at = index.entries.partition_point(before);
        let position = at.checked_sub(1).map_or(0, |at| index.entries[at].position);
        self.indexes.put(id, index);
        Ok(position)
    }

    /// Shows the heads of the batches from `position` to `end`, until `visit` has enough. Bytes that are no batch are `InvalidData`. Blocks.
    pub fn scan(
        &self,
        id: FileId,
        mut position: u64,
        end: u64,
        mut visit: impl FnMut(&Seen) -> bool,
    ) -> io::Result<()> {
        let mut window = (position, bytes::Bytes::new());
        while position + HEADER_BYTES as u64 <= end {
            if position < window.0 || position + HEADER_BYTES as u64 > window.0 + window.1.len() as u64 {
                // A large batch is skipped by its head; small ones come many in a window.
                let wanted = WINDOW_BYTES.min(end - position);
                window = (position, self.read(id, position, wanted as usize)?);
            }
            let bytes = &window.1[(position - window.0) as usize..];
            let head = bytes.first_chunk::<HEAD_BYTES>().and_then(parse_head);
            let fields = bytes.get(HEAD_BYTES..HEAD_BYTES + BODY_HEADER_BYTES).and_then(Fields::of);
            let (Some((base_offset, size, _)), Some(fields)) = (head, fields) else {
                let text = format!("{}: no record batch at byte {position}", self.path(id).display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            };
            let seen = Seen { base_offset, position, bytes: size as u64, fields };
            if !visit(&seen) {
                return Ok(());
            }
            position += size as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bole_base::{LogId, RealDisk};

    use super::super::batch::Batch;
    use super::super::batch::tests::body;
    use super::super::files::Purpose;
    use super::super::segments::SegmentId;
    use super::*;

    /// A segment of `count` batches of three records and about `records` bytes each; timestamps go up by 10.
    fn segment(files: &SegmentFiles, id: FileId, count: i64, records: usize) -> u64 {
        let mut bytes = Vec::new();
        for at in 0..count {
            let body = body(3, records, |fields| fields.timestamp = 10 * at);
            let batch = Batch { base_offset: 3 * at, leader_epoch: 0, body };
            bytes.extend(batch.head());
            bytes.extend(&batch.body);
        }
        files.write(id, 0, &bytes, Purpose::Flush).unwrap();
        bytes.len() as u64
    }

    #[test]
    fn offsets_and_timestamps_are_found_in_any_segment() {
        for (count, records) in [(1, 10), (1_000, 10), (2_000, 300), (20, 100_000)] {
            let dir = tempfile::tempdir().unwrap();
            let files = SegmentFiles::open(Arc::new(RealDisk), dir.path()).unwrap();
            let id = FileId { log: LogId(20), segment: SegmentId { base: 0, generation: 0 } };
            let bytes = segment(&files, id, count, records);
            for offset in
                [0, 1, 2, 3, 3 * count / 2, 3 * count - 1].into_iter().filter(|offset| *offset < 3 * count)
            {
                let found = files.find_offset(id, bytes, offset).unwrap().unwrap();
                assert_eq!(found.base_offset, offset / 3 * 3, "{offset} of {count}");
            }
            assert_eq!(files.find_offset(id, bytes, 3 * count).unwrap(), None);
            for timestamp in [-5, 0, 1, 10 * (count - 1)] {
                let found = files.find_timestamp(id, bytes, timestamp).unwrap();
                let at = (timestamp.max(0) + 9) / 10;
                assert_eq!(
                    found.map(|seen| seen.base_offset),
                    (at < count).then_some(3 * at),
                    "{timestamp} of {count}"
                );
            }
            assert_eq!(files.find_timestamp(id, bytes, 10 * count).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_batch_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let files = SegmentFiles::open(Arc::new(RealDisk), dir.path()).unwrap();
        let id = FileId { log: LogId(20), segment: SegmentId { base: 0, generation: 0 } };
        files.write(id, 0, &[0; 200], Purpose::Flush).unwrap();
        let error = files.find_offset(id, 200, 0).unwrap_err();
        assert!(
            error.kind() == io::ErrorKind::InvalidData && error.to_string().contains("at byte 0"),
            "{error}"
        );
    }
}

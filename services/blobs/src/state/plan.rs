//! What an operation sees and decides: rows as they are, with its own puts and deletes over them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bole_base::{Offset, Timestamp};
use bole_ordered::{Direction, PageLimits, Partition, Range, View};
use bole_shard::participant::Request;
use bytes::Bytes;

use super::holds::{Hold, Holds};
use super::{Error, Result};
use crate::chunks::ChunkId;
use crate::chunks::homes::HomeNumber;
use crate::entry::{Entry, Happened, Kind, Step};
use crate::error::{Code, Error as Refusal};
use crate::limits::ENTRY_BYTES_MAX;
use crate::rows::Seq;
use crate::rows::values::{self, Row};

/// Rows that are looked at while the first that still counts is searched.
const SEARCH_ROWS: usize = 8;

/// An operation under the shard's lock.
pub struct Plan<'a> {
    view: View<'a>,
    holds: &'a Arc<Holds>,
    offset: Offset,
    made: u32,
    now: Timestamp,
    requester: Option<String>,
    /// Where new chunks are.
    home: HomeNumber,
    written: BTreeMap<(u8, Bytes), (Partition, Option<Bytes>)>,
    parts: Vec<Step>,
    happened: Vec<Happened>,
    asked: Vec<Request>,
    /// About the bytes of what was decided.
    bytes: usize,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        view: View<'a>,
        holds: &'a Arc<Holds>,
        offset: Offset,
        now: Timestamp,
        requester: Option<&str>,
        home: HomeNumber,
    ) -> Self {
        Self {
            view,
            holds,
            offset,
            made: 0,
            now,
            requester: requester.map(str::to_owned),
            home,
            written: BTreeMap::new(),
            parts: Vec::new(),
            happened: Vec::new(),
            asked: Vec::new(),
            bytes: 0,
        }
    }

    /// The time at which the operation happens.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The canonical id of who asks; nothing for the anonymous.
    pub fn requester(&self) -> Option<&str> {
        self.requester.as_deref()
    }

    /// The offset that the entry gets.
    pub const fn offset(&self) -> Offset {
        self.offset
    }

    /// What happened so far.
    pub(crate) fn has_happened(&self) -> &[Happened] {
        &self.happened
    }

    /// Where chunks are that were written just now.
    pub const fn home(&self) -> HomeNumber {
        self.home
    }

    /// About how many bytes will be logged.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether anything that it saw may not be durable yet.
    pub(super) const fn saw_pending(&self) -> bool {
        self.view.saw_pending()
    }

    /// A row's bytes.
    pub fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Bytes>> {
        if !self.written.is_empty()
            && let Some((_, value)) = self.written.get(&(partition.number(), Bytes::copy_from_slice(key)))
        {
            return Ok(value.clone());
        }
        Ok(self.view.get(partition, key)?)
    }

    /// A row.
    pub fn row<T: Row>(&self, partition: Partition, key: &[u8]) -> Result<Option<T>> {
        self.get(partition, key)?.map(|bytes| values::decode(&bytes).map_err(Error::Row)).transpose()
    }

    /// A row that another row says is there.
    pub fn named_row<T: Row>(&self, partition: Partition, key: &[u8]) -> Result<T> {
        let missing =
            || Error::Row(format!("the row of a {} at \"{}\" is missing", T::NAME, key.escape_ascii()));
        self.row(partition, key)?.ok_or_else(missing)
    }

    /// The first row whose key begins with `prefix`.
    pub fn first(&self, partition: Partition, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>> {
        let mine = self
            .written
            .range((partition.number(), Bytes::copy_from_slice(prefix))..)
            .take_while(|((number, key), _)| *number == partition.number() && key.starts_with(prefix))
            .find_map(|((_, key), (_, value))| Some((key.clone(), value.clone()?)));
        let mut range = Some(Range::prefix(partition, prefix));
        while let Some(now) = range {
            let page = self.view.page(&now, Direction::Forward, PageLimits::entries(SEARCH_ROWS))?;
            let is_mine = |key: &Bytes| self.written.contains_key(&(partition.number(), key.clone()));
            if let Some(found) = page.entries.iter().find(|(key, _)| !is_mine(key)) {
                return Ok(match mine {
                    Some(mine) if mine.0 < found.0 => Some(mine),
                    _ => Some(found.clone()),
                });
            }
            range = page.rest(now, Direction::Forward);
        }
        Ok(mine)
    }

    /// All rows whose keys begin with `prefix`, as they were before the operation decided anything about them.
    pub fn all(&self, partition: Partition, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>> {
        let mut all = Vec::new();
        let mut range = Some(Range::prefix(partition, prefix));
        while let Some(now) = range {
            let page = self.view.page(&now, Direction::Forward, PageLimits::entries(usize::MAX))?;
            range = page.rest(now, Direction::Forward);
            all.extend(page.entries);
        }
        Ok(all)
    }

    /// Up to `entries_max` rows from `start` on, of those whose keys begin with `prefix`, as they were before the operation.
    pub fn page(
        &self,
        partition: Partition,
        prefix: &[u8],
        start: Bound<Bytes>,
        entries_max: usize,
    ) -> Result<bole_ordered::Page> {
        let range = Range { start, ..Range::prefix(partition, prefix) };
        Ok(self.view.page(&range, Direction::Forward, PageLimits::entries(entries_max))?)
    }

    /// The last row below `key`, of those whose keys begin with `prefix`, and how many there are below it, counted up to `count_max`; as they were before the operation.
    pub fn before(
        &self,
        partition: Partition,
        prefix: &[u8],
        key: Bytes,
        count_max: usize,
    ) -> Result<(Option<(Bytes, Bytes)>, usize)> {
        let range = Range { end: Bound::Excluded(key), ..Range::prefix(partition, prefix) };
        let last = self.view.page(&range, Direction::Backward, PageLimits::entries(1))?.entries.pop();
        let count = match count_max {
            0 => 0,
            most => self.view.page(&range, Direction::Forward, PageLimits::entries(most))?.entries.len(),
        };
        Ok((last, count))
    }

    /// Asks a stream for something in the same batch; the change is refused where that cannot be.
    pub(crate) fn ask(&mut self, request: Request) {
        self.asked.push(request);
    }

    /// Puts a row.
    pub fn put(&mut self, partition: Partition, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        let (key, value) = (key.into(), value.into());
        self.bytes += key.len() + value.len() + 8;
        self.written.insert((partition.number(), key), (partition, Some(value)));
    }

    /// Puts a row.
    pub fn put_row<T: Row>(&mut self, partition: Partition, key: impl Into<Bytes>, value: &T) {
        self.put(partition, key, values::encode(value));
    }

    /// Deletes a row.
    pub fn delete(&mut self, partition: Partition, key: impl Into<Bytes>) {
        let key = key.into();
        self.bytes += key.len() + 4;
        self.written.insert((partition.number(), key), (partition, None));
    }

    /// Deletes the rows of all parts of an upload up to number `last`.
    pub fn delete_parts(&mut self, upload: Seq, last: u16) {
        if last > 0 {
            self.parts.push(Step::Parts { upload, first: 1, last });
        }
    }

    /// A number that no version, upload, part or body had before. One that is given and not used harms nothing.
    pub fn new_seq(&mut self) -> Seq {
        let seq = Seq::new(self.offset, self.made);
        self.made += 1;
        seq
    }

    /// Says what happened.
    pub fn happened(&mut self, kind: Kind, bucket: &str, key: &str) -> &mut Happened {
        self.bytes += bucket.len() + key.len() + 96;
        let requester = self.requester.clone();
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.happened.push(Happened { kind, bucket, key, version: None, object: None, requester });
        let last = self.happened.len() - 1;
        &mut self.happened[last]
    }

    /// Says that nothing happened that anybody asked for.
    pub(crate) fn housekeeping(&mut self) {
        self.happened(Kind::Housekeeping, "", "");
    }

    /// Holds chunks that rows name.
    pub(crate) fn hold(&self, chunks: Vec<ChunkId>) -> Hold {
        self.holds.hold(chunks)
    }

    /// What streams are asked besides events.
    pub(super) fn take_asked(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.asked)
    }

    /// The entry; nothing if nothing was decided. `beside`: bytes that others have in the batch. Errors: it is longer than a record of the journal can be.
    pub(super) fn into_entry(self, beside: usize) -> Result<Option<Entry>> {
        if self.written.is_empty() && self.parts.is_empty() {
            return Ok(None);
        }
        let rows = self.written.into_iter().map(|((_, key), (partition, value))| match value {
            Some(value) => Step::Put(partition, key, value),
            None => Step::Delete(partition, key),
        });
        let entry = Entry { happened: self.happened, steps: rows.chain(self.parts).collect() };
        let bytes = entry.bytes() + beside;
        if bytes > ENTRY_BYTES_MAX {
            // Metadata is bounded, so it is pieces that are too many, each of which is a copy of a part of something.
            let text = format!(
                "The object has too many pieces: what is to be logged of it has {bytes} bytes; {ENTRY_BYTES_MAX} are allowed"
            );
            return Err(Refusal::new(Code::EntityTooLarge, text).into());
        }
        Ok(Some(entry))
    }
}

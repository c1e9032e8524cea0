//! Lists of objects, versions and uploads: cursors for [`crate::rules::list`] over rows, a few rows under each lock. So a list is no picture of one moment; each of
//! its entries was there while it was made.

use std::collections::VecDeque;
use std::ops::Bound;

use bole_base::Position;
use bole_ordered::Partition;
use bytes::Bytes;

use super::buckets;
use crate::limits::LIST_ROWS_MAX;
use crate::rows::keys::{self, CURRENT, UPLOADS, VERSIONS};
use crate::rows::values::{self, Row};
use crate::rows::{Bucket, BucketId, Seq, Upload, UploadId, Version, VersionId};
use crate::rules::list::{self, Cursor, Listed, Page, Query};
use crate::state::{Blobs, Error, Result};

/// Rows that are read after a seek; each further look reads twice as many.
const ROWS_AT_FIRST: usize = 4;

/// Rows of one partition and bucket, in order.
struct Rows<'a> {
    blobs: &'a Blobs,
    partition: Partition,
    bucket: BucketId,
    ready: VecDeque<(Bytes, Bytes)>,
    /// Where what is not read begins; nothing at the end.
    next: Option<Bound<Bytes>>,
    /// How many the next look reads.
    ahead: usize,
    /// Where what was seen ends in the journal.
    position: Position,
}

impl<'a> Rows<'a> {
    fn new(blobs: &'a Blobs, partition: Partition, bucket: BucketId) -> Self {
        let (ready, position) = (VecDeque::new(), Position::ZERO);
        Self { blobs, partition, bucket, ready, next: None, ahead: ROWS_AT_FIRST, position }
    }

    fn seek(&mut self, start: Bound<Bytes>) {
        // What is ready already need not be read again.
        let is_before = |row: &Bytes| match &start {
            Bound::Included(start) => row < start,
            Bound::Excluded(start) => row <= start,
            Bound::Unbounded => false,
        };
        let was_at = self.ready.front().is_some_and(|(row, _)| is_before(row));
        while self.ready.front().is_some_and(|(row, _)| is_before(row)) {
            self.ready.pop_front();
        }
        if self.ready.is_empty() || !was_at {
            self.ready.clear();
            self.next = Some(start);
            self.ahead = ROWS_AT_FIRST;
        }
    }

    fn peek(&mut self) -> Result<Option<&(Bytes, Bytes)>> {
        if self.ready.is_empty()
            && let Some(start) = self.next.take()
        {
            let prefix = keys::in_bucket(self.bucket);
            let placed = self.blobs.look(|plan| plan.page(self.partition, &prefix, start, self.ahead))?;
            self.position = self.position.max(placed.position);
            self.ahead = (2 * self.ahead).min(LIST_ROWS_MAX);
            let page = placed.value;
            self.next =
                page.entries.last().filter(|_| page.more).map(|(row, _)| Bound::Excluded(row.clone()));
            self.ready = page.entries.into();
        }
        Ok(self.ready.front())
    }

    fn next<T: Row>(&mut self) -> Result<Option<(String, T)>> {
        if self.peek()?.is_none() {
            return Ok(None);
        }
        let Some((row, value)) = self.ready.pop_front() else { return Ok(None) };
        Ok(Some((key_of(&row)?, values::decode(&value).map_err(Error::Row)?)))
    }
}

fn key_of(row: &[u8]) -> Result<String> {
    let key = keys::read_object(row).map(|(key, _)| key);
    key.ok_or_else(|| Error::Row(format!("\"{}\" is no row of an object", row.escape_ascii())))
}

/// Current objects.
struct Objects<'a>(Rows<'a>);

impl Cursor for Objects<'_> {
    type Item = Version;
    type Error = Error;

    fn seek(&mut self, from: &[u8]) -> Result<()> {
        self.0.seek(Bound::Included(keys::from(self.0.bucket, from)));
        Ok(())
    }

    fn seek_behind(&mut self, key: &str, _sub: &str) -> Result<()> {
        self.0.seek(Bound::Excluded(keys::object(self.0.bucket, key)));
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Listed<Version>>> {
        let found = self.0.next()?;
        Ok(found.map(|(key, item)| Listed { key, sub: String::new(), item }))
    }
}

/// Uploads in progress, of one key in the order in which they were begun.
struct Uploads<'a>(Rows<'a>);

impl Cursor for Uploads<'_> {
    type Item = Upload;
    type Error = Error;

    fn seek(&mut self, from: &[u8]) -> Result<()> {
        self.0.seek(Bound::Included(keys::from(self.0.bucket, from)));
        Ok(())
    }

    fn seek_behind(&mut self, key: &str, sub: &str) -> Result<()> {
        // An id that is none is above no upload: all of the key's are shown.
        let behind = UploadId::parse(sub).map_or(Seq(0), |id| id.0);
        self.0.seek(Bound::Excluded(keys::upload(self.0.bucket, key, behind)));
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Listed<Upload>>> {
        let found = self.0.next::<Upload>()?;
        Ok(found.map(|(key, item)| Listed { key, sub: item.id().to_string(), item }))
    }
}

/// An entry of a list of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    /// The version, which may be a delete marker.
    pub version: Version,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
}

/// All versions, of one key the newest first.
struct Versions<'a> {
    current: Rows<'a>,
    others: Rows<'a>,
    /// The key of what came last, of which nothing else is the newest.
    last: Option<String>,
    /// After [`Cursor::seek_behind`]: the key, and what is not behind it is older than this.
    behind: Option<(String, Seq)>,
}

impl Versions<'_> {
    /// Whether a version of `V` is the newest of its key.
    fn is_latest(&mut self, key: &str, seq: Seq) -> Result<bool> {
        if self.last.as_deref() == Some(key) {
            return Ok(false);
        }
        if self.behind.take_if(|(behind, _)| behind == key).is_none() {
            return Ok(true);
        }
        // Newer ones were passed over; they may be gone since.
        let row = keys::object(self.others.bucket, key);
        let placed = self.others.blobs.look(|plan| {
            let first = plan.first(VERSIONS, &row)?.map(|(row, _)| row);
            Ok(plan.get(CURRENT, &row)?.is_none()
                && first == Some(keys::version(self.others.bucket, key, seq)))
        })?;
        Ok(placed.value)
    }
}

impl Cursor for Versions<'_> {
    type Item = ListedVersion;
    type Error = Error;

    fn seek(&mut self, from: &[u8]) -> Result<()> {
        let start = keys::from(self.current.bucket, from);
        self.current.seek(Bound::Included(start.clone()));
        self.others.seek(Bound::Included(start));
        (self.last, self.behind) = (None, None);
        Ok(())
    }

    fn seek_behind(&mut self, key: &str, sub: &str) -> Result<()> {
        let bucket = self.current.bucket;
        let seq = match VersionId::parse(sub) {
            Ok(VersionId::Seq(seq)) => Some(seq),
            Ok(VersionId::Null) => {
                let row = keys::object(bucket, key);
                let null = self.current.blobs.look(|plan| {
                    let current = plan.row::<Version>(CURRENT, &row)?.filter(|version| version.is_null);
                    let other = plan.row::<Seq>(keys::NULLS, &row)?;
                    Ok(current.map(|version| version.seq).or(other))
                })?;
                null.value
            }
            Err(_) => None,
        };
        // One that is gone, or was never there, has the whole key behind it: nothing is shown twice.
        let seq = seq.unwrap_or_default();
        self.current.seek(Bound::Included(keys::object(bucket, key)));
        self.others.seek(Bound::Excluded(keys::version(bucket, key, seq)));
        (self.last, self.behind) = (None, Some((key.to_owned(), seq)));
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Listed<ListedVersion>>> {
        loop {
            let current = self.current.peek()?.map(|(row, _)| key_of(row)).transpose()?;
            let other = self.others.peek()?.map(|(row, _)| key_of(row)).transpose()?;
            let from_current = match (&current, &other) {
                (None, None) => return Ok(None),
                (Some(current), Some(other)) => current <= other,
                (current, _) => current.is_some(),
            };
            let rows = if from_current { &mut self.current } else { &mut self.others };
            let Some((key, version)) = rows.next::<Version>()? else { return Ok(None) };
            if let Some((behind, seq)) = &self.behind
                && *behind == key
                && version.seq >= *seq
            {
                continue;
            }
            // Between two looks a version may have moved from one place to the other.
            let is_latest = if from_current {
                self.last.as_deref() != Some(&key)
            } else {
                self.is_latest(&key, version.seq)?
            };
            self.last = Some(key.clone());
            let sub = version.id().to_string();
            return Ok(Some(Listed { key, sub, item: ListedVersion { version, is_latest } }));
        }
    }
}

/// A page and the bucket that it is of.
pub type Told<T> = (Bucket, Page<T>);

impl Blobs {
    /// The bucket, and what it waits for that it is told.
    async fn bucket_of_list(&self, name: &str) -> Result<(Bucket, Position)> {
        let placed = self.look(|plan| Ok(buckets::get(plan, name)))?;
        if placed.value.is_err() {
            self.durable(placed.position).await?;
        }
        Ok((placed.value?, placed.position))
    }

    /// A page of a bucket's current objects. Reads a few rows under each lock; blocks where they are not in memory. Refuses: `NoSuchBucket`.
    pub async fn list_objects(&self, bucket: &str, query: &Query<'_>) -> Result<Told<Version>> {
        let (bucket, position) = self.bucket_of_list(bucket).await?;
        let mut cursor = Objects(Rows::new(self, CURRENT, bucket.id));
        let page = list::page(&mut cursor, query)?;
        self.durable(position.max(cursor.0.position)).await?;
        Ok((bucket, page))
    }

    /// A page of a bucket's versions and delete markers. As [`Blobs::list_objects`].
    pub async fn list_versions(&self, bucket: &str, query: &Query<'_>) -> Result<Told<ListedVersion>> {
        let (bucket, position) = self.bucket_of_list(bucket).await?;
        let (current, others) = (Rows::new(self, CURRENT, bucket.id), Rows::new(self, VERSIONS, bucket.id));
        let mut cursor = Versions { current, others, last: None, behind: None };
        let page = list::page(&mut cursor, query)?;
        self.durable(position.max(cursor.current.position).max(cursor.others.position)).await?;
        Ok((bucket, page))
    }

    /// A page of a bucket's uploads in progress. As [`Blobs::list_objects`].
    pub async fn list_uploads(&self, bucket: &str, query: &Query<'_>) -> Result<Told<Upload>> {
        let (bucket, position) = self.bucket_of_list(bucket).await?;
        let mut cursor = Uploads(Rows::new(self, UPLOADS, bucket.id));
        let page = list::page(&mut cursor, query)?;
        self.durable(position.max(cursor.0.position)).await?;
        Ok((bucket, page))
    }
}

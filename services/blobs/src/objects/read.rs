//! Objects as HEAD and GET need them.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::expiry::Stored;
use super::{bodies, buckets, versions};
use crate::chunks::reader::Reader;
use crate::chunks::{self, ChunkId, Home};
use crate::damage;
use crate::error;
use crate::rows::{Bucket, PartInfo, Source, Version, VersionId};
use crate::seal::{self, Cipher};
use crate::state::holds::Hold;
use crate::state::{Blobs, Plan, Result};

/// A version that was found, which may be a delete marker: then the answer is 404, or 405 where the request names the version.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its bucket.
    pub bucket: Bucket,
    /// The version.
    pub version: Version,
}

/// The version of an id, or the current one. Refuses: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`.
pub fn head(plan: &Plan<'_>, bucket: &str, key: &str, id: Option<VersionId>) -> Result<Found> {
    let bucket = buckets::get(plan, bucket)?;
    let version = versions::asked(plan, &bucket, key, id)?.version;
    Ok(Found { bucket, version })
}

/// The parts that an object came in; none if it was put at once.
pub fn parts(plan: &Plan<'_>, version: &Version) -> Result<Vec<PartInfo>> {
    let Some(object) = version.object() else { return Ok(Vec::new()) };
    Ok(bodies::pieces(plan, &object.body, object.bytes)?.parts)
}

/// A piece of an open body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Its bytes.
    Inline(Bytes),
    /// In a chunk.
    Chunk {
        /// Which.
        id: ChunkId,
        /// Bytes of the body that was written into it.
        chunk_bytes: u64,
        /// Which of the body's bytes.
        part: Range<u64>,
        /// How it was sealed, if it was.
        cipher: Option<Cipher>,
    },
    /// In a row, sealed.
    Sealed {
        /// What the row holds.
        row: Bytes,
        /// Which of the body's bytes.
        part: Range<u64>,
    },
}

impl Segment {
    fn bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chunk { part, .. } | Self::Sealed { part, .. } => part.end - part.start,
        }
    }

    fn cut(&self, range: Range<u64>) -> Self {
        match self {
            Self::Inline(bytes) => Self::Inline(bytes.slice(range.start as usize..range.end as usize)),
            Self::Chunk { id, chunk_bytes, part, cipher } => Self::Chunk {
                id: *id,
                chunk_bytes: *chunk_bytes,
                part: part.start + range.start..part.start + range.end,
                cipher: *cipher,
            },
            Self::Sealed { row, part } => {
                Self::Sealed { row: row.clone(), part: part.start + range.start..part.start + range.end }
            }
        }
    }

    /// Its bytes, block by block, each verified. Blocks on the home. Errors: as [`Reader`]'s; `Sealed` for what a key is needed for.
    pub fn read(self, home: &Arc<dyn Home>) -> impl Iterator<Item = Result<Bytes, chunks::Error>> + use<> {
        let (inline, reader) = match self {
            Self::Inline(bytes) => (Some(Ok(bytes)), None),
            Self::Chunk { id, chunk_bytes, part, cipher: None } => {
                (None, Some(Reader::new(Arc::clone(home), id, chunk_bytes, part)))
            }
            Self::Chunk { id, .. } => (Some(Err(chunks::Error::Sealed { id, why: seal::Error::Body })), None),
            Self::Sealed { .. } => {
                let error = std::io::Error::other(seal::Error::Body);
                (Some(Err(chunks::Error::Io { what: "a sealed row".to_owned(), error })), None)
            }
        };
        inline.into_iter().chain(reader.into_iter().flatten())
    }
}

/// An open object: its body can be read as long as this lives, whatever happens to the version.
#[derive(Debug)]
pub struct Open {
    /// Its bucket.
    pub bucket: Bucket,
    /// The version, which is an object.
    pub version: Version,
    /// The parts that it came in; none if it was put at once.
    pub parts: Vec<PartInfo>,
    /// The bucket's rules of lifecycle, where the version is the current one.
    pub rules: Stored,
    segments: Vec<Segment>,
    /// Those of its chunks that are marked as damaged.
    damaged: Vec<ChunkId>,
    _hold: Hold,
}

impl Open {
    /// The pieces of `range` of the body, in order. Refuses: `InternalError` where one of them is damaged.
    pub fn segments(&self, range: &Range<u64>) -> error::Result<Vec<Segment>> {
        let mut at = 0;
        let mut cut = Vec::new();
        for segment in &self.segments {
            let end = at + segment.bytes();
            let (from, until) = (range.start.max(at), range.end.min(end));
            if from < until {
                if let Segment::Chunk { id, .. } = segment
                    && self.damaged.contains(id)
                {
                    return Err(damage::refusal());
                }
                cut.push(segment.cut(from - at..until - at));
            }
            at = end;
        }
        Ok(cut)
    }
}

/// Opens an object. Refuses: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`; `MethodNotAllowed` for a delete marker that is named.
pub fn open(plan: &Plan<'_>, bucket: &str, key: &str, id: Option<VersionId>) -> Result<Open> {
    let bucket = buckets::get(plan, bucket)?;
    let versions::Placed { version, is_current } = versions::asked_object(plan, &bucket, key, id)?;
    let rules = if is_current { Stored::of(plan, &bucket)? } else { Stored::default() };
    let pieces = version.object().map(|object| bodies::pieces(plan, &object.body, object.bytes));
    let pieces = pieces.transpose()?.unwrap_or_default();
    let is_sealed = version.object().is_some_and(|object| object.encryption.is_some());
    let mut chunks = Vec::new();
    let mut segments = Vec::with_capacity(pieces.pieces.len());
    for piece in &pieces.pieces {
        segments.push(match &piece.source {
            Source::Inline(seq) if is_sealed => {
                let part = piece.from..piece.from + piece.bytes;
                Segment::Sealed { row: bodies::sealed_row(plan, *seq)?, part }
            }
            Source::Inline(seq) => Segment::Inline(bodies::inline_bytes(plan, piece, *seq)?),
            Source::Chunk(chunk) => {
                chunks.push(chunk.id());
                let part = piece.from..piece.from + piece.bytes;
                let cipher = is_sealed.then(|| bodies::cipher(plan, chunk)).transpose()?;
                Segment::Chunk { id: chunk.id(), chunk_bytes: chunk.bytes, part, cipher }
            }
        });
    }
    let damaged = damage::among(plan, &pieces.pieces)?;
    Ok(Open { bucket, version, parts: pieces.parts, rules, segments, damaged, _hold: plan.hold(chunks) })
}

impl Blobs {
    /// As [`open`], and waits until what it found is durable.
    pub async fn open(&self, bucket: &str, key: &str, id: Option<VersionId>) -> Result<Open> {
        self.read(|plan| open(plan, bucket, key, id)).await
    }
}

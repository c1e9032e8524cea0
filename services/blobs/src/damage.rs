//! Chunks that are damaged: marked by an entry of the log, so that the mark is there after a restart; looked at before a body is read; and told with the
//! objects that are on them.
//!
//! A read that finds damage marks the chunk, and so does the walk over all chunks ([`crate::scrub`]). Reads that need a marked chunk are refused, those of other
//! ranges are served. The mark goes with the chunk, once nothing names it any more, or when the walk finds the chunk sound again, since its file was
//! put back.
//!
//! # Invariants
//! - A mark is on a chunk that bodies name.
//! - Bytes of a block that does not fit its checksum are never served, marked or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use bole_ordered::Partition;

use crate::chunks::{self, ChunkId};
use crate::error::{Code, Error as Refusal};
use crate::limits::{DAMAGE_TEXT_BYTES_MAX, DAMAGED_LISTED_MAX, LIST_ROWS_MAX};
use crate::rows::keys::{self, BUCKETS, CHUNKS, CURRENT, DAMAGED, PARTS, PIECES, VERSIONS};
use crate::rows::values::{self, Bucket, Damage, Kept, Part, Version};
use crate::rows::{Body, BucketId, Piece, Pieces, Seq, Source, UploadId};
use crate::state::{Blobs, Error, Plan, Result};

/// What a client hears of an object that is damaged.
pub fn refusal() -> Refusal {
    Refusal::new(Code::InternalError, "The object's data is damaged; the operator's log says where.")
}

/// What an error of the chunk store says is damaged, and how; nothing for one that may go over.
pub fn of(error: &chunks::Error) -> Option<(ChunkId, String)> {
    match error {
        chunks::Error::Missing(id) => Some((*id, "it is missing".to_owned())),
        chunks::Error::Corrupt { id, what } => Some((*id, what.clone())),
        // What fits its checksum is not damaged, whoever has the key.
        chunks::Error::Sealed { .. }
        | chunks::Error::Full { .. }
        | chunks::Error::Failed(_)
        | chunks::Error::Io { .. } => None,
    }
}

/// Pieces up to which each is looked up; of more it is asked first whether anything is damaged at all.
const LOOKED_UP_MAX: usize = 4;

/// Those chunks of a body that are marked.
pub(crate) fn among(plan: &Plan<'_>, pieces: &[Piece]) -> Result<Vec<ChunkId>> {
    if pieces.len() > LOOKED_UP_MAX && plan.first(DAMAGED, &[])?.is_none() {
        return Ok(Vec::new());
    }
    let mut damaged = Vec::new();
    for piece in pieces {
        if let Source::Chunk(chunk) = &piece.source
            && plan.get(DAMAGED, &keys::chunk(chunk.id()))?.is_some()
        {
            damaged.push(chunk.id());
        }
    }
    Ok(damaged)
}

/// What is on a damaged chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The chunk.
    pub chunk: ChunkId,
    /// Which object or part.
    pub name: Name,
}

/// The name of what is on a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A version of an object.
    Object {
        /// Its bucket; a number where no row says its name.
        bucket: String,
        /// Its key.
        key: String,
        /// Its version id for clients.
        version: String,
    },
    /// A part of an upload in progress.
    Part {
        /// The upload's id for clients.
        upload: String,
        /// The part's number.
        number: u16,
    },
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object { bucket, key, version } => write!(f, "{bucket}/{key} (version {version})"),
            Self::Part { upload, number } => write!(f, "part {number} of upload {upload}"),
        }
    }
}

/// Finds what is on given chunks: it is shown all rows of [`Finder::NAMES`], and then all of [`Finder::HOLDERS`].
#[derive(Debug, Default)]
pub struct Finder {
    chunks: BTreeSet<ChunkId>,
    /// Bodies of several pieces that are on one of them.
    bodies: BTreeMap<Seq, ChunkId>,
    buckets: HashMap<BucketId, String>,
    /// What was found, at most [`DAMAGED_LISTED_MAX`].
    pub found: Vec<Holder>,
    /// Whether there was more.
    pub is_cut: bool,
}

impl Finder {
    /// The partitions that are shown first.
    pub const NAMES: [Partition; 2] = [BUCKETS, PIECES];
    /// The partitions that are shown then.
    pub const HOLDERS: [Partition; 3] = [CURRENT, VERSIONS, PARTS];

    /// For these chunks.
    pub fn new(chunks: impl IntoIterator<Item = ChunkId>) -> Self {
        Self { chunks: chunks.into_iter().collect(), ..Self::default() }
    }

    /// Shows a row; those of other partitions are passed over. Errors: it cannot be read, for the operator.
    pub fn row(&mut self, partition: Partition, key: &[u8], value: &[u8]) -> Result<(), String> {
        let no_seq = || format!("\"{}\" is no key of a row", key.escape_ascii());
        match partition {
            BUCKETS => {
                let name = String::from_utf8_lossy(key).into_owned();
                self.buckets.insert(values::decode::<Bucket>(value)?.id, name);
            }
            PIECES => {
                let seq = key.try_into().map(u64::from_be_bytes).map_err(|_| no_seq())?;
                let pieces = values::decode::<Pieces>(value)?.pieces;
                let chunks = pieces.iter().filter_map(|piece| match &piece.source {
                    Source::Chunk(chunk) => Some(chunk.id()),
                    Source::Inline(_) => None,
                });
                if let Some(chunk) = chunks.into_iter().find(|id| self.chunks.contains(id)) {
                    self.bodies.insert(Seq(seq), chunk);
                }
            }
            CURRENT | VERSIONS => {
                let version: Version = values::decode(value)?;
                let Some(chunk) = version.object().and_then(|object| self.chunk_of(&object.body)) else {
                    return Ok(());
                };
                let id = key.first_chunk().map(|id| BucketId(u64::from_be_bytes(*id)));
                let (id, (key, _)) = id.zip(keys::read_object(key)).ok_or_else(no_seq)?;
                let bucket = self.buckets.get(&id).cloned().unwrap_or_else(|| format!("bucket {}", id.0));
                self.find(chunk, Name::Object { bucket, key, version: version.id().to_string() });
            }
            PARTS => {
                let Some(chunk) = self.chunk_of(&values::decode::<Part>(value)?.body) else { return Ok(()) };
                let upload = key.first_chunk().map(|id| UploadId(Seq(u64::from_be_bytes(*id))).to_string());
                let (upload, number) = upload.zip(keys::read_part(key)).ok_or_else(no_seq)?;
                self.find(chunk, Name::Part { upload, number });
            }
            _ => {}
        }
        Ok(())
    }

    fn chunk_of(&self, body: &Body) -> Option<ChunkId> {
        match body {
            Body::Chunk(chunk, _) => Some(chunk.id()).filter(|id| self.chunks.contains(id)),
            Body::Pieces(seq) => self.bodies.get(seq).copied(),
            Body::Empty | Body::Inline(_) => None,
        }
    }

    fn find(&mut self, chunk: ChunkId, name: Name) {
        if self.found.len() < DAMAGED_LISTED_MAX {
            self.found.push(Holder { chunk, name });
        } else {
            self.is_cut = true;
        }
    }
}

impl Blobs {
    /// Marks a chunk as damaged, durably; whether it was not marked before. One that nothing names any more is not marked.
    pub async fn mark_damaged(&self, id: ChunkId, what: &str) -> Result<bool> {
        let end = what.floor_char_boundary(DAMAGE_TEXT_BYTES_MAX);
        let key = keys::chunk(id);
        self.change(None, 2 * DAMAGE_TEXT_BYTES_MAX, |plan| {
            if plan.get(CHUNKS, &key)?.is_none() || plan.get(DAMAGED, &key)?.is_some() {
                return Ok(false);
            }
            let damage = Damage { found_ms: plan.now().0, what: what[..end].to_owned() };
            plan.put_row(DAMAGED, key.clone(), &damage);
            plan.housekeeping();
            Ok(true)
        })
        .await
    }

    /// Takes the mark off a chunk that was found sound, durably; whether it had one.
    pub async fn clear_damage(&self, id: ChunkId) -> Result<bool> {
        let key = keys::chunk(id);
        self.change(None, 100, |plan| {
            let is_marked = plan.get(DAMAGED, &key)?.is_some();
            if is_marked {
                plan.delete(DAMAGED, key.clone());
                plan.housekeeping();
            }
            Ok(is_marked)
        })
        .await
    }

    /// Whether a chunk is marked.
    pub fn is_damaged(&self, id: ChunkId) -> Result<bool> {
        Ok(self.look(|plan| Ok(plan.get(DAMAGED, &keys::chunk(id))?.is_some()))?.value)
    }

    /// The chunks that are marked, by their ids: the first [`DAMAGED_LISTED_MAX`].
    pub fn damaged(&self) -> Result<Vec<(ChunkId, Damage)>> {
        let page = self.look(|plan| plan.page(DAMAGED, &[], Bound::Unbounded, DAMAGED_LISTED_MAX))?.value;
        page.entries.iter().map(|(row, value)| Ok((read_chunk(row)?, read(value)?))).collect()
    }

    /// What is on these chunks. It goes through all rows of objects, a page at a time, and shows what is there, which need not be durable. Blocks.
    pub fn holders(&self, chunks: impl IntoIterator<Item = ChunkId>) -> Result<Finder> {
        let mut finder = Finder::new(chunks);
        if finder.chunks.is_empty() {
            return Ok(finder);
        }
        for partition in Finder::NAMES.into_iter().chain(Finder::HOLDERS) {
            let mut start = Bound::Unbounded;
            loop {
                let page = self.look(|plan| plan.page(partition, &[], start.clone(), LIST_ROWS_MAX))?.value;
                for (key, value) in &page.entries {
                    finder.row(partition, key, value).map_err(Error::Row)?;
                }
                match page.entries.last().filter(|_| page.more) {
                    Some((key, _)) => start = Bound::Excluded(key.clone()),
                    None => break,
                }
            }
        }
        Ok(finder)
    }
}

pub(crate) fn read_chunk(row: &[u8]) -> Result<ChunkId> {
    let wrong = || Error::Row(format!("\"{}\" is no name of a chunk", row.escape_ascii()));
    ChunkId::from_bytes(row).ok_or_else(wrong)
}

fn read<T: values::Row>(value: &[u8]) -> Result<T> {
    values::decode(value).map_err(Error::Row)
}

/// A chunk's row.
pub(crate) fn read_kept(value: &[u8]) -> Result<Kept> {
    read(value)
}

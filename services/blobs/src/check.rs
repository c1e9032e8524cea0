//! Checks the service's folder while no node runs on it: all rows with their checksums, and the bytes of the chunks that rows name and that are files here; and says which objects are on
//! damaged ones.
//!
//! Rows on the disk are those of a prefix of the log; what is logged beyond it is with the journal, which is not read here. So a chunk without a row may be of a newer
//! entry, and is not judged; and a row without its file is damage only where the rows have all that was logged.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bole_base::{LogId, Offset, RealDisk};
use bole_ordered::Partition;

use crate::chunks::homes::HomeNumber;
use crate::chunks::local::Local;
use crate::chunks::reader::verify;
use crate::chunks::{self, ChunkId, Home};
use crate::damage::Finder;
use crate::rows::keys::{CHUNKS, DAMAGED};
use crate::rows::values::{self, Damage, Kept, Row};

/// The folder of the rows in the service's folder.
pub const ROWS_DIR: &str = "rows";
/// The folder of the chunks.
pub const CHUNKS_DIR: &str = "chunks";

/// What to look at.
pub struct Options<'a> {
    /// Whether the bytes of chunks are verified.
    pub verify: bool,
    /// The offset behind the last entry of a log, if that is known.
    pub tail: &'a dyn Fn(LogId) -> Option<Offset>,
    /// Told how many bytes of how many were verified, often.
    pub progress: &'a mut dyn FnMut(u64, u64),
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Entries of the ordered store.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Chunk files.
    pub chunks: u64,
    /// Chunks that rows name and that were verified.
    pub verified: u64,
    /// Their bytes.
    pub verified_bytes: u64,
    /// Chunks that rows name and that are not there, where entries that the rows do not have yet may have deleted them.
    pub unsure: u64,
    /// Chunks that are in a cluster, which is not looked at.
    pub elsewhere: u64,
    /// What of the rows is damaged.
    pub damage: Option<String>,
    /// Chunks that are damaged.
    pub damaged: Vec<DamagedChunk>,
}

/// A chunk that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedChunk {
    /// Which.
    pub id: ChunkId,
    /// Bytes of its body.
    pub bytes: u64,
    /// Where, and how.
    pub what: String,
    /// The objects that are on it: buckets, keys and versions.
    pub objects: Vec<String>,
}

/// Why it could not be checked, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rows.
    #[error(transparent)]
    Rows(#[from] bole_ordered::Error),
    /// The chunks.
    #[error(transparent)]
    Chunks(#[from] chunks::Error),
}

/// Reads what is in `dir`. A folder in which nothing was kept yet is sound. Blocks on the disk. Memory: 160 bytes for each chunk.
pub fn check(dir: &Path, options: Options<'_>) -> Result<Checked, Error> {
    let Options { verify: verifies, tail, progress } = options;
    let mut checked = Checked::default();
    let rows = dir.join(ROWS_DIR);
    let mut named = Named::default();
    let mut has_all = false;
    if rows.is_dir() {
        let found = bole_ordered::walk(&rows, &mut |partition, key, value| named.row(partition, key, value))?;
        (checked.rows, checked.bytes) = (found.entries, found.bytes);
        checked.damage = found.damage.or(named.unreadable.take());
        checked.damage = checked.damage.map(|damage| format!("{}: {damage}", rows.display()));
        let tail = found.log.and_then(tail);
        has_all = tail.is_some_and(|tail| found.stand.next >= tail);
    }
    let files = dir.join(CHUNKS_DIR);
    if !files.join("version").is_file() {
        return Ok(checked);
    }
    let home: Arc<dyn Home> = Arc::new(Local::open(Arc::new(RealDisk), &files, 0)?);
    for place in 0..=u8::MAX {
        checked.chunks += home.list(place)?.len() as u64;
    }
    checked.elsewhere = named.chunks.values().filter(|kept| kept.home != HomeNumber::LOCAL).count() as u64;
    let mut damaged = named.marked;
    if verifies {
        let here = || named.chunks.iter().filter(|(_, kept)| kept.home == HomeNumber::LOCAL);
        let total = here().map(|(_, kept)| kept.bytes).sum();
        for (id, Kept { bytes, .. }) in here() {
            match verify(&home, *id, *bytes) {
                Ok(_) => {
                    damaged.remove(id);
                }
                Err(chunks::Error::Missing(_)) if !has_all => {
                    checked.unsure += 1;
                    damaged.remove(id);
                }
                Err(error) => {
                    damaged.insert(*id, error.to_string());
                }
            }
            checked.verified += 1;
            checked.verified_bytes += bytes;
            progress(checked.verified_bytes, total);
        }
    }
    let mut objects = holders(&rows, &damaged)?;
    let chunk = |(id, what): (ChunkId, String)| {
        let bytes = named.chunks.get(&id).map_or(0, |kept| kept.bytes);
        DamagedChunk { id, bytes, what, objects: objects.remove(&id).unwrap_or_default() }
    };
    checked.damaged = damaged.into_iter().map(chunk).collect();
    Ok(checked)
}

/// The chunks that rows name.
#[derive(Default)]
struct Named {
    chunks: BTreeMap<ChunkId, Kept>,
    /// Those that are marked as damaged, and what was said of them.
    marked: BTreeMap<ChunkId, String>,
    unreadable: Option<String>,
}

impl Named {
    fn row(&mut self, partition: Partition, key: &[u8], value: &[u8]) {
        let read = match partition {
            CHUNKS => row::<Kept>(key, value).map(|(id, kept)| {
                self.chunks.insert(id, kept);
            }),
            DAMAGED => row::<Damage>(key, value).map(|(id, damage)| {
                let text = format!("chunk {id} was found damaged while a node ran: {}", damage.what);
                self.marked.insert(id, text);
            }),
            _ => Ok(()),
        };
        if let Err(what) = read {
            self.unreadable.get_or_insert(what);
        }
    }
}

fn row<T: Row>(key: &[u8], value: &[u8]) -> Result<(ChunkId, T), String> {
    let wrong = || format!("\"{}\" is no name of a chunk", key.escape_ascii());
    Ok((ChunkId::from_bytes(key).ok_or_else(wrong)?, values::decode(value)?))
}

/// What is on damaged chunks.
fn holders(
    rows: &Path,
    damaged: &BTreeMap<ChunkId, String>,
) -> Result<BTreeMap<ChunkId, Vec<String>>, Error> {
    let mut objects: BTreeMap<ChunkId, Vec<String>> = BTreeMap::new();
    if damaged.is_empty() {
        return Ok(objects);
    }
    let mut finder = Finder::new(damaged.keys().copied());
    for partitions in [&Finder::NAMES[..], &Finder::HOLDERS[..]] {
        bole_ordered::walk(rows, &mut |partition, key, value| {
            if partitions.contains(&partition) {
                // Rows that cannot be read were told already, or name nothing that could be told.
                let _ = finder.row(partition, key, value);
            }
        })?;
    }
    for holder in &finder.found {
        objects.entry(holder.chunk).or_default().push(holder.name.to_string());
    }
    if finder.is_cut {
        let last = damaged.keys().next_back().copied();
        objects.extend(last.map(|id| (id, vec!["and more".to_owned()])));
    }
    Ok(objects)
}

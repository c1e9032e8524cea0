//! Whether rows and chunks fit each other: what bodies name is there and counted, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use bole_blobs::chunks::ChunkId;
use bole_blobs::chunks::homes::Stored;
use bole_blobs::rows::keys::{
    self, CHUNKS, CURRENT, DAMAGED, GARBAGE, INLINE, NULLS, PARTS, PIECES, VERSIONS,
};
use bole_blobs::rows::values::{self, Row};
use bole_blobs::rows::{Body, Kept, Part, Pieces, Seq, Source, Version};
use bole_blobs::state::{Blobs, Plan};
use bole_ordered::Partition;

/// What bodies name.
#[derive(Default)]
struct Named {
    chunks: BTreeMap<ChunkId, u64>,
    inline: BTreeSet<Seq>,
    pieces: BTreeSet<Seq>,
}

fn rows<T: Row>(plan: &Plan<'_>, partition: Partition) -> Result<Vec<(Vec<u8>, T)>, String> {
    let all = plan.all(partition, &[]).map_err(|error| error.to_string())?;
    all.iter().map(|(row, value)| Ok((row.to_vec(), values::decode(value)?))).collect()
}

impl Named {
    fn body(&mut self, plan: &Plan<'_>, body: &Body) -> Result<(), String> {
        match body {
            Body::Empty => {}
            Body::Inline(seq) => self.one_inline(*seq)?,
            Body::Chunk(chunk, _) => *self.chunks.entry(chunk.id()).or_default() += 1,
            Body::Pieces(seq) => {
                if !self.pieces.insert(*seq) {
                    return Err(format!("pieces {seq:?} belong to two bodies"));
                }
                let pieces: Pieces =
                    plan.named_row(PIECES, &keys::seq(*seq)).map_err(|error| error.to_string())?;
                for piece in &pieces.pieces {
                    match &piece.source {
                        Source::Chunk(chunk) => *self.chunks.entry(chunk.id()).or_default() += 1,
                        Source::Inline(seq) => self.one_inline(*seq)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn one_inline(&mut self, seq: Seq) -> Result<(), String> {
        if self.inline.insert(seq) {
            Ok(())
        } else {
            Err(format!("inline body {seq:?} belongs to two bodies"))
        }
    }
}

fn seqs(plan: &Plan<'_>, partition: Partition) -> Result<BTreeSet<Seq>, String> {
    let all = plan.all(partition, &[]).map_err(|error| error.to_string())?;
    let read = |row: &[u8]| row.try_into().map(|row| Seq(u64::from_be_bytes(row)));
    all.iter().map(|(row, _)| read(row).map_err(|_| "a row's key is no seq".to_owned())).collect()
}

/// Compares rows with each other. What is wrong.
pub fn check_rows(plan: &Plan<'_>) -> Result<(), String> {
    let mut named = Named::default();
    let mut nulls = BTreeSet::new();
    for partition in [CURRENT, VERSIONS] {
        for (row, version) in rows::<Version>(plan, partition)? {
            if let Some(object) = version.object() {
                named.body(plan, &object.body)?;
            } else if partition == CURRENT {
                return Err(format!("a delete marker is current: {version:?}"));
            }
            if version.is_null && partition == VERSIONS {
                nulls.insert((row[..row.len() - 8].to_vec(), version.seq));
            }
        }
    }
    for (_, part) in rows::<Part>(plan, PARTS)? {
        named.body(plan, &part.body)?;
    }
    let told: BTreeSet<_> = rows::<Seq>(plan, NULLS)?.into_iter().collect();
    if told != nulls {
        return Err(format!("null versions are {nulls:?}, and rows say {told:?}"));
    }
    for (partition, expected) in [(INLINE, &named.inline), (PIECES, &named.pieces)] {
        let found = seqs(plan, partition)?;
        if found != *expected {
            let letter = char::from(partition.number());
            return Err(format!("bodies name {expected:?} in {letter}, and there are {found:?}"));
        }
    }
    let kept = rows::<Kept>(plan, CHUNKS)?;
    let counts = kept.iter().map(|(row, kept)| (ChunkId::from_bytes(row), kept.count));
    let homes: BTreeMap<_, _> =
        kept.iter().filter_map(|(row, kept)| Some((ChunkId::from_bytes(row)?, kept.home))).collect();
    let expected = named.chunks.iter().map(|(id, count)| (Some(*id), *count));
    if !counts.eq(expected) {
        return Err(format!("bodies name {:?}, and rows count {kept:?}", named.chunks));
    }
    for (row, _) in plan.all(DAMAGED, &[]).map_err(|error| error.to_string())? {
        if ChunkId::from_bytes(&row).is_none_or(|id| !named.chunks.contains_key(&id)) {
            return Err(format!("chunk {} is marked as damaged, and nothing names it", row.escape_ascii()));
        }
    }
    for (row, _) in plan.all(GARBAGE, &[]).map_err(|error| error.to_string())? {
        let is_read = |stored: Stored| homes.get(&stored.id) == Some(&stored.home);
        if keys::read_garbage(&row).is_none_or(is_read) {
            return Err(format!("chunk {} is garbage and named", row.escape_ascii()));
        }
    }
    Ok(())
}

/// After reclaiming and sweeping: each chunk in the home is named. What is wrong.
pub fn check_leaks(blobs: &Blobs) -> Result<(), String> {
    let chunks = blobs.named_chunks().map_err(|error| error.to_string())?;
    let leaked: Vec<_> =
        chunks.iter().filter(|(_, is_named)| !is_named).map(|(id, _)| id.to_string()).collect();
    if leaked.is_empty() { Ok(()) } else { Err(format!("chunks that nothing names: {leaked:?}")) }
}

//! Transactions whose effects do not fit into one batch as entries of their own: a value of many megabytes, or a hundred
//! thousand small commands between MULTI and EXEC.
//!
//! Each shard gets one entry, which holds all of its effects under one offset ([`PayloadKind::COMPOUND`]). If even these are too many bytes for a
//! batch, they stand in one attachment, and each entry names its part of it: the attachment's id (24 bytes), where the part starts (u64) and its length
//! (u64). The attachment is stored durably by the thread that writes the journal, before the record that names it: nobody waits for
//! the disk under a shard's lock.

use bole_base::{Durability, Offset};
use bole_log::entry::FLAG_ATTACHMENT;
use bole_log::{AttachmentId, Batch, EntryHeader, PayloadKind};
use bytes::Bytes;

/// Up to here effects are entries of their own, or stand inside their shard's entry.
pub(crate) const SMALL_BYTES_MAX: usize = 512 << 10;
/// Journal space of one shard's entry that names its part of an attachment.
pub(crate) const SPACE_PER_SHARD: usize = 80;
/// Bytes that name a part of an attachment.
const PART_NAME_BYTES: usize = AttachmentId::BYTES + 16;
const EFFECT_HEAD_BYTES: usize = 7;

/// The effects of a large transaction, by shard.
pub(crate) struct Large {
    number: u64,
    /// Bytes of effects up to which they stand in the batch.
    inline_max: usize,
    shards: Vec<ShardPart>,
    /// The shard of the last effect: the next one is often of the same.
    last: usize,
}

struct ShardPart {
    header: EntryHeader,
    class: Durability,
    payload: Vec<u8>,
}

impl Large {
    /// No effects; `number` is the attachment's. Up to `inline_max` bytes of them stand in the batch, if in the end they are no more.
    pub(crate) const fn new(number: u64, inline_max: usize) -> Self {
        Self { number, inline_max, shards: Vec::new(), last: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    pub(crate) fn class(&self) -> Durability {
        self.shards.iter().map(|part| part.class).max().unwrap_or(Durability::Memory)
    }

    /// Adds one effect of the log in `header`. The offset of the log's entry, and whether this began it.
    pub(crate) fn add(
        &mut self,
        header: &EntryHeader,
        class: Durability,
        kind: PayloadKind,
        version: u8,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> (Offset, bool) {
        let known = |part: &ShardPart| part.header.log == header.log;
        let started = !self.shards.get(self.last).is_some_and(known);
        let found = if started { self.shards.iter().position(known) } else { Some(self.last) };
        let started = found.is_none();
        if started {
            self.shards.push(ShardPart { header: *header, class, payload: Vec::new() });
        }
        self.last = found.unwrap_or(self.shards.len() - 1);
        let part = &mut self.shards[self.last];
        part.class = part.class.max(class);
        let start = part.payload.len();
        part.payload.extend_from_slice(&kind.0.to_le_bytes());
        part.payload.push(version);
        part.payload.extend_from_slice(&[0; 4]);
        encode(&mut part.payload);
        let length = (part.payload.len() - start - EFFECT_HEAD_BYTES) as u32;
        part.payload[start + 3..start + EFFECT_HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
        (part.header.offset, started)
    }

    /// Puts one entry per shard into `batch`; what has to be stored as the attachment, if anything.
    pub(crate) fn finish(self, batch: &mut Batch) -> Option<(AttachmentId, Bytes)> {
        let total: usize = self.shards.iter().map(|part| part.payload.len()).sum();
        if total == 0 {
            return None;
        }
        if total <= self.inline_max {
            for part in &self.shards {
                batch.push(&part.header, part.class, |out| out.extend_from_slice(&part.payload));
            }
            return None;
        }
        let mut bytes = Vec::with_capacity(total);
        self.shards.iter().for_each(|part| bytes.extend_from_slice(&part.payload));
        let bytes = Bytes::from(bytes);
        let id =
            AttachmentId { number: self.number, length: bytes.len() as u64, crc: crc32c::crc32c(&bytes) };
        let mut at = 0_u64;
        for (header, class, length) in
            self.shards.iter().map(|part| (part.header, part.class, part.payload.len() as u64))
        {
            let header = EntryHeader { flags: header.flags | FLAG_ATTACHMENT, ..header };
            batch.push(&header, class, |out| {
                out.extend_from_slice(&id.to_bytes());
                out.extend_from_slice(&at.to_le_bytes());
                out.extend_from_slice(&length.to_le_bytes());
            });
            at += length;
        }
        Some((id, bytes))
    }
}

/// The attachment and the range in it that an entry's payload names; `None` if it is no such name.
pub(crate) fn part_name(payload: &[u8]) -> Option<(AttachmentId, std::ops::Range<usize>)> {
    let payload: &[u8; PART_NAME_BYTES] = payload.try_into().ok()?;
    let (id, range) = payload.split_at(AttachmentId::BYTES);
    let id = AttachmentId::from_bytes(id)?;
    let (start, length) = range.split_first_chunk::<8>()?;
    let start = u64::from_le_bytes(*start);
    let end = start.checked_add(u64::from_le_bytes(length.try_into().ok()?))?;
    (end <= id.length).then_some((id, start as usize..end as usize))
}

/// The effects in a compound payload: kind, version and bytes of each. Yields an error once and then ends if the bytes do not fit.
pub(crate) fn effects(payload: &[u8]) -> impl Iterator<Item = Result<(PayloadKind, u8, &[u8]), String>> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        let head = rest.split_first_chunk::<EFFECT_HEAD_BYTES>();
        let Some((&[kind_low, kind_high, version, a, b, c, d], body)) = head else {
            let left = std::mem::take(&mut rest);
            return (!left.is_empty())
                .then(|| Err(format!("{} bytes are too few for an effect", left.len())));
        };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some((effect, after)) = body.split_at_checked(length) else {
            rest = &[];
            return Some(Err(format!("an effect of {length} bytes is cut off")));
        };
        rest = after;
        Some(Ok((PayloadKind(u16::from_le_bytes([kind_low, kind_high])), version, effect)))
    })
}

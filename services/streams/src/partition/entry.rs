//! What a partition logs. *Persisted*, version 1; all integers are little-endian.
//!
//! ```text
//! kind 1, a batch:   | u8 form | u8 marker | u16 0 | i32 leader epoch | i64 base offset | i64 segment base | u64 position | …
//!   form 0, inline:  … | the body                                                                                 |
//!   form 1, extent:  … | u32 body bytes | u32 CRC32C of the body | bytes 16 to 61 of the batch                    |
//! kind 2, log start: | i64 offset |
//! kind 3, compacted: | u32 n | n × (i64 base, u32 generation) | u8 0 or 1 | i64 base, u32 generation, u64 bytes, i64 end, i64 max, i64 first timestamp |
//! kind 4, forgotten: | u32 n | n × i64 producer id |
//! ```
//!
//! `marker` is 0 for records, 1 where the batch commits its producer's transaction, 2 where it aborts it. A batch starts a segment where its
//! base offset is the segment's. An extent stands in the segment file already, head and body.

use bole_log::PayloadKind;
use bole_shard::ApplyError;
use bytes::Bytes;

use super::batch::{BODY_HEADER_BYTES, Batch, Fields};
use super::segments::{Place, Segment, SegmentId};

const KIND_BATCH: PayloadKind = PayloadKind(1);
const KIND_LOG_START: PayloadKind = PayloadKind(2);
const KIND_COMPACTED: PayloadKind = PayloadKind(3);
const KIND_FORGOTTEN: PayloadKind = PayloadKind(4);
const VERSION: u8 = 1;

/// Bytes of a batch's payload before its body.
pub const BATCH_HEAD_BYTES: usize = 32;
const SEGMENT_BYTES: usize = 44;

/// What a batch is to its producer's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Records.
    None,
    /// The transaction is committed.
    Commit,
    /// The transaction is aborted.
    Abort,
}

/// A batch of records, or a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The batch. Read back from the log, an extent has its fixed fields only.
    pub batch: Batch,
    /// See [`Marker`].
    pub marker: Marker,
    /// Where it lies in the segment files, now or after the next flush.
    pub place: Place,
    /// Set if it is there already: the CRC32C and the length of its body.
    pub extent: Option<Extent>,
}

/// The body of a batch that stands in a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Bytes of the body.
    pub body_bytes: u32,
    /// Its CRC32C.
    pub crc: u32,
}

impl Append {
    /// Bytes of the whole batch in the segment file.
    pub fn bytes(&self) -> u64 {
        let body = self.extent.map_or(self.batch.body.len(), |extent| extent.body_bytes as usize);
        (super::batch::HEAD_BYTES + body) as u64
    }
}

/// A change of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A batch goes to the end.
    Append(Append),
    /// Records below this offset are gone.
    LogStart(i64),
    /// Segments were written again without what newer records replace.
    Compacted {
        /// The segments that go, next to each other.
        old: Vec<SegmentId>,
        /// What takes their place, if anything is left of them.
        with: Option<Segment>,
    },
    /// Producers are forgotten.
    Forgotten(Vec<i64>),
}

impl Effect {
    /// The number and version of a batch's layout.
    pub const APPEND: (PayloadKind, u8) = (KIND_BATCH, VERSION);

    /// The number and version of its layout.
    pub const fn kind(&self) -> (PayloadKind, u8) {
        let kind = match self {
            Self::Append(_) => KIND_BATCH,
            Self::LogStart(_) => KIND_LOG_START,
            Self::Compacted { .. } => KIND_COMPACTED,
            Self::Forgotten(_) => KIND_FORGOTTEN,
        };
        (kind, VERSION)
    }

    /// Bytes of the payload.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Append(Append { extent: Some(_), .. }) => BATCH_HEAD_BYTES + 8 + BODY_HEADER_BYTES,
            Self::Append(append) => BATCH_HEAD_BYTES + append.batch.body.len(),
            Self::LogStart(_) => 8,
            Self::Compacted { old, .. } => 5 + 12 * old.len() + SEGMENT_BYTES,
            Self::Forgotten(ids) => 4 + 8 * ids.len(),
        }
    }

    /// Appends the payload to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Append(append) => encode_append(append, out),
            Self::LogStart(offset) => out.extend(offset.to_le_bytes()),
            Self::Compacted { old, with } => {
                out.extend((old.len() as u32).to_le_bytes());
                old.iter().for_each(|id| encode_id(id, out));
                out.push(u8::from(with.is_some()));
                if let Some(segment) = with {
                    encode_segment(segment, out);
                }
            }
            Self::Forgotten(ids) => {
                out.extend((ids.len() as u32).to_le_bytes());
                ids.iter().for_each(|id| out.extend(id.to_le_bytes()));
            }
        }
    }

    /// Reads a payload back. Survives any bytes; takes memory of the payload's size.
    pub fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Self, ApplyError> {
        if version != VERSION {
            return Err(ApplyError::Unknown { kind: kind.0, version });
        }
        let mut reader = Reader(payload);
        let effect = match kind {
            KIND_BATCH => reader.append(),
            KIND_LOG_START => reader.i64().map(Self::LogStart),
            KIND_COMPACTED => reader.compacted(),
            KIND_FORGOTTEN => reader.forgotten(),
            _ => return Err(ApplyError::Unknown { kind: kind.0, version }),
        };
        let whole = effect.filter(|_| reader.0.is_empty());
        whole.ok_or_else(|| {
            ApplyError::Malformed(format!("{} bytes are no effect of kind {}", payload.len(), kind.0))
        })
    }
}

fn encode_append(append: &Append, out: &mut Vec<u8>) {
    let marker = match append.marker {
        Marker::None => 0,
        Marker::Commit => 1,
        Marker::Abort => 2,
    };
    out.extend([u8::from(append.extent.is_some()), marker, 0, 0]);
    out.extend(append.batch.leader_epoch.to_le_bytes());
    out.extend(append.batch.base_offset.to_le_bytes());
    out.extend(append.place.segment.base.to_le_bytes());
    out.extend(append.place.position.to_le_bytes());
    match append.extent {
        None => out.extend_from_slice(&append.batch.body),
        Some(extent) => {
            out.extend(extent.body_bytes.to_le_bytes());
            out.extend(extent.crc.to_le_bytes());
            out.extend_from_slice(&append.batch.body[..BODY_HEADER_BYTES]);
        }
    }
}

fn encode_id(id: &SegmentId, out: &mut Vec<u8>) {
    out.extend(id.base.to_le_bytes());
    out.extend(id.generation.to_le_bytes());
}

/// Appends a segment's row: 44 bytes.
pub(super) fn encode_segment(segment: &Segment, out: &mut Vec<u8>) {
    encode_id(&segment.id, out);
    out.extend(segment.bytes.to_le_bytes());
    out.extend(segment.end.to_le_bytes());
    out.extend(segment.max_timestamp.to_le_bytes());
    out.extend(segment.first_timestamp.to_le_bytes());
}

/// Reads little-endian numbers off the front of bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A count of rows of `bytes` bytes each, of which there must be that many.
    pub(super) fn count(&mut self, bytes: usize) -> Option<usize> {
        let count = self.u32()? as usize;
        (count.checked_mul(bytes)? <= self.0.len()).then_some(count)
    }

    fn segment_id(&mut self) -> Option<SegmentId> {
        Some(SegmentId { base: self.i64()?, generation: self.u32()? })
    }

    pub(super) fn segment(&mut self) -> Option<Segment> {
        Some(Segment {
            id: self.segment_id()?,
            bytes: self.u64()?,
            end: self.i64()?,
            max_timestamp: self.i64()?,
            first_timestamp: self.i64()?,
        })
    }

    fn append(&mut self) -> Option<Effect> {
        let [form, marker, 0, 0] = self.array::<4>()? else { return None };
        let marker = match marker {
            0 => Marker::None,
            1 => Marker::Commit,
            2 => Marker::Abort,
            _ => return None,
        };
        let leader_epoch = self.i32()?;
        let base_offset = self.i64()?;
        let segment = SegmentId { base: self.i64()?, generation: 0 };
        let place = Place { segment, position: self.u64()? };
        let extent = match form {
            0 => None,
            1 => Some(Extent { body_bytes: self.u32()?, crc: self.u32()? }),
            _ => return None,
        };
        let body = self.take(self.0.len())?;
        let whole =
            if extent.is_some() { body.len() == BODY_HEADER_BYTES } else { body.len() >= BODY_HEADER_BYTES };
        let fields = Fields::of(body).filter(|_| whole)?;
        base_offset.checked_add(i64::from(fields.last_offset_delta()) + 1)?;
        if base_offset < 0 || fields.last_offset_delta() < 0 {
            return None;
        }
        let batch = Batch { base_offset, leader_epoch, body: Bytes::copy_from_slice(body) };
        Some(Effect::Append(Append { batch, marker, place, extent }))
    }

    fn compacted(&mut self) -> Option<Effect> {
        let count = self.count(12)?;
        let old = (0..count).map(|_| self.segment_id()).collect::<Option<_>>()?;
        let with = match self.u8()? {
            0 => None,
            1 => Some(self.segment()?),
            _ => return None,
        };
        Some(Effect::Compacted { old, with })
    }

    fn forgotten(&mut self) -> Option<Effect> {
        let count = self.count(8)?;
        Some(Effect::Forgotten((0..count).map(|_| self.i64()).collect::<Option<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::tests::body;
    use super::*;

    fn effects() -> Vec<Effect> {
        let id = |base, generation| SegmentId { base, generation };
        let segment = Segment { id: id(3, 2), bytes: 4, end: 5, max_timestamp: 6, first_timestamp: 7 };
        let append = Append {
            batch: Batch { base_offset: 12, leader_epoch: 3, body: body(4, 30, |_| ()) },
            marker: Marker::None,
            place: Place { segment: id(10, 0), position: 99 },
            extent: None,
        };
        let fixed = append.batch.body.slice(..BODY_HEADER_BYTES);
        let extent = Append {
            batch: Batch { body: fixed, ..append.batch.clone() },
            marker: Marker::Abort,
            extent: Some(Extent { body_bytes: 75, crc: 8 }),
            ..append.clone()
        };
        vec![
            Effect::Append(append),
            Effect::Append(extent),
            Effect::LogStart(77),
            Effect::Compacted { old: vec![id(1, 0), id(2, 1)], with: Some(segment) },
            Effect::Compacted { old: vec![id(1, 0)], with: None },
            Effect::Forgotten(vec![1, 2, 3]),
        ]
    }

    #[test]
    fn effects_come_back_as_they_were_and_no_other_bytes_do() {
        for effect in effects() {
            let mut payload = Vec::new();
            effect.encode(&mut payload);
            assert!(payload.len() <= effect.payload_bytes());
            let (kind, version) = effect.kind();
            assert_eq!(Effect::decode(kind, version, &payload).unwrap(), effect);
            for cut in 0..payload.len() {
                let inline = matches!(&effect, Effect::Append(append) if append.extent.is_none());
                let whole = inline && cut >= BATCH_HEAD_BYTES + BODY_HEADER_BYTES;
                assert_eq!(
                    Effect::decode(kind, version, &payload[..cut]).is_ok(),
                    whole,
                    "{effect:?} cut at {cut}"
                );
            }
            assert!(Effect::decode(kind, 9, &payload).is_err());
        }
    }

    #[test]
    fn counts_beyond_the_bytes_cost_nothing() {
        for kind in [KIND_COMPACTED, KIND_FORGOTTEN] {
            assert!(Effect::decode(kind, 1, &[0xFF; 12]).is_err());
        }
        assert!(Effect::decode(PayloadKind(99), 1, &[]).is_err());
    }
}

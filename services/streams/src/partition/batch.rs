//! A record batch as it is kept: the client's bytes, untouched, behind the sixteen that the broker owns.
//!
//! ```text
//! byte 0            8           12                      16       17     21          23  …
//!      | i64        | i32       | i32                   | i8     | u32  | i16       |
//!      | base offset| length    | partition leader epoch| magic 2| CRC  | attributes| …
//!      '------- the head, made when it is read -------' '---- the body, as sent ----'
//! ```
//!
//! All integers are big-endian. The CRC covers the attributes and what follows, so that the head can be given to a batch without touching
//! the body. Source: Kafka's record batch format, version 2.

use bytes::Bytes;

/// Bytes of the head.
pub const HEAD_BYTES: usize = 16;
/// Bytes of a batch before its records.
pub const HEADER_BYTES: usize = 61;
/// Bytes of a body before its records.
pub const BODY_HEADER_BYTES: usize = HEADER_BYTES - HEAD_BYTES;

const ATTRIBUTE_LOG_APPEND_TIME: u16 = 1 << 3;
const ATTRIBUTE_TRANSACTIONAL: u16 = 1 << 4;
const ATTRIBUTE_CONTROL: u16 = 1 << 5;

/// The fixed fields of a body: bytes 16 to 61 of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields(pub [u8; BODY_HEADER_BYTES]);

impl Fields {
    /// The fields of `body`; `None` if it is too short to have them.
    pub fn of(body: &[u8]) -> Option<Self> {
        body.first_chunk::<BODY_HEADER_BYTES>().copied().map(Self)
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let from = at - HEAD_BYTES;
        *self.0[from..].first_chunk::<N>().expect("every field lies within the fixed fields")
    }

    fn attributes(&self) -> u16 {
        u16::from_be_bytes(self.array(21))
    }

    /// The offset of the last record less that of the first.
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.array(23))
    }

    /// Milliseconds since the Unix epoch of the first record; other records count from it.
    pub fn base_timestamp(&self) -> i64 {
        i64::from_be_bytes(self.array(27))
    }

    /// Milliseconds since the Unix epoch; of all records where the broker set the time.
    pub fn max_timestamp(&self) -> i64 {
        i64::from_be_bytes(self.array(35))
    }

    /// −1: the producer is not idempotent.
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(self.array(43))
    }

    /// Rises whenever the producer's identity is taken over.
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(self.array(51))
    }

    /// The number of the first record in the producer's row.
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(self.array(53))
    }

    /// How many records there are.
    pub fn count(&self) -> i32 {
        i32::from_be_bytes(self.array(57))
    }

    /// Whether it is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes() & ATTRIBUTE_TRANSACTIONAL != 0
    }

    /// Whether it holds a marker instead of records.
    pub fn is_control(&self) -> bool {
        self.attributes() & ATTRIBUTE_CONTROL != 0
    }

    /// Whether its timestamps are the broker's.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes() & ATTRIBUTE_LOG_APPEND_TIME != 0
    }

    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub fn compression(&self) -> u8 {
        (self.attributes() & 7) as u8
    }
}

/// A batch with its place in the partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The offset of the first record.
    pub base_offset: i64,
    /// The epoch of the leader that took it in.
    pub leader_epoch: i32,
    /// Bytes from the magic byte on.
    pub body: Bytes,
}

impl Batch {
    /// The sixteen bytes before the body.
    pub fn head(&self) -> [u8; HEAD_BYTES] {
        head(self.base_offset, self.body.len(), self.leader_epoch)
    }

    /// Bytes of the whole batch.
    pub const fn bytes(&self) -> usize {
        HEAD_BYTES + self.body.len()
    }

    /// The fixed fields.
    pub fn fields(&self) -> Fields {
        Fields::of(&self.body).expect("a batch is stored only with all its fields")
    }

    /// The offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.fields().last_offset_delta())
    }
}

/// The head of a batch whose body has `body_bytes` bytes.
pub fn head(base_offset: i64, body_bytes: usize, leader_epoch: i32) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&base_offset.to_be_bytes());
    head[8..12].copy_from_slice(&((body_bytes + 4) as i32).to_be_bytes());
    head[12..].copy_from_slice(&leader_epoch.to_be_bytes());
    head
}

/// The base offset and the size of the whole batch that a head says; `None` if the size cannot be right.
pub fn parse_head(head: &[u8; HEAD_BYTES]) -> Option<(i64, usize, i32)> {
    let (offset, rest) = head.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (epoch, _) = rest.split_first_chunk::<4>()?;
    let bytes = usize::try_from(i32::from_be_bytes(*length)).ok()?.checked_add(12)?;
    (bytes >= HEADER_BYTES).then_some((i64::from_be_bytes(*offset), bytes, i32::from_be_bytes(*epoch)))
}

/// The batches in `bytes`, as they lie in a segment file; a cut-off one at the end is left out.
pub fn split(bytes: &Bytes) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut at = 0;
    while let Some(head) = bytes[at..].first_chunk::<HEAD_BYTES>() {
        let Some((base_offset, size, leader_epoch)) = parse_head(head) else { break };
        if at + size > bytes.len() {
            break;
        }
        batches.push(Batch { base_offset, leader_epoch, body: bytes.slice(at + HEAD_BYTES..at + size) });
        at += size;
    }
    batches
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A body with the given fields and `records` bytes of records that no reader decodes; its CRC is right.
    pub(crate) fn body(count: i32, records: usize, fields: impl FnOnce(&mut BodyFields)) -> Bytes {
        let mut given = BodyFields::default();
        fields(&mut given);
        let mut body = vec![2, 0, 0, 0, 0];
        body.extend(given.attributes.to_be_bytes());
        body.extend((count - 1).to_be_bytes());
        body.extend(given.timestamp.to_be_bytes());
        body.extend(given.timestamp.to_be_bytes());
        body.extend(given.producer_id.to_be_bytes());
        body.extend(given.producer_epoch.to_be_bytes());
        body.extend(given.base_sequence.to_be_bytes());
        body.extend(count.to_be_bytes());
        body.extend((0..records).map(|at| at as u8));
        let crc = crc32c::crc32c(&body[5..]);
        body[1..5].copy_from_slice(&crc.to_be_bytes());
        body.into()
    }

    pub(crate) struct BodyFields {
        pub(crate) attributes: u16,
        pub(crate) timestamp: i64,
        pub(crate) producer_id: i64,
        pub(crate) producer_epoch: i16,
        pub(crate) base_sequence: i32,
    }

    impl Default for BodyFields {
        fn default() -> Self {
            Self { attributes: 0, timestamp: 1_000, producer_id: -1, producer_epoch: -1, base_sequence: -1 }
        }
    }

    #[test]
    fn heads_and_bodies_make_the_batches_again() {
        let batches: Vec<_> = [(0, 3), (3, 1), (4, 7)]
            .map(|(base_offset, count)| Batch { base_offset, leader_epoch: 5, body: body(count, 40, |_| ()) })
            .into();
        let mut bytes = Vec::new();
        for batch in &batches {
            bytes.extend(batch.head());
            bytes.extend(&batch.body);
        }
        for cut in 0..bytes.len() {
            let whole = batches.iter().take_while(|batch| {
                let end: usize =
                    batches.iter().take_while(|b| b.base_offset <= batch.base_offset).map(Batch::bytes).sum();
                end <= cut
            });
            assert_eq!(
                split(&Bytes::copy_from_slice(&bytes[..cut])),
                whole.cloned().collect::<Vec<_>>(),
                "cut at {cut}"
            );
        }
        assert_eq!(batches[2].last_offset(), 10);
    }

    #[test]
    fn a_head_with_an_impossible_length_is_refused() {
        for length in [i32::MIN, -1, 0, 48, i32::MAX - 1] {
            let mut bytes = head(1, 100, 0);
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            assert_eq!(parse_head(&bytes).is_some(), length == i32::MAX - 1);
        }
    }
}

//! Keys of rows, written and read. *Persisted.*

use bole_ordered::Partition;
use bytes::Bytes;

use super::{BucketId, Seq};
use crate::chunks::ChunkId;
use crate::chunks::homes::{HomeNumber, Stored};
use crate::rules::names;

/// Buckets.
pub const BUCKETS: Partition = Partition::new(b'B');
/// Their settings.
pub const SETTINGS: Partition = Partition::new(b'S');
/// Current versions.
pub const CURRENT: Partition = Partition::new(b'C');
/// Other versions.
pub const VERSIONS: Partition = Partition::new(b'V');
/// Null versions that are not current.
pub const NULLS: Partition = Partition::new(b'N');
/// Inline bodies.
pub const INLINE: Partition = Partition::new(b'I');
/// Bodies of pieces.
pub const PIECES: Partition = Partition::new(b'P');
/// Multipart uploads.
pub const UPLOADS: Partition = Partition::new(b'U');
/// Their parts.
pub const PARTS: Partition = Partition::new(b'T');
/// Chunks that bodies name.
pub const CHUNKS: Partition = Partition::new(b'K');
/// Chunks that none names any more.
pub const GARBAGE: Partition = Partition::new(b'G');
/// Chunks that are damaged.
pub const DAMAGED: Partition = Partition::new(b'D');
/// What is of the service itself.
pub const OWN: Partition = Partition::new(b'O');

/// All of them.
pub const ALL: [Partition; 13] = [
    BUCKETS, SETTINGS, CURRENT, VERSIONS, NULLS, INLINE, PIECES, UPLOADS, PARTS, CHUNKS, GARBAGE, DAMAGED,
    OWN,
];

/// In [`OWN`]: the first counter of chunks that was not given out.
pub const CHUNK_COUNTER: &[u8] = b"chunk counter";
/// In [`OWN`]: where the walk over all chunks is.
pub const SCRUB: &[u8] = b"scrub";

/// In [`OWN`]: how far lifecycle is with a bucket.
pub fn round(bucket: BucketId) -> Bytes {
    let mut row = b"lifecycle".to_vec();
    row.extend(bucket.0.to_be_bytes());
    row.into()
}

/// In [`OWN`]: there if the node has a cluster for chunks, whose marker then must be there.
pub const CLUSTER: &[u8] = b"cluster";

/// In [`SETTINGS`].
pub fn setting(bucket: BucketId, number: u8) -> Bytes {
    let mut row = in_bucket(bucket);
    row.push(number);
    row.into()
}

/// The beginning of all rows of a bucket in [`SETTINGS`], [`CURRENT`], [`VERSIONS`], [`NULLS`], [`UPLOADS`].
pub fn in_bucket(bucket: BucketId) -> Vec<u8> {
    bucket.0.to_be_bytes().to_vec()
}

/// In [`CURRENT`] and [`NULLS`]; the beginning of a key's rows in [`VERSIONS`] and [`UPLOADS`].
pub fn object(bucket: BucketId, key: &str) -> Bytes {
    object_row(bucket, key).into()
}

fn object_row(bucket: BucketId, key: &str) -> Vec<u8> {
    let mut row = in_bucket(bucket);
    names::escape(key.as_bytes(), &mut row);
    row
}

/// What is not above the rows of any key from `from` on, which need not be UTF-8, and above those of all keys below.
pub fn from(bucket: BucketId, from: &[u8]) -> Bytes {
    let mut row = in_bucket(bucket);
    names::escape_prefix(from, &mut row);
    row.into()
}

/// In [`VERSIONS`].
pub fn version(bucket: BucketId, key: &str, seq: Seq) -> Bytes {
    let mut row = object_row(bucket, key);
    row.extend((!seq.0).to_be_bytes());
    row.into()
}

/// In [`UPLOADS`].
pub fn upload(bucket: BucketId, key: &str, upload: Seq) -> Bytes {
    let mut row = object_row(bucket, key);
    row.extend(upload.0.to_be_bytes());
    row.into()
}

/// In [`PARTS`].
pub fn part(upload: Seq, number: u16) -> Bytes {
    let mut row = upload.0.to_be_bytes().to_vec();
    row.extend(number.to_be_bytes());
    row.into()
}

/// In [`INLINE`] and [`PIECES`]; the beginning of an upload's rows in [`PARTS`].
pub fn seq(seq: Seq) -> Bytes {
    Bytes::copy_from_slice(&seq.0.to_be_bytes())
}

/// In [`CHUNKS`] and [`DAMAGED`].
pub fn chunk(id: ChunkId) -> Bytes {
    Bytes::copy_from_slice(&id.to_bytes())
}

/// In [`GARBAGE`]: the chunk, and the number of the home that it is to be removed from.
pub fn garbage(stored: Stored) -> Bytes {
    let mut row = stored.id.to_bytes().to_vec();
    row.push(stored.home.0);
    row.into()
}

/// Reads what [`garbage`] wrote.
pub fn read_garbage(row: &[u8]) -> Option<Stored> {
    let (home, id) = row.split_last()?;
    Some(Stored { id: ChunkId::from_bytes(id)?, home: HomeNumber(*home) })
}

/// The object's key in a row of [`CURRENT`], [`VERSIONS`], [`NULLS`] or [`UPLOADS`], and what follows.
pub fn read_object(row: &[u8]) -> Option<(String, &[u8])> {
    let (key, rest) = names::unescape(row.get(8..)?)?;
    Some((String::from_utf8(key).ok()?, rest))
}

/// The number of a row of [`PARTS`].
pub fn read_part(row: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(row.get(8..)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_form() {
        let bucket = BucketId(0x0102);
        let rows: [(Bytes, &[u8]); 8] = [
            (setting(bucket, 5), b"\0\0\0\0\0\0\x01\x02\x05"),
            (object(bucket, "a\0b"), b"\0\0\0\0\0\0\x01\x02a\0\xffb\0\x01"),
            (version(bucket, "k", Seq(1)), b"\0\0\0\0\0\0\x01\x02k\0\x01\xff\xff\xff\xff\xff\xff\xff\xfe"),
            (upload(bucket, "k", Seq(1)), b"\0\0\0\0\0\0\x01\x02k\0\x01\0\0\0\0\0\0\0\x01"),
            (part(Seq(3), 10_000), b"\0\0\0\0\0\0\0\x03\x27\x10"),
            (seq(Seq(9)), b"\0\0\0\0\0\0\0\x09"),
            (from(bucket, b"\0x"), b"\0\0\0\0\0\0\x01\x02\0\xffx"),
            (
                chunk(ChunkId { epoch: bole_base::Epoch(1), counter: 2 }),
                b"\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x02",
            ),
        ];
        for (written, expected) in rows {
            assert_eq!(written, expected);
        }
        assert_eq!(read_object(&object(bucket, "a\0b")), Some(("a\0b".to_owned(), &b""[..])));
        let row = version(bucket, "é", Seq(1));
        assert_eq!(read_object(&row), Some(("é".to_owned(), &(!1_u64).to_be_bytes()[..])));
        assert_eq!(read_part(&part(Seq(3), 77)), Some(77));
        let stored =
            Stored { id: ChunkId { epoch: bole_base::Epoch(1), counter: 2 }, home: HomeNumber::CLUSTER };
        assert_eq!(garbage(stored)[..], b"\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x02\x01"[..]);
        assert_eq!(read_garbage(&garbage(stored)), Some(stored));
        assert_eq!(read_garbage(&chunk(stored.id)), None);
        for wrong in [&b""[..], b"\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\0\0k", b"\0\0\0\0\0\0\0\0\xff\0\x01"] {
            assert_eq!(read_object(wrong), None, "{wrong:?}");
        }
    }

    /// Newer versions come first, and those of one key stay together.
    #[test]
    fn versions_are_in_order() {
        let bucket = BucketId(1);
        let rows = [("a", 9), ("a", 2), ("a\0", 5), ("a\0b", 1), ("a\u{1}", 3), ("b", 1)];
        let keys: Vec<_> = rows.iter().map(|(key, seq)| version(bucket, key, Seq(*seq))).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    }
}

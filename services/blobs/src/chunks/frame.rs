//! How a body becomes a chunk. *Persisted*, version 1:
//!
//! ```text
//!  0  8  magic "BOLECHK1"
//!  8 16  the chunk's id
//! 24  4  bytes of a block: 65,536, big-endian
//! 28  4  CRC32C of bytes 0..28, big-endian
//! 32  .  blocks: up to 65,536 bytes of data, then their checksum, big-endian
//! ```
//!
//! A block's checksum is the CRC32C of the id, the number of the block (u64, big-endian) and the data: a block in a wrong place, or of another chunk,
//! is damage as well. Only the last block is shorter, and none is empty. How long the body is, only who names the chunk knows.

use std::ops::Range;

use super::ChunkId;

/// Bytes of data in a block.
pub const BLOCK_BYTES: usize = 64 << 10;
/// Bytes before the first block.
pub const HEADER_BYTES: usize = 32;
/// Bytes of a block's checksum.
pub const CHECKSUM_BYTES: usize = 4;

const MAGIC: &[u8; 8] = b"BOLECHK1";

/// The first bytes of a chunk.
pub fn header(id: ChunkId) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[..8].copy_from_slice(MAGIC);
    out[8..24].copy_from_slice(&id.to_bytes());
    out[24..28].copy_from_slice(&(BLOCK_BYTES as u32).to_be_bytes());
    let crc = crc32c::crc32c(&out[..28]);
    out[28..].copy_from_slice(&crc.to_be_bytes());
    out
}

/// The checksum of a block.
pub fn checksum(id: ChunkId, number: u64, data: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut place = [0; ChunkId::BYTES + 8];
    place[..ChunkId::BYTES].copy_from_slice(&id.to_bytes());
    place[ChunkId::BYTES..].copy_from_slice(&number.to_be_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), data).to_be_bytes()
}

/// Bytes of the chunk of a body of `body_bytes`.
pub const fn framed_bytes(body_bytes: u64) -> u64 {
    let blocks = body_bytes.div_ceil(BLOCK_BYTES as u64);
    HEADER_BYTES as u64 + body_bytes + blocks * CHECKSUM_BYTES as u64
}

/// The numbers of the blocks that hold a part of a body. Nothing for an empty part.
pub const fn blocks_of(part: &Range<u64>) -> Range<u64> {
    let block = BLOCK_BYTES as u64;
    if part.start >= part.end {
        return 0..0;
    }
    part.start / block..part.end.div_ceil(block)
}

/// Where a block begins in the chunk.
pub const fn block_at(number: u64) -> u64 {
    HEADER_BYTES as u64 + number * (BLOCK_BYTES + CHECKSUM_BYTES) as u64
}

/// Bytes of data in block `number` of a body of `body_bytes`.
pub const fn block_bytes(number: u64, body_bytes: u64) -> usize {
    let left = body_bytes.saturating_sub(number * BLOCK_BYTES as u64);
    if left < BLOCK_BYTES as u64 { left as usize } else { BLOCK_BYTES }
}

#[cfg(test)]
mod tests {
    use bole_base::Epoch;

    use super::*;

    const ID: ChunkId = ChunkId { epoch: Epoch(3), counter: 0x1122_3344_5566_7788 };

    /// The layout as it was frozen: a change of any byte is a new version.
    #[test]
    fn the_layout_is_frozen() {
        let expected = [
            0x42, 0x4f, 0x4c, 0x45, 0x43, 0x48, 0x4b, 0x31, 0, 0, 0, 3, 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44,
            0x55, 0x66, 0x77, 0x88, 0, 1, 0, 0,
        ];
        assert_eq!(header(ID)[..28], expected);
        assert_eq!(header(ID)[28..], crc32c::crc32c(&expected).to_be_bytes());
        let mut hashed = expected[8..24].to_vec();
        hashed.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5]);
        hashed.extend_from_slice(b"data");
        assert_eq!(checksum(ID, 5, b"data"), crc32c::crc32c(&hashed).to_be_bytes());
    }

    #[test]
    fn places_follow_from_lengths() {
        for (body, framed) in
            [(0, 32), (1, 37), (65_536, 65_572), (65_537, 65_577), (1 << 30, (1 << 30) + 65_568)]
        {
            assert_eq!(framed_bytes(body), framed, "{body}");
        }
        for (part, blocks) in [
            (0..0, 0..0),
            (0..1, 0..1),
            (65_535..65_536, 0..1),
            (65_536..65_537, 1..2),
            (1..131_073, 0..3),
            (9..9, 0..0),
        ] {
            assert_eq!(blocks_of(&part), blocks, "{part:?}");
        }
        assert_eq!((block_at(0), block_at(2)), (32, 32 + 2 * 65_540));
        assert_eq!((block_bytes(0, 10), block_bytes(1, 65_540), block_bytes(2, 65_540)), (10, 4, 0));
    }
}

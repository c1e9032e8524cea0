//! The frame codec: 40 bytes before each batch. *Persisted*; drawn in `docs/internals/wal.md`.

/// Bytes of a frame before its body.
pub(crate) const FRAME_HEADER_BYTES: usize = 40;

/// Bytes that a frame with `body` bytes takes, padding included.
pub(crate) const fn frame_bytes(body: usize) -> u64 {
    (FRAME_HEADER_BYTES + body.next_multiple_of(8)) as u64
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Holds a batch.
    Batch = 1,
    /// Holds nothing; it carries the synced position to the file.
    Mark = 2,
    /// Ends the journal.
    Seal = 3,
}

/// A frame without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) body_crc: u32,
    pub(crate) body_len: u32,
    pub(crate) entries: u16,
    pub(crate) kind: FrameKind,
    pub(crate) generation: u64,
    pub(crate) position: u64,
    pub(crate) synced: u64,
}

impl FrameHeader {
    /// The position at which the next frame starts.
    pub(crate) const fn end(&self) -> u64 {
        self.position + frame_bytes(self.body_len as usize)
    }

    /// The bytes of the header. `seed` is the CRC of the journal's id, so that frames of another journal, or bytes that a
    /// client made to look like a frame, are not taken for frames of this one.
    pub(crate) fn encode(&self, seed: u32) -> [u8; FRAME_HEADER_BYTES] {
        let mut out = [0; FRAME_HEADER_BYTES];
        out[4..8].copy_from_slice(&self.body_crc.to_le_bytes());
        out[8..12].copy_from_slice(&self.body_len.to_le_bytes());
        out[12..14].copy_from_slice(&self.entries.to_le_bytes());
        out[14] = self.kind as u8;
        out[16..24].copy_from_slice(&self.generation.to_le_bytes());
        out[24..32].copy_from_slice(&self.position.to_le_bytes());
        out[32..40].copy_from_slice(&self.synced.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, &out[4..]);
        out[0..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header; says what is wrong with it otherwise. The body is not looked at.
    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER_BYTES], seed: u32) -> Result<Self, &'static str> {
        if u32_at(bytes, 0) != crc32c::crc32c_append(seed, &bytes[4..]) {
            return Err("no frame header starts here, or its checksum is wrong");
        }
        let kind = match bytes[14] {
            1 => FrameKind::Batch,
            2 => FrameKind::Mark,
            3 => FrameKind::Seal,
            _ => return Err("the frame is of an unknown kind"),
        };
        let header = Self {
            body_crc: u32_at(bytes, 4),
            body_len: u32_at(bytes, 8),
            entries: u16::from_le_bytes([bytes[12], bytes[13]]),
            kind,
            generation: u64_at(bytes, 16),
            position: u64_at(bytes, 24),
            synced: u64_at(bytes, 32),
        };
        let sound = bytes[15] == 0
            && header.body_len as usize <= crate::entry::BATCH_BYTES_MAX
            && header.synced <= header.position
            && header.position.is_multiple_of(8)
            && header.position < 1 << 62
            && (kind == FrameKind::Batch) == (header.body_len > 0);
        if sound { Ok(header) } else { Err("the frame header contradicts itself") }
    }
}

/// A little-endian number inside a buffer that is long enough.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut out = [0; 4];
    out.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(out)
}

/// A little-endian number inside a buffer that is long enough.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_back_and_no_flipped_bit_passes(
            body_len in 1_u32..1 << 20, entries: u16, generation: u64, position in 0_u64..1 << 50, bit in 0_usize..320,
        ) {
            let position = position & !7;
            let header = FrameHeader {
                body_crc: 7, body_len, entries, kind: FrameKind::Batch, generation, position, synced: position / 2,
            };
            let mut bytes = header.encode(99);
            prop_assert_eq!(FrameHeader::decode(&bytes, 99), Ok(header));
            prop_assert!(FrameHeader::decode(&bytes, 98).is_err());
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(FrameHeader::decode(&bytes, 99).is_err());
        }
    }
}

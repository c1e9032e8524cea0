//! The file that says which frames of a `-wal` are fsynced and on their way into `main.db`. *Persisted*, version 1:
//!
//! ```text
//! 0       8      12     20      24      28
//! | magic | u32  | 8    | u32   | u32   | u32    |
//! | BOLE… | page | salt | count | zero  | CRC32C |
//! ```
//!
//! Numbers are little-endian; the salts are the bytes of the `-wal`'s head, which change each time that it starts over (sqlite.org/walformat.html).

use std::io;

use bole_base::File;
use bole_base::disk::read_exact_at;

const MAGIC: &[u8; 8] = b"BOLESQC1";
const BYTES: usize = 32;
/// Bytes of a `-wal` before its first frame.
pub(super) const WAL_HEAD_BYTES: u64 = 32;
/// Bytes of a frame before its page.
pub(super) const FRAME_HEAD_BYTES: u64 = 24;

/// The frames of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Bytes of a page.
    pub(super) page_bytes: u32,
    salts: [u8; 8],
    /// How many, from the first on.
    pub(crate) frames: u32,
}

impl Marker {
    /// For the first `frames` frames of `wal` as it is.
    pub(crate) fn of(wal: &dyn File, frames: u32) -> io::Result<Self> {
        let (page_bytes, salts) = read_head(wal)?;
        Ok(Self { page_bytes, salts, frames })
    }

    /// Where the frames end in the `-wal`.
    pub(crate) fn wal_bytes(&self) -> u64 {
        WAL_HEAD_BYTES + u64::from(self.frames) * (FRAME_HEAD_BYTES + u64::from(self.page_bytes))
    }

    /// Whether the frames can be in this `-wal`; the error says why not.
    pub(crate) fn check(&self, wal: &dyn File) -> Result<(), String> {
        let (page_bytes, salts) = read_head(wal).map_err(|error| error.to_string())?;
        if (page_bytes, salts) != (self.page_bytes, self.salts) {
            return Err(
                "it is not the one that the checkpoint's marker names; fsynced bytes are lost".to_owned()
            );
        }
        let len = wal.len().map_err(|error| error.to_string())?;
        if len < self.wal_bytes() {
            return Err(format!("it ends at byte {len}, of {} that were fsynced", self.wal_bytes()));
        }
        Ok(())
    }

    pub(crate) fn encode(&self) -> [u8; BYTES] {
        let mut out = [0; BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&self.page_bytes.to_le_bytes());
        out[12..20].copy_from_slice(&self.salts);
        out[20..24].copy_from_slice(&self.frames.to_le_bytes());
        let crc = crc32c::crc32c(&out[..28]);
        out[28..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Survives any bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let bytes: &[u8; BYTES] =
            bytes.try_into().map_err(|_| format!("{} bytes, where a marker has {BYTES}", bytes.len()))?;
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if &bytes[..8] != MAGIC {
            return Err("it is no marker of this version".to_owned());
        }
        if crc32c::crc32c(&bytes[..28]) != number(28) {
            return Err("the checksum does not match".to_owned());
        }
        let mut salts = [0; 8];
        salts.copy_from_slice(&bytes[12..20]);
        Ok(Self { page_bytes: number(8), salts, frames: number(20) })
    }
}

fn read_head(wal: &dyn File) -> io::Result<(u32, [u8; 8])> {
    let mut head = [0; WAL_HEAD_BYTES as usize];
    read_exact_at(wal, 0, &mut head)?;
    let mut salts = [0; 8];
    salts.copy_from_slice(&head[16..24]);
    Ok((u32::from_be_bytes([head[8], head[9], head[10], head[11]]), salts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_stays_and_damage_is_found() {
        let marker = Marker { page_bytes: 4_096, salts: *b"saltsalt", frames: 77 };
        let bytes = marker.encode();
        assert_eq!(&bytes[..28], b"BOLESQC1\x00\x10\x00\x00saltsalt\x4d\0\0\0\0\0\0\0");
        assert_eq!(Marker::decode(&bytes).unwrap(), marker);
        assert_eq!(marker.wal_bytes(), 32 + 77 * 4_120);
        for at in 0..BYTES {
            let mut damaged = bytes;
            damaged[at] ^= 0x10;
            assert!(Marker::decode(&damaged).is_err(), "byte {at}");
            assert!(Marker::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}

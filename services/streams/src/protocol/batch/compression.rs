//! How records are compressed, and restored within a limit.
//!
//! Sizes inside compressed data are claims: nothing is allocated for them beyond what the input can hold or the limit allows.

use std::fmt;
use std::io::{Read, Write};

use bytes::Buf;

use super::BatchError;

/// A compression of Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// Deflate in gzip's frame.
    Gzip,
    /// Snappy, in the frame of snappy-java or without one.
    Snappy,
    /// LZ4's frame.
    Lz4,
    /// Zstandard's frame.
    Zstd,
}

/// What snappy-java writes before its blocks: a magic, then its version and the oldest that can read it, each 1.
const XERIAL_MAGIC: &[u8] = &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const XERIAL_HEADER_BYTES: usize = 16;
const XERIAL_BLOCK_BYTES: usize = 32 << 10;

/// Three bytes of snappy become at most 64.
const SNAPPY_RATIO_MAX: usize = 22;

impl Compression {
    /// All of them, in the order of their numbers.
    pub const ALL: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    /// The number in the attributes.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The compression with this number.
    pub fn from_number(number: i16) -> Option<Compression> {
        Compression::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// The name in Kafka's settings.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    /// Restores data, which may become `bytes_max` bytes.
    pub fn decompress(self, data: &[u8], bytes_max: usize) -> Result<Vec<u8>, BatchError> {
        match self {
            Compression::None if data.len() > bytes_max => Err(BatchError::Inflated { limit: bytes_max }),
            Compression::None => Ok(data.to_vec()),
            Compression::Gzip => self.drain(flate2::read::MultiGzDecoder::new(data), bytes_max),
            Compression::Snappy => snappy(data, bytes_max),
            Compression::Lz4 => self.drain(lz4_flex::frame::FrameDecoder::new(data), bytes_max),
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(data);
                self.drain(decoder.map_err(|_| BatchError::Compressed(self))?, bytes_max)
            }
        }
    }

    fn drain(self, reader: impl Read, bytes_max: usize) -> Result<Vec<u8>, BatchError> {
        let mut restored = Vec::new();
        let limit = (bytes_max as u64).saturating_add(1);
        reader.take(limit).read_to_end(&mut restored).map_err(|_| BatchError::Compressed(self))?;
        if restored.len() > bytes_max {
            return Err(BatchError::Inflated { limit: bytes_max });
        }
        Ok(restored)
    }

    /// Compresses data at the library's default level.
    pub fn compress(self, data: &[u8]) -> Vec<u8> {
        const IN_MEMORY: &str = "compressing in memory cannot fail";
        match self {
            Compression::None => data.to_vec(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(data).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Compression::Snappy => {
                let mut compressed = XERIAL_MAGIC.to_vec();
                compressed.extend([0, 0, 0, 1, 0, 0, 0, 1]);
                let mut encoder = snap::raw::Encoder::new();
                for block in data.chunks(XERIAL_BLOCK_BYTES) {
                    let block = encoder.compress_vec(block).expect("a block of 32 KiB is not too large");
                    compressed.extend((block.len() as u32).to_be_bytes());
                    compressed.extend(block);
                }
                compressed
            }
            Compression::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(data).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Compression::Zstd => zstd::stream::encode_all(data, 0).expect(IN_MEMORY),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

fn snappy(mut data: &[u8], bytes_max: usize) -> Result<Vec<u8>, BatchError> {
    let damaged = BatchError::Compressed(Compression::Snappy);
    let mut restored = Vec::new();
    if !data.starts_with(XERIAL_MAGIC) {
        snappy_block(data, &mut restored, bytes_max)?;
        return Ok(restored);
    }
    data = data.get(XERIAL_HEADER_BYTES..).ok_or(damaged)?;
    while !data.is_empty() {
        let length = data.try_get_u32().map_err(|_| damaged)? as usize;
        let (block, rest) = data.split_at_checked(length).ok_or(damaged)?;
        snappy_block(block, &mut restored, bytes_max)?;
        data = rest;
    }
    Ok(restored)
}

/// Appends one block.
fn snappy_block(block: &[u8], restored: &mut Vec<u8>, bytes_max: usize) -> Result<(), BatchError> {
    let damaged = BatchError::Compressed(Compression::Snappy);
    let length = snap::raw::decompress_len(block).map_err(|_| damaged)?;
    if length > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(damaged);
    }
    if length > bytes_max - restored.len() {
        return Err(BatchError::Inflated { limit: bytes_max });
    }
    let start = restored.len();
    restored.resize(start + length, 0);
    let written = snap::raw::Decoder::new().decompress(block, &mut restored[start..]).map_err(|_| damaged)?;
    restored.truncate(start + written);
    Ok(())
}

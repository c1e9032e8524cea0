//! Values in the form of Redis's `DUMP` and `RESTORE`: a type byte, the value as in an RDB file, the RDB version (u16)
//! and a CRC-64 of all before it (u64), both little-endian.
//!
//! We write the plain types of RDB version 9, which every Redis since 5 reads. We read those and the packed types that Redis 7
//! writes; the ziplists of Redis 6 and before are refused. The source is Redis's `rdb.c`, `rdb.h`, `listpack.c` and `intset.c` as formats.

mod crc64;
mod lzf;
mod packed;
mod read;
#[cfg(test)]
mod tests;

use super::layout::parse_integer;
use super::value::View;

/// The RDB version that we write.
const VERSION_WRITTEN: u16 = 9;
/// The highest RDB version that we read (Redis 7.4).
const VERSION_READ_MAX: u16 = 12;

const STRING: u8 = 0;
const LIST: u8 = 1;
const SET: u8 = 2;
const HASH: u8 = 4;
const SORTED_SET: u8 = 5;
const SET_INTEGERS: u8 = 11;
const HASH_LISTPACK: u8 = 16;
const SORTED_SET_LISTPACK: u8 = 17;
const LIST_QUICKLIST: u8 = 18;
const SET_LISTPACK: u8 = 20;

/// Why a payload cannot be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The trailer is not that of a payload, or of a newer Redis.
    #[error("DUMP payload version or checksum are wrong")]
    Trailer,
    /// The trailer is right, but the value is none that we know.
    #[error("Bad data format")]
    Data,
}

impl From<bole_shard::ApplyError> for Error {
    fn from(_: bole_shard::ApplyError) -> Self {
        Self::Data
    }
}

/// Appends the payload of a value.
pub fn dump(value: View<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut text = itoa::Buffer::new();
    match value {
        View::Bytes(bytes) => {
            out.push(STRING);
            put_string(out, bytes);
        }
        View::Integer(integer) => {
            out.push(STRING);
            put_string(out, text.format(integer).as_bytes());
        }
        View::List(list) => {
            put_head(out, LIST, list.len());
            list.iter().for_each(|element| put_string(out, element));
        }
        View::Hash(hash) => {
            put_head(out, HASH, hash.len());
            for (field, value) in hash.iter() {
                put_string(out, field);
                put_string(out, value);
            }
        }
        View::Set(set) => {
            put_head(out, SET, set.len());
            set.iter().for_each(|member| put_string(out, member.bytes(&mut text)));
        }
        View::SortedSet(sorted) => {
            put_head(out, SORTED_SET, sorted.len());
            // From the highest, as Redis does: that is the fastest order for it to load.
            for (member, score) in sorted.iter().rev() {
                put_string(out, member);
                out.extend_from_slice(&score.to_le_bytes());
            }
        }
    }
    out.extend_from_slice(&VERSION_WRITTEN.to_le_bytes());
    let checksum = crc64::checksum(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Reads a payload and appends its value to `out` as [`super::codec`] writes it, for [`super::Effect::Put`]. On an error
/// `out` may have grown. Takes memory in proportion to the payload, at most about 90 times as much where it is compressed.
pub fn restore(payload: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let (rest, checksum) = payload.split_last_chunk().ok_or(Error::Trailer)?;
    let (value, version) = rest.split_last_chunk().ok_or(Error::Trailer)?;
    let is_known = u16::from_le_bytes(*version) <= VERSION_READ_MAX;
    // A checksum of 0 says that the sender computes none.
    let checksum = u64::from_le_bytes(*checksum);
    if !is_known || (checksum != 0 && crc64::checksum(rest) != checksum) {
        return Err(Error::Trailer);
    }
    read::value(value, out)
}

fn put_head(out: &mut Vec<u8>, kind: u8, count: usize) {
    out.push(kind);
    put_len(out, count);
}

/// A length: 6 or 14 bits behind a tag, or a tag and 32 or 64 bits, big-endian.
fn put_len(out: &mut Vec<u8>, len: usize) {
    match len {
        0..0x40 => out.push(len as u8),
        0x40..0x4000 => out.extend_from_slice(&(len as u16 | 0x4000).to_be_bytes()),
        _ => {
            if let Ok(len) = u32::try_from(len) {
                out.push(0x80);
                out.extend_from_slice(&len.to_be_bytes());
            } else {
                out.push(0x81);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
    }
}

/// A string: an integer of up to 32 bits as such, anything else with its length.
fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let integer = if bytes.len() <= 11 { parse_integer(bytes) } else { None };
    let Some(Ok(integer)) = integer.map(i32::try_from) else {
        put_len(out, bytes.len());
        return out.extend_from_slice(bytes);
    };
    if let Ok(small) = i8::try_from(integer) {
        out.extend_from_slice(&[0xC0, small as u8]);
    } else if let Ok(small) = i16::try_from(integer) {
        out.push(0xC1);
        out.extend_from_slice(&small.to_le_bytes());
    } else {
        out.push(0xC2);
        out.extend_from_slice(&integer.to_le_bytes());
    }
}

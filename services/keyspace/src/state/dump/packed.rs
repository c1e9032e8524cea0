//! The packed collections of Redis 7: listpacks and sets of integers.

use super::Error;
use crate::state::layout::Reader;
use crate::state::value::Text;

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | *byte as u64)
}

/// A number in two's complement of as many bytes as there are.
fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len() as u32;
    (little_endian(bytes) << unused) as i64 >> unused
}

/// Visits the entries of a listpack: u32 of all its bytes, u16 of its entries (65535: unknown), entries, 255. An entry is a tag with a
/// length or a part of an integer, bytes, and its length again, from behind.
pub(super) fn listpack<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(Text<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = Reader::new(bytes);
    let total = little_endian(reader.take(4)?);
    let announced = little_endian(reader.take(2)?);
    if total != bytes.len() as u64 {
        return Err(Error::Data);
    }
    let mut count = 0;
    loop {
        let before = reader.rest().len();
        let Some(text) = entry(&mut reader)? else { break };
        let len = before - reader.rest().len();
        let behind = match len {
            0..=127 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        };
        // The length behind is for walking backwards; it has to agree all the same.
        let repeated =
            reader.take(behind)?.iter().fold(0_u64, |value, byte| value << 7 | (byte & 0x7F) as u64);
        if repeated != len as u64 {
            return Err(Error::Data);
        }
        visit(text)?;
        count += 1;
    }
    if announced != 65_535 && announced != count {
        return Err(Error::Data);
    }
    Ok(reader.end()?)
}

/// One entry without the length behind it, or the end.
fn entry<'a>(reader: &mut Reader<'a>) -> Result<Option<Text<'a>>, Error> {
    let tag = reader.byte()?;
    Ok(Some(match tag {
        0..0x80 => Text::Integer(tag as i64),
        0x80..0xC0 => Text::Bytes(reader.take((tag & 0x3F) as usize)?),
        0xC0..0xE0 => {
            let value = ((tag & 0x1F) as i64) << 8 | reader.byte()? as i64;
            Text::Integer(if value >= 1 << 12 { value - (1 << 13) } else { value })
        }
        0xE0..0xF0 => {
            let len = ((tag & 0x0F) as usize) << 8 | reader.byte()? as usize;
            Text::Bytes(reader.take(len)?)
        }
        0xF0 => {
            let len = little_endian(reader.take(4)?);
            Text::Bytes(reader.take(len as usize)?)
        }
        0xF1..=0xF3 => Text::Integer(signed(reader.take(tag as usize - 0xF1 + 2)?)),
        0xF4 => Text::Integer(signed(reader.take(8)?)),
        0xFF => return Ok(None),
        _ => return Err(Error::Data),
    }))
}

/// Visits a set of integers: u32 of bytes for each, u32 of their number, the integers.
pub(super) fn integers(bytes: &[u8], mut visit: impl FnMut(i64)) -> Result<(), Error> {
    let mut reader = Reader::new(bytes);
    let width = little_endian(reader.take(4)?) as usize;
    let count = little_endian(reader.take(4)?) as usize;
    if !matches!(width, 2 | 4 | 8) || Some(reader.rest().len()) != count.checked_mul(width) {
        return Err(Error::Data);
    }
    reader.rest().chunks_exact(width).for_each(|bytes| visit(signed(bytes)));
    Ok(())
}

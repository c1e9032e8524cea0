//! RDB values to values of our own codec.

use std::borrow::Cow;

use super::{Error, lzf, packed};
use super::{
    HASH, HASH_LISTPACK, LIST, LIST_QUICKLIST, SET, SET_INTEGERS, SET_LISTPACK, SORTED_SET,
    SORTED_SET_LISTPACK, STRING,
};
use crate::state::codec;
use crate::state::effect::STRING_BYTES_MAX;
use crate::state::layout::{Reader, put_bytes, put_varint};
use crate::state::value::Text;

/// A node of a quicklist that is one large element, or a listpack.
const NODE_PLAIN: u64 = 1;
const NODE_PACKED: u64 = 2;

/// Byte strings behind their lengths, and how many.
#[derive(Default)]
struct Items {
    bytes: Vec<u8>,
    count: u64,
}

impl Items {
    fn push(&mut self, item: &[u8]) {
        put_bytes(&mut self.bytes, item);
        self.count += 1;
    }

    fn push_text(&mut self, item: Text<'_>) {
        self.push(item.bytes(&mut itoa::Buffer::new()));
    }

    fn push_score(&mut self, score: f64) -> Result<(), Error> {
        if score.is_nan() {
            return Err(Error::Data);
        }
        self.bytes.extend_from_slice(&score.to_le_bytes());
        Ok(())
    }

    /// Appends a collection of `per_element` items for each element. Redis allows no empty ones.
    fn finish(self, kind: u8, per_element: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.count == 0 || !self.count.is_multiple_of(per_element) {
            return Err(Error::Data);
        }
        out.push(kind);
        put_varint(out, self.count / per_element);
        out.extend_from_slice(&self.bytes);
        Ok(())
    }
}

/// Reads all of `bytes` (a type and a value) and appends the value.
pub(super) fn value(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut reader = Reader::new(bytes);
    let kind = reader.byte()?;
    let mut items = Items::default();
    match kind {
        STRING => {
            out.push(codec::STRING);
            put_bytes(out, &string(&mut reader)?);
        }
        LIST | SET | HASH => {
            let (kind, per_element) = match kind {
                LIST => (codec::LIST, 1),
                SET => (codec::SET, 1),
                _ => (codec::HASH, 2),
            };
            for _ in 0..len(&mut reader)?.checked_mul(per_element).ok_or(Error::Data)? {
                items.push(&string(&mut reader)?);
            }
            items.finish(kind, per_element, out)?;
        }
        SORTED_SET => {
            for _ in 0..len(&mut reader)? {
                let member = string(&mut reader)?;
                items.push_score(reader.score()?)?;
                items.push(&member);
            }
            items.finish(codec::SORTED_SET, 1, out)?;
        }
        LIST_QUICKLIST => {
            for _ in 0..len(&mut reader)? {
                node(&mut reader, &mut items)?;
            }
            items.finish(codec::LIST, 1, out)?;
        }
        SET_INTEGERS => {
            packed::integers(&string(&mut reader)?, |integer| items.push_text(Text::Integer(integer)))?;
            items.finish(codec::SET, 1, out)?;
        }
        HASH_LISTPACK | SET_LISTPACK => {
            let (kind, per_element) = if kind == HASH_LISTPACK { (codec::HASH, 2) } else { (codec::SET, 1) };
            listpack(&string(&mut reader)?, &mut items)?;
            items.finish(kind, per_element, out)?;
        }
        SORTED_SET_LISTPACK => {
            scores(&string(&mut reader)?, &mut items)?;
            items.finish(codec::SORTED_SET, 1, out)?;
        }
        _ => return Err(Error::Data),
    }
    Ok(reader.end()?)
}

fn listpack(bytes: &[u8], items: &mut Items) -> Result<(), Error> {
    packed::listpack(bytes, |text| {
        items.push_text(text);
        Ok(())
    })
}

/// Members and scores in turn.
fn scores(bytes: &[u8], items: &mut Items) -> Result<(), Error> {
    let mut member = None;
    packed::listpack(bytes, |text| {
        let Some(member) = member.take() else {
            member = Some(text);
            return Ok(());
        };
        items.push_score(match text {
            Text::Integer(integer) => integer as f64,
            Text::Bytes(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|_| Error::Data)?;
                text.parse().map_err(|_| Error::Data)?
            }
        })?;
        items.push_text(member);
        Ok(())
    })?;
    if member.is_some() { Err(Error::Data) } else { Ok(()) }
}

fn node(reader: &mut Reader<'_>, items: &mut Items) -> Result<(), Error> {
    match len(reader)? {
        NODE_PLAIN => items.push(&string(reader)?),
        NODE_PACKED => listpack(&string(reader)?, items)?,
        _ => return Err(Error::Data),
    }
    Ok(())
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | *byte as u64)
}

/// A length, or the number of a special encoding.
enum Head {
    Len(u64),
    Special(u8),
}

fn head(reader: &mut Reader<'_>) -> Result<Head, Error> {
    let first = reader.byte()?;
    Ok(match first >> 6 {
        0 => Head::Len(first as u64),
        1 => Head::Len(((first & 0x3F) as u64) << 8 | reader.byte()? as u64),
        2 if first == 0x80 => Head::Len(big_endian(reader.take(4)?)),
        2 if first == 0x81 => Head::Len(big_endian(reader.take(8)?)),
        3 => Head::Special(first & 0x3F),
        _ => return Err(Error::Data),
    })
}

fn len(reader: &mut Reader<'_>) -> Result<u64, Error> {
    match head(reader)? {
        Head::Len(len) => Ok(len),
        Head::Special(_) => Err(Error::Data),
    }
}

fn string<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, [u8]>, Error> {
    let integer = |bytes: &[u8]| {
        let unused = 64 - 8 * bytes.len() as u32;
        let value = bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | *byte as u64);
        Cow::Owned(((value << unused) as i64 >> unused).to_string().into_bytes())
    };
    Ok(match head(reader)? {
        Head::Len(len) => Cow::Borrowed(reader.take(usize::try_from(len).map_err(|_| Error::Data)?)?),
        Head::Special(0) => integer(reader.take(1)?),
        Head::Special(1) => integer(reader.take(2)?),
        Head::Special(2) => integer(reader.take(4)?),
        Head::Special(3) => {
            let (packed, unpacked) = (len(reader)?, len(reader)?);
            let packed = reader.take(usize::try_from(packed).map_err(|_| Error::Data)?)?;
            let unpacked =
                usize::try_from(unpacked).ok().filter(|len| *len <= STRING_BYTES_MAX).ok_or(Error::Data)?;
            Cow::Owned(lzf::unpack(packed, unpacked).ok_or(Error::Data)?)
        }
        Head::Special(_) => return Err(Error::Data),
    })
}

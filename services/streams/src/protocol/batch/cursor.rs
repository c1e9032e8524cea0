//! The integers inside records: zigzag in groups of seven bits, lowest first.

use bytes::{BufMut, BytesMut};

/// Reads a slice from front to back; the errors are texts, which the caller gives a place.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(super) position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], position: usize) -> Cursor<'a> {
        Cursor { bytes, position }
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    pub(super) fn byte(&mut self) -> Result<u8, &'static str> {
        let byte = *self.bytes.get(self.position).ok_or("the data ends inside it")?;
        self.position += 1;
        Ok(byte)
    }

    /// An integer of up to 64 bits.
    pub(super) fn varlong(&mut self) -> Result<i64, &'static str> {
        let mut value = 0u64;
        for shift in (0..).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err("a variable-length integer has more than 64 bits");
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// An integer of up to 32 bits.
    pub(super) fn varint(&mut self) -> Result<i32, &'static str> {
        self.varlong()?.try_into().map_err(|_| "a variable-length integer has more than 32 bits")
    }

    /// The range of bytes behind a length; `None` behind -1.
    pub(super) fn range(&mut self) -> Result<Option<std::ops::Range<usize>>, &'static str> {
        let length = self.varint()?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| "a length is negative")?;
        if length > self.remaining() {
            return Err("a length goes beyond its end");
        }
        let start = self.position;
        self.position += length;
        Ok(Some(start..self.position))
    }
}

/// Appends an integer.
pub(super) fn put_varlong(buffer: &mut BytesMut, value: i64) {
    let mut left = (value << 1 ^ value >> 63) as u64;
    while left >= 0x80 {
        buffer.put_u8(left as u8 | 0x80);
        left >>= 7;
    }
    buffer.put_u8(left as u8);
}

/// Appends a length and the bytes, or -1.
pub(super) fn put_bytes(buffer: &mut BytesMut, bytes: Option<&[u8]>) {
    put_varlong(buffer, bytes.map_or(-1, |bytes| bytes.len() as i64));
    buffer.put_slice(bytes.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back() {
        for value in
            [0, 1, -1, 63, -64, 64, 300, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN]
        {
            let mut buffer = BytesMut::new();
            put_varlong(&mut buffer, value);
            let mut cursor = Cursor::new(&buffer, 0);
            assert_eq!((cursor.varlong(), cursor.remaining()), (Ok(value), 0), "{value}");
            let narrow = Cursor::new(&buffer, 0).varint();
            assert_eq!(narrow.ok(), i32::try_from(value).ok(), "{value}");
        }
        assert!(Cursor::new(&[0xFF; 12], 0).varlong().is_err());
        assert!(Cursor::new(&[0x80], 0).varlong().is_err());
    }
}

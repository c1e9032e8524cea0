//! Integers and byte strings in the layouts of this state: LEB128 lengths, little-endian numbers, and a reader that
//! survives any bytes.

use bole_shard::ApplyError;

/// Appends `value` as LEB128 (seven bits a byte, low ones first).
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The bytes that [`put_varint`] takes.
#[inline]
pub const fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Reads what [`put_varint`] wrote at the beginning of `bytes`: the value and its length. `None` if cut or too long.
#[inline]
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((first as u64, 1));
    }
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        let bits = (byte & 0x7F) as u64;
        if index == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// Appends a length and the bytes.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads layouts from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], ApplyError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.cut(len))?;
        self.rest = rest;
        Ok(taken)
    }

    #[cold]
    fn cut(&self, len: usize) -> ApplyError {
        ApplyError::Malformed(format!("{len} bytes announced, {} there", self.rest.len()))
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, ApplyError> {
        Ok(self.take(1)?[0])
    }

    /// A LEB128 number.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, ApplyError> {
        let (value, len) =
            varint(self.rest).ok_or_else(|| ApplyError::Malformed("a length is cut or too long".into()))?;
        self.rest = &self.rest[len..];
        Ok(value)
    }

    /// Eight little-endian bytes.
    pub fn u64(&mut self) -> Result<u64, ApplyError> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | *byte as u64))
    }

    /// A double in eight little-endian bytes; not a number is refused.
    pub fn score(&mut self) -> Result<f64, ApplyError> {
        let score = f64::from_bits(self.u64()?);
        if score.is_nan() { Err(ApplyError::Malformed("a score is not a number".into())) } else { Ok(score) }
    }

    /// A length and that many bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], ApplyError> {
        let len = self.varint()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// Refuses trailing bytes.
    pub fn end(self) -> Result<(), ApplyError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(ApplyError::Malformed(format!("{} bytes too many", self.rest.len())))
        }
    }
}

/// The integer that `bytes` is the one decimal spelling of: no sign but `-`, no leading zeros, no spaces.
#[inline]
pub fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut value = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Built up below zero, where there is room for one more than above.
        value = value.checked_mul(10)?.checked_sub(digit as i64)?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

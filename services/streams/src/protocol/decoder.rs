//! Bytes to values, with bounds: nothing is allocated for bytes that are not there, and what is built is charged to a budget.

use bytes::Bytes;

use super::uuid::Uuid;

/// Reads one frame from front to back.
///
/// Lengths and counts are claims: each is compared with the bytes that remain before anything is allocated. Memory of arrays is
/// charged against a budget, because one byte on the wire may become a structure of hundreds; strings and bytes share the frame
/// and cost nothing.
#[derive(Debug)]
pub struct Decoder {
    bytes: Bytes,
    position: usize,
    /// Where the current tagged field ends, or the frame.
    end: usize,
    budget: usize,
    place: &'static str,
}

/// Bytes that are not what their message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{place}, byte {offset}: {problem}")]
pub struct DecodeError {
    /// The API, structure and field that was being read: `Fetch Request.topics`.
    pub place: &'static str,
    /// Where in the frame, counted from the first byte after the length.
    pub offset: usize,
    /// What was wrong.
    pub problem: Problem,
}

/// What was wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The value needs more bytes than the frame has.
    #[error("{needed} bytes are needed and {left} are left")]
    Truncated {
        /// Bytes that the value needs.
        needed: usize,
        /// Bytes that the frame still has.
        left: usize,
    },
    /// An array claims more elements than the remaining bytes can hold.
    #[error("{claimed} elements are claimed and {left} bytes are left")]
    TooManyElements {
        /// The count in the frame.
        claimed: usize,
        /// Bytes that the frame still has.
        left: usize,
    },
    /// A length below -1.
    #[error("length {0} is negative")]
    NegativeLength(i32),
    /// Null where the version has no null.
    #[error("null is not a value of this field in this version")]
    UnexpectedNull,
    /// A string with other bytes than UTF-8.
    #[error("the string is not UTF-8 from its byte {0} on")]
    NotUtf8(usize),
    /// A variable-length integer above 32 bits.
    #[error("the variable-length integer has more than 32 bits")]
    LongVarint,
    /// A tagged field whose value does not fill the size before it.
    #[error("tag {tag} claims {claimed} bytes and its value takes {used}")]
    TagSize {
        /// The tag.
        tag: u32,
        /// The size in the frame.
        claimed: usize,
        /// Bytes that its value took.
        used: usize,
    },
    /// The decoded message would take more memory than it may.
    #[error("{needed} bytes of memory are needed and {left} are left of the budget")]
    OverBudget {
        /// Bytes for this array.
        needed: usize,
        /// What the budget still has.
        left: usize,
    },
    /// A version that this message does not have.
    #[error("version {version} does not exist; it may be {min} to {max}")]
    UnknownVersion {
        /// The version asked for.
        version: i16,
        /// The first that exists.
        min: i16,
        /// The last that exists.
        max: i16,
    },
    /// A key that no API has.
    #[error("API key {0} is not known")]
    UnknownKey(i16),
    /// Bytes after the end of the message.
    #[error("{0} bytes follow the end")]
    Trailing(usize),
}

/// Bytes of memory that any frame may take, whatever its size.
pub const BUDGET_MIN_BYTES: usize = 1 << 20;

/// Bytes of memory that each byte of a frame may take on top.
pub const BUDGET_PER_FRAME_BYTE: usize = 4;

/// The tag and size of one field in a tagged section.
#[derive(Debug, Clone, Copy)]
pub struct Tag {
    /// Which field.
    pub number: u32,
    /// Bytes of its value.
    pub size: usize,
}

impl Decoder {
    /// Reads `frame` (without its length prefix) with the default budget: [`BUDGET_PER_FRAME_BYTE`] times its size plus
    /// [`BUDGET_MIN_BYTES`].
    pub fn new(frame: Bytes) -> Decoder {
        let budget = frame.len().saturating_mul(BUDGET_PER_FRAME_BYTE).saturating_add(BUDGET_MIN_BYTES);
        Decoder::with_budget(frame, budget)
    }

    /// Reads `frame`; its arrays may take `budget` bytes of memory in all.
    pub fn with_budget(frame: Bytes, budget: usize) -> Decoder {
        Decoder { position: 0, end: frame.len(), bytes: frame, budget, place: "frame" }
    }

    /// Bytes that are not yet read.
    pub fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// Bytes that are read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Names what is read next, for errors.
    pub fn at(&mut self, place: &'static str) {
        self.place = place;
    }

    /// An error at the current place.
    pub fn error(&self, problem: Problem) -> DecodeError {
        DecodeError { place: self.place, offset: self.position, problem }
    }

    /// Ends the reading; bytes that are left over are an error. Kafka's own broker ignores them after a request.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.remaining() == 0 { Ok(()) } else { Err(self.error(Problem::Trailing(self.remaining()))) }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some(value) = self.bytes[self.position..self.end].first_chunk::<N>() else {
            return Err(self.error(Problem::Truncated { needed: N, left: self.remaining() }));
        };
        let value = *value;
        self.position += N;
        Ok(value)
    }

    /// The next `length` bytes, shared with the frame.
    pub fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        self.need(length)?;
        let taken = self.bytes.slice(self.position..self.position + length);
        self.position += length;
        Ok(taken)
    }

    /// Passes over `length` bytes.
    pub fn skip(&mut self, length: usize) -> Result<(), DecodeError> {
        self.need(length)?;
        self.position += length;
        Ok(())
    }

    fn need(&self, length: usize) -> Result<(), DecodeError> {
        if length <= self.remaining() {
            return Ok(());
        }
        Err(self.error(Problem::Truncated { needed: length, left: self.remaining() }))
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.fixed::<1>()?[0])
    }

    /// One byte, signed.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        self.fixed().map(i8::from_be_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.fixed().map(u16::from_be_bytes)
    }

    /// Two bytes, signed.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.fixed().map(i16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.fixed().map(u32::from_be_bytes)
    }

    /// Four bytes, signed.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.fixed().map(i32::from_be_bytes)
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.fixed().map(i64::from_be_bytes)
    }

    /// Eight bytes, IEEE 754.
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        self.fixed().map(f64::from_be_bytes)
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.fixed().map(Uuid)
    }

    /// An unsigned integer in groups of seven bits, lowest first; at most five bytes.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            if shift == 28 && byte > 0x0F {
                return Err(self.error(Problem::LongVarint));
            }
            value |= u32::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }

    /// The length before a string (two bytes, or compact); `None` is null.
    pub fn string_length(&mut self, compact: bool) -> Result<Option<usize>, DecodeError> {
        if compact {
            return self.compact_length();
        }
        let length = self.i16()?;
        self.signed_length(i32::from(length))
    }

    /// The length before bytes, records or an array (four bytes, or compact); `None` is null.
    pub fn length(&mut self, compact: bool) -> Result<Option<usize>, DecodeError> {
        if compact {
            return self.compact_length();
        }
        let length = self.i32()?;
        self.signed_length(length)
    }

    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(self.unsigned_varint()?.checked_sub(1).map(|length| length as usize))
    }

    fn signed_length(&self, length: i32) -> Result<Option<usize>, DecodeError> {
        match length {
            -1 => Ok(None),
            0.. => Ok(Some(length as usize)),
            _ => Err(self.error(Problem::NegativeLength(length))),
        }
    }

    /// Accepts an array of `count` elements that take at least `wire_bytes` on the wire and `memory_bytes` in memory each: the
    /// claim is held against the bytes that remain, and its memory is charged. After this, room for `count` may be allocated.
    pub fn claim(&mut self, count: usize, wire_bytes: usize, memory_bytes: usize) -> Result<(), DecodeError> {
        let left = self.remaining();
        if count.checked_mul(wire_bytes).is_none_or(|needed| needed > left) {
            return Err(self.error(Problem::TooManyElements { claimed: count, left }));
        }
        let needed = count.saturating_mul(memory_bytes);
        match self.budget.checked_sub(needed) {
            Some(left) => self.budget = left,
            None => return Err(self.error(Problem::OverBudget { needed, left: self.budget })),
        }
        Ok(())
    }

    /// The next field of a tagged section of which `left` fields are still to come.
    pub fn next_tag(&mut self, left: &mut u32) -> Result<Option<Tag>, DecodeError> {
        if *left == 0 {
            return Ok(None);
        }
        *left -= 1;
        let number = self.unsigned_varint()?;
        let size = self.unsigned_varint()? as usize;
        self.need(size)?;
        Ok(Some(Tag { number, size }))
    }

    /// Reads the value of a tagged field, which must fill its size and see no byte beyond.
    pub fn within<T>(
        &mut self,
        tag: Tag,
        read: impl FnOnce(&mut Decoder) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let (start, outer) = (self.position, self.end);
        self.end = start + tag.size;
        let value = read(self)?;
        if self.position != self.end {
            let (claimed, used) = (tag.size, self.position - start);
            return Err(self.error(Problem::TagSize { tag: tag.number, claimed, used }));
        }
        self.end = outer;
        Ok(value)
    }

    /// Passes over a tagged section of which no field is known.
    pub fn skip_tags(&mut self) -> Result<(), DecodeError> {
        let mut left = self.unsigned_varint()?;
        while let Some(tag) = self.next_tag(&mut left)? {
            self.skip(tag.size)?;
        }
        Ok(())
    }
}

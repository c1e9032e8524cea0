//! Values to bytes: small fields are copied into one buffer, records are passed on as they are.

use bytes::{BufMut, Bytes, BytesMut};

use super::uuid::Uuid;

/// Payloads from this size on are passed on by reference; smaller ones are cheaper to copy than to send as a piece of their own.
pub const SHARED_MIN_BYTES: usize = 512;

/// Bytes of the length before each frame.
pub const LENGTH_BYTES: usize = 4;

/// Collects one frame.
#[derive(Debug)]
pub struct Encoder {
    buffer: BytesMut,
    /// Payloads that belong after this many bytes of the buffer.
    shared: Vec<(usize, Bytes)>,
    shared_bytes: usize,
    /// The buffer begins with room for the length.
    prefixed: bool,
}

/// A frame that is ready to send: pieces in order, of which the large ones share memory with what was encoded.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    chunks: Vec<Bytes>,
    len: usize,
}

/// A value that cannot be written in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The field does not exist in this version, and its value matters.
    #[error("{place} has a value, and version {version} has no such field")]
    NoSuchField {
        /// API, structure and field.
        place: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// Null where the version has no null.
    #[error("{place} is null, which version {version} does not allow")]
    UnexpectedNull {
        /// API, structure and field.
        place: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A string, array or frame that its length field cannot count.
    #[error("{place} has length {length}; the limit is {limit}")]
    TooLong {
        /// API, structure and field.
        place: &'static str,
        /// Bytes or elements.
        length: usize,
        /// The greatest length that fits.
        limit: usize,
    },
    /// A version that this message does not have.
    #[error("{name} has no version {version}; it may be {min} to {max}")]
    UnknownVersion {
        /// The API.
        name: &'static str,
        /// The version asked for.
        version: i16,
        /// The first that exists.
        min: i16,
        /// The last that exists.
        max: i16,
    },
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder::new()
    }
}

impl Encoder {
    /// Collects bytes without a length before them.
    pub fn new() -> Encoder {
        Encoder { buffer: BytesMut::with_capacity(256), shared: Vec::new(), shared_bytes: 0, prefixed: false }
    }

    /// Collects a frame that begins with its length.
    pub fn prefixed() -> Encoder {
        let mut encoder = Encoder { prefixed: true, ..Encoder::new() };
        encoder.buffer.put_bytes(0, LENGTH_BYTES);
        encoder
    }

    /// Bytes so far, a length prefix included.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.shared_bytes
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the frame and writes its length into the prefix.
    pub fn finish(mut self) -> Result<Frame, EncodeError> {
        let len = self.len();
        if self.prefixed {
            let length = checked(len - LENGTH_BYTES, i32::MAX as usize, "frame")?;
            self.buffer[..LENGTH_BYTES].copy_from_slice(&(length as i32).to_be_bytes());
        }
        let mut buffer = self.buffer.freeze();
        let mut chunks = Vec::with_capacity(self.shared.len() * 2 + 1);
        let mut cut = 0;
        for (at, payload) in self.shared {
            if at > cut {
                chunks.push(buffer.split_to(at - cut));
                cut = at;
            }
            chunks.push(payload);
        }
        if !buffer.is_empty() {
            chunks.push(buffer);
        }
        Ok(Frame { chunks, len })
    }

    /// Bytes that belong to the caller: copied when small, shared from [`SHARED_MIN_BYTES`] on.
    pub fn put_shared(&mut self, payload: &Bytes) {
        if payload.len() < SHARED_MIN_BYTES {
            self.buffer.put_slice(payload);
        } else {
            self.shared_bytes += payload.len();
            self.shared.push((self.buffer.len(), payload.clone()));
        }
    }

    /// Bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// One byte, signed.
    pub fn put_i8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    /// Two bytes.
    pub fn put_u16(&mut self, value: u16) {
        self.buffer.put_u16(value);
    }

    /// Two bytes, signed.
    pub fn put_i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    /// Four bytes.
    pub fn put_u32(&mut self, value: u32) {
        self.buffer.put_u32(value);
    }

    /// Four bytes, signed.
    pub fn put_i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    /// Eight bytes, signed.
    pub fn put_i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    /// Eight bytes, IEEE 754.
    pub fn put_f64(&mut self, value: f64) {
        self.buffer.put_f64(value);
    }

    /// Sixteen bytes.
    pub fn put_uuid(&mut self, value: Uuid) {
        self.buffer.put_slice(&value.0);
    }

    /// An unsigned integer in groups of seven bits, lowest first.
    pub fn put_unsigned_varint(&mut self, value: u32) {
        let (bytes, length) = unsigned_varint(value);
        self.buffer.put_slice(&bytes[..length]);
    }

    /// The length before a string: two bytes, or compact. `None` is null.
    pub fn put_string_length(
        &mut self,
        length: Option<usize>,
        compact: bool,
        place: &'static str,
    ) -> Result<(), EncodeError> {
        match length {
            _ if compact => return self.put_length(length, compact, place),
            None => self.put_i16(-1),
            Some(length) => self.put_i16(checked(length, i16::MAX as usize, place)? as i16),
        }
        Ok(())
    }

    /// The length before bytes, records or an array: four bytes, or compact. `None` is null.
    pub fn put_length(
        &mut self,
        length: Option<usize>,
        compact: bool,
        place: &'static str,
    ) -> Result<(), EncodeError> {
        match (length, compact) {
            (None, false) => self.put_i32(-1),
            (None, true) => self.put_unsigned_varint(0),
            (Some(length), false) => self.put_i32(checked(length, i32::MAX as usize, place)? as i32),
            (Some(length), true) => {
                self.put_unsigned_varint(checked(length, i32::MAX as usize, place)? as u32 + 1);
            }
        }
        Ok(())
    }

    /// One field of a tagged section: its tag, its size, and what `write` adds.
    pub fn put_tagged(
        &mut self,
        tag: u32,
        write: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.put_unsigned_varint(tag);
        let start = self.buffer.len();
        let before = self.len();
        write(self)?;
        let (size, width) = unsigned_varint((self.len() - before) as u32);
        let end = self.buffer.len();
        // The size is known only now, so its bytes are inserted before the value. Shared payloads move with it.
        self.buffer.put_slice(&size[..width]);
        self.buffer.copy_within(start..end, start + width);
        self.buffer[start..start + width].copy_from_slice(&size[..width]);
        for (at, _) in self.shared.iter_mut().rev().take_while(|(at, _)| *at >= start) {
            *at += width;
        }
        Ok(())
    }
}

fn checked(length: usize, limit: usize, place: &'static str) -> Result<usize, EncodeError> {
    if length <= limit { Ok(length) } else { Err(EncodeError::TooLong { place, length, limit }) }
}

/// The bytes of an unsigned variable-length integer, and how many of them count.
fn unsigned_varint(mut value: u32) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut length = 0;
    while value >= 0x80 {
        bytes[length] = value as u8 | 0x80;
        value >>= 7;
        length += 1;
    }
    bytes[length] = value as u8;
    (bytes, length + 1)
}

impl Frame {
    /// The pieces, in order.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The pieces, given away.
    pub fn into_chunks(self) -> Vec<Bytes> {
        self.chunks
    }

    /// Bytes in all pieces.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One piece; copies when there are several.
    pub fn into_bytes(mut self) -> Bytes {
        if self.chunks.len() == 1 {
            return self.chunks.pop().expect("one piece");
        }
        let mut bytes = BytesMut::with_capacity(self.len);
        for chunk in self.chunks {
            bytes.extend_from_slice(&chunk);
        }
        bytes.freeze()
    }
}

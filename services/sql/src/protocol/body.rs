//! Reads the body of one message. Every read is checked; what is missing is SQLSTATE 08P01.

use bole_sql_types::{Error, Result, SqlState};
use bytes::{Buf as _, Bytes};

/// What is left of a message.
#[derive(Clone, Debug)]
pub struct Body(Bytes);

fn short() -> Error {
    Error::new(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message")
}

/// Text that is not UTF-8, as PostgreSQL says it.
pub fn not_utf8(bytes: &[u8]) -> Error {
    let start = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    // As many bytes as the first one says that the character has.
    let length = match bytes.get(start) {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => 1,
    };
    let shown: Vec<String> = bytes[start..].iter().take(length).map(|byte| format!("0x{byte:02x}")).collect();
    let message = format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" "));
    Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
}

impl Body {
    /// A body of these bytes.
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8> {
        self.0.try_get_u8().map_err(|_| short())
    }

    /// A signed number of two bytes.
    pub fn i16(&mut self) -> Result<i16> {
        self.0.try_get_i16().map_err(|_| short())
    }

    /// A signed number of four bytes.
    pub fn i32(&mut self) -> Result<i32> {
        self.0.try_get_i32().map_err(|_| short())
    }

    /// An unsigned number of four bytes.
    pub fn u32(&mut self) -> Result<u32> {
        self.0.try_get_u32().map_err(|_| short())
    }

    /// A number of items, unsigned 16 bits as PostgreSQL counts them, each of which takes at least `least` bytes of what is left.
    pub fn count(&mut self, least: usize) -> Result<usize> {
        let count = usize::from(self.0.try_get_u16().map_err(|_| short())?);
        if count * least > self.0.len() { Err(short()) } else { Ok(count) }
    }

    /// So many bytes, not copied.
    pub fn bytes(&mut self, length: usize) -> Result<Bytes> {
        if length > self.0.len() { Err(short()) } else { Ok(self.0.split_to(length)) }
    }

    /// A value behind its length; a length of -1 is NULL.
    pub fn value(&mut self) -> Result<Option<Bytes>> {
        match self.i32()? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => self.bytes(length).map(Some),
                Err(_) => Err(short()),
            },
        }
    }

    /// UTF-8 up to a NUL.
    pub fn text(&mut self) -> Result<String> {
        let end = self.0.iter().position(|byte| *byte == 0);
        let end = end.ok_or_else(|| Error::new(SqlState::PROTOCOL_VIOLATION, "invalid string in message"))?;
        let bytes = self.0.split_to(end);
        self.0.advance(1);
        let text = std::str::from_utf8(&bytes).map_err(|_| not_utf8(&bytes))?;
        Ok(text.to_owned())
    }

    /// All that is left.
    pub fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }

    /// Errors: something is left.
    pub fn end(&self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::new(SqlState::PROTOCOL_VIOLATION, "invalid message format"))
        }
    }
}

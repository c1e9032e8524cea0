//! Record data of a response, in the pieces in which it is stored.

use bytes::Bytes;

/// Batches to send as one field: each usually a patched head and the stored rest, none of them copied.
///
/// Two values are equal when their bytes are, however they are cut.
#[derive(Debug, Clone, Default)]
pub struct Records {
    chunks: Vec<Bytes>,
    len: usize,
}

impl Records {
    /// No batches.
    pub const fn new() -> Records {
        Records { chunks: Vec::new(), len: 0 }
    }

    /// Adds a piece at the end.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.chunks.push(chunk);
        }
    }

    /// The pieces, in order.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Bytes in all pieces.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One piece; copies when there are several.
    pub fn into_bytes(mut self) -> Bytes {
        match self.chunks.len() {
            0 => Bytes::new(),
            1 => self.chunks.pop().expect("one piece"),
            _ => self.chunks.concat().into(),
        }
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Records {
        let mut records = Records::new();
        records.push(bytes);
        records
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Records) -> bool {
        let bytes = |records: &Records| records.chunks.clone().into_iter().flatten();
        self.len == other.len && bytes(self).eq(bytes(other))
    }
}

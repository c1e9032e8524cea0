//! The pieces that the layouts of effects and sections are made of (*persisted*). Numbers are little-endian; `n` is LEB128.
//!
//! | piece | bytes |
//! |-|-|
//! | `n` | LEB128, seven bits a byte, low ones first, at most ten bytes |
//! | `bytes` | length `n`, then that many bytes |
//! | `text` | `bytes`, UTF-8 |
//! | `option X` | 0, or 1 and X |
//! | `list X` | count `n`, then that many X |

use std::sync::Arc;

use bole_shard::ApplyError;
use bytes::Bytes;

use super::topics::TopicId;

/// Appends pieces to a buffer.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn n(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.n(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub(crate) fn topic_id(&mut self, id: TopicId) {
        self.0.extend_from_slice(&id.0);
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.byte(value.is_some() as u8);
        if let Some(value) = value {
            put(self, value);
        }
    }

    pub(crate) fn option_text(&mut self, value: Option<&str>) {
        self.option(value, Writer::text);
    }

    pub(crate) fn list<I: ExactSizeIterator>(&mut self, items: I, mut put: impl FnMut(&mut Self, I::Item)) {
        self.n(items.len() as u64);
        items.for_each(|item| put(self, item));
    }
}

/// Reads pieces from the front of a slice. Survives any bytes, and takes no more memory than a small multiple of them.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

type Result<T> = std::result::Result<T, ApplyError>;

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let there = self.rest.len();
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| ApplyError::Malformed(format!("{len} bytes announced, {there} there")))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("as many bytes were taken"))
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn flag(&mut self) -> Result<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(ApplyError::Malformed(format!("{other} is neither 0 nor 1"))),
        }
    }

    pub(crate) fn n(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for index in 0..10 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if index == 9 && bits > 1 {
                break;
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ApplyError::Malformed("a number is too long".into()))
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes> {
        self.slice().map(Bytes::copy_from_slice)
    }

    fn slice(&mut self) -> Result<&'a [u8]> {
        let len = self.n()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    pub(crate) fn text(&mut self) -> Result<Arc<str>> {
        let text = std::str::from_utf8(self.slice()?)
            .map_err(|error| ApplyError::Malformed(format!("a name is not UTF-8: {error}")))?;
        Ok(text.into())
    }

    pub(crate) fn topic_id(&mut self) -> Result<TopicId> {
        self.array().map(TopicId)
    }

    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// Items of at least one byte each, so that a wrong count cannot ask for much memory.
    pub(crate) fn list<T, C: FromIterator<T>>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<C> {
        let count = self.n()?;
        if count > self.rest.len() as u64 {
            let there = self.rest.len();
            return Err(ApplyError::Malformed(format!("{count} items announced, {there} bytes there")));
        }
        (0..count).map(|_| read(self)).collect()
    }

    pub(crate) fn end(&self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(ApplyError::Malformed(format!("{more} bytes too many"))),
        }
    }
}

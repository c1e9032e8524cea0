//! Byte strings one after the other in one buffer, each behind its LEB128 length. For small collections: everything is
//! found by walking.

use crate::state::layout::{put_bytes, varint, varint_len};
use crate::state::slot::allocated;

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    len: usize,
}

/// The item at the front of `bytes`, and the rest. The layout is our own, so it is never cut.
#[inline]
pub(super) fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, taken) = varint(bytes)?;
    bytes.get(taken..)?.split_at_checked(len as usize)
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (item, after) = split_first(rest)?;
            rest = after;
            Some(item)
        })
    }

    pub(super) fn push(&mut self, item: &[u8]) {
        self.bytes.reserve_exact(varint_len(item.len() as u64) + item.len());
        put_bytes(&mut self.bytes, item);
        self.len += 1;
    }

    /// Where the item with this number begins.
    fn offset(&self, index: usize) -> usize {
        let mut rest = &self.bytes[..];
        for _ in 0..index {
            rest = split_first(rest).map_or(&[], |(_, after)| after);
        }
        self.bytes.len() - rest.len()
    }

    pub(super) fn remove(&mut self, index: usize, count: usize) {
        let start = self.offset(index);
        let mut rest = &self.bytes[start..];
        for _ in 0..count {
            rest = split_first(rest).map_or(&[], |(_, after)| after);
        }
        let end = self.bytes.len() - rest.len();
        self.bytes.drain(start..end);
        self.len -= count;
        if self.bytes.len() < self.bytes.capacity() / 2 {
            self.bytes.shrink_to_fit();
        }
    }

    pub(super) fn replace(&mut self, index: usize, item: &[u8]) {
        let start = self.offset(index);
        let rest = &self.bytes[start..];
        let (old, after) = split_first(rest).unwrap_or((&[], &[]));
        if old.len() == item.len() {
            let at = self.bytes.len() - after.len() - item.len();
            self.bytes[at..at + item.len()].copy_from_slice(item);
            return;
        }
        let end = self.bytes.len() - after.len();
        let mut new = Vec::with_capacity(varint_len(item.len() as u64) + item.len());
        put_bytes(&mut new, item);
        self.bytes.splice(start..end, new);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        allocated(self.bytes.capacity())
    }
}

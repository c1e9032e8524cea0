//! One node of a list: elements one after the other in one buffer, walked from both ends.
//!
//! An element is its length as LEB128, its bytes, and the length of both as LEB128 in reverse byte order, so that it can
//! be read from behind. Before the first element there may be room for pushes to the front.

use crate::state::layout::{put_varint, varint, varint_len};

#[derive(Debug, Default)]
pub(super) struct Node {
    bytes: Vec<u8>,
    start: u32,
    count: u32,
}

/// The bytes that an element of `len` bytes takes.
fn encoded_len(len: usize) -> usize {
    let front = varint_len(len as u64) + len;
    front + varint_len(front as u64)
}

fn put(out: &mut Vec<u8>, element: &[u8]) {
    let begin = out.len();
    put_varint(out, element.len() as u64);
    out.extend_from_slice(element);
    let behind = out.len();
    put_varint(out, (behind - begin) as u64);
    out[behind..].reverse();
}

/// The first element and the rest behind it.
#[inline]
fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, taken) = varint(bytes)?;
    let (element, rest) = bytes.get(taken..)?.split_at_checked(len as usize)?;
    rest.split_at_checked(varint_len(taken as u64 + len)).map(|(_, rest)| (element, rest))
}

/// The last element and the rest before it.
#[inline]
fn split_last(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut len, mut taken) = (0_usize, 0);
    for byte in bytes.iter().rev().take(10) {
        len |= ((byte & 0x7F) as usize) << (7 * taken);
        taken += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let at = bytes.len().checked_sub(taken + len)?;
    let (rest, encoded) = bytes.split_at_checked(at)?;
    split_first(encoded).map(|(element, _)| (element, rest))
}

impl Node {
    pub(super) fn of(element: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(encoded_len(element.len()));
        put(&mut bytes, element);
        Self { bytes, start: 0, count: 1 }
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn live(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }

    /// Whether another element of `len` bytes may come into a node of at most `bytes_max`.
    #[inline]
    pub(super) fn fits(&self, len: usize, bytes_max: usize) -> bool {
        self.live().len() + encoded_len(len) <= bytes_max
    }

    pub(super) fn push_back(&mut self, element: &[u8]) {
        put(&mut self.bytes, element);
        self.count += 1;
    }

    pub(super) fn push_front(&mut self, element: &[u8]) {
        let needed = encoded_len(element.len());
        if (self.start as usize) < needed {
            // As much again in front, so that pushes move each byte a constant number of times.
            let room = needed + self.live().len();
            let mut bytes = Vec::with_capacity(room + self.live().len());
            bytes.resize(room, 0);
            bytes.extend_from_slice(self.live());
            self.start = room as u32;
            self.bytes = bytes;
        }
        let at = self.start as usize - needed;
        self.start = at as u32;
        self.count += 1;
        let head = varint_len(element.len() as u64);
        write_varint(&mut self.bytes[at..at + head], element.len());
        self.bytes[at + head..at + head + element.len()].copy_from_slice(element);
        let behind = &mut self.bytes[at + head + element.len()..at + needed];
        write_varint(behind, head + element.len());
        behind.reverse();
    }

    pub(super) fn pop_front(&mut self) {
        let left = split_first(self.live()).map_or(0, |(_, rest)| rest.len());
        self.start = (self.bytes.len() - left) as u32;
        self.count -= 1;
    }

    pub(super) fn pop_back(&mut self) {
        let left = split_last(self.live()).map_or(0, |(_, rest)| rest.len());
        self.bytes.truncate(self.start as usize + left);
        self.count -= 1;
    }

    /// The elements from the one at `index` on; walked to from the nearer end.
    pub(super) fn forward(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.live()[self.offset(index)..];
        std::iter::from_fn(move || {
            let (element, after) = split_first(rest)?;
            rest = after;
            Some(element)
        })
    }

    /// The elements before the one at `index`, from behind.
    pub(super) fn backward(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.live()[..self.offset(index)];
        std::iter::from_fn(move || {
            let (element, before) = split_last(rest)?;
            rest = before;
            Some(element)
        })
    }

    /// Puts `element` in place of `removed` (0 or 1) elements at `index`.
    pub(super) fn splice(&mut self, index: usize, removed: usize, element: &[u8]) {
        let start = self.start as usize + self.offset(index);
        let end = self.start as usize + self.offset(index + removed);
        let mut new = Vec::with_capacity(encoded_len(element.len()));
        put(&mut new, element);
        if new.len() == end - start {
            self.bytes[start..end].copy_from_slice(&new);
        } else {
            self.bytes.splice(start..end, new);
        }
        self.count = self.count + 1 - removed as u32;
    }

    fn offset(&self, index: usize) -> usize {
        let live = self.live();
        let mut rest = live;
        if index * 2 <= self.len() {
            for _ in 0..index {
                rest = split_first(rest).map_or(&[], |(_, after)| after);
            }
            return live.len() - rest.len();
        }
        for _ in index..self.len() {
            rest = split_last(rest).map_or(&[], |(_, before)| before);
        }
        rest.len()
    }
}

fn write_varint(out: &mut [u8], value: usize) {
    let last = out.len() - 1;
    for (index, byte) in out.iter_mut().enumerate() {
        let bits = (value >> (7 * index)) as u8 & 0x7F;
        *byte = if index == last { bits } else { bits | 0x80 };
    }
}

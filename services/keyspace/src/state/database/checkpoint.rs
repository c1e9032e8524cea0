//! Sections: the keys of one segment as bytes, and back.
//!
//! # Layout (*persisted*)
//! A version byte, 1; the first and the last hash of the range (u64 each); then for each key: its LEB128 length and bytes, flags (1: has a deadline), the deadline (u64, if it has
//! one), the time of last use (u32), the value as in [`codec`]. Numbers are little-endian. A section's range begins and ends at bounds of
//! segments, so at multiples of 2^40.
//!
//! A section may be restored in a narrower range than it was written for, where later sections cover the rest of it: its other
//! keys are left out then. This is how a checkpoint that continues an older one is put together.

use std::ops::RangeInclusive;

use bole_shard::{ApplyError, Section, Step};

use super::{Database, Share};
use crate::state::codec;
use crate::state::layout::{Reader, put_bytes};
use crate::state::slot::{NEVER, Slot};
use crate::state::table::Element;

const VERSION: u8 = 1;
const HAS_DEADLINE: u8 = 1;
/// How many segments one look for a section passes.
const SEGMENTS_MAX: usize = 1024;

impl Database {
    /// A section is the part of a segment from the cursor on; unless the table started over meanwhile, that is all of it.
    /// `since` 0 finds every segment, touched or not, so that the sections tile the space.
    pub(super) fn find_section(&self, cursor: u64, since: u64, out: &mut Vec<u8>) -> Step {
        let mut cursor = cursor;
        for _ in 0..SEGMENTS_MAX {
            let segment = self.table.segment(cursor);
            let next = segment.end().checked_add(1);
            if segment.meta.touched > since || since == 0 {
                out.push(VERSION);
                out.extend_from_slice(&cursor.to_le_bytes());
                out.extend_from_slice(&segment.end().to_le_bytes());
                for slot in segment.iter() {
                    if segment.start() == cursor || self.hash(slot.key()) >= cursor {
                        put_key(out, slot);
                    }
                }
                return Step { section: Some((cursor, segment.end())), next };
            }
            match next {
                Some(next) => cursor = next,
                None => return Step { section: None, next: None },
            }
        }
        Step { section: None, next: Some(cursor) }
    }

    pub(super) fn restore_section(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        let Section { start, end, offset } = section;
        let after = end.wrapping_add(1);
        if start > end || !self.table.split_at(start) || (after != 0 && !self.table.split_at(after)) {
            return Err(ApplyError::Malformed(format!("no section can range from {start:#x} to {end:#x}")));
        }
        let mut from = start;
        loop {
            let mark = self.table.meta_mut(from);
            mark.floor = offset.0;
            mark.touched = offset.0;
            match self.table.segment(from).end() {
                last if last >= end => break,
                last => from = last + 1,
            }
        }
        self.floor_max = self.floor_max.max(offset.0);
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(ApplyError::Malformed(format!(
                "section layout {version} is not known to this version"
            )));
        }
        let written = reader.u64()?..=reader.u64()?;
        if !written.contains(&start) || !written.contains(&end) {
            let (first, last) = written.into_inner();
            return Err(ApplyError::Malformed(format!(
                "a section of {first:#x} to {last:#x} is asked for {start:#x} to {end:#x}"
            )));
        }
        while !reader.is_empty() {
            self.restore_key(&mut reader, &written, &(start..=end))?;
        }
        Ok(())
    }

    fn restore_key(
        &mut self,
        reader: &mut Reader<'_>,
        written: &RangeInclusive<u64>,
        wanted: &RangeInclusive<u64>,
    ) -> Result<(), ApplyError> {
        let key = reader.bytes()?;
        let deadline = if reader.byte()? & HAS_DEADLINE == 0 { NEVER } else { reader.u64()? };
        let accessed = reader.take(4)?.iter().rev().fold(0, |value, byte| value << 8 | *byte as u32);
        let hash = self.hash(key);
        if !written.contains(&hash) {
            return Err(ApplyError::Malformed(
                "a key is outside of its section; was the seed another?".into(),
            ));
        }
        let slot = codec::read(reader, key, deadline, accessed, &self.rules)?;
        if wanted.contains(&hash) {
            self.totals.change(Share::NOTHING, Share::of(&slot));
            if let Some(old) = self.table.insert(hash, slot) {
                self.totals.change(Share::of(&old), Share::NOTHING);
            }
            self.note_deadline(hash, deadline);
        }
        Ok(())
    }
}

fn put_key(out: &mut Vec<u8>, slot: &Slot) {
    put_bytes(out, slot.key());
    let deadline = slot.deadline();
    out.push(if deadline == NEVER { 0 } else { HAS_DEADLINE });
    if deadline != NEVER {
        out.extend_from_slice(&deadline.to_le_bytes());
    }
    out.extend_from_slice(&slot.accessed().to_le_bytes());
    codec::put(out, slot.view());
}

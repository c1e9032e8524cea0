//! Sections: the groups of one bucket as bytes, and back.
//!
//! # Layout (*persisted*)
//! A version byte, 1; then to the end of the section for each group: its id (`text`), its body as in [`super::group`]. See [`crate::groups::layout`] for the pieces.
//! A section is the range of hashes of one bucket: it begins at a multiple of 2^54.

use bole_shard::{ApplyError, Section, Step};

use super::{BUCKET_BITS, Group, State, bucket_of, hash};
use crate::groups::layout::{Reader, Writer};

const VERSION: u8 = 1;

/// The hashes of one bucket.
const fn range(bucket: usize) -> (u64, u64) {
    let shift = u64::BITS - BUCKET_BITS;
    let start = (bucket as u64) << shift;
    (start, start + ((1 << shift) - 1))
}

impl State {
    /// `since` 0 finds every bucket, touched or not, so that the sections tile the space.
    pub(super) fn find_section(&self, cursor: u64, since: u64, out: &mut Vec<u8>) -> Step {
        for index in bucket_of(cursor)..self.buckets.len() {
            let bucket = &self.buckets[index];
            if bucket.touched > since || since == 0 {
                out.push(VERSION);
                let mut writer = Writer(out);
                for (id, group) in &bucket.groups {
                    writer.text(id);
                    group.encode(&mut writer);
                }
                let (start, end) = range(index);
                return Step { section: Some((start, end)), next: end.checked_add(1) };
            }
        }
        Step { section: None, next: None }
    }

    pub(super) fn restore_section(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        let index = bucket_of(section.start);
        if range(index) != (section.start, section.end) {
            let Section { start, end, .. } = section;
            return Err(ApplyError::Malformed(format!("no section ranges from {start:#x} to {end:#x}")));
        }
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(ApplyError::Malformed(format!(
                "section layout {version} is not known to this version"
            )));
        }
        while !reader.is_empty() {
            let id = reader.text()?;
            if bucket_of(hash(&id)) != index {
                return Err(ApplyError::Malformed(format!("group {id:?} is outside of its section")));
            }
            let group = Group::decode(&mut reader)?;
            if self.buckets[index].groups.insert(id.clone(), group).is_some() {
                return Err(ApplyError::Malformed(format!("group {id:?} is there twice")));
            }
            self.count += 1;
            self.note_producers(&id, &[]);
        }
        let bucket = &mut self.buckets[index];
        bucket.floor = section.offset.0;
        bucket.touched = section.offset.0;
        Ok(())
    }
}

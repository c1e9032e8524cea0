//! The sections of a checkpoint, and the state as the shard runtime sees it.
//!
//! Section `n` of 512 stands for the range `n << 55 ..= (n << 55) + 2^55 - 1` of the runtime's space: 0 to 255 hold schemas by the low byte of
//! their ids, 256 to 510 subjects by a hash of their names, 511 what concerns all. Its bytes are the number 1 (the layout's version) and JSON.
//! *Persisted.*

use std::sync::Arc;

use bole_base::Offset;
use bole_log::PayloadKind;
use bole_shard::whole::Held;
use bole_shard::{ApplyError, Section, Step};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{Globals, State, Subject};
use crate::entry::{Change, KIND, SchemaId, Stored, VERSION};

const COUNT: usize = 512;
const SHIFT: u32 = 55;
/// The first section of subjects.
pub(super) const SUBJECTS: usize = 256;
/// The section of what concerns all.
pub(super) const GLOBALS: usize = 511;
/// The version of the sections' layout.
const LAYOUT: u8 = 1;

/// The section of a schema.
pub(super) const fn of_schema(id: SchemaId) -> usize {
    (id & 0xff) as usize
}

/// The section of a subject: the first eight bytes of the name's SHA-256, little-endian, modulo 255.
pub(super) fn of_subject(name: &str) -> usize {
    let hash = Sha256::digest(name.as_bytes());
    let number = hash.iter().take(8).rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    SUBJECTS + (number % (GLOBALS - SUBJECTS) as u64) as usize
}

/// Which changes each section holds.
#[derive(Debug)]
pub(super) struct Sections(Vec<Mark>);

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Changes below this offset are inside already.
    floor: Offset,
    /// The offset after the last change.
    touched: Offset,
}

impl Default for Sections {
    fn default() -> Self {
        Self(vec![Mark { floor: Offset::ZERO, touched: Offset::ZERO }; COUNT])
    }
}

impl Sections {
    /// Whether a change at `offset` is not in the section yet; from now on it is.
    pub(super) fn takes(&mut self, section: usize, offset: Offset) -> bool {
        let mark = &mut self.0[section];
        let takes = offset >= mark.floor;
        if takes {
            mark.touched = offset.next();
        }
        takes
    }
}

impl State {
    fn write_section(&self, section: usize, out: &mut Vec<u8>) {
        out.push(LAYOUT);
        let written = match section {
            GLOBALS => serde_json::to_writer(out, &self.globals),
            section if section >= SUBJECTS => {
                let inside = self.by_section.get(&section).into_iter().flatten();
                let row = |name: &'_ Arc<str>| self.subjects.get_key_value(name);
                let rows: Vec<(&str, &Subject)> =
                    inside.filter_map(row).map(|(name, subject)| (&**name, subject)).collect();
                serde_json::to_writer(out, &rows)
            }
            section => {
                let inside = self.schemas.iter().filter(|(id, _)| of_schema(**id) == section);
                let rows: Vec<(SchemaId, &Stored)> = inside.map(|(id, schema)| (*id, &**schema)).collect();
                serde_json::to_writer(out, &rows)
            }
        };
        written.expect("the state has only text and numbers, and memory takes them");
    }

    fn read_section(&mut self, section: usize, bytes: &[u8]) -> Result<(), String> {
        match section {
            GLOBALS => self.globals = read::<Globals>(bytes)?,
            section if section >= SUBJECTS => {
                for (name, subject) in read::<Vec<(String, Subject)>>(bytes)? {
                    let Subject { versions, last, settings, mode } = subject;
                    let empty = Subject { last, settings, mode, ..Subject::default() };
                    *self.subject_mut(&name) = empty;
                    for (number, version) in versions {
                        self.insert_version(&name, number, version);
                    }
                }
            }
            _ => {
                for (id, schema) in read::<Vec<(SchemaId, Stored)>>(bytes)? {
                    self.insert_schema(id, Arc::new(schema));
                }
            }
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match bytes.split_first() {
        Some((&LAYOUT, json)) => serde_json::from_slice(json).map_err(|error| error.to_string()),
        Some((version, _)) => Err(format!("a section of layout {version}; this version knows {LAYOUT}")),
        None => Err("a section without bytes".to_owned()),
    }
}

impl bole_shard::State for State {
    type Effect<'a> = Held<'a, Change>;

    fn kind(_effect: &Self::Effect<'_>) -> (PayloadKind, u8) {
        (KIND, VERSION)
    }

    fn encode(effect: &Self::Effect<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&of(effect).encode());
    }

    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Self::Effect<'_>, ApplyError> {
        if kind != KIND || version != VERSION {
            return Err(ApplyError::Unknown { kind: kind.0, version });
        }
        Change::decode(payload).map(Held::Owned).map_err(ApplyError::Malformed)
    }

    fn apply(&mut self, offset: Offset, effect: &Self::Effect<'_>) {
        self.change(offset, of(effect));
    }

    fn next_section(&mut self, cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step {
        let from = (cursor >> SHIFT) as usize;
        let dirty = |section: &usize| since == Offset::ZERO || self.sections.0[*section].touched > since;
        let Some(section) = (from..COUNT).find(dirty) else { return Step { section: None, next: None } };
        self.write_section(section, out);
        let start = (section as u64) << SHIFT;
        let end = start | ((1 << SHIFT) - 1);
        Step { section: Some((start, end)), next: end.checked_add(1) }
    }

    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        let index = (section.start >> SHIFT) as usize;
        self.read_section(index, bytes).map_err(ApplyError::Malformed)?;
        self.sections.0[index].floor = section.offset;
        Ok(())
    }

    fn memory_bytes(&self) -> u64 {
        /// About what a schema takes besides its text, and a subject with a version: maps, names, keys.
        const PER_ENTRY: u64 = 512;
        self.text_bytes + (self.schemas.len() + self.subjects.len()) as u64 * PER_ENTRY
    }
}

fn of<'a>(effect: &'a Held<'_, Change>) -> &'a Change {
    match effect {
        Held::Borrowed(change) => change,
        Held::Owned(change) => change,
    }
}

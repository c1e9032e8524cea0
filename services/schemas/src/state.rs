//! The state that the log builds: schemas by id, versions by subject, settings and modes.
//!
//! # Sections
//! Checkpoints see 512 sections: schemas by the low byte of their ids, subjects by a hash of their names, and one for what concerns all. A
//! change may touch several; each takes its part only if the change is not in it already.
//!
//! # Invariants
//! - An id is above every id given out before it, also of schemas that are gone. A version's number is above every
//!   number that its subject has given out.
//! - The indexes of schemas follow from schemas alone, those of versions from subjects alone, so they are right however old each section is.

mod sections;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bole_base::Offset;
use serde::{Deserialize, Serialize};

use crate::entry::{Change, SchemaId, Settings, Stored};
use crate::mode::Mode;
use crate::schema::Key;
use sections::Sections;

/// A version of a subject. *Persisted.*
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The schema that it is.
    pub id: SchemaId,
    /// Whether it is hidden: deleted, but not for good.
    pub hidden: bool,
}

/// A subject. One whose versions are all gone stays, to know which number comes next. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its versions by number.
    pub versions: BTreeMap<i32, Version>,
    /// The number of the last version that it ever had; 0 for none.
    pub last: i32,
    /// Its own settings.
    pub settings: Option<Settings>,
    /// Its own mode.
    pub mode: Option<Mode>,
}

impl Subject {
    /// Versions that are not hidden, oldest first.
    pub fn visible(&self) -> impl DoubleEndedIterator<Item = (i32, SchemaId)> {
        self.versions
            .iter()
            .filter(|(_, version)| !version.hidden)
            .map(|(number, version)| (*number, version.id))
    }
}

/// What concerns all subjects. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Globals {
    /// The last id that was given out; 0 for none.
    pub last_id: SchemaId,
    /// Settings of subjects that have none.
    pub settings: Option<Settings>,
    /// Mode of subjects that have none.
    pub mode: Option<Mode>,
}

/// All that the registry knows.
#[derive(Debug, Default)]
pub struct State {
    schemas: BTreeMap<SchemaId, Arc<Stored>>,
    subjects: BTreeMap<Arc<str>, Subject>,
    /// The names of the subjects of each section, from [`sections::SUBJECTS`] on.
    by_section: BTreeMap<usize, BTreeSet<Arc<str>>>,
    globals: Globals,
    by_key: HashMap<Key, BTreeSet<SchemaId>>,
    /// Versions that are of a schema.
    uses: HashMap<SchemaId, BTreeSet<(Arc<str>, i32)>>,
    /// Schemas that refer to a version.
    referrers: HashMap<(String, i32), BTreeSet<SchemaId>>,
    text_bytes: u64,
    sections: Sections,
}

impl State {
    /// A schema by its id.
    pub fn schema(&self, id: SchemaId) -> Option<&Arc<Stored>> {
        self.schemas.get(&id)
    }

    /// How many schemas there are.
    pub fn schema_count(&self) -> usize {
        self.schemas.len()
    }

    /// The ids of a schema: one, unless more were imported.
    pub fn ids_of(&self, key: &Key) -> impl Iterator<Item = SchemaId> {
        self.by_key.get(key).into_iter().flatten().copied()
    }

    /// A subject by its name.
    pub fn subject(&self, name: &str) -> Option<&Subject> {
        self.subjects.get(name)
    }

    /// All subjects from `from` on, in order of name.
    pub fn subjects_from(&self, from: &str) -> impl Iterator<Item = (&Arc<str>, &Subject)> {
        self.subjects.range::<str, _>((std::ops::Bound::Included(from), std::ops::Bound::Unbounded))
    }

    /// How many subjects there are.
    pub fn subject_count(&self) -> usize {
        self.subjects.len()
    }

    /// What concerns all.
    pub const fn globals(&self) -> &Globals {
        &self.globals
    }

    /// The versions that are of a schema.
    pub fn uses(&self, id: SchemaId) -> impl Iterator<Item = &(Arc<str>, i32)> {
        self.uses.get(&id).into_iter().flatten()
    }

    /// The schemas that refer to a version.
    pub fn referrers(&self, subject: &str, version: i32) -> impl Iterator<Item = SchemaId> {
        self.referrers.get(&(subject.to_owned(), version)).into_iter().flatten().copied()
    }

    /// Bytes of the texts of all schemas.
    pub const fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    fn change(&mut self, offset: Offset, change: &Change) {
        match change {
            Change::Register { subject, version, id, schema } => {
                if let Some(schema) = schema
                    && self.sections.takes(sections::of_schema(*id), offset)
                {
                    self.insert_schema(*id, Arc::new(schema.clone()));
                }
                if self.sections.takes(sections::of_subject(subject), offset) {
                    self.insert_version(subject, *version, Version { id: *id, hidden: false });
                }
                if self.sections.takes(sections::GLOBALS, offset) {
                    self.globals.last_id = self.globals.last_id.max(*id);
                }
            }
            Change::Hide { subject, versions } => {
                if self.sections.takes(sections::of_subject(subject), offset)
                    && let Some(subject) = self.subjects.get_mut(subject.as_str())
                {
                    for number in versions {
                        if let Some(version) = subject.versions.get_mut(number) {
                            version.hidden = true;
                        }
                    }
                }
            }
            Change::Remove { subject, versions, schemas } => {
                if self.sections.takes(sections::of_subject(subject), offset) {
                    versions.iter().for_each(|version| self.remove_version(subject, *version));
                }
                for id in schemas {
                    if self.sections.takes(sections::of_schema(*id), offset) {
                        self.remove_schema(*id);
                    }
                }
            }
            Change::Configure { subject: None, settings } => {
                if self.sections.takes(sections::GLOBALS, offset) {
                    self.globals.settings = *settings;
                }
            }
            Change::SetMode { subject: None, mode } => {
                if self.sections.takes(sections::GLOBALS, offset) {
                    self.globals.mode = *mode;
                }
            }
            Change::Configure { subject: Some(subject), settings } => {
                if self.sections.takes(sections::of_subject(subject), offset) {
                    self.subject_mut(subject).settings = *settings;
                }
            }
            Change::SetMode { subject: Some(subject), mode } => {
                if self.sections.takes(sections::of_subject(subject), offset) {
                    self.subject_mut(subject).mode = *mode;
                }
            }
        }
    }

    fn subject_mut(&mut self, name: &str) -> &mut Subject {
        if !self.subjects.contains_key(name) {
            let name: Arc<str> = Arc::from(name);
            self.by_section.entry(sections::of_subject(&name)).or_default().insert(Arc::clone(&name));
            self.subjects.insert(name, Subject::default());
        }
        self.subjects.get_mut(name).expect("it was inserted if it was missing")
    }

    fn insert_schema(&mut self, id: SchemaId, schema: Arc<Stored>) {
        self.remove_schema(id);
        self.by_key.entry(schema.key).or_default().insert(id);
        for reference in &schema.references {
            let place = (reference.subject.clone(), reference.version);
            self.referrers.entry(place).or_default().insert(id);
        }
        self.text_bytes += schema.text.len() as u64;
        self.schemas.insert(id, schema);
    }

    fn remove_schema(&mut self, id: SchemaId) {
        let Some(schema) = self.schemas.remove(&id) else { return };
        self.text_bytes -= schema.text.len() as u64;
        remove_from(&mut self.by_key, &schema.key, &id);
        for reference in &schema.references {
            remove_from(&mut self.referrers, &(reference.subject.clone(), reference.version), &id);
        }
    }

    fn insert_version(&mut self, subject: &str, number: i32, version: Version) {
        self.remove_version(subject, number);
        let entry = self.subject_mut(subject);
        entry.versions.insert(number, version);
        entry.last = entry.last.max(number);
        let name = self.subjects.get_key_value(subject).map(|(name, _)| Arc::clone(name));
        let name = name.expect("the version was just inserted under it");
        self.uses.entry(version.id).or_default().insert((name, number));
    }

    fn remove_version(&mut self, subject: &str, number: i32) {
        let gone = self.subjects.get_mut(subject).and_then(|subject| subject.versions.remove(&number));
        if let Some(version) = gone {
            remove_from(&mut self.uses, &version.id, &(Arc::from(subject), number));
        }
    }
}

/// Takes a value out of a set in a map, and the set when it is empty.
fn remove_from<K: Eq + std::hash::Hash, V: Ord>(map: &mut HashMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = map.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;

//! What the catalog was at earlier places of the log, as far as the log is kept for feeds: the rows of an entry mean what the catalog said there.
//!
//! The catalog's rows are in the log as all others are, with what they were before. So of each table and enum that changed in what is kept, a version a
//! change is here; of all others the catalog of today holds for every place.
//!
//! # Invariants
//! - A version is here before the catalog of today has it, and goes when the entry goes that made it.
//! - Where an entry's change of the catalog could not be read, what the catalog was before it is an error and never a guess; what it is after it is known again.
//! - Bounded by the log that is kept: a version is smaller than its entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bole_base::Offset;
use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::{Enum, Object};
use bole_sql_types::Type;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::types::ValueRef;

use crate::entry::{self, Operation, Values};

/// The table that the catalog is kept in.
pub(crate) const CATALOG_TABLE: &str = "bole_catalog";
/// Its column with the objects.
const BODY: usize = 1;

/// See the module.
#[derive(Default)]
pub(crate) struct History(Mutex<Known>);

#[derive(Default)]
struct Known {
    versions: BTreeMap<u32, Vec<Version>>,
    /// Entries whose changes of the catalog could not be read.
    unread: BTreeSet<Offset>,
}

/// What an entry made of an object.
struct Version {
    offset: Offset,
    before: Option<Arc<Object>>,
    after: Option<Arc<Object>>,
}

/// A row of the catalog that changes: its OID, what it was and what it is.
pub(crate) struct Put {
    pub(crate) oid: u32,
    pub(crate) before: Option<Arc<Object>>,
    pub(crate) after: Option<Arc<Object>>,
}

impl Put {
    /// What an operation on the catalog's table does; `None` where rows of others do not depend on it. Errors: the row cannot be read.
    pub(crate) fn read(operation: &Operation<'_>) -> Result<Option<Self>, String> {
        let (oid, before, after) = match *operation {
            Operation::Insert { rowid, values } => (rowid, None, body(values)),
            Operation::Delete { rowid, values } => (rowid, body(values), None),
            Operation::Update { rowid, values, changed, .. } => {
                let was = if changed.contains(BODY) { changed.before().last() } else { body(values) };
                (rowid, was, body(values))
            }
            Operation::Ddl(_) | Operation::Table(_) | Operation::Truncate(_) => return Ok(None),
        };
        let Ok(oid) = u32::try_from(oid) else { return Ok(None) };
        if oid < Type::FIRST_USER {
            return Ok(None);
        }
        let parse = |body: Option<ValueRef<'_>>| {
            let Some(body) = body else { return Ok(None) };
            let text = body.as_str().map_err(|error| format!("row {oid} of the catalog: {error}"))?;
            let object: Object =
                serde_json::from_str(text).map_err(|error| format!("row {oid} of the catalog: {error}"))?;
            Ok::<_, String>(Some(Arc::new(object)))
        };
        let (before, after) = (parse(before)?, parse(after)?);
        let matters = |object: &Option<Arc<Object>>| {
            object.as_deref().is_some_and(|object| matches!(object, Object::Table(_) | Object::Enum(_)))
        };
        let found = (matters(&before) || matters(&after)) && before != after;
        Ok(found.then_some(Self { oid, before, after }))
    }
}

fn body(values: Values<'_>) -> Option<ValueRef<'_>> {
    values.iter().nth(BODY)
}

impl History {
    /// Takes in an entry's payload, in the order of the log. Errors: it cannot be read; feeds say so when they come to it.
    pub(crate) fn note(&self, offset: Offset, payload: &[u8]) -> Result<(), String> {
        self.read(offset, payload).inspect_err(|_| self.note_unread(offset))
    }

    /// That nobody knows what the entry does to the catalog.
    pub(crate) fn note_unread(&self, offset: Offset) {
        self.0.lock().unread.insert(offset);
    }

    fn read(&self, offset: Offset, payload: &[u8]) -> Result<(), String> {
        let mut in_catalog = false;
        for operation in entry::operations(payload) {
            let operation = operation?;
            if let Operation::Table(name) = operation {
                in_catalog = name == CATALOG_TABLE;
            }
            if !in_catalog {
                continue;
            }
            let Some(Put { oid, before, after }) = Put::read(&operation)? else { continue };
            let mut known = self.0.lock();
            let versions = known.versions.entry(oid).or_default();
            match versions.last_mut() {
                Some(last) if last.offset == offset => last.after = after,
                _ => versions.push(Version { offset, before, after }),
            }
        }
        Ok(())
    }

    /// Forgets what entries below `first` made, which are gone.
    pub(crate) fn trim(&self, first: Offset) {
        let mut known = self.0.lock();
        known.unread = known.unread.split_off(&first);
        known.versions.retain(|_, versions| {
            versions.retain(|version| version.offset >= first);
            !versions.is_empty()
        });
    }

    /// The catalog at one place: before the entry at `offset`. `today` gives that of now.
    pub(crate) fn before(&self, offset: Offset, today: impl FnOnce() -> Arc<Catalog>) -> Before<'_> {
        // In this order: what is in the catalog of today and no longer here is in the one that is taken now.
        let known = self.0.lock();
        Before { known, today: today(), offset }
    }
}

/// See [`History::before`].
pub(crate) struct Before<'a> {
    known: MutexGuard<'a, Known>,
    today: Arc<Catalog>,
    offset: Offset,
}

impl Before<'_> {
    /// Errors: what came between this place and one where the catalog is known could not be read.
    fn check(&self, next: Option<Offset>) -> Result<(), String> {
        let unread = self.known.unread.range(self.offset..).next();
        match unread {
            Some(unread) if next.is_none_or(|next| *unread < next) => Err(format!(
                "what tables were before entry {unread} is not known, because its changes of the catalog cannot be read; \
                 feeds go on behind it"
            )),
            _ => Ok(()),
        }
    }

    /// What an object was. Errors: it is not known.
    pub(crate) fn object(&self, oid: u32) -> Result<Option<Arc<Object>>, String> {
        let versions = self.known.versions.get(&oid).map_or(&[][..], Vec::as_slice);
        self.check(next(versions, self.offset).map(|next| next.offset))?;
        Ok(match versions {
            [] => self.today.objects.get(&oid).cloned(),
            versions => at(versions, self.offset),
        })
    }

    /// The enum that a type or its elements were. Errors: it is not known.
    pub(crate) fn enum_of(&self, ty: Type) -> Result<Option<Arc<Object>>, String> {
        self.check(None)?;
        let is_it = |object: &Arc<Object>| matches!(&**object, Object::Enum(Enum { oid, array_oid, .. }) if *oid == ty.0 || *array_oid == ty.0);
        let known = &self.known.versions;
        let changed = known.values().filter_map(|versions| at(versions, self.offset)).find(is_it);
        let today = || {
            let mut unchanged = self.today.objects.iter().filter(|(oid, _)| !known.contains_key(oid));
            unchanged.find(|(_, object)| is_it(object)).map(|(_, object)| Arc::clone(object))
        };
        Ok(changed.or_else(today))
    }
}

/// The first change of an object at or after `offset`.
fn next(versions: &[Version], offset: Offset) -> Option<&Version> {
    versions.iter().find(|version| version.offset >= offset)
}

/// What an object with these versions, of which there is one at least, was before the entry at `offset`.
fn at(versions: &[Version], offset: Offset) -> Option<Arc<Object>> {
    match next(versions, offset) {
        Some(next) => next.before.clone(),
        None => versions.last().and_then(|last| last.after.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Object {
        let (schema, labels, comment) = (2_200, Vec::new(), None);
        Object::Enum(Enum { oid: 20_000, array_oid: 20_001, schema, name: name.to_owned(), labels, comment })
    }

    /// An entry in which the object's row changes from one text to another.
    fn payload(old: &str, new: &str) -> Vec<u8> {
        let row = |body: &'static str| [ValueRef::Integer(20_000), ValueRef::Text(body.as_bytes())];
        let (old, new) = (row(Box::leak(old.into())), row(Box::leak(new.into())));
        let mut out = Vec::new();
        entry::put_table(&mut out, CATALOG_TABLE.as_bytes());
        entry::put_update(&mut out, 20_000, 20_000, &old, &new);
        out
    }

    #[test]
    fn what_could_not_be_read_is_an_error_until_the_catalog_is_known_again() {
        let history = History::default();
        let body = |name: &str| serde_json::to_string(&named(name)).unwrap();
        history.note(Offset(10), &payload(&body("a"), &body("b"))).unwrap();
        assert!(history.note(Offset(20), &payload(&body("b"), "{broken")).is_err());
        history.note(Offset(30), &payload(&body("c"), &body("d"))).unwrap();
        let today = || {
            let mut catalog = Catalog::default();
            catalog.put(named("d"));
            Arc::new(catalog)
        };
        let at = |offset: u64, oid: u32| {
            let before = history.before(Offset(offset), today);
            let object = before.object(oid)?;
            Ok::<_, String>(object.map(|object| object.name().to_owned()))
        };
        let known = |name: &str| Ok(Some(name.to_owned()));
        for offset in [5, 10] {
            assert_eq!(at(offset, 20_000), known("a"));
        }
        for offset in [11, 20] {
            let error = at(offset, 20_000).unwrap_err();
            assert!(error.contains("before entry 20 "), "{error}");
        }
        for (offset, name) in [(21, "c"), (30, "c"), (31, "d")] {
            assert_eq!(at(offset, 20_000), known(name));
        }
        // Of another object nothing is known up to there either.
        assert!(at(5, 20_002).is_err());
        assert_eq!(at(21, 20_002), Ok(None));
        history.trim(Offset(21));
        assert_eq!(at(5, 20_002), Ok(None));
    }
}

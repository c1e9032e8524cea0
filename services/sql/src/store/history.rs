//! What the catalog was at earlier places of the log, as far as the log is kept for feeds: the rows of an entry mean what the catalog said there.
//!
//! The catalog's rows are in the log as all others are, with what they were before. So of each table and enum that changed in what is kept, a version a
//! change is here; of all others the catalog of today holds for every place.
//!
//! # Invariants
//! - A version is here before the catalog of today has it, and goes when the entry goes that made it.
//! - Bounded by the log that is kept: a version is smaller than its entry.

use std::collections::BTreeMap;
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
pub(crate) struct History(Mutex<BTreeMap<u32, Vec<Version>>>);

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
            Operation::Ddl(_) | Operation::Table(_) => return Ok(None),
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
    /// Takes in an entry's payload, in the order of the log. Errors: it cannot be read.
    pub(crate) fn note(&self, offset: Offset, payload: &[u8]) -> Result<(), String> {
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
            let mut versions = self.0.lock();
            let versions = versions.entry(oid).or_default();
            match versions.last_mut() {
                Some(last) if last.offset == offset => last.after = after,
                _ => versions.push(Version { offset, before, after }),
            }
        }
        Ok(())
    }

    /// Forgets what entries below `first` made, which are gone.
    pub(crate) fn trim(&self, first: Offset) {
        self.0.lock().retain(|_, versions| {
            versions.retain(|version| version.offset >= first);
            !versions.is_empty()
        });
    }

    /// The catalog at one place: before the entry at `offset`. `today` gives that of now.
    pub(crate) fn before(&self, offset: Offset, today: impl FnOnce() -> Arc<Catalog>) -> Before<'_> {
        // In this order: what is in the catalog of today and no longer here is in the one that is taken now.
        let versions = self.0.lock();
        Before { versions, today: today(), offset }
    }
}

/// See [`History::before`].
pub(crate) struct Before<'a> {
    versions: MutexGuard<'a, BTreeMap<u32, Vec<Version>>>,
    today: Arc<Catalog>,
    offset: Offset,
}

impl Before<'_> {
    /// What an object was.
    pub(crate) fn object(&self, oid: u32) -> Option<Arc<Object>> {
        match self.versions.get(&oid) {
            Some(versions) => at(versions, self.offset),
            None => self.today.objects.get(&oid).cloned(),
        }
    }

    /// The enum that a type or its elements were.
    pub(crate) fn enum_of(&self, ty: Type) -> Option<Arc<Object>> {
        let is_it = |object: &Arc<Object>| matches!(&**object, Object::Enum(Enum { oid, array_oid, .. }) if *oid == ty.0 || *array_oid == ty.0);
        let changed = self.versions.values().filter_map(|versions| at(versions, self.offset)).find(is_it);
        let today = || {
            let mut unchanged = self.today.objects.iter().filter(|(oid, _)| !self.versions.contains_key(oid));
            unchanged.find(|(_, object)| is_it(object)).map(|(_, object)| Arc::clone(object))
        };
        changed.or_else(today)
    }
}

/// What an object with these versions, of which there is one at least, was before the entry at `offset`.
fn at(versions: &[Version], offset: Offset) -> Option<Arc<Object>> {
    match versions.iter().find(|version| version.offset >= offset) {
        Some(next) => next.before.clone(),
        None => versions.last().and_then(|last| last.after.clone()),
    }
}

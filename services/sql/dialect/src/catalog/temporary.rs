//! Temporary objects: those of one session, which a catalog of that session has besides the database's own.
//!
//! # Invariants
//! - Their OIDs are [`SCHEMA`] and above, where the database's own never get to; so an OID says whether what it names is temporary.
//! - They are never rows of `bole_catalog`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bole_sql_types::Type;
use serde::{Deserialize, Serialize};

use super::{Catalog, Object, Schema};

/// The OID of the schema that a session's temporary objects are in.
pub const SCHEMA: u32 = 2_000_000_000;
/// What the schema is called. No session sees another's, so one name is enough.
pub const NAME: &str = "pg_temp_1";
/// The name by which every session means its own.
pub const ALIAS: &str = "pg_temp";

/// What becomes of a temporary table when a transaction commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCommit {
    /// Nothing.
    #[default]
    PreserveRows,
    /// It is emptied.
    DeleteRows,
    /// It is dropped, with what depends on it.
    Drop,
}

impl OnCommit {
    /// Whether it is the default.
    pub const fn preserves(&self) -> bool {
        matches!(self, Self::PreserveRows)
    }
}

/// Whether an object with that OID is temporary.
pub const fn is_temporary(oid: u32) -> bool {
    oid >= SCHEMA
}

/// The temporary objects of a session.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Rises with every change.
    pub version: u64,
    next_oid: u32,
    all: BTreeMap<u32, Arc<Object>>,
}

impl Objects {
    /// Whether there is anything but the schema.
    pub fn is_empty(&self) -> bool {
        self.all.keys().all(|oid| *oid == SCHEMA)
    }

    /// OIDs of objects of the database that these use: relations of views, types of columns.
    pub fn borrowed(&self) -> BTreeSet<u32> {
        let mut used = BTreeSet::new();
        for object in self.all.values() {
            let columns = match object.as_ref() {
                Object::Table(table) => &table.columns,
                Object::View(view) => {
                    used.extend(view.uses.iter().copied());
                    &view.columns
                }
                _ => continue,
            };
            used.extend(columns.iter().filter(|column| !column.dropped).map(|column| column.type_oid));
        }
        used.retain(|oid| Type(*oid).is_user() && !is_temporary(*oid));
        used
    }
}

impl Catalog {
    /// An OID that nothing has, for what belongs to a schema or table.
    pub fn allocate(&mut self, beside: u32) -> u32 {
        let next = if is_temporary(beside) { &mut self.temporary.next_oid } else { &mut self.next_oid };
        if is_temporary(beside) {
            *next = (*next).max(SCHEMA + 1);
        }
        let oid = *next;
        *next += 1;
        oid
    }

    /// Notes that an object takes OIDs up to `last`.
    pub(super) fn take_oids(&mut self, oid: u32, last: u32) {
        let next = if is_temporary(oid) {
            self.temporary.version += 1;
            &mut self.temporary.next_oid
        } else {
            &mut self.next_oid
        };
        *next = (*next).max(last + 1);
    }

    /// The schema of temporary objects.
    pub fn temporary_schema() -> Object {
        Object::Schema(Schema { oid: SCHEMA, name: NAME.to_owned(), comment: None })
    }

    /// Whether the session has the schema of temporary objects.
    pub fn has_temporary(&self) -> bool {
        self.objects.contains_key(&SCHEMA)
    }

    /// The schemas in which a name without one is looked for: that of temporary objects comes first unless the path says where.
    pub fn with_temporary(&self, path: &[u32]) -> Vec<u32> {
        let mut all = path.to_vec();
        if self.has_temporary() && !all.contains(&SCHEMA) {
            all.insert(0, SCHEMA);
        }
        all
    }

    /// The catalog with the objects of a session.
    #[must_use]
    pub fn overlaid(&self, objects: &Objects) -> Self {
        let mut catalog = self.clone();
        for object in objects.all.values() {
            catalog.put(object.as_ref().clone());
        }
        catalog.temporary.version = objects.version;
        catalog.temporary.next_oid = objects.next_oid;
        catalog
    }

    /// The catalog without objects of a session.
    #[must_use]
    pub fn permanent(&self) -> Self {
        let mut catalog = self.clone();
        let temporary: Vec<u32> = self.objects.range(SCHEMA..).map(|(oid, _)| *oid).collect();
        for oid in temporary {
            catalog.remove(oid);
        }
        catalog.temporary = Objects::default();
        catalog
    }

    /// The objects of the session.
    pub fn temporary_objects(&self) -> Objects {
        let all = self.objects.range(SCHEMA..).map(|(oid, object)| (*oid, Arc::clone(object)));
        Objects { all: all.collect(), ..self.temporary.clone() }
    }

    /// Which objects of the session there are; rises with every change.
    pub const fn temporary_version(&self) -> u64 {
        self.temporary.version
    }
}

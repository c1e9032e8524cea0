//! Change feeds of tables: a table's rows as they change, read out of the log that the database recovers from.
//!
//! A table is the dataset `default/sql/DATABASE/OID` of one shard. A feed follows the table, not its name, and its offsets are those of the database's log, split: the
//! transaction's entry, and the change's place among those of the table. Tables of one database can so be read side by side.
//!
//! | operation | `before` | `after` |
//! |-|-|-|
//! | `insert` | null | the row |
//! | `update` | the row as it was | the row |
//! | `delete` | the row as it was | null |
//! | `truncate` | null | null |
//! | `key` | null | null |
//!
//! The key is that of `after`, or of `before` where there is none; `truncate` and `key` have none: all rows went at once; from here on
//! these `columns` are the key of all rows (null: SQLite's rowid is).

mod json;
mod rows;
mod shape;

use std::sync::Arc;

use bole_base::{LogId, Offset};
use bole_shard::changes::{Directory, Entry, Shown, Source};
use bole_shard::{ApplyError, Error};
use bole_sql_dialect::catalog::{Object, PUBLIC};

use crate::entry;
use crate::store::{Database, Databases, PREFIX};
use rows::{PART_BITS, Walk};
use shape::Shape;

/// A table that has a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The database.
    pub database: String,
    /// The table's schema; `None` for `public`.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// What tells it from others that had its name: the database's log and its OID.
    pub identity: (LogId, u32),
}

impl Feed {
    /// The dataset, as feeds name it.
    pub fn dataset(&self) -> String {
        format!("{PREFIX}{}/{}", self.database, self.identity.1)
    }

    /// The parts of its name, from the database on.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [Some(self.database.as_str()), self.schema.as_deref(), Some(self.table.as_str())]
            .into_iter()
            .flatten()
    }
}

impl Databases {
    /// All tables that have a feed, in no order.
    pub fn feeds(&self) -> Vec<Feed> {
        self.all()
            .iter()
            .filter(|database| database.is_fed())
            .flat_map(|database| feeds_of(database))
            .collect()
    }

    /// The feed of a table: `schema` is `None` for `public`.
    pub fn feed(&self, database: &str, schema: Option<&str>, table: &str) -> Option<Feed> {
        let database = self.get(database).filter(|database| database.is_fed())?;
        let catalog = database.catalog();
        let oid = schema.map_or(Some(&PUBLIC), |schema| catalog.schemas.get(schema))?;
        let table = catalog.relations.get(&(*oid, table.to_owned()))?;
        feed_of(&database, catalog.object(*table)?)
    }

    /// Rises with every change of what has a feed.
    pub fn feeds_version(&self) -> u64 {
        let all = self.all();
        let fed = all.iter().filter(|database| database.is_fed());
        fed.map(|database| database.catalog().version + 1).fold(self.version(), u64::wrapping_add)
    }
}

fn feeds_of(database: &Database) -> Vec<Feed> {
    let catalog = database.catalog();
    catalog.objects.values().filter_map(|object| feed_of(database, object)).collect()
}

fn feed_of(database: &Database, object: &Object) -> Option<Feed> {
    let Object::Table(table) = object else { return None };
    if table.temporary || table.materialized.is_some() {
        return None;
    }
    let catalog = database.catalog();
    let schema = catalog.schema_name(table.schema)?;
    Some(Feed {
        database: database.name().to_owned(),
        schema: (table.schema != PUBLIC).then(|| schema.to_owned()),
        table: table.name.clone(),
        identity: (database.log(), table.oid),
    })
}

impl Directory for Databases {
    fn datasets(&self) -> Vec<String> {
        self.feeds().iter().map(Feed::dataset).collect()
    }

    fn source(&self, dataset: &str) -> Option<Arc<dyn Source>> {
        let (database, oid) = dataset.strip_prefix(PREFIX)?.rsplit_once('/')?;
        let database = self.get(database).filter(|database| database.is_fed())?;
        let oid = oid.parse().ok()?;
        database.catalog().table(oid).filter(|table| !table.temporary && table.materialized.is_none())?;
        Some(Arc::new(OfTable { database, oid }))
    }
}

/// The feed of one table.
struct OfTable {
    database: Arc<Database>,
    oid: u32,
}

impl OfTable {
    /// The shape of the table as the catalog describes it, or as it was before the entry at `offset`.
    /// Errors: nobody knows.
    fn shape(&self, described: Option<Arc<Object>>, offset: Offset) -> Result<Option<Shape>, String> {
        let before = self.database.history.before(offset, || self.database.catalog());
        let table = match described {
            Some(table) => Some(table),
            None => before.object(self.oid)?,
        };
        table.map_or(Ok(None), |table| Shape::of(&table, &before))
    }
}

impl Source for OfTable {
    fn log(&self) -> LogId {
        self.database.log()
    }

    fn checkpoint(&self) -> Offset {
        self.database.books.core().persisted.next
    }

    fn quarantined(&self) -> Option<Error> {
        self.database.books.check().err()
    }

    fn part_bits(&self) -> u32 {
        PART_BITS
    }

    fn project(
        &self,
        entry: Entry<'_>,
        show: &mut (dyn FnMut(u64, Shown) -> bool + '_),
    ) -> Result<(), ApplyError> {
        if !entry::is_known(entry.kind, entry.version) {
            return Err(ApplyError::Unknown { kind: entry.kind.0, version: entry.version });
        }
        let mut walk = Walk::new(self.oid, entry)?;
        walk.run(&|described| self.shape(described, entry.offset), show)
    }
}

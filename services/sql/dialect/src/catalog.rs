//! What a database contains: schemas, tables, indexes, views, sequences, enums, comments.
//!
//! A [`Catalog`] is a value: a transaction that changes it works on its own copy. Each [`Object`] is kept as one row of the SQLite table
//! `bole_catalog (oid INTEGER PRIMARY KEY, body TEXT)`, its body the JSON of the object, in the same SQLite transaction as what it
//! describes; so rollback, savepoints, log and recovery treat it as any other row. *Persisted*: the JSON.
//!
//! # Invariants
//! - OIDs are given in rising order from [`Type::FIRST_USER`] and never reused; the next one is kept in the row with OID 1.
//!   Those of [`temporary`] objects are above all others.
//! - Names are unique as in PostgreSQL: relations (tables, views, indexes, sequences) per schema, types per schema, constraints per table.
//! - Column numbers start at 1 and are never reused within a table; a dropped column keeps its place.
//! - What depends on an object names it by OID; text of expressions is PostgreSQL's, with names as they were resolved, and is
//!   rewritten when what it names is renamed.

pub mod collations;
pub mod definitions;
pub mod dependencies;
pub mod names;
mod operations;
pub mod system;
pub mod temporary;
pub(crate) mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_sql_types::Type;
use serde::{Deserialize, Serialize};

pub use names::{Name, Relation};
pub use operations::NEXT_OID_ROW;
pub use text::names_column;

/// OIDs of schemas that are always there (PostgreSQL's own numbers; `information_schema` has none).
pub const PG_CATALOG: u32 = 11;
/// The schema `public`.
pub const PUBLIC: u32 = 2_200;
/// The schema `information_schema`.
pub const INFORMATION_SCHEMA: u32 = 13_000;

/// Everything in one database. Cloning costs one pointer for each object.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Rises with every change that is committed.
    pub version: u64,
    /// The database's name.
    pub database: String,
    /// The OID that the next object gets.
    pub next_oid: u32,
    /// All objects by OID.
    pub objects: BTreeMap<u32, Arc<Object>>,
    /// Relations by schema and name.
    pub relations: BTreeMap<(u32, String), u32>,
    /// Schemas by name.
    pub schemas: BTreeMap<String, u32>,
    /// Types of users by schema and name.
    pub types: BTreeMap<(u32, String), u32>,
    /// Of the temporary objects, their version and the next OID: the objects themselves are among the others.
    pub temporary: temporary::Objects,
}

/// One thing that a user made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Object {
    /// `CREATE SCHEMA`.
    Schema(Schema),
    /// `CREATE TABLE`.
    Table(Table),
    /// `CREATE INDEX`, and those of unique and primary keys.
    Index(Index),
    /// `CREATE VIEW`.
    View(View),
    /// `CREATE SEQUENCE`, and those of serial and identity columns.
    Sequence(Sequence),
    /// `CREATE TYPE … AS ENUM`.
    Enum(Enum),
}

/// A schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Its OID.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// A table. Its rows are in the SQLite table [`Table::storage`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its OID.
    pub oid: u32,
    /// Its schema's OID.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// The SQLite table with its rows: `t<oid>`, or after n rewrites `t<oid>_<n>`.
    pub storage: String,
    /// In order of number, dropped ones included.
    pub columns: Vec<Column>,
    /// The number of the column that is SQLite's rowid: an integer primary key of one column.
    pub rowid_column: Option<i16>,
    /// In order of their making.
    pub constraints: Vec<Constraint>,
    /// Temporary, so only its session sees it.
    pub temporary: bool,
    /// What happens to a temporary one at COMMIT.
    #[serde(default, skip_serializing_if = "temporary::OnCommit::preserves")]
    pub on_commit: temporary::OnCommit,
    /// `CREATE MATERIALIZED VIEW`: what its rows come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub materialized: Option<Materialized>,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// What makes a table a materialized view: its rows are those that a query gave when it was refreshed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Materialized {
    /// PostgreSQL's text of the query, each name resolved.
    pub query: String,
    /// OIDs of relations and types that it uses.
    pub uses: Vec<u32>,
    /// The columns that it may use: the relation's OID and the column's number.
    pub uses_columns: Vec<(u32, i16)>,
    /// Whether it has rows to show; without `WITH DATA` it has not.
    pub populated: bool,
}

impl Table {
    /// A materialized view as the view that it would be.
    pub fn as_view(&self) -> Option<View> {
        let Materialized { query, uses, uses_columns, populated: _ } = self.materialized.clone()?;
        Some(View {
            oid: self.oid,
            schema: self.schema,
            name: self.name.clone(),
            query,
            columns: self.columns.clone(),
            uses,
            uses_columns,
            comment: None,
        })
    }
}

/// A column. In SQLite it is `c<number>`, of type ANY in a STRICT table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// From 1 on.
    pub number: i16,
    /// Its name.
    pub name: String,
    /// The OID of its type.
    pub type_oid: u32,
    /// PostgreSQL's type modifier (`atttypmod`), -1 if none.
    pub typmod: i32,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// PostgreSQL's text of the default.
    pub default: Option<String>,
    /// `GENERATED … AS IDENTITY`.
    pub identity: Option<Identity>,
    /// `GENERATED ALWAYS AS (…) STORED`: PostgreSQL's text.
    pub generated: Option<String>,
    /// It was dropped; its values are NULL.
    pub dropped: bool,
    /// The OID of its collation, if another than its type's was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<u32>,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

impl Column {
    /// Its type.
    pub const fn ty(&self) -> Type {
        Type(self.type_oid)
    }
}

/// What an identity column does with values that are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// Refuses them without `OVERRIDING SYSTEM VALUE`.
    Always,
    /// Takes them.
    ByDefault,
}

/// A constraint of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its OID.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// What it demands.
    pub rule: Rule,
    /// `DEFERRABLE`.
    pub deferrable: bool,
    /// `INITIALLY DEFERRED`.
    pub deferred: bool,
    /// Rows from before it were not checked: `NOT VALID`. Only foreign keys and checks.
    #[serde(default)]
    pub not_valid: bool,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// What a constraint demands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum Rule {
    /// Unique and not null.
    PrimaryKey {
        /// Numbers of columns.
        columns: Vec<i16>,
        /// The OID of its index.
        index: u32,
    },
    /// Unique; NULLs are distinct unless the index says otherwise.
    Unique {
        /// Numbers of columns.
        columns: Vec<i16>,
        /// The OID of its index.
        index: u32,
    },
    /// A reference.
    ForeignKey {
        /// Numbers of columns here.
        columns: Vec<i16>,
        /// The OID of the table that is referenced.
        target: u32,
        /// Numbers of columns there.
        target_columns: Vec<i16>,
        /// `ON UPDATE`.
        on_update: Action,
        /// `ON DELETE`.
        on_delete: Action,
        /// `MATCH FULL`.
        match_full: bool,
    },
    /// A condition on the row.
    Check {
        /// PostgreSQL's text.
        expression: String,
    },
}

/// What happens to rows that reference a row that goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An error at the end of the statement, or of the transaction if deferred.
    #[default]
    NoAction,
    /// An error at once.
    Restrict,
    /// They go too.
    Cascade,
    /// They reference nothing.
    SetNull,
    /// They reference the default.
    SetDefault,
}

/// An index. In SQLite it is `i<oid>`, or nothing if it is that of the rowid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Its OID.
    pub oid: u32,
    /// Its schema's OID.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// Its table's OID.
    pub table: u32,
    /// What it is over.
    pub keys: Vec<Key>,
    /// Numbers of columns of `INCLUDE`.
    pub include: Vec<i16>,
    /// Whether it refuses equal keys.
    pub unique: bool,
    /// Whether NULLs are equal to each other.
    pub nulls_not_distinct: bool,
    /// PostgreSQL's text of `WHERE`.
    pub predicate: Option<String>,
    /// The method that was asked for: `btree`, `hash`.
    pub method: String,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// One key of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// A column's number; 0 for an expression.
    pub column: i16,
    /// PostgreSQL's text, if it is an expression.
    pub expression: Option<String>,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST`.
    pub nulls_first: bool,
    /// The OID of its collation, if one was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<u32>,
    /// The class of operators, if one was written: `text_pattern_ops`.
    #[serde(default)]
    pub class: Option<String>,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Its OID.
    pub oid: u32,
    /// Its schema's OID.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// PostgreSQL's text of the query, each name resolved.
    pub query: String,
    /// Its columns: name, type, modifier.
    pub columns: Vec<Column>,
    /// OIDs of relations and types that it uses.
    pub uses: Vec<u32>,
    /// The columns of tables and views that it may use: the relation's OID and the column's number.
    #[serde(default)]
    pub uses_columns: Vec<(u32, i16)>,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// A sequence. Its value is in the SQLite table `bole_sequence (oid INTEGER PRIMARY KEY, last_value INTEGER, is_called INTEGER)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its OID.
    pub oid: u32,
    /// Its schema's OID.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// The OID of its type: smallint, integer or bigint.
    pub type_oid: u32,
    /// The first value.
    pub start: i64,
    /// The step.
    pub increment: i64,
    /// The lowest value.
    pub min: i64,
    /// The highest value.
    pub max: i64,
    /// `CACHE`.
    pub cache: i64,
    /// Begins again at the other end.
    pub cycle: bool,
    /// The table's OID and the column's number that it belongs to.
    pub owner: Option<(u32, i16)>,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// An enum type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enum {
    /// Its OID.
    pub oid: u32,
    /// The OID of its arrays.
    pub array_oid: u32,
    /// Its schema's OID.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// In order.
    pub labels: Vec<Label>,
    /// `COMMENT ON`.
    pub comment: Option<String>,
}

/// A label of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Its text.
    pub name: String,
    /// What is stored for it; labels are ordered by it.
    pub place: i64,
}

//! What the translation of a statement is.

use bole_sql_types::{Error, Type};

use crate::catalog::Object;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name for the client.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// PostgreSQL's type modifier, -1 if none.
    pub typmod: i32,
    /// The table's OID and the column's number that it comes from unchanged.
    pub origin: Option<(u32, i16)>,
}

/// A statement that reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// For SQLite. Parameters are `?1`, `?2`, … in PostgreSQL's numbers.
    pub sql: String,
    /// What a row has.
    pub columns: Vec<Output>,
    /// It takes the write ticket all the same: it calls a function that writes, or has `FOR UPDATE`.
    pub writes: bool,
    /// What to do if the ticket is not free: `NOWAIT`.
    pub nowait: bool,
    /// What its answer shows.
    pub look: Look,
}

/// A statement that changes rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Run in order before `sql`, such as what fills a temporary table; with the same parameters.
    pub before: Vec<String>,
    /// The statement whose changes are counted, and whose rows are those of `RETURNING`.
    pub sql: String,
    /// Run in order after it.
    pub after: Vec<String>,
    /// What `RETURNING` gives; empty without one.
    pub columns: Vec<Output>,
    /// What the client is told was done.
    pub tag: WriteTag,
    /// The table's OID.
    pub table: u32,
    /// What its answer shows.
    pub look: Look,
}

/// What can be read off a statement's answer, besides its text, its parameters, the catalog and the clock; as long as it does not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Any rows.
    Everything,
    /// Only rows of one table, by the one integer column of its primary key.
    Keys {
        /// The table's OID, 0 where there are no keys.
        table: u32,
        /// The values of that column: rows with other values make no difference.
        keys: Vec<Key>,
        /// Whether it shows what the rows hold; else only whether they are there.
        values: bool,
    },
}

/// A value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// This one.
    Integer(i64),
    /// That of a parameter, from 1 on. NULL is nobody's key.
    Parameter(u32),
}

/// The command tag of a [`Write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteTag {
    /// `INSERT 0 n`.
    Insert,
    /// `UPDATE n`.
    Update,
    /// `DELETE n`.
    Delete,
}

/// A statement that changes the schema.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaChange {
    /// `CREATE TABLE`.
    pub tag: String,
    /// In order.
    pub steps: Vec<Step>,
    /// What to tell the client first: `relation "t" already exists, skipping`.
    pub notices: Vec<Error>,
}

/// One step of a change of the schema. All steps of a statement happen or none.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// SQL that changes SQLite's schema; it is in the log as text.
    Ddl(String),
    /// SQL that changes the session's own part of SQLite's schema; it is in no log.
    Temporary(String),
    /// SQL that changes rows; the rows are in the log.
    Rows(String),
    /// All rows of this table of SQLite's go, and the log says just that.
    Empty(String),
    /// A query that must give no row, else the error.
    Nothing(String, Error),
    /// Put an object into the catalog, in place of one with its OID.
    Put(Box<Object>),
    /// Take an object out.
    Remove(u32),
    /// Set a sequence: OID, last value, whether it was given out.
    Sequence(u32, i64, bool),
}

/// What a statement is, once its names and types are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Types of the parameters `$1`, `$2`, …: as given by the client or inferred.
    pub parameters: Vec<Type>,
    /// What to do.
    pub action: Action,
}

/// What to do for a statement. Statements about the session (`BEGIN`, `SET`, `DECLARE`, `COPY`, `LISTEN`, …) are read off the syntax tree
/// by the session itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read.
    Query(Query),
    /// Change rows.
    Write(Write),
    /// Change the schema.
    Schema(SchemaChange),
}

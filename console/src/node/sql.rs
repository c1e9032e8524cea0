//! Databases, asked as any PostgreSQL client asks them.

use super::{Asked, By};

/// A result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Rows as text; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether there are more rows than these.
    pub is_cut: bool,
}

/// A client of the databases.
pub trait Sql: Send + Sync + 'static {
    /// Runs one statement in a transaction that only reads, as that user, within the bounds of [`crate::limits`] on rows, bytes and time.
    fn read<'a>(&'a self, by: By<'a>, database: &'a str, statement: &'a str) -> Asked<'a, Table>;
}

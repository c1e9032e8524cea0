//! How a database is built: the statements that make its schema again elsewhere, in order, and what they leave out.
//!
//! What statements make: schemas, enums, sequences, tables with columns, keys, checks and defaults, then, when the rows are there,
//! unique and foreign keys, indexes, views, owners of sequences and comments. Names in them have their schema.

mod left_out;
mod objects;
mod tables;

use anyhow::Result;

use super::snapshot::Snapshot;

/// Where a running import keeps its state at the target; no part of any database.
pub(in crate::cli) const STATE_SCHEMA: &str = "bole_import";
/// Which schemas (`n`) are a user's.
const USERS: &str = "n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'bole_import')";

/// Locales that order text by code points.
const CODE_POINTS: [&str; 4] = ["c", "posix", "c.utf-8", "c.utf8"];

/// One statement of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Step {
    /// What it makes: `table`, `foreign key` …
    pub(in crate::cli) kind: &'static str,
    pub(in crate::cli) name: String,
    pub(in crate::cli) sql: String,
}

impl Step {
    fn new(kind: &'static str, name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { kind, name: name.into(), sql: sql.into() }
    }
}

/// A column that can be read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Column {
    /// As it is written in a statement.
    pub(in crate::cli) name: String,
    pub(in crate::cli) ty: String,
    /// Whether its value is computed: it is not copied, only compared.
    pub(in crate::cli) generated: bool,
}

/// A table with rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Table {
    /// As it is written in a statement, with its schema.
    pub(in crate::cli) name: String,
    pub(in crate::cli) create: String,
    pub(in crate::cli) columns: Vec<Column>,
    /// The columns of its primary key, by their places among those that are copied. Empty without one.
    pub(in crate::cli) key: Vec<usize>,
    /// How many rows there may be, if the server has an idea.
    pub(in crate::cli) estimate: Option<u64>,
}

impl Table {
    /// The columns that are copied.
    pub(in crate::cli) fn copied(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.generated)
    }

    /// Their names, as a list in a statement.
    pub(in crate::cli) fn copied_names(&self) -> String {
        self.copied().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// A COPY of these columns, rows in any order.
    pub(in crate::cli) fn copy(&self, names: &str) -> String {
        format!("copy (select {names} from only {}) to stdout", self.name)
    }

    /// A COPY of every column, for comparing.
    pub(in crate::cli) fn copy_all(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        self.copy(&names.join(", "))
    }
}

/// Where a sequence stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Standing {
    pub(in crate::cli) sequence: String,
    /// The table that makes it, if it is that of an identity column.
    pub(in crate::cli) table: Option<String>,
    pub(in crate::cli) sql: String,
}

/// What a database has and its blueprint does not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct LeftOut {
    pub(in crate::cli) kind: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) why: String,
}

/// How a database is built.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Blueprint {
    /// To be done before there are rows.
    pub(in crate::cli) before: Vec<Step>,
    pub(in crate::cli) tables: Vec<Table>,
    /// To be done when the rows are there.
    pub(in crate::cli) after: Vec<Step>,
    /// To be done last.
    pub(in crate::cli) standings: Vec<Standing>,
    pub(in crate::cli) left_out: Vec<LeftOut>,
    /// How the server orders text, unless it is by code points as a Bole does.
    pub(in crate::cli) order: Option<String>,
}

impl Blueprint {
    /// Reads the blueprint of a database.
    pub(in crate::cli) async fn read(snapshot: &Snapshot) -> Result<Self> {
        let order =
            snapshot.rows("select datcollate from pg_database where datname = current_database()").await?;
        let order = order.first().map(|row| row.text(0).to_owned());
        let mut blueprint = Self {
            left_out: left_out::read(snapshot).await?,
            order: order.filter(|it| !CODE_POINTS.contains(&it.to_ascii_lowercase().as_str())),
            ..Self::default()
        };
        objects::read_before(snapshot, &mut blueprint).await?;
        tables::read(snapshot, &mut blueprint).await?;
        objects::read_after(snapshot, &mut blueprint).await?;
        Ok(blueprint)
    }
}

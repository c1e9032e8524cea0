//! Statements that change the schema: what becomes of the catalog, and the steps that SQLite takes for it.
//!
//! [`parse`] reads a statement, [`bind_schema`] resolves it. The steps are for the catalog that the statement was bound against, so it must be
//! the writer's, with the write ticket held.
//!
//! # How things are in SQLite
//! - A table is `t<oid>`, STRICT, its columns of type ANY with the collation of their types. NOT NULL, CHECK (`k<oid>` of the constraint),
//!   foreign keys and stored generated columns are SQLite's own; defaults are not: who inserts gives every value.
//! - A primary key of one integer column is the rowid if it was there when the table was made; each other key is a unique index `i<oid>`.
//! - A constraint that comes or goes later is a new text of the table in SQLite's schema, after a check of the rows. Only where the rowid stops to be a
//!   key is the table copied, into `t<oid>_<n>`.
//! - A column that is dropped stays where it is in SQLite, without constraints.
//! - Temporary tables are the same, in SQLite's schema `temp`.
//!
//! # Invariants
//! - What PostgreSQL would refuse is refused with its SQLSTATE and words; what it would do and this cannot is refused with 0A000.
//! - Names in the texts that the catalog keeps say by themselves what they mean: `'public.s'::regclass`, `public.mood`.

mod alter;
mod binder;
mod change;
mod constraint;
mod drop;
mod enums;
mod grammar;
pub(crate) mod index;
mod like;
mod materialized;
mod naming;
mod objects;
pub(crate) mod resolved;
mod sequence;
mod storage;
pub mod syntax;
mod table;
mod temporary;
pub(crate) mod view;
mod violation;

use bole_sql_types::{Error, Result};

pub use grammar::statement as parse;
pub use syntax::Statement;
pub use temporary::{at_commit, discard};
pub use violation::{Violation, violation};

use crate::bind::Scope;
use crate::plan::SchemaChange;
use change::Change;
use syntax::Kind;

/// What a statement changes. The scope's catalog is the one that the steps are for. The tag of `CREATE TABLE … AS` is `SELECT`, to which the
/// number of rows of the last step belongs.
pub fn bind_schema(statement: &Statement, scope: &Scope) -> Result<SchemaChange> {
    let mut change = Change::new(scope);
    match statement {
        Statement::CreateSchema { name, if_not_exists, owner } => {
            change.create_schema(name.as_deref(), *if_not_exists, owner.as_ref())?;
        }
        Statement::CreateTable(statement) => change.create_table(statement)?,
        Statement::CreateTableAs(statement) => change.create_table_as(statement)?,
        Statement::CreateIndex(statement) => change.create_index(statement)?,
        Statement::CreateView(statement) => change.create_view(statement)?,
        Statement::CreateSequence { name, temporary, if_not_exists, options } => {
            change.create_sequence((name, *temporary), *if_not_exists, options)?;
        }
        Statement::CreateEnum { name, labels } => change.create_enum(name, labels)?,
        Statement::Alter { kind, name, if_exists, actions } => {
            change.alter(*kind, name, *if_exists, actions)?;
        }
        Statement::Drop { kind, names, if_exists, cascade } => {
            change.drop(*kind, names, *if_exists, *cascade)?;
        }
        Statement::Comment { target, text } => change.comment(target, text.as_ref())?,
        Statement::Truncate { tables, restart_identity, cascade } => {
            change.truncate(tables, *restart_identity, *cascade)?;
        }
        Statement::Reindex { kind, name } => change.reindex(*kind, name)?,
        Statement::Refresh { name, concurrently, with_data } => {
            change.refresh(name, *concurrently, *with_data)?;
        }
        Statement::Refused(error) => return Err(error.clone()),
    }
    change.check_permanent()?;
    let without_rows =
        matches!(statement, Statement::CreateTableAs(create) if !create.with_data) || change.steps.is_empty();
    let tag = match statement {
        Statement::CreateTableAs(create) if without_rows && create.materialized => {
            "CREATE MATERIALIZED VIEW".to_owned()
        }
        Statement::CreateTableAs(_) if without_rows => "CREATE TABLE AS".to_owned(),
        _ => tag(statement),
    };
    Ok(SchemaChange { tag, steps: change.steps, notices: change.notices })
}

/// `SELECT … INTO` as the `CREATE TABLE … AS` that it is.
pub fn select_into(statement: &sqlparser::ast::Statement) -> Option<Statement> {
    use sqlparser::ast::{SelectInto, SetExpr};
    let sqlparser::ast::Statement::Query(query) = statement else { return None };
    // The copy is deep, and a statement can be long.
    if !matches!(query.body.as_ref(), SetExpr::Select(select) if select.into.is_some()) {
        return None;
    }
    let mut query = query.clone();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let SelectInto { temporary, unlogged, table: _, targets } = select.into.take()?;
    if unlogged {
        return Some(Statement::Refused(Error::unsupported("an unlogged table")));
    }
    let [target] = targets.as_slice() else {
        return Some(Statement::Refused(Error::unsupported("INTO several targets")));
    };
    let name = match resolved::parse_name(&target.to_string()) {
        Ok(name) => name,
        Err(error) => return Some(Statement::Refused(error)),
    };
    let create = syntax::CreateTableAs {
        name,
        temporary,
        on_commit: None,
        if_not_exists: false,
        columns: Vec::new(),
        query,
        with_data: true,
        materialized: false,
    };
    Some(Statement::CreateTableAs(Box::new(create)))
}

/// What the client is told was done.
pub fn tag(statement: &Statement) -> String {
    let of = |verb: &str, kind: Kind| format!("{verb} {}", kind.noun().to_uppercase());
    match statement {
        Statement::CreateSchema { .. } => "CREATE SCHEMA".to_owned(),
        Statement::CreateTable(_) => "CREATE TABLE".to_owned(),
        Statement::CreateTableAs(_) => "SELECT".to_owned(),
        Statement::CreateIndex(_) => "CREATE INDEX".to_owned(),
        Statement::CreateView(_) => "CREATE VIEW".to_owned(),
        Statement::CreateSequence { .. } => "CREATE SEQUENCE".to_owned(),
        Statement::CreateEnum { .. } => "CREATE TYPE".to_owned(),
        Statement::Alter { kind, .. } => of("ALTER", *kind),
        Statement::Drop { kind, .. } => of("DROP", *kind),
        Statement::Comment { .. } => "COMMENT".to_owned(),
        Statement::Truncate { .. } => "TRUNCATE TABLE".to_owned(),
        Statement::Reindex { .. } => "REINDEX".to_owned(),
        Statement::Refresh { .. } => "REFRESH MATERIALIZED VIEW".to_owned(),
        Statement::Refused(_) => String::new(),
    }
}

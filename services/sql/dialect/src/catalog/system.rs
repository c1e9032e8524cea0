//! The system relations that there are, with the columns that PostgreSQL 15 has. Their rows are the service's.
//!
//! The file `system/relations.txt` was printed by a PostgreSQL; it says how types stand that there are not here.

use std::collections::HashMap;
use std::sync::LazyLock;

use bole_sql_types::Type;

use super::{INFORMATION_SCHEMA, PG_CATALOG};

/// A relation of `pg_catalog` or `information_schema`.
#[derive(Debug)]
pub struct SystemRelation {
    /// The OID of its schema.
    pub schema: u32,
    /// Its name.
    pub name: &'static str,
    /// PostgreSQL's OID of it.
    pub oid: u32,
    /// Whether PostgreSQL has a view there; it is a table otherwise.
    pub view: bool,
    /// Its columns, in order: name and type.
    pub columns: Vec<(&'static str, Type)>,
    /// Of each column, whether it is never NULL.
    pub not_null: Vec<bool>,
}

impl SystemRelation {
    /// The name of its virtual table in SQLite: `pg_catalog_pg_class`.
    pub fn storage(&self) -> String {
        let schema = if self.schema == PG_CATALOG { "pg_catalog" } else { "information_schema" };
        format!("{schema}_{}", self.name)
    }

    /// The place of a column, from 0.
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|(name, _)| *name == column)
    }
}

static RELATIONS: LazyLock<Vec<SystemRelation>> =
    LazyLock::new(|| include_str!("system/relations.txt").lines().filter_map(read).collect());

static BY_NAME: LazyLock<HashMap<(u32, &'static str), usize>> =
    LazyLock::new(|| RELATIONS.iter().enumerate().map(|(place, it)| ((it.schema, it.name), place)).collect());

/// All of them, `pg_catalog` first.
pub fn all() -> &'static [SystemRelation] {
    &RELATIONS
}

/// The one of that name.
pub fn find(schema: u32, name: &str) -> Option<&'static SystemRelation> {
    if schema != PG_CATALOG && schema != INFORMATION_SCHEMA {
        return None;
    }
    BY_NAME.get(&(schema, name)).map(|place| &RELATIONS[*place])
}

/// The one with that OID.
pub fn with_oid(oid: u32) -> Option<&'static SystemRelation> {
    RELATIONS.iter().find(|relation| relation.oid == oid)
}

/// One line of the file; `None` for its comments.
fn read(line: &'static str) -> Option<SystemRelation> {
    let (head, columns) = line.split_once(": ").filter(|_| !line.starts_with('#'))?;
    let mut head = head.split(' ');
    let schema = if head.next()? == "pg_catalog" { PG_CATALOG } else { INFORMATION_SCHEMA };
    let (name, oid, kind) = (head.next()?, head.next()?.parse().ok()?, head.next()?);
    let columns = columns.split(", ").filter_map(|column| column.split_once(' '));
    let typed: Vec<_> = columns
        .clone()
        .filter_map(|(name, ty)| Some((name, Type::by_name(ty.trim_end_matches('!'))?)))
        .collect();
    let not_null = columns.map(|(_, ty)| ty.ends_with('!')).collect();
    Some(SystemRelation { schema, name, oid, view: kind == "v", columns: typed, not_null })
}

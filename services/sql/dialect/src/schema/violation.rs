//! SQLite's messages about constraints, turned into PostgreSQL's errors.

use bole_sql_types::{Error, SqlState};

use crate::catalog::{Catalog, Index, Rule, Table};

/// What SQLite says besides its message, as far as the caller knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Violation<'a> {
    /// SQLite's extended code: 2067 for a unique index.
    pub code: i32,
    /// SQLite's message: `UNIQUE constraint failed: t16384.c1`.
    pub message: &'a str,
    /// The OID of the table that the statement writes to, 0 if it is not known.
    pub table: u32,
    /// The row that was refused as PostgreSQL prints its values, if the caller has it; by number of column, `None` for NULL.
    pub row: Option<&'a [(i16, Option<String>)]>,
    /// What the statement did to the table: it took rows away or changed keys, rather than put rows in.
    pub removes: bool,
}

const NOT_NULL: i32 = 1_299;
const UNIQUE: i32 = 2_067;
const PRIMARY_KEY: i32 = 1_555;
const ROWID: i32 = 2_579;
const CHECK: i32 = 275;
const FOREIGN_KEY: i32 = 787;
/// What SQLite says where `ON DELETE RESTRICT` and its like refuse.
const RESTRICT: i32 = 1_811;

/// PostgreSQL's error for a constraint that SQLite found violated. `None`: the code is not one of a constraint's.
pub fn violation(catalog: &Catalog, violation: &Violation<'_>) -> Option<Error> {
    let rest = violation.message.split_once("failed: ").map_or("", |(_, rest)| rest);
    match violation.code {
        NOT_NULL => Some(not_null(catalog, rest, violation)),
        UNIQUE | PRIMARY_KEY | ROWID => Some(unique(catalog, rest, violation)),
        CHECK => Some(check(catalog, rest, violation)),
        FOREIGN_KEY => Some(foreign_key(catalog, violation)),
        RESTRICT if violation.message.starts_with("FOREIGN KEY") => Some(foreign_key(catalog, violation)),
        _ => None,
    }
}

/// An error about a table, with the fields that PostgreSQL fills.
fn about(catalog: &Catalog, table: &Table, state: SqlState, message: String) -> Error {
    let mut error = Error::new(state, message);
    error.more().schema = catalog.schema_name(table.schema).map(str::to_owned);
    error.more().table = Some(table.name.clone());
    error
}

/// The table and columns in `t16384.c1, t16384.c2`.
fn columns<'c>(catalog: &'c Catalog, list: &str) -> Option<(&'c Table, Vec<i16>)> {
    let mut table = None;
    let mut numbers = Vec::new();
    for part in list.split(", ") {
        let (storage, column) = part.split_once('.')?;
        table = catalog.tables().find(|table| table.storage == storage);
        numbers.push(match column {
            "rowid" => table?.rowid_column?,
            _ => column.strip_prefix('c')?.parse().ok()?,
        });
    }
    table.map(|table| (table, numbers))
}

fn failing_row(table: &Table, row: Option<&[(i16, Option<String>)]>) -> Option<String> {
    let row = row?;
    let value = |number: i16| row.iter().find(|(it, _)| *it == number).and_then(|(_, value)| value.clone());
    let values: Vec<String> =
        table.live().map(|column| value(column.number).unwrap_or_else(|| "null".to_owned())).collect();
    Some(format!("Failing row contains ({}).", values.join(", ")))
}

fn not_null(catalog: &Catalog, rest: &str, violation: &Violation<'_>) -> Error {
    let found =
        columns(catalog, rest).and_then(|(table, numbers)| Some((table, table.numbered(*numbers.first()?)?)));
    let Some((table, column)) = found else {
        return Error::new(SqlState::NOT_NULL_VIOLATION, "null value violates not-null constraint");
    };
    let message = format!(
        "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
        column.name, table.name
    );
    let mut error = about(catalog, table, SqlState::NOT_NULL_VIOLATION, message);
    error.more().column = Some(column.name.clone());
    error.more().detail = failing_row(table, violation.row);
    error
}

/// The index that a message is about: by its name, or as the first unique one over just these columns.
fn index_of<'c>(catalog: &'c Catalog, rest: &str) -> Option<(&'c Table, &'c Index)> {
    if let Some(name) = rest.strip_prefix("index '") {
        let index = catalog.index(name.strip_prefix('i')?.trim_end_matches('\'').parse().ok()?)?;
        return Some((catalog.table(index.table)?, index));
    }
    let (table, numbers) = columns(catalog, rest)?;
    let keys = |index: &&Index| index.keys.iter().map(|key| key.column).eq(numbers.iter().copied());
    let index =
        catalog.indexes_of(table.oid).filter(|index| index.unique && index.predicate.is_none()).find(keys)?;
    Some((table, index))
}

fn unique(catalog: &Catalog, rest: &str, violation: &Violation<'_>) -> Error {
    let Some((table, index)) = index_of(catalog, rest) else {
        return Error::new(SqlState::UNIQUE_VIOLATION, "duplicate key value violates unique constraint");
    };
    let message = format!("duplicate key value violates unique constraint \"{}\"", index.name);
    let mut error = about(catalog, table, SqlState::UNIQUE_VIOLATION, message);
    error.more().constraint = Some(index.name.clone());
    let value =
        |number: i16| violation.row?.iter().find(|(it, _)| *it == number).map(|(_, value)| value.clone());
    let values: Option<Vec<String>> = index
        .keys
        .iter()
        .map(|key| value(key.column).map(|value| value.unwrap_or_else(|| "null".to_owned())))
        .collect();
    if let Some(values) = values {
        let names: Vec<&str> = index
            .keys
            .iter()
            .filter_map(|key| table.numbered(key.column))
            .map(|it| it.name.as_str())
            .collect();
        error.more().detail =
            Some(format!("Key ({})=({}) already exists.", names.join(", "), values.join(", ")));
    }
    error
}

fn check(catalog: &Catalog, rest: &str, violation: &Violation<'_>) -> Error {
    let oid = rest.strip_prefix('k').and_then(|oid| oid.parse::<u32>().ok());
    let found = oid.and_then(|oid| {
        catalog.tables().find_map(|table| Some((table, table.constraints.iter().find(|it| it.oid == oid)?)))
    });
    let Some((table, constraint)) = found else {
        return Error::new(SqlState::CHECK_VIOLATION, "new row violates check constraint");
    };
    if let Rule::ForeignKey { .. } = constraint.rule {
        let message = format!(
            "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
            table.name, constraint.name
        );
        let mut error = about(catalog, table, SqlState::FOREIGN_KEY_VIOLATION, message);
        error.more().constraint = Some(constraint.name.clone());
        return error.with_detail("MATCH FULL does not allow mixing of null and nonnull key values.");
    }
    let message =
        format!("new row for relation \"{}\" violates check constraint \"{}\"", table.name, constraint.name);
    let mut error = about(catalog, table, SqlState::CHECK_VIOLATION, message);
    error.more().constraint = Some(constraint.name.clone());
    error.more().detail = failing_row(table, violation.row);
    error
}

/// SQLite does not say which reference it was. If only one can be meant, it is named.
fn foreign_key(catalog: &Catalog, violation: &Violation<'_>) -> Error {
    let unnamed = || Error::new(SqlState::FOREIGN_KEY_VIOLATION, "a foreign key constraint is violated");
    let Some(table) = catalog.table(violation.table) else { return unnamed() };
    if violation.removes {
        let mut references = catalog.references_to(table.oid);
        let (Some((from, constraint)), None) = (references.next(), references.next()) else {
            let message =
                format!("update or delete on table \"{}\" violates a foreign key constraint", table.name);
            return about(catalog, table, SqlState::FOREIGN_KEY_VIOLATION, message);
        };
        let message = format!(
            "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
            table.name, constraint.name, from.name
        );
        let mut error = about(catalog, from, SqlState::FOREIGN_KEY_VIOLATION, message);
        error.more().constraint = Some(constraint.name.clone());
        return error;
    }
    let mut references = table.constraints.iter().filter(|it| matches!(it.rule, Rule::ForeignKey { .. }));
    let (Some(constraint), None) = (references.next(), references.next()) else {
        let message =
            format!("insert or update on table \"{}\" violates a foreign key constraint", table.name);
        return about(catalog, table, SqlState::FOREIGN_KEY_VIOLATION, message);
    };
    let message = format!(
        "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
        table.name, constraint.name
    );
    let mut error = about(catalog, table, SqlState::FOREIGN_KEY_VIOLATION, message);
    error.more().constraint = Some(constraint.name.clone());
    error
}

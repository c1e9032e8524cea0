//! The table as the database has it: statements that change it, and what a snapshot shows.

use std::collections::BTreeMap;

use bole_sql::store::{Step, Writer};
use bole_sql_dialect::bind::{self, Scope};
use bole_sql_dialect::catalog::{self, PG_CATALOG, PUBLIC};
use bole_sql_dialect::plan::Action;
use bole_sql_dialect::{Catalog, parse};
use bole_sql_types::Style;
use rusqlite::Connection;

use super::model::{Row, Table};
use crate::sql::Flaw;
use crate::sql::system::{Ended, change};

/// Does a statement that changes the schema, as a session does.
pub(super) fn define<const FLAW: u8>(writer: &mut Writer, sql: &str) -> Result<(), Ended> {
    let scope = Scope {
        catalog: writer.catalog(),
        search_path: vec![PG_CATALOG, PUBLIC],
        user: "soak".to_owned(),
        database: writer.database().name().to_owned(),
        style: Style::default(),
    };
    let parsed = parse::parse(sql)?;
    let Action::Schema(change) = bind::bind(&parsed[0], &scope, &[])?.action else {
        return Err(Ended::Refused(format!("{sql} changes no schema")));
    };
    for step in &change.steps {
        match step {
            Step::Ddl(ddl) if FLAW == Flaw::DDL_UNLOGGED && sql.starts_with("ALTER") => {
                writer.connection().execute_batch(ddl)?;
            }
            step => drop(writer.apply(step)?),
        }
    }
    Ok(())
}

/// A table of the catalog.
pub(super) fn find<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a catalog::Table> {
    catalog.tables().find(|table| table.name == name)
}

/// Puts a row as a whole. `table` is what the transaction sees.
pub(super) fn put(writer: &Writer, table: &Table, id: i64, value: i64, all: bool) -> Result<(), Ended> {
    let (catalog, row) = (writer.catalog(), table.row(id, value, all));
    let described = find(&catalog, "t").ok_or_else(|| Ended::Refused("there is no table".to_owned()))?;
    let numbers = numbers(described)?;
    let text = |value: &Option<i64>| value.map_or_else(|| "NULL".to_owned(), |value| value.to_string());
    let values: Vec<(String, String)> = numbers
        .iter()
        .map(|(number, stored)| {
            (format!("c{stored}"), row.get(number).map_or_else(|| "NULL".to_owned(), text))
        })
        .collect();
    let storage = &described.storage;
    let sql = if table.rows.contains_key(&id) {
        let set: Vec<String> = values.iter().map(|(column, value)| format!("{column} = {value}")).collect();
        format!("UPDATE {storage} SET {} WHERE c1 = {id}", set.join(", "))
    } else {
        let (columns, values): (Vec<String>, Vec<String>) = values.into_iter().unzip();
        format!("INSERT INTO {storage} (c1, {}) VALUES ({id}, {})", columns.join(", "), values.join(", "))
    };
    change(writer, &sql)
}

/// The columns that are there but for the key: number of the model and number of the catalog.
fn numbers(table: &catalog::Table) -> Result<Vec<(u64, i16)>, String> {
    let live = table.columns.iter().filter(|column| !column.dropped && column.name != "id");
    live.map(|column| match column.name.as_str() {
        "v" => Ok((0, column.number)),
        name => Ok((name.parse::<super::model::Column>()?.number, column.number)),
    })
    .collect()
}

/// The table in a snapshot with this catalog.
pub(super) fn read(connection: &Connection, catalog: &Catalog) -> Result<Table, String> {
    let described = find(catalog, "t").ok_or("the table is lost")?;
    let numbers = numbers(described)?;
    let named = described.columns.iter().filter(|column| !column.dropped && column.name.starts_with('k'));
    let columns = named.map(|column| column.name.parse()).collect::<Result<Vec<_>, String>>()?;
    let stored: Vec<String> = numbers.iter().map(|(_, stored)| format!(", c{stored}")).collect();
    let sql = format!("SELECT c1{} FROM {}", stored.concat(), described.storage);
    let rows = || {
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            let values = numbers.iter().enumerate().map(|(at, (number, _))| Ok((*number, row.get(at + 1)?)));
            Ok((row.get(0)?, values.collect::<rusqlite::Result<Row>>()?))
        })?;
        rows.collect::<rusqlite::Result<BTreeMap<i64, Row>>>()
    };
    let rows = rows().map_err(|error| error.to_string())?;
    // Besides `id` and `v`.
    Ok(Table { made: described.columns.len() as u64 - 2, columns, rows })
}

/// Two columns of another table as keys and values; nothing where it is not there.
pub(super) fn read_pairs(
    connection: &Connection,
    catalog: &Catalog,
    name: &str,
) -> rusqlite::Result<BTreeMap<i64, i64>> {
    let Some(table) = find(catalog, name) else { return Ok(BTreeMap::new()) };
    let mut statement = connection.prepare(&format!("SELECT c1, c2 FROM {}", table.storage))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

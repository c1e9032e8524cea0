//! The table made out of its feed, from the first change on: each image before a change must be what the changes before it left, with the columns of that time.

use std::collections::{BTreeMap, BTreeSet};

use bole_base::Offset;
use bole_shard::changes::{Changes, Cursor};
use serde_json::Value as Json;

use super::model::{Column, Row, Table};

/// Bytes of changes that are read at a time: a few, so that readers stand within transactions.
const READ_BYTES: usize = 500;

/// Whether the feed of `dataset` tells what is in the table. The error is a sentence that begins with its name.
pub(super) fn compare(changes: &dyn Changes, dataset: &str, table: &Table) -> Result<(), String> {
    let told = |reason: String| format!("the feed of {dataset}: {reason}");
    let rows = fold(changes, dataset).map_err(told)?;
    let keys = |rows: &BTreeMap<i64, Row>| rows.keys().copied().collect::<BTreeSet<_>>();
    if keys(&rows) != keys(&table.rows) {
        return Err(told(format!("it tells of {:?}, there are {:?}", keys(&rows), keys(&table.rows))));
    }
    for (id, row) in &table.rows {
        let carried = carry(&rows[id], &table.columns);
        if carried != *row {
            return Err(told(format!("row {id} is {row:?}, and should be {carried:?}")));
        }
    }
    Ok(())
}

fn fold(changes: &dyn Changes, dataset: &str) -> Result<BTreeMap<i64, Row>, String> {
    let tail = changes.bounds(dataset, 0).map_err(|error| error.to_string())?.tail;
    let (mut rows, mut from) = (BTreeMap::new(), Cursor::at(Offset::ZERO));
    while from.offset < tail {
        let feed = changes.read(dataset, 0, from, READ_BYTES).map_err(|error| error.to_string())?;
        if let Some(gap) = feed.gap {
            return Err(format!("a gap from {} to {} although all is kept", gap.from, gap.to));
        }
        if feed.next.offset <= from.offset {
            return Err(format!("a reader at {} gets nowhere", from.offset));
        }
        for change in &feed.changes {
            let mut text = Vec::new();
            change.put_json(&mut text);
            let told = serde_json::from_slice(&text)
                .map_err(|error| format!("{} is no JSON: {error}", text.escape_ascii()))?;
            apply(&mut rows, change.operation, &told)
                .map_err(|reason| format!("offset {}, {told}: {reason}", change.offset))?;
        }
        from = feed.next;
    }
    Ok(rows)
}

/// A row as it is told: key, columns, values.
struct Image {
    id: i64,
    columns: Vec<Column>,
    row: Row,
}

fn image(told: &Json) -> Result<Option<Image>, String> {
    let Some(members) = told.as_object() else { return Ok(None) };
    let mut image = Image { id: 0, columns: Vec::new(), row: Row::new() };
    for (name, value) in members {
        match name.as_str() {
            "id" => image.id = value.as_i64().ok_or("a key is no number")?,
            "v" => drop(image.row.insert(0, value.as_i64())),
            name => {
                let column: Column = name.parse()?;
                image.row.insert(column.number, value.as_i64());
                image.columns.push(column);
            }
        }
    }
    Ok(Some(image))
}

/// A row that was told with other columns, with these: new ones have their defaults.
fn carry(row: &Row, columns: &[Column]) -> Row {
    let value = |column: &Column| row.get(&column.number).copied().unwrap_or(column.default);
    let others = columns.iter().map(|column| (column.number, value(column)));
    row.get(&0).map(|v| (0, *v)).into_iter().chain(others).collect()
}

fn apply(rows: &mut BTreeMap<i64, Row>, operation: &str, told: &Json) -> Result<(), String> {
    let (before, after) = (image(&told["before"])?, image(&told["after"])?);
    if operation == "truncate" || operation == "key" {
        return Err("nobody does that".to_owned());
    }
    if before.is_none() != (operation == "insert") || after.is_none() != (operation == "delete") {
        return Err("images are missing".to_owned());
    }
    if let Some(before) = before {
        let there = rows.remove(&before.id).ok_or("there was no such row")?;
        let carried = carry(&there, &before.columns);
        if carried != before.row {
            return Err(format!("before it was {carried:?}"));
        }
    }
    if let Some(after) = after
        && rows.insert(after.id, after.row).is_some()
    {
        return Err("there is such a row".to_owned());
    }
    Ok(())
}

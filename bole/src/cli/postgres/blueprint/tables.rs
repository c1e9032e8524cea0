//! Tables with their columns, keys, checks and defaults.

use std::collections::HashMap;

use anyhow::Result;

use super::objects::sequence_options;
use super::{Blueprint, Column, Step, Table, USERS};
use crate::cli::postgres::snapshot::{Row, Snapshot};

const TABLES: &str = "select c.oid, quote_ident(n.nspname) || '.' || quote_ident(relname), reltuples::bigint
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where {users} and relkind = 'r' and relpersistence <> 't'
    and c.oid not in (select objid from pg_depend where deptype = 'e' and classid = 'pg_class'::regclass)
    and c.oid not in (select inhrelid from pg_inherits)
    and exists (select 1 from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '')
    order by 2";
const COLUMNS: &str = "select attrelid, quote_ident(attname), format_type(atttypid, atttypmod), attnotnull,
    attidentity, attgenerated, pg_get_expr(adbin, adrelid), attnum, case when attcollation <> typcollation
    then (select quote_ident(m.nspname) || '.' || quote_ident(collname) from pg_collation o
    join pg_namespace m on m.oid = collnamespace where o.oid = attcollation) end
    from pg_attribute a join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
    join pg_type t on t.oid = atttypid
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where {users} and relkind = 'r' and attnum > 0 and not attisdropped order by attrelid, attnum";
const IDENTITIES: &str = "select refobjid, refobjsubid, quote_ident(n.nspname) || '.' || quote_ident(relname),
    seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle, null, c.oid
    from pg_depend join pg_class c on c.oid = objid join pg_namespace n on n.oid = relnamespace
    join pg_sequence on seqrelid = c.oid
    where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype = 'i' and relkind = 'S'";
const CONSTRAINTS: &str = "select conrelid, quote_ident(conname), contype, pg_get_constraintdef(o.oid),
    convalidated, array_to_string(conkey, ',')
    from pg_constraint o join pg_class c on c.oid = conrelid join pg_namespace n on n.oid = relnamespace
    where {users} and relkind = 'r' and contype in ('p', 'u', 'c', 'f', 'x') order by conrelid, conname";

/// Kinds of constraints by their letter.
const KINDS: &[(&str, &str)] =
    &[("u", "unique key"), ("f", "foreign key"), ("x", "exclusion constraint"), ("c", "check")];

type ByTable = HashMap<String, Vec<Row>>;

/// The rows of a query whose first column is a table.
async fn by_table(snapshot: &Snapshot, query: &str) -> Result<ByTable> {
    let mut found = ByTable::new();
    for row in snapshot.rows(&query.replace("{users}", USERS)).await? {
        found.entry(row.text(0).to_owned()).or_default().push(row);
    }
    Ok(found)
}

/// Reads the tables. What unique and foreign keys need comes after the rows.
pub(super) async fn read(snapshot: &Snapshot, blueprint: &mut Blueprint) -> Result<()> {
    let columns = by_table(snapshot, COLUMNS).await?;
    let identities = by_table(snapshot, IDENTITIES).await?;
    let constraints = by_table(snapshot, CONSTRAINTS).await?;
    let (mut checks, mut unique, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
    for table in snapshot.rows(&TABLES.replace("{users}", USERS)).await? {
        let of = |all: &ByTable| all.get(table.text(0)).cloned().unwrap_or_default();
        let (columns, identities, constraints) = (of(&columns), of(&identities), of(&constraints));
        let table = outline(&table, &columns, &identities, &constraints);
        blueprint.before.push(Step::new("table", &table.name, &table.create));
        checks.extend(columns.iter().filter_map(|column| default(&table.name, column)));
        for constraint in constraints.iter().filter(|constraint| constraint.text(2) != "p") {
            let step = added(&table.name, constraint);
            match (constraint.text(2), constraint.is(4)) {
                ("c", true) => checks.push(step),
                ("f", _) => foreign.push(step),
                _ => unique.push(step),
            }
        }
        blueprint.tables.push(table);
    }
    blueprint.before.append(&mut checks);
    blueprint.after.append(&mut unique);
    blueprint.after.append(&mut foreign);
    Ok(())
}

fn added(table: &str, constraint: &Row) -> Step {
    let kind =
        KINDS.iter().find(|(letter, _)| *letter == constraint.text(2)).map_or("constraint", |(_, kind)| kind);
    let (name, definition) = (constraint.text(1), constraint.text(3));
    Step::new(
        kind,
        format!("{name} on {table}"),
        format!("alter table {table} add constraint {name} {definition}"),
    )
}

/// A default, which is set by itself: a table comes along even if one of its defaults does not.
fn default(table: &str, column: &Row) -> Option<Step> {
    let expression = column.get(6).filter(|_| column.text(5).is_empty())?;
    let name = column.text(1);
    Some(Step::new(
        "default",
        format!("{table}.{name}"),
        format!("alter table {table} alter column {name} set default {expression}"),
    ))
}

fn outline(table: &Row, columns: &[Row], identities: &[Row], constraints: &[Row]) -> Table {
    let name = table.text(1);
    let mut parts: Vec<String> = columns.iter().map(|column| column_text(column, identities)).collect();
    let primary = constraints.iter().find(|constraint| constraint.text(2) == "p");
    parts.extend(primary.map(|it| format!("constraint {} {}", it.text(1), it.text(3))));
    let numbers: Vec<&str> = primary.map(|it| it.text(5).split(',').collect()).unwrap_or_default();
    let copied: Vec<&Row> = columns.iter().filter(|column| column.text(5).is_empty()).collect();
    let key = numbers.iter().map(|number| copied.iter().position(|column| column.text(7) == *number));
    Table {
        name: name.to_owned(),
        create: format!("create table {name} (\n    {}\n)", parts.join(",\n    ")),
        columns: columns
            .iter()
            .map(|column| Column {
                name: column.text(1).to_owned(),
                ty: column.text(2).to_owned(),
                generated: !column.text(5).is_empty(),
            })
            .collect(),
        // A key with a column that is computed orders nothing that is copied.
        key: key.collect::<Option<Vec<usize>>>().unwrap_or_default(),
        estimate: table.text(2).parse().ok(),
    }
}

fn column_text(column: &Row, identities: &[Row]) -> String {
    let collation = column.get(8).map_or(String::new(), |collation| format!(" collate {collation}"));
    let made = match (column.text(4), column.text(5)) {
        ("", "") => String::new(),
        ("", _) => format!(" generated always as ({}) stored", column.text(6)),
        (identity, _) => {
            let when = if identity == "a" { "always" } else { "by default" };
            let sequence = identities.iter().find(|it| it.text(1) == column.text(7));
            let options =
                sequence.map(|it| format!(" (sequence name {}{})", it.text(2), sequence_options(it, 3)));
            format!(" generated {when} as identity{}", options.unwrap_or_default())
        }
    };
    let not_null = if column.is(3) { " not null" } else { "" };
    format!("{} {}{collation}{made}{not_null}", column.text(1), column.text(2))
}

//! What stands beside tables: schemas, enums, sequences, indexes, views, comments.

use anyhow::{Result, bail};

use super::{Blueprint, Standing, Step, USERS};
use crate::cli::postgres::literal;
use crate::cli::postgres::snapshot::{Row, Snapshot};

const SCHEMAS: &str = "select quote_ident(nspname) from pg_namespace n where {users} and nspname <> 'public'
    and n.oid not in (select objid from pg_depend where deptype = 'e' and classid = 'pg_namespace'::regclass)
    order by 1";
const ENUMS: &str = "select quote_ident(n.nspname) || '.' || quote_ident(typname), enumlabel
    from pg_enum join pg_type t on t.oid = enumtypid join pg_namespace n on n.oid = typnamespace
    where {users} and t.oid not in (select objid from pg_depend where deptype = 'e' and classid = 'pg_type'::regclass)
    order by 1, enumsortorder";
/// Each sequence once, with the column that owns it, if one does. The columns from the fourth on are those of its options.
const SEQUENCES: &str =
    "select quote_ident(n.nspname) || '.' || quote_ident(c.relname), format_type(seqtypid, null),
    deptype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle,
    quote_ident(m.nspname) || '.' || quote_ident(t.relname), quote_ident(attname)
    from pg_sequence join pg_class c on c.oid = seqrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_depend d on d.objid = c.oid and d.classid = 'pg_class'::regclass
    and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    left join pg_class t on t.oid = d.refobjid left join pg_namespace m on m.oid = t.relnamespace
    left join pg_attribute on attrelid = d.refobjid and attnum = d.refobjsubid
    where {users} and c.relpersistence <> 't'
    and c.oid not in (select objid from pg_depend where deptype = 'e' and classid = 'pg_class'::regclass)
    order by 1";
/// The last column is the kind of what they are on: a materialized view comes after the tables.
const INDEXES: &str =
    "select quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_indexdef(i.indexrelid), t.relkind
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
    join pg_namespace n on n.oid = c.relnamespace
    where {users} and t.relkind in ('r', 'm') and i.indisvalid
    and i.indexrelid not in (select conindid from pg_constraint where contype in ('p', 'u', 'x'))
    and t.oid not in (select inhrelid from pg_inherits) order by 1";
const VIEWS: &str = "select quote_ident(n.nspname) || '.' || quote_ident(relname), pg_get_viewdef(c.oid),
    array_to_string(reloptions, ', '), relkind, relispopulated
    from pg_class c join pg_namespace n on n.oid = relnamespace where {users} and relkind in ('v', 'm')
    and c.oid not in (select objid from pg_depend where deptype = 'e' and classid = 'pg_class'::regclass)
    order by c.oid";
/// What is commented on in the words of COMMENT ON, and the comment.
const COMMENTS: &[&str] = &[
    "select 'schema ' || quote_ident(nspname), description from pg_description
     join pg_namespace n on n.oid = objoid and classoid = 'pg_namespace'::regclass
     where {users} and not (nspname = 'public' and description = 'standard public schema') order by 1",
    "select 'type ' || quote_ident(nspname) || '.' || quote_ident(typname), description from pg_description
     join pg_type t on t.oid = objoid and classoid = 'pg_type'::regclass
     join pg_namespace n on n.oid = typnamespace where {users} and typtype = 'e' order by 1",
    "select case relkind when 'r' then 'table ' when 'v' then 'view ' when 'm' then 'materialized view ' when 'S' then 'sequence ' else 'index ' end
     || quote_ident(nspname) || '.' || quote_ident(relname), description from pg_description
     join pg_class c on c.oid = objoid and classoid = 'pg_class'::regclass and objsubid = 0
     join pg_namespace n on n.oid = relnamespace where {users} and relkind in ('r', 'v', 'm', 'S', 'i') order by 1",
    "select 'column ' || quote_ident(nspname) || '.' || quote_ident(relname) || '.' || quote_ident(attname),
     description from pg_description
     join pg_class c on c.oid = objoid and classoid = 'pg_class'::regclass and objsubid > 0
     join pg_attribute on attrelid = objoid and attnum = objsubid
     join pg_namespace n on n.oid = relnamespace where {users} and relkind in ('r', 'v', 'm') order by 1",
    "select 'constraint ' || quote_ident(conname) || ' on ' || quote_ident(nspname) || '.' || quote_ident(relname),
     description from pg_description
     join pg_constraint o on o.oid = objoid and classoid = 'pg_constraint'::regclass
     join pg_class c on c.oid = conrelid join pg_namespace n on n.oid = relnamespace where {users} order by 1",
];

async fn rows(snapshot: &Snapshot, query: &str) -> Result<Vec<Row>> {
    snapshot.rows(&query.replace("{users}", USERS)).await
}

/// A sequence's options; the first of six columns has its start.
pub(super) fn sequence_options(row: &Row, first: usize) -> String {
    let text = |place: usize| row.text(first + place);
    let cycle = if row.is(first + 5) { " cycle" } else { "" };
    format!(
        " start with {} increment by {} minvalue {} maxvalue {} cache {}{cycle}",
        text(0),
        text(1),
        text(2),
        text(3),
        text(4)
    )
}

/// Reads what tables need.
pub(super) async fn read_before(snapshot: &Snapshot, blueprint: &mut Blueprint) -> Result<()> {
    for row in rows(snapshot, SCHEMAS).await? {
        blueprint.before.push(Step::new("schema", row.text(0), format!("create schema {}", row.text(0))));
    }
    let mut enums: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows(snapshot, ENUMS).await? {
        if enums.last().is_none_or(|(name, _)| name != row.text(0)) {
            enums.push((row.text(0).to_owned(), Vec::new()));
        }
        if let Some((_, labels)) = enums.last_mut() {
            labels.push(literal(row.text(1)));
        }
    }
    for (name, labels) in enums {
        let sql = format!("create type {name} as enum ({})", labels.join(", "));
        blueprint.before.push(Step::new("enum", name, sql));
    }
    for row in rows(snapshot, SEQUENCES).await? {
        let name = row.text(0);
        if row.text(2) != "i" {
            let sql = format!("create sequence {name} as {}{}", row.text(1), sequence_options(&row, 3));
            blueprint.before.push(Step::new("sequence", name, sql));
        }
        let (last, is_called) = standing(snapshot, name).await?;
        let table = (row.text(2) == "i").then(|| row.text(9).to_owned());
        let sql = format!("select pg_catalog.setval({}, {last}, {is_called})", literal(name));
        blueprint.standings.push(Standing { sequence: name.to_owned(), table, sql });
    }
    Ok(())
}

/// The last value of a sequence, and whether it was given out. Sequences are of no snapshot: it is the last value of now.
async fn standing(snapshot: &Snapshot, sequence: &str) -> Result<(String, bool)> {
    let found = if snapshot.is_bole() {
        let query = format!(
            "select split_part(s, ' ', 1), split_part(s, ' ', 2) from (select bole.sequence_standing({}::regclass) as s) x",
            literal(sequence)
        );
        snapshot.rows(&query).await?
    } else {
        snapshot.rows(&format!("select last_value, is_called from {sequence}")).await?
    };
    let Some(row) = found.first() else { bail!("the sequence {sequence} has no standing") };
    Ok((row.text(0).to_owned(), row.is(1)))
}

/// Reads what comes when the rows are there.
pub(super) async fn read_after(snapshot: &Snapshot, blueprint: &mut Blueprint) -> Result<()> {
    let after = &mut blueprint.after;
    // A unique index may be what a foreign key refers to.
    let (mut indexes, mut indexes_of_views) = (Vec::new(), Vec::new());
    for row in rows(snapshot, INDEXES).await? {
        let into = if row.text(2) == "m" { &mut indexes_of_views } else { &mut indexes };
        into.push(Step::new("index", row.text(0), row.text(1)));
    }
    let foreign = after.iter().position(|step| step.kind == "foreign key").unwrap_or(after.len());
    after.splice(foreign..foreign, indexes);
    after.extend(in_order(views(snapshot).await?));
    after.extend(indexes_of_views);
    for row in rows(snapshot, SEQUENCES).await?.iter().filter(|row| row.text(2) == "a") {
        let column = format!("{}.{}", row.text(9), row.text(10));
        let sql = format!("alter sequence {} owned by {column}", row.text(0));
        after.push(Step::new("owner of a sequence", row.text(0), sql));
    }
    for query in COMMENTS {
        for row in rows(snapshot, query).await? {
            let sql = format!("comment on {} is {}", row.text(0), literal(row.text(1)));
            after.push(Step::new("comment", row.text(0), sql));
        }
    }
    Ok(())
}

async fn views(snapshot: &Snapshot) -> Result<Vec<Step>> {
    let mut views = Vec::new();
    for row in rows(snapshot, VIEWS).await? {
        let (name, definition) = (row.text(0), row.text(1).trim().trim_end_matches(';'));
        let options = match row.text(2) {
            "" => String::new(),
            options => format!(" with ({options})"),
        };
        // A materialized view has the rows that its query gives where it is made.
        let (kind, data) = match (row.text(3), row.is(4)) {
            ("m", true) => ("materialized view", ""),
            ("m", false) => ("materialized view", " with no data"),
            _ => ("view", ""),
        };
        let sql = format!("create {kind} {name}{options} as {definition}{data}");
        views.push(Step::new(kind, name, sql));
    }
    Ok(views)
}

/// Views after those whose names they mention. Names in a circle, which are mentioned in passing only, keep the order they had.
fn in_order(mut views: Vec<Step>) -> Vec<Step> {
    let mut ordered: Vec<Step> = Vec::with_capacity(views.len());
    while !views.is_empty() {
        let is_free = |view: &Step| {
            let waits = |other: &Step| other.name != view.name && view.sql.contains(&other.name);
            !views.iter().any(waits)
        };
        let next = views.iter().position(is_free).unwrap_or(0);
        ordered.push(views.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_come_after_those_that_they_use() {
        let view = |name: &str, uses: &str| Step::new("view", name, format!("create view {name} as {uses}"));
        for (views, expected) in [
            (vec![view("a.x", "a.y"), view("a.y", "a.z"), view("a.z", "1")], ["a.z", "a.y", "a.x"]),
            (vec![view("a.x", "1"), view("a.y", "2"), view("a.z", "3")], ["a.x", "a.y", "a.z"]),
            (vec![view("a.x", "a.y"), view("a.y", "a.x"), view("a.z", "3")], ["a.z", "a.x", "a.y"]),
        ] {
            let ordered = in_order(views);
            assert_eq!(ordered.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), expected);
        }
    }
}

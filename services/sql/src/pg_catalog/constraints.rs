//! `pg_constraint` and `pg_depend`.

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::definitions::{Shown, column_default, expression};
use bole_sql_dialect::catalog::{Action, Constraint, Object, PG_CATALOG, Rule, Table};
use bole_sql_functions::Session;
use bole_sql_types::Value;

use super::Producer;
use super::relations::{derived_oid, is_of_identity};
use super::row::{Rows, array, at};

pub(super) const PRODUCERS: &[(u32, &str, Producer)] =
    &[(PG_CATALOG, "pg_constraint", constraints), (PG_CATALOG, "pg_depend", dependencies)];

/// OIDs of system relations that dependencies name.
pub(crate) const PG_CLASS: u32 = 1_259;
const PG_ATTRDEF: u32 = 2_604;
const PG_CONSTRAINT: u32 = 2_606;
const PG_NAMESPACE: u32 = 2_615;

const fn letter(action: Action) -> char {
    match action {
        Action::NoAction => 'a',
        Action::Restrict => 'r',
        Action::Cascade => 'c',
        Action::SetNull => 'n',
        Action::SetDefault => 'd',
    }
}

fn constraints(session: &Session, rows: &mut Rows) {
    for table in session.catalog.tables() {
        for constraint in &table.constraints {
            push(session, rows, table, constraint);
        }
    }
}

fn numbers(columns: &[i16]) -> Value {
    array(columns.iter().map(|number| i64::from(*number)))
}

fn push(session: &Session, rows: &mut Rows, table: &Table, constraint: &Constraint) {
    let Constraint { oid, name, rule, deferrable, deferred, not_valid, comment: _ } = constraint;
    let mut values = vec![
        at("oid", *oid),
        at("conname", name.as_str()),
        at("connamespace", table.schema),
        at("condeferrable", *deferrable),
        at("condeferred", *deferred),
        at("convalidated", !not_valid),
        at("conrelid", table.oid),
        at("conislocal", true),
        at("confupdtype", ' '),
        at("confdeltype", ' '),
        at("confmatchtype", ' '),
    ];
    match rule {
        Rule::PrimaryKey { columns, index } | Rule::Unique { columns, index } => {
            let letter = if matches!(rule, Rule::PrimaryKey { .. }) { 'p' } else { 'u' };
            values.extend([
                at("contype", letter),
                at("conindid", *index),
                at("conkey", numbers(columns)),
                at("connoinherit", true),
            ]);
        }
        Rule::Check { expression: text } => {
            let used: Vec<i16> = table
                .live()
                .filter(|column| bole_sql_dialect::catalog::names_column(text, &column.name))
                .map(|column| column.number)
                .collect();
            let shown = expression(session.shown(), Some(table), text, false);
            values.extend([at("contype", 'c'), at("conkey", numbers(&used)), at("conbin", shown)]);
        }
        Rule::ForeignKey { columns, target, target_columns, on_update, on_delete, match_full } => {
            let index = session.catalog.indexes_of(*target).filter(|index| index.unique).find(|index| {
                index.keys.len() == target_columns.len()
                    && index.keys.iter().all(|key| target_columns.contains(&key.column))
            });
            values.extend([
                at("contype", 'f'),
                at("confrelid", *target),
                at("conkey", numbers(columns)),
                at("confkey", numbers(target_columns)),
                at("confupdtype", letter(*on_update)),
                at("confdeltype", letter(*on_delete)),
                at("confmatchtype", if *match_full { 'f' } else { 's' }),
                at("conindid", index.map_or(0, |index| index.oid)),
                at("connoinherit", true),
            ]);
        }
    }
    rows.push(values);
}

fn edge(rows: &mut Rows, from: (u32, u32, i32), to: (u32, u32, i32), kind: char) {
    rows.push([
        at("classid", from.0),
        at("objid", from.1),
        at("objsubid", from.2),
        at("refclassid", to.0),
        at("refobjid", to.1),
        at("refobjsubid", to.2),
        at("deptype", kind),
    ]);
}

/// The sequences that a column's default draws from.
fn drawn_from(catalog: &Catalog, table: &Table, number: i16) -> Vec<u32> {
    let text = column_default(Shown { catalog, path: &[] }, table, number).unwrap_or_default();
    if !text.contains("nextval(") {
        return Vec::new();
    }
    let all = catalog.objects.values().filter(|object| matches!(object.as_ref(), Object::Sequence(_)));
    let named = |object: &&std::sync::Arc<Object>| {
        let name = catalog.qualified(object, &[]).replace('\'', "''");
        text.contains(&format!("nextval('{name}'"))
    };
    all.filter(named).map(|object| object.oid()).collect()
}

fn dependencies(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for object in catalog.objects.values() {
        match object.as_ref() {
            Object::Sequence(sequence) => {
                if let Some((table, number)) = sequence.owner {
                    let kind = if is_of_identity(catalog, sequence) { 'i' } else { 'a' };
                    edge(rows, (PG_CLASS, sequence.oid, 0), (PG_CLASS, table, i32::from(number)), kind);
                }
                edge(rows, (PG_CLASS, sequence.oid, 0), (PG_NAMESPACE, sequence.schema, 0), 'n');
            }
            Object::Table(table) => {
                edge(rows, (PG_CLASS, table.oid, 0), (PG_NAMESPACE, table.schema, 0), 'n');
                for column in
                    table.live().filter(|column| column.default.is_some() || column.generated.is_some())
                {
                    let default = (PG_ATTRDEF, derived_oid(table.oid, column.number), 0);
                    edge(rows, default, (PG_CLASS, table.oid, i32::from(column.number)), 'a');
                    for sequence in drawn_from(catalog, table, column.number) {
                        edge(rows, default, (PG_CLASS, sequence, 0), 'n');
                    }
                }
                for constraint in &table.constraints {
                    let from = (PG_CONSTRAINT, constraint.oid, 0);
                    edge(rows, from, (PG_CLASS, table.oid, 0), 'a');
                    if let Rule::PrimaryKey { index, .. } | Rule::Unique { index, .. } = constraint.rule {
                        edge(rows, (PG_CLASS, index, 0), from, 'i');
                    }
                    if let Rule::ForeignKey { target, .. } = constraint.rule {
                        edge(rows, from, (PG_CLASS, target, 0), 'n');
                    }
                }
            }
            Object::Index(index) => edge(rows, (PG_CLASS, index.oid, 0), (PG_CLASS, index.table, 0), 'a'),
            Object::View(view) => {
                edge(rows, (PG_CLASS, view.oid, 0), (PG_NAMESPACE, view.schema, 0), 'n');
                // There are no rules here, which it would be by; dumps need the order.
                let is_relation =
                    |oid: &&u32| matches!(catalog.object(**oid), Some(Object::Table(_) | Object::View(_)));
                for used in view.uses.iter().filter(is_relation) {
                    edge(rows, (PG_CLASS, view.oid, 0), (PG_CLASS, *used, 0), 'n');
                }
            }
            Object::Schema(_) | Object::Enum(_) => {}
        }
    }
}

//! `information_schema`, with what it shows in a PostgreSQL whose user owns everything.

mod columns;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::definitions::{pg_get_constraintdef, pg_get_viewdef};
use bole_sql_dialect::catalog::{
    Action, Column, Constraint, INFORMATION_SCHEMA, Object, Rule, Table, names_column,
};
use bole_sql_dialect::catalog::{system, temporary};
use bole_sql_functions::Session;
use bole_sql_types::{Type, Value};

use super::Producer;
use super::relations::is_of_identity;
use super::row::{Rows, at};

pub(super) const PRODUCERS: &[(u32, &str, Producer)] = &[
    (INFORMATION_SCHEMA, "schemata", schemata),
    (INFORMATION_SCHEMA, "tables", tables),
    (INFORMATION_SCHEMA, "columns", columns::columns),
    (INFORMATION_SCHEMA, "element_types", columns::element_types),
    (INFORMATION_SCHEMA, "views", views),
    (INFORMATION_SCHEMA, "view_table_usage", view_tables),
    (INFORMATION_SCHEMA, "table_constraints", table_constraints),
    (INFORMATION_SCHEMA, "key_column_usage", key_columns),
    (INFORMATION_SCHEMA, "constraint_column_usage", constraint_columns),
    (INFORMATION_SCHEMA, "constraint_table_usage", constraint_tables),
    (INFORMATION_SCHEMA, "referential_constraints", references),
    (INFORMATION_SCHEMA, "check_constraints", checks),
    (INFORMATION_SCHEMA, "sequences", sequences),
    (INFORMATION_SCHEMA, "enabled_roles", |session, rows| {
        rows.push([at("role_name", session.user.as_str())]);
    }),
    (INFORMATION_SCHEMA, "information_schema_catalog_name", |session, rows| {
        rows.push([at("catalog_name", database(session))]);
    }),
    (INFORMATION_SCHEMA, "character_sets", character_sets),
];

fn database(session: &Session) -> &str {
    &session.catalog.database
}

fn schema(catalog: &Catalog, oid: u32) -> &str {
    catalog.schema_name(oid).unwrap_or_default()
}

const fn yes(it: bool) -> &'static str {
    if it { "YES" } else { "NO" }
}

fn schemata(session: &Session, rows: &mut Rows) {
    for name in session.catalog.schemas.keys().filter(|name| *name != temporary::ALIAS) {
        rows.push([
            at("catalog_name", database(session)),
            at("schema_name", name.as_str()),
            at("schema_owner", session.user.as_str()),
        ]);
    }
}

fn character_sets(session: &Session, rows: &mut Rows) {
    rows.push([
        at("character_set_name", "UTF8"),
        at("character_repertoire", "UCS"),
        at("form_of_use", "UTF8"),
        at("default_collate_catalog", database(session)),
    ]);
}

fn table_row(session: &Session, rows: &mut Rows, (schema, name): (&str, &str), kind: &str, insertable: bool) {
    rows.push([
        at("table_catalog", database(session)),
        at("table_schema", schema),
        at("table_name", name),
        at("table_type", kind),
        at("is_insertable_into", yes(insertable)),
        at("is_typed", "NO"),
    ]);
}

fn tables(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for relation in system::all() {
        let kind = if relation.view { "VIEW" } else { "BASE TABLE" };
        table_row(session, rows, (schema(catalog, relation.schema), relation.name), kind, false);
    }
    for object in catalog.objects.values() {
        let name = (schema(catalog, object.schema()), object.name());
        match object.as_ref() {
            // PostgreSQL has no materialized views there.
            Object::Table(table) if table.materialized.is_none() => {
                let kind = if table.temporary { "LOCAL TEMPORARY" } else { "BASE TABLE" };
                table_row(session, rows, name, kind, true);
            }
            Object::View(_) => table_row(session, rows, name, "VIEW", false),
            _ => {}
        }
    }
}

fn views(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for view in catalog.views() {
        rows.push([
            at("table_catalog", database(session)),
            at("table_schema", schema(catalog, view.schema)),
            at("table_name", view.name.as_str()),
            at("view_definition", pg_get_viewdef(session.shown(), view.oid, false)),
            at("check_option", "NONE"),
            at("is_updatable", "NO"),
            at("is_insertable_into", "NO"),
            at("is_trigger_updatable", "NO"),
            at("is_trigger_deletable", "NO"),
            at("is_trigger_insertable_into", "NO"),
        ]);
    }
}

fn view_tables(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for view in catalog.views() {
        for used in view
            .uses
            .iter()
            .filter_map(|oid| catalog.object(*oid))
            .filter(|object| catalog.is_relation(object.oid()))
        {
            rows.push([
                at("view_catalog", database(session)),
                at("view_schema", schema(catalog, view.schema)),
                at("view_name", view.name.as_str()),
                at("table_catalog", database(session)),
                at("table_schema", schema(catalog, used.schema())),
                at("table_name", used.name()),
            ]);
        }
    }
}

/// The columns that name a constraint.
fn constraint_name<'a>(session: &'a Session, table: &Table, name: &'a str) -> [(&'static str, Value); 3] {
    let schema = schema(&session.catalog, table.schema);
    [
        at("constraint_catalog", database(session)),
        at("constraint_schema", schema),
        at("constraint_name", name),
    ]
}

/// The columns that name a table.
fn table_name(session: &Session, table: &Table) -> [(&'static str, Value); 3] {
    let schema = schema(&session.catalog, table.schema);
    [
        at("table_catalog", database(session)),
        at("table_schema", schema),
        at("table_name", table.name.as_str()),
    ]
}

/// NOT NULL is a check by this name.
fn not_null_name(table: &Table, column: &Column) -> String {
    format!("{}_{}_{}_not_null", table.schema, table.oid, column.number)
}

fn table_constraints(session: &Session, rows: &mut Rows) {
    for table in session.catalog.tables() {
        let mut push = |name: &str, kind: &str, constraint: Option<&Constraint>| {
            let unique_nulls = constraint.and_then(|it| match it.rule {
                Rule::Unique { index, .. } => {
                    session.catalog.index(index).map(|index| yes(!index.nulls_not_distinct))
                }
                _ => None,
            });
            let mut values = constraint_name(session, table, name).to_vec();
            values.extend(table_name(session, table));
            values.extend([
                at("constraint_type", kind),
                at("is_deferrable", yes(constraint.is_some_and(|it| it.deferrable))),
                at("initially_deferred", yes(constraint.is_some_and(|it| it.deferred))),
                at("enforced", "YES"),
                at("nulls_distinct", unique_nulls),
            ]);
            rows.push(values);
        };
        for constraint in &table.constraints {
            let kind = match constraint.rule {
                Rule::PrimaryKey { .. } => "PRIMARY KEY",
                Rule::Unique { .. } => "UNIQUE",
                Rule::ForeignKey { .. } => "FOREIGN KEY",
                Rule::Check { .. } => "CHECK",
            };
            push(&constraint.name, kind, Some(constraint));
        }
        for column in table.live().filter(|column| column.not_null) {
            push(&not_null_name(table, column), "CHECK", None);
        }
    }
}

fn key_columns(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for table in catalog.tables() {
        for constraint in &table.constraints {
            let (columns, target) = match &constraint.rule {
                Rule::PrimaryKey { columns, .. } | Rule::Unique { columns, .. } => (columns, None),
                Rule::ForeignKey { columns, target, target_columns, .. } => {
                    (columns, Some((*target, target_columns)))
                }
                Rule::Check { .. } => continue,
            };
            let keys = target
                .and_then(|(target, columns)| Some((key_of(catalog.table(target)?, columns)?, columns)));
            for (place, number) in (1_i32..).zip(columns) {
                let position = keys.as_ref().and_then(|(key, columns)| {
                    let there = columns.get(place as usize - 1)?;
                    key.1.iter().position(|it| it == there).map(|place| place as i32 + 1)
                });
                let mut values = constraint_name(session, table, &constraint.name).to_vec();
                values.extend(table_name(session, table));
                values.extend([
                    at("column_name", table.numbered(*number).map(|column| column.name.as_str())),
                    at("ordinal_position", place),
                    at("position_in_unique_constraint", position),
                ]);
                rows.push(values);
            }
        }
    }
}

/// The key of a table that has just these columns: its constraint's name and columns.
fn key_of<'t>(table: &'t Table, columns: &[i16]) -> Option<(&'t str, &'t [i16])> {
    table.constraints.iter().find_map(|constraint| match &constraint.rule {
        Rule::PrimaryKey { columns: key, .. } | Rule::Unique { columns: key, .. }
            if key.len() == columns.len() && key.iter().all(|number| columns.contains(number)) =>
        {
            Some((constraint.name.as_str(), key.as_slice()))
        }
        _ => None,
    })
}

/// The table and the columns that a constraint uses: of a reference, those that are referenced.
fn used<'c>(
    catalog: &'c Catalog,
    table: &'c Table,
    constraint: &Constraint,
) -> Option<(&'c Table, Vec<i16>)> {
    Some(match &constraint.rule {
        Rule::PrimaryKey { columns, .. } | Rule::Unique { columns, .. } => (table, columns.clone()),
        Rule::ForeignKey { target, target_columns, .. } => (catalog.table(*target)?, target_columns.clone()),
        Rule::Check { expression } => {
            let named = table.live().filter(|column| names_column(expression, &column.name));
            (table, named.map(|column| column.number).collect())
        }
    })
}

fn constraint_columns(session: &Session, rows: &mut Rows) {
    for table in session.catalog.tables() {
        for constraint in &table.constraints {
            let Some((target, columns)) = used(&session.catalog, table, constraint) else { continue };
            for number in columns {
                let mut values = constraint_name(session, table, &constraint.name).to_vec();
                values.extend(table_name(session, target));
                values.push(at("column_name", target.numbered(number).map(|column| column.name.as_str())));
                rows.push(values);
            }
        }
    }
}

fn constraint_tables(session: &Session, rows: &mut Rows) {
    for table in session.catalog.tables() {
        for constraint in table.constraints.iter().filter(|it| !matches!(it.rule, Rule::Check { .. })) {
            let Some((target, _)) = used(&session.catalog, table, constraint) else { continue };
            let mut values = constraint_name(session, table, &constraint.name).to_vec();
            values.extend(table_name(session, target));
            rows.push(values);
        }
    }
}

const fn rule_name(action: Action) -> &'static str {
    match action {
        Action::NoAction => "NO ACTION",
        Action::Restrict => "RESTRICT",
        Action::Cascade => "CASCADE",
        Action::SetNull => "SET NULL",
        Action::SetDefault => "SET DEFAULT",
    }
}

fn references(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for table in catalog.tables() {
        for constraint in &table.constraints {
            let Rule::ForeignKey { target, target_columns, on_update, on_delete, match_full, .. } =
                &constraint.rule
            else {
                continue;
            };
            let Some(target) = catalog.table(*target) else { continue };
            let mut values = constraint_name(session, table, &constraint.name).to_vec();
            if let Some((name, _)) = key_of(target, target_columns) {
                values.extend([
                    at("unique_constraint_catalog", database(session)),
                    at("unique_constraint_schema", schema(catalog, target.schema)),
                    at("unique_constraint_name", name),
                ]);
            }
            values.extend([
                at("match_option", if *match_full { "FULL" } else { "NONE" }),
                at("update_rule", rule_name(*on_update)),
                at("delete_rule", rule_name(*on_delete)),
            ]);
            rows.push(values);
        }
    }
}

fn checks(session: &Session, rows: &mut Rows) {
    for table in session.catalog.tables() {
        for constraint in table.constraints.iter().filter(|it| matches!(it.rule, Rule::Check { .. })) {
            let text = pg_get_constraintdef(session.shown(), constraint.oid, false);
            let clause = text.as_deref().and_then(|text| text.strip_prefix("CHECK "));
            let mut values = constraint_name(session, table, &constraint.name).to_vec();
            values.push(at("check_clause", clause));
            rows.push(values);
        }
        for column in table.live().filter(|column| column.not_null) {
            let mut values = constraint_name(session, table, &not_null_name(table, column)).to_vec();
            values.push(at("check_clause", format!("{} IS NOT NULL", column.name)));
            rows.push(values);
        }
    }
}

fn sequences(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for it in catalog.sequences() {
        // That of an identity column is a part of its table.
        if is_of_identity(catalog, it) {
            continue;
        }
        let bits = match Type(it.type_oid) {
            Type::INT2 => 16,
            Type::INT4 => 32,
            _ => 64,
        };
        rows.push([
            at("sequence_catalog", database(session)),
            at("sequence_schema", schema(catalog, it.schema)),
            at("sequence_name", it.name.as_str()),
            at("data_type", catalog.type_name(Type(it.type_oid))),
            at("numeric_precision", bits),
            at("numeric_precision_radix", 2_i32),
            at("numeric_scale", 0_i32),
            at("start_value", it.start.to_string()),
            at("minimum_value", it.min.to_string()),
            at("maximum_value", it.max.to_string()),
            at("increment", it.increment.to_string()),
            at("cycle_option", yes(it.cycle)),
        ]);
    }
}

//! `information_schema.columns` and `element_types`: types taken apart into their names, lengths and precisions.

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::definitions::{column_default, format_type};
use bole_sql_dialect::catalog::{Column, Identity, Object, Sequence, Table};
use bole_sql_dialect::catalog::{collations, system};
use bole_sql_functions::Session;
use bole_sql_types::{Type, Value};

use super::super::row::{Rows, at};
use super::{database, schema, yes};

/// Bytes of a text without a limit, as PostgreSQL says.
const OCTETS: i32 = 1 << 30;

/// Length, precision and so on of a type.
fn measures(ty: Type, typmod: i32) -> Vec<(&'static str, Value)> {
    let with = |column: &'static str, value: i32| at(column, value);
    match ty {
        Type::VARCHAR | Type::BPCHAR if typmod >= 0 => {
            vec![
                with("character_maximum_length", typmod - 4),
                with("character_octet_length", (typmod - 4) * 4),
            ]
        }
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => vec![with("character_octet_length", OCTETS)],
        Type::INT2 => number(16, 2, Some(0)),
        Type::INT4 => number(32, 2, Some(0)),
        Type::INT8 => number(64, 2, Some(0)),
        Type::FLOAT4 => number(24, 2, None),
        Type::FLOAT8 => number(53, 2, None),
        Type::NUMERIC if typmod >= 0 => {
            let modifier = typmod - 4;
            number((modifier >> 16) & 0xffff, 10, Some(((modifier & 0x7ff) ^ 1_024) - 1_024))
        }
        Type::NUMERIC => vec![with("numeric_precision_radix", 10)],
        Type::DATE => vec![with("datetime_precision", 0)],
        Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            vec![with("datetime_precision", if typmod < 0 { 6 } else { typmod })]
        }
        Type::INTERVAL => {
            let precision = if typmod < 0 || typmod & 0xffff == 0xffff { 6 } else { typmod & 0xffff };
            vec![with("datetime_precision", precision)]
        }
        _ => Vec::new(),
    }
}

fn number(precision: i32, radix: i32, scale: Option<i32>) -> Vec<(&'static str, Value)> {
    vec![at("numeric_precision", precision), at("numeric_precision_radix", radix), at("numeric_scale", scale)]
}

/// The fields that an interval is limited to, in capitals.
fn interval_fields(catalog: &Catalog, ty: Type, typmod: i32) -> Option<String> {
    let shown = format_type(catalog, ty, typmod);
    let fields = shown.strip_prefix("interval ")?.split('(').next()?.to_uppercase();
    Some(fields).filter(|_| ty == Type::INTERVAL)
}

/// What a type is called: arrays and types of the user's by a word.
fn data_type(catalog: &Catalog, ty: Type) -> String {
    if catalog.element_of(ty).is_some() {
        "ARRAY".to_owned()
    } else if ty.is_user() {
        "USER-DEFINED".to_owned()
    } else {
        ty.info().map_or_else(String::new, |info| info.sql_name.to_owned())
    }
}

/// The type's name and schema in `pg_type`.
fn udt(session: &Session, ty: Type) -> Vec<(&'static str, Value)> {
    let catalog = &session.catalog;
    let (of, name) = match (catalog.enum_of(ty), catalog.enum_of_array(ty)) {
        (Some(it), _) => (schema(catalog, it.schema), it.name.clone()),
        (None, Some(it)) => (schema(catalog, it.schema), format!("_{}", it.name)),
        (None, None) => ("pg_catalog", ty.info().map_or_else(String::new, |info| info.name.to_owned())),
    };
    vec![at("udt_catalog", database(session)), at("udt_schema", of), at("udt_name", name)]
}

struct Place<'a> {
    schema: &'a str,
    relation: &'a str,
    /// Among all that the relation ever had.
    ordinal: i16,
}

fn push(
    session: &Session,
    rows: &mut Rows,
    place: &Place<'_>,
    column: &Column,
    more: Vec<(&'static str, Value)>,
) {
    let ty = column.ty();
    let mut values = vec![
        at("table_catalog", database(session)),
        at("table_schema", place.schema),
        at("table_name", place.relation),
        at("column_name", column.name.as_str()),
        at("ordinal_position", i32::from(place.ordinal)),
        at("is_nullable", yes(!column.not_null)),
        at("data_type", data_type(&session.catalog, ty)),
        at("interval_type", interval_fields(&session.catalog, ty, column.typmod)),
        at("dtd_identifier", place.ordinal.to_string()),
        at("is_self_referencing", "NO"),
        at("is_identity", yes(column.identity.is_some())),
        at("identity_cycle", "NO"),
        at("is_generated", if column.generated.is_some() { "ALWAYS" } else { "NEVER" }),
    ];
    values.extend(measures(ty, column.typmod));
    values.extend(udt(session, ty));
    if let Some(collation) = column.collation.and_then(collations::name) {
        values.extend([
            at("collation_catalog", database(session)),
            at("collation_schema", "pg_catalog"),
            at("collation_name", collation),
        ]);
    }
    values.extend(more);
    rows.push(values);
}

/// What identity columns say of their sequence.
fn identity(column: &Column, sequence: Option<&Sequence>) -> Vec<(&'static str, Value)> {
    let Some(kind) = column.identity else { return Vec::new() };
    let mut values =
        vec![at("identity_generation", if kind == Identity::Always { "ALWAYS" } else { "BY DEFAULT" })];
    if let Some(it) = sequence {
        values.extend([
            at("identity_start", it.start.to_string()),
            at("identity_increment", it.increment.to_string()),
            at("identity_maximum", it.max.to_string()),
            at("identity_minimum", it.min.to_string()),
            at("identity_cycle", yes(it.cycle)),
        ]);
    }
    values
}

fn table_columns(session: &Session, rows: &mut Rows, table: &Table) {
    let catalog = &session.catalog;
    for column in table.live() {
        let sequence = catalog
            .sequences()
            .find(|it| column.identity.is_some() && it.owner == Some((table.oid, column.number)));
        let shown = column_default(session.shown(), table, column.number);
        let (default, generation) = if column.generated.is_some() { (None, shown) } else { (shown, None) };
        let mut more = identity(column, sequence);
        more.extend([
            at("column_default", default),
            at("generation_expression", generation),
            at("is_updatable", "YES"),
        ]);
        let place =
            Place { schema: schema(catalog, table.schema), relation: &table.name, ordinal: column.number };
        push(session, rows, &place, column, more);
    }
}

/// The rows of `columns`.
pub(super) fn columns(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for relation in system::all() {
        for (at_place, (name, ty)) in relation.columns.iter().enumerate() {
            let ordinal = at_place as i16 + 1;
            let column = Column {
                number: ordinal,
                name: (*name).to_owned(),
                type_oid: ty.0,
                typmod: -1,
                not_null: relation.not_null[at_place],
                default: None,
                identity: None,
                generated: None,
                dropped: false,
                collation: None,
                comment: None,
            };
            let place = Place { schema: schema(catalog, relation.schema), relation: relation.name, ordinal };
            push(session, rows, &place, &column, vec![at("is_updatable", "NO")]);
        }
    }
    for object in catalog.objects.values() {
        match object.as_ref() {
            Object::Table(table) if table.materialized.is_none() => table_columns(session, rows, table),
            Object::View(view) => {
                for column in &view.columns {
                    let place = Place {
                        schema: schema(catalog, view.schema),
                        relation: &view.name,
                        ordinal: column.number,
                    };
                    push(session, rows, &place, column, vec![at("is_updatable", "NO")]);
                }
            }
            _ => {}
        }
    }
}

/// The rows of `element_types`: what arrays are of.
pub(super) fn element_types(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for object in catalog.objects.values() {
        let columns: Vec<&Column> = match object.as_ref() {
            Object::Table(table) if table.materialized.is_none() => table.live().collect(),
            Object::View(view) => view.columns.iter().collect(),
            _ => continue,
        };
        let kind = if object.noun() == "view" { "VIEW" } else { "TABLE" };
        for column in columns {
            let Some(element) = catalog.element_of(column.ty()) else { continue };
            let mut values = vec![
                at("object_catalog", database(session)),
                at("object_schema", schema(catalog, object.schema())),
                at("object_name", object.name()),
                at("object_type", kind),
                at("collection_type_identifier", column.number.to_string()),
                at("data_type", data_type(catalog, element)),
                at("dtd_identifier", format!("a{}", column.number)),
            ];
            values.extend(udt(session, element));
            rows.push(values);
        }
    }
}

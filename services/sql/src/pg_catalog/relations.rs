//! Relations and their columns: `pg_class`, `pg_attribute`, `pg_attrdef`, `pg_index`, `pg_sequence`, and PostgreSQL's views of them.

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::definitions::{column_default, pg_get_indexdef, pg_get_viewdef};
use bole_sql_dialect::catalog::system::{self, SystemRelation};
use bole_sql_dialect::catalog::temporary::is_temporary;
use bole_sql_dialect::catalog::{
    Column, INFORMATION_SCHEMA, Identity, Index, Object, PG_CATALOG, Rule, Sequence, Table,
};
use bole_sql_functions::Session;
use bole_sql_types::{Type, Value};

use super::Producer;
use super::row::{Rows, at, vector};

/// The OID of the one role.
pub(crate) const OWNER: u32 = 10;
/// The access method of tables.
const HEAP: u32 = 2;
const BTREE: u32 = 403;
const HASH: u32 = 405;

pub(super) const PRODUCERS: &[(u32, &str, Producer)] = &[
    (PG_CATALOG, "pg_class", classes),
    (PG_CATALOG, "pg_attribute", attributes),
    (PG_CATALOG, "pg_attrdef", defaults),
    (PG_CATALOG, "pg_index", indexes),
    (PG_CATALOG, "pg_sequence", sequences),
    (PG_CATALOG, "pg_tables", tables),
    (PG_CATALOG, "pg_views", views),
    (PG_CATALOG, "pg_matviews", materialized_views),
    (PG_CATALOG, "pg_indexes", index_definitions),
    (PG_CATALOG, "pg_sequences", sequence_values),
    (PG_CATALOG, "pg_stat_user_tables", table_statistics),
    (PG_CATALOG, "pg_stat_all_tables", table_statistics),
    (PG_CATALOG, "pg_statio_user_tables", table_statistics),
    (PG_CATALOG, "pg_stat_user_indexes", index_statistics),
    (PG_CATALOG, "pg_stat_all_indexes", index_statistics),
];

fn classes(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for relation in system::all() {
        let kind = if relation.view { 'v' } else { 'r' };
        class(
            rows,
            (relation.oid, relation.name, relation.schema),
            kind,
            relation.columns.len() as i16,
            vec![at("relam", if relation.view { 0 } else { HEAP }), at("relreplident", 'n')],
        );
    }
    for object in catalog.objects.values() {
        let name = (object.oid(), object.name(), object.schema());
        match object.as_ref() {
            Object::Table(table) => table_class(catalog, rows, table),
            Object::View(view) => class(
                rows,
                name,
                'v',
                view.columns.len() as i16,
                vec![at("relhasrules", true), at("relreplident", 'n')],
            ),
            Object::Sequence(_) => class(rows, name, 'S', 3, vec![at("relreplident", 'n')]),
            Object::Index(index) => {
                let columns = (index.keys.len() + index.include.len()) as i16;
                class(rows, name, 'i', columns, vec![at("relam", method(index)), at("relreplident", 'n')]);
            }
            Object::Schema(_) | Object::Enum(_) => {}
        }
    }
}

fn method(index: &Index) -> u32 {
    if index.method == "hash" { HASH } else { BTREE }
}

fn table_class(catalog: &Catalog, rows: &mut Rows, table: &Table) {
    let checks = table.constraints.iter().filter(|it| matches!(it.rule, Rule::Check { .. })).count() as i16;
    let references = table.constraints.iter().any(|it| matches!(it.rule, Rule::ForeignKey { .. }));
    let triggers = references || catalog.references_to(table.oid).next().is_some();
    class(
        rows,
        (table.oid, &table.name, table.schema),
        if table.materialized.is_some() { 'm' } else { 'r' },
        table.columns.len() as i16,
        vec![
            at("relam", HEAP),
            at("relhasindex", catalog.indexes_of(table.oid).next().is_some()),
            at("relchecks", checks),
            at("relhastriggers", triggers),
            at("relreplident", 'd'),
            at("relhasrules", table.materialized.is_some()),
            at("relispopulated", table.materialized.as_ref().is_none_or(|it| it.populated)),
        ],
    );
}

fn class(
    rows: &mut Rows,
    (oid, name, schema): (u32, &str, u32),
    kind: char,
    columns: i16,
    more: Vec<(&'static str, Value)>,
) {
    let mut values = vec![
        at("oid", oid),
        at("relname", name),
        at("relnamespace", schema),
        at("relowner", OWNER),
        at("relfilenode", oid),
        at("reltuples", Value::Real(-1.0)),
        at("relpersistence", if is_temporary(oid) { 't' } else { 'p' }),
        at("relkind", kind),
        at("relnatts", columns),
    ];
    if !more.iter().any(|(name, _)| *name == "relispopulated") {
        values.push(at("relispopulated", true));
    }
    values.extend(more);
    rows.push(values);
}

/// What `pg_attribute` takes from a column's type.
fn of_type(catalog: &Catalog, ty: Type) -> Vec<(&'static str, Value)> {
    let length = ty.info().map_or(if catalog.enum_of(ty).is_some() { 4 } else { -1 }, |info| info.length);
    let is_array = catalog.element_of(ty).is_some();
    let has_collation = [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(&ty)
        || catalog.element_of(ty).is_some_and(|it| [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(&it));
    let collation = if ty == Type::NAME {
        950
    } else if has_collation {
        100
    } else {
        0
    };
    let align = match length {
        2 => 's',
        8 if ty != Type::UUID => 'd',
        16 if ty == Type::INTERVAL => 'd',
        1 | 16 | 64 => 'c',
        _ => 'i',
    };
    let storage = if length == -1 { if ty == Type::NUMERIC { 'm' } else { 'x' } } else { 'p' };
    vec![
        at("atttypid", ty.0),
        at("attlen", length),
        at("attndims", i32::from(is_array)),
        at("attbyval", (1..=8).contains(&length)),
        at("attalign", align),
        at("attstorage", storage),
        at("attcollation", collation),
    ]
}

fn attribute(
    rows: &mut Rows,
    relation: u32,
    number: i16,
    name: &str,
    mut values: Vec<(&'static str, Value)>,
) {
    values.extend([
        at("attrelid", relation),
        at("attname", name),
        at("attnum", number),
        at("attstattarget", -1_i32),
        at("attcacheoff", -1_i32),
        at("attislocal", true),
    ]);
    rows.push(values);
}

fn attributes(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for relation in system::all() {
        for (place, (name, ty)) in relation.columns.iter().enumerate() {
            let mut values = of_type(catalog, *ty);
            values.extend([at("atttypmod", -1_i32), at("attnotnull", relation.not_null[place])]);
            attribute(rows, relation.oid, place as i16 + 1, name, values);
        }
    }
    for object in catalog.objects.values() {
        match object.as_ref() {
            Object::Table(table) => {
                table.columns.iter().for_each(|column| column_attribute(catalog, rows, table.oid, column));
            }
            Object::View(view) => {
                view.columns.iter().for_each(|column| column_attribute(catalog, rows, view.oid, column));
            }
            Object::Index(index) => index_attributes(catalog, rows, index),
            Object::Sequence(sequence) => {
                for (place, (name, ty)) in
                    [("last_value", Type::INT8), ("log_cnt", Type::INT8), ("is_called", Type::BOOL)]
                        .iter()
                        .enumerate()
                {
                    let mut values = of_type(catalog, *ty);
                    values.extend([at("atttypmod", -1_i32), at("attnotnull", true)]);
                    attribute(rows, sequence.oid, place as i16 + 1, name, values);
                }
            }
            Object::Schema(_) | Object::Enum(_) => {}
        }
    }
}

fn column_attribute(catalog: &Catalog, rows: &mut Rows, relation: u32, column: &Column) {
    let Column { number, name, not_null, default, identity, generated, dropped, typmod, .. } = column;
    let mut values = of_type(catalog, column.ty());
    let identity = match identity {
        Some(Identity::Always) => "a",
        Some(Identity::ByDefault) => "d",
        None => "",
    };
    values.extend([
        at("atttypmod", *typmod),
        at("attnotnull", *not_null),
        at("atthasdef", default.is_some() || generated.is_some()),
        at("attidentity", identity),
        at("attgenerated", if generated.is_some() { "s" } else { "" }),
        at("attisdropped", *dropped),
    ]);
    if let Some(collation) = column.collation {
        values.push(at("attcollation", collation));
    }
    if *dropped {
        values.push(at("atttypid", 0_u32));
        attribute(rows, relation, *number, &format!("........pg.dropped.{number}........"), values);
    } else {
        attribute(rows, relation, *number, name, values);
    }
}

fn index_attributes(catalog: &Catalog, rows: &mut Rows, index: &Index) {
    let Some(table) = catalog.table(index.table) else { return };
    let keys = index.keys.iter().map(|key| (key.column, key.expression.as_ref()));
    let included = index.include.iter().map(|column| (*column, None));
    for (place, (column, expression)) in keys.chain(included).enumerate() {
        let column = table.numbered(column);
        let ty = column.map_or(Type::TEXT, Column::ty);
        let mut values = of_type(catalog, ty);
        values.push(at("atttypmod", column.map_or(-1, |column| column.typmod)));
        let name = match (expression, column) {
            (None, Some(column)) => column.name.clone(),
            _ => "expr".to_owned(),
        };
        attribute(rows, index.oid, place as i16 + 1, &name, values);
    }
}

/// An OID for what has none here: a default, by its table and column. They are above those of objects, and below 2³².
pub(crate) const fn derived_oid(table: u32, number: i16) -> u32 {
    0x8000_0000 | ((table & 0x000f_ffff) << 11) | (number as u32 & 0x7ff)
}

fn defaults(session: &Session, rows: &mut Rows) {
    for table in session.catalog.tables() {
        for column in table.live() {
            if let Some(text) = column_default(session.shown(), table, column.number) {
                rows.push([
                    at("oid", derived_oid(table.oid, column.number)),
                    at("adrelid", table.oid),
                    at("adnum", column.number),
                    at("adbin", text),
                ]);
            }
        }
    }
}

fn indexes(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for index in catalog.indexes() {
        let Some(table) = catalog.table(index.table) else { continue };
        let primary = table.primary_key().is_some_and(|(_, oid)| oid == index.oid);
        let keys = index
            .keys
            .iter()
            .map(|key| i64::from(key.column))
            .chain(index.include.iter().map(|column| i64::from(*column)));
        let options =
            index.keys.iter().map(|key| i64::from(key.descending) | i64::from(key.nulls_first) << 1);
        let texts: Vec<String> = (1..)
            .zip(&index.keys)
            .filter(|(_, key)| key.expression.is_some())
            .filter_map(|(place, _)| pg_get_indexdef(session.shown(), index.oid, place, false))
            .collect();
        let zeros = || index.keys.iter().map(|_| 0);
        let collations = index.keys.iter().map(|key| {
            let column = table.numbered(key.column);
            let written = key.collation.or_else(|| column?.collation);
            let is_text = matches!(column.map(Column::ty), Some(Type::TEXT | Type::VARCHAR | Type::BPCHAR));
            i64::from(written.unwrap_or(if is_text { 100 } else { 0 }))
        });
        let predicate = index.predicate.as_ref().map(|text| {
            bole_sql_dialect::catalog::definitions::expression(session.shown(), Some(table), text, false)
        });
        rows.push([
            at("indexrelid", index.oid),
            at("indrelid", index.table),
            at("indnatts", (index.keys.len() + index.include.len()) as i16),
            at("indnkeyatts", index.keys.len() as i16),
            at("indisunique", index.unique),
            at("indnullsnotdistinct", index.nulls_not_distinct),
            at("indisprimary", primary),
            at("indimmediate", true),
            at("indisvalid", true),
            at("indisready", true),
            at("indislive", true),
            at("indkey", vector(keys)),
            at("indcollation", vector(collations)),
            at("indclass", vector(zeros())),
            at("indoption", vector(options)),
            at("indexprs", if texts.is_empty() { None } else { Some(texts.join(", ")) }),
            at("indpred", predicate),
        ]);
    }
}

/// Whether a sequence belongs to an identity column.
pub(super) fn is_of_identity(catalog: &Catalog, sequence: &Sequence) -> bool {
    let column = sequence.owner.and_then(|(table, number)| catalog.table(table)?.numbered(number));
    column.is_some_and(|column| column.identity.is_some())
}

fn sequences(session: &Session, rows: &mut Rows) {
    for it in session.catalog.sequences() {
        rows.push([
            at("seqrelid", it.oid),
            at("seqtypid", it.type_oid),
            at("seqstart", it.start),
            at("seqincrement", it.increment),
            at("seqmax", it.max),
            at("seqmin", it.min),
            at("seqcache", it.cache),
            at("seqcycle", it.cycle),
        ]);
    }
}

fn sequence_values(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for it in catalog.sequences() {
        rows.push([
            at("schemaname", catalog.schema_name(it.schema)),
            at("sequencename", it.name.as_str()),
            at("sequenceowner", session.user.as_str()),
            at("data_type", it.type_oid),
            at("start_value", it.start),
            at("min_value", it.min),
            at("max_value", it.max),
            at("increment_by", it.increment),
            at("cycle", it.cycle),
            at("cache_size", it.cache),
            at("last_value", session.effects.last_value(it.oid)),
        ]);
    }
}

fn schema_of(relation: &SystemRelation) -> &'static str {
    if relation.schema == INFORMATION_SCHEMA { "information_schema" } else { "pg_catalog" }
}

fn tables(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for relation in system::all().iter().filter(|relation| !relation.view) {
        rows.push([
            at("schemaname", schema_of(relation)),
            at("tablename", relation.name),
            at("tableowner", session.user.as_str()),
            at("hasindexes", false),
            at("hasrules", false),
            at("hastriggers", false),
            at("rowsecurity", false),
        ]);
    }
    for table in catalog.tables().filter(|table| table.materialized.is_none()) {
        let references = table.constraints.iter().any(|it| matches!(it.rule, Rule::ForeignKey { .. }));
        let triggers = references || catalog.references_to(table.oid).next().is_some();
        rows.push([
            at("schemaname", catalog.schema_name(table.schema)),
            at("tablename", table.name.as_str()),
            at("tableowner", session.user.as_str()),
            at("hasindexes", catalog.indexes_of(table.oid).next().is_some()),
            at("hasrules", false),
            at("hastriggers", triggers),
            at("rowsecurity", false),
        ]);
    }
}

fn views(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for view in catalog.views() {
        rows.push([
            at("schemaname", catalog.schema_name(view.schema)),
            at("viewname", view.name.as_str()),
            at("viewowner", session.user.as_str()),
            at("definition", pg_get_viewdef(session.shown(), view.oid, false)),
        ]);
    }
}

fn materialized_views(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for table in catalog.tables() {
        let Some(materialized) = &table.materialized else { continue };
        rows.push([
            at("schemaname", catalog.schema_name(table.schema)),
            at("matviewname", table.name.as_str()),
            at("matviewowner", session.user.as_str()),
            at("hasindexes", catalog.indexes_of(table.oid).next().is_some()),
            at("ispopulated", materialized.populated),
            at("definition", pg_get_viewdef(session.shown(), table.oid, false)),
        ]);
    }
}

fn index_definitions(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for index in catalog.indexes() {
        rows.push([
            at("schemaname", catalog.schema_name(index.schema)),
            at("tablename", catalog.table(index.table).map(|table| table.name.as_str())),
            at("indexname", index.name.as_str()),
            at("indexdef", pg_get_indexdef(session.shown(), index.oid, 0, false)),
        ]);
    }
}

fn table_statistics(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for table in catalog.tables() {
        rows.push([
            at("relid", table.oid),
            at("schemaname", catalog.schema_name(table.schema)),
            at("relname", table.name.as_str()),
        ]);
    }
}

fn index_statistics(session: &Session, rows: &mut Rows) {
    let catalog = &session.catalog;
    for index in catalog.indexes() {
        rows.push([
            at("relid", index.table),
            at("indexrelid", index.oid),
            at("schemaname", catalog.schema_name(index.schema)),
            at("relname", catalog.table(index.table).map(|table| table.name.as_str())),
            at("indexrelname", index.name.as_str()),
        ]);
    }
}

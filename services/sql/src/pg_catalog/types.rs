//! Types and what belongs to them: `pg_type`, `pg_enum`, and the fixed rows of operators, casts and functions.

use bole_sql_dialect::catalog::PG_CATALOG;
use bole_sql_functions::Session;
use bole_sql_types::Value;

use super::Producer;
use super::fixed;
use super::relations::{OWNER, derived_oid};
use super::row::{Rows, at};

pub(super) const PRODUCERS: &[(u32, &str, Producer)] = &[
    (PG_CATALOG, "pg_type", types),
    (PG_CATALOG, "pg_enum", labels),
    (PG_CATALOG, "pg_am", |_, rows| fixed::push(rows)),
    (PG_CATALOG, "pg_collation", |_, rows| fixed::push(rows)),
    (PG_CATALOG, "pg_language", |_, rows| fixed::push(rows)),
    (PG_CATALOG, "pg_cast", |_, rows| fixed::push(rows)),
    (PG_CATALOG, "pg_opfamily", |_, rows| fixed::push(rows)),
    (PG_CATALOG, "pg_opclass", |_, rows| fixed::push(rows)),
    (PG_CATALOG, "pg_amop", |_, rows| fixed::push(rows)),
    (PG_CATALOG, "pg_operator", |_, rows| fixed::push(rows)),
    (PG_CATALOG, "pg_proc", |_, rows| fixed::push(rows)),
];

/// OIDs of the functions that enums and arrays are read and written by.
const ENUM: [i64; 4] = [3_506, 3_507, 3_532, 3_533];
const ARRAY: [i64; 4] = [750, 751, 2_400, 2_401];

fn input_and_output([input, output, receive, send]: [i64; 4]) -> [(&'static str, Value); 4] {
    [at("typinput", input), at("typoutput", output), at("typreceive", receive), at("typsend", send)]
}

fn types(session: &Session, rows: &mut Rows) {
    fixed::push(rows);
    for it in session.catalog.enums() {
        let mut values = vec![
            at("oid", it.oid),
            at("typname", it.name.as_str()),
            at("typnamespace", it.schema),
            at("typowner", OWNER),
            at("typlen", 4_i16),
            at("typbyval", true),
            at("typtype", 'e'),
            at("typcategory", 'E'),
            at("typisdefined", true),
            at("typdelim", ','),
            at("typarray", it.array_oid),
            at("typalign", 'i'),
            at("typstorage", 'p'),
            at("typtypmod", -1_i32),
        ];
        values.extend(input_and_output(ENUM));
        rows.push(values);
        let mut values = vec![
            at("oid", it.array_oid),
            at("typname", format!("_{}", it.name)),
            at("typnamespace", it.schema),
            at("typowner", OWNER),
            at("typlen", -1_i16),
            at("typtype", 'b'),
            at("typcategory", 'A'),
            at("typisdefined", true),
            at("typdelim", ','),
            at("typelem", it.oid),
            at("typalign", 'i'),
            at("typstorage", 'x'),
            at("typtypmod", -1_i32),
            at("typsubscript", 6_179_i64),
        ];
        values.extend(input_and_output(ARRAY));
        rows.push(values);
    }
}

fn labels(session: &Session, rows: &mut Rows) {
    for it in session.catalog.enums() {
        for (place, label) in (1_i16..).zip(&it.labels) {
            rows.push([
                at("oid", derived_oid(it.oid, place)),
                at("enumtypid", it.oid),
                at("enumsortorder", Value::Real(f64::from(place))),
                at("enumlabel", label.name.as_str()),
            ]);
        }
    }
}

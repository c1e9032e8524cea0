//! Schemas and comments: `pg_namespace`, `pg_description`.

use bole_sql_dialect::catalog::names::quote;
use bole_sql_dialect::catalog::{INFORMATION_SCHEMA, Object, PG_CATALOG, PUBLIC};
use bole_sql_functions::Session;

use super::Producer;
use super::relations::OWNER;
use super::row::{Rows, at};

pub(super) const PRODUCERS: &[(u32, &str, Producer)] =
    &[(PG_CATALOG, "pg_namespace", schemas), (PG_CATALOG, "pg_description", comments)];

const PG_CLASS: u32 = 1_259;
const PG_TYPE: u32 = 1_247;
const PG_CONSTRAINT: u32 = 2_606;
const PG_NAMESPACE: u32 = 2_615;

fn schemas(session: &Session, rows: &mut Rows) {
    for (oid, name) in [(PG_CATALOG, "pg_catalog"), (INFORMATION_SCHEMA, "information_schema")] {
        rows.push([at("oid", oid), at("nspname", name), at("nspowner", OWNER)]);
    }
    for object in session.catalog.objects.values() {
        if let Object::Schema(schema) = object.as_ref() {
            let mut values =
                vec![at("oid", schema.oid), at("nspname", schema.name.as_str()), at("nspowner", OWNER)];
            if schema.oid == PUBLIC {
                // What PostgreSQL 15 begins with: the owner may do all, everybody may use it.
                let user = quote(&session.user);
                values.push(at("nspacl", format!("{{{user}=UC/{user},=U/{user}}}")));
            }
            rows.push(values);
        }
    }
}

fn comments(session: &Session, rows: &mut Rows) {
    let mut push = |class: u32, oid: u32, part: i32, comment: Option<&String>| {
        if let Some(comment) = comment {
            rows.push([
                at("objoid", oid),
                at("classoid", class),
                at("objsubid", part),
                at("description", comment.as_str()),
            ]);
        }
    };
    for object in session.catalog.objects.values() {
        let class = match object.as_ref() {
            Object::Schema(_) => PG_NAMESPACE,
            Object::Enum(_) => PG_TYPE,
            _ => PG_CLASS,
        };
        push(class, object.oid(), 0, object.comment());
        let columns = match object.as_ref() {
            Object::Table(table) => &table.columns,
            Object::View(view) => &view.columns,
            _ => continue,
        };
        for column in columns {
            push(PG_CLASS, object.oid(), i32::from(column.number), column.comment.as_ref());
        }
        if let Object::Table(table) = object.as_ref() {
            table.constraints.iter().for_each(|it| push(PG_CONSTRAINT, it.oid, 0, it.comment.as_ref()));
        }
    }
}

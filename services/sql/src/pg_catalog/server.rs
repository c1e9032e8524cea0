//! The server as a session sees it: databases, roles, settings, sessions.
//!
//! A session knows its own database, user and settings, and these are what is shown.

use bole_sql_dialect::catalog::PG_CATALOG;
use bole_sql_functions::Session;
use bole_sql_types::Value;

use super::Producer;
use super::fixed;
use super::relations::OWNER;
use super::row::{Rows, array, at};

pub(super) const PRODUCERS: &[(u32, &str, Producer)] = &[
    (PG_CATALOG, "pg_database", databases),
    (PG_CATALOG, "pg_roles", roles),
    (PG_CATALOG, "pg_authid", auth_ids),
    (PG_CATALOG, "pg_user", users),
    (PG_CATALOG, "pg_shadow", users),
    (PG_CATALOG, "pg_settings", settings),
    (PG_CATALOG, "pg_stat_activity", sessions),
    (PG_CATALOG, "pg_stat_database", database_statistics),
    (PG_CATALOG, "pg_cursors", cursors),
    (PG_CATALOG, "pg_prepared_statements", prepared_statements),
    (PG_CATALOG, "pg_tablespace", |_, rows| fixed::push(rows)),
];

/// The OID of the session's database: PostgreSQL's of the database `postgres`.
pub(crate) const DATABASE: u32 = 5;
/// The encoding UTF8.
const UTF8: i32 = 6;
/// The tablespace `pg_default`.
const DEFAULT_TABLESPACE: u32 = 1_663;

fn databases(session: &Session, rows: &mut Rows) {
    rows.push([
        at("oid", DATABASE),
        at("datname", session.catalog.database.as_str()),
        at("datdba", OWNER),
        at("encoding", UTF8),
        at("datlocprovider", 'c'),
        at("datallowconn", true),
        at("datconnlimit", -1_i32),
        at("dattablespace", DEFAULT_TABLESPACE),
        at("datcollate", "C"),
        at("datctype", "C.UTF-8"),
    ]);
}

fn rights(session: &Session) -> Vec<(&'static str, Value)> {
    vec![
        at("oid", OWNER),
        at("rolname", session.user.as_str()),
        at("rolsuper", true),
        at("rolinherit", true),
        at("rolcreaterole", false),
        at("rolcreatedb", true),
        at("rolcanlogin", true),
        at("rolreplication", false),
        at("rolbypassrls", true),
        at("rolconnlimit", -1_i32),
    ]
}

fn roles(session: &Session, rows: &mut Rows) {
    let mut values = rights(session);
    values.push(at("rolpassword", "********"));
    rows.push(values);
}

fn auth_ids(session: &Session, rows: &mut Rows) {
    rows.push(rights(session));
}

fn users(session: &Session, rows: &mut Rows) {
    rows.push([
        at("usename", session.user.as_str()),
        at("usesysid", OWNER),
        at("usecreatedb", true),
        at("usesuper", true),
        at("userepl", false),
        at("usebypassrls", true),
        at("passwd", "********"),
    ]);
}

fn settings(session: &Session, rows: &mut Rows) {
    for (name, value) in session.settings.iter() {
        rows.push([
            at("name", name.as_str()),
            at("setting", value.as_str()),
            at("category", "Settings"),
            at("short_desc", ""),
            at("context", "user"),
            at("vartype", "string"),
            at("source", "session"),
            at("boot_val", value.as_str()),
            at("reset_val", value.as_str()),
            at("pending_restart", false),
        ]);
    }
}

fn sessions(session: &Session, rows: &mut Rows) {
    rows.push([
        at("datid", DATABASE),
        at("datname", session.catalog.database.as_str()),
        at("pid", session.process_id),
        at("usesysid", OWNER),
        at("usename", session.user.as_str()),
        at("application_name", session.settings.get("application_name").map_or("", String::as_str)),
        at("xact_start", session.transaction_time),
        at("query_start", session.statement_time),
        at("state_change", session.statement_time),
        at("state", "active"),
        at("backend_type", "client backend"),
    ]);
}

fn cursors(session: &Session, rows: &mut Rows) {
    for cursor in session.effects.cursors() {
        rows.push([
            at("name", cursor.name),
            at("statement", cursor.statement),
            at("is_holdable", cursor.holdable),
            at("is_binary", cursor.binary),
            at("is_scrollable", cursor.scrollable),
            at("creation_time", cursor.created),
        ]);
    }
}

fn prepared_statements(session: &Session, rows: &mut Rows) {
    for statement in session.effects.prepared_statements() {
        rows.push([
            at("name", statement.name),
            at("statement", statement.statement),
            at("prepare_time", statement.prepared),
            at("parameter_types", array(statement.parameters.into_iter().map(i64::from))),
            at("from_sql", statement.from_sql),
            at("generic_plans", 0_i64),
            at("custom_plans", 0_i64),
        ]);
    }
}

fn database_statistics(session: &Session, rows: &mut Rows) {
    rows.push([at("datid", DATABASE), at("datname", session.catalog.database.as_str())]);
}

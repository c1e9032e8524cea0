//! The server as a session sees it: databases, roles, settings, sessions.
//!
//! A session knows all databases, and its own user and settings.

use bole_sql_dialect::catalog::PG_CATALOG;
use bole_sql_functions::Session;
use bole_sql_types::Value;

use super::Producer;
use super::fixed;
use super::relations::OWNER;
use super::row::{Rows, array, at};
use crate::session::settings::{SETTINGS, milliseconds};

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

/// The encoding UTF8.
const UTF8: i32 = 6;
/// The tablespace `pg_default`.
const DEFAULT_TABLESPACE: u32 = 1_663;

/// The session's database.
fn own_database(session: &Session) -> Option<u32> {
    let all = session.effects.databases();
    all.into_iter().find(|(_, name)| *name == session.catalog.database).map(|(oid, _)| oid)
}

fn databases(session: &Session, rows: &mut Rows) {
    for (oid, name) in session.effects.databases() {
        rows.push([
            at("oid", oid),
            at("datname", name),
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
}

fn is_superuser(session: &Session) -> bool {
    session.settings.get("is_superuser").is_some_and(|is| is == "on")
}

fn makes_databases(session: &Session) -> bool {
    session.effects.may(&session.user, "create")
}

fn rights(session: &Session) -> Vec<(&'static str, Value)> {
    vec![
        at("oid", OWNER),
        at("rolname", session.user.as_str()),
        at("rolsuper", is_superuser(session)),
        at("rolinherit", true),
        at("rolcreaterole", false),
        at("rolcreatedb", makes_databases(session)),
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
        at("usecreatedb", makes_databases(session)),
        at("usesuper", is_superuser(session)),
        at("userepl", false),
        at("usebypassrls", true),
        at("passwd", "********"),
    ]);
}

/// Those that PostgreSQL shows there: not who the user is, and not settings of the application's own.
fn settings(session: &Session, rows: &mut Rows) {
    for setting in SETTINGS {
        let Some(line) = fixed::line("pg_settings", setting.name) else { continue };
        let said: Vec<_> = line.split('\t').map(|text| Some(text).filter(|text| *text != "\\N")).collect();
        let [_, category, context, ty, unit, least, most, words] = said[..] else { continue };
        let plain = |text: &str| in_unit(text, unit);
        let now = session.settings.get(&setting.name.to_lowercase()).map_or("", String::as_str);
        let reset = session.effects.reset_value(setting.name).unwrap_or_else(|| now.to_owned());
        // What the server says of itself is so from the beginning.
        let internal = setting.kind.is_internal();
        let boot = if internal { &reset } else { setting.default };
        let bound = |of: Option<&'static str>| of.map(|bound| if internal { now } else { bound });
        let source = match (now == reset, reset == boot) {
            (true, true) => "default",
            (true, false) => "client",
            (false, _) => "session",
        };
        rows.push([
            at("name", setting.name),
            at("setting", plain(now)),
            at("unit", unit),
            at("category", category),
            at("short_desc", setting.description),
            at("context", context),
            at("vartype", ty),
            at("source", source),
            at("min_val", bound(least)),
            at("max_val", bound(most)),
            at("enumvals", words),
            at("boot_val", plain(boot)),
            at("reset_val", plain(&reset)),
            at("pending_restart", false),
        ]);
    }
}

/// A value without its unit.
fn in_unit(text: &str, unit: Option<&str>) -> String {
    let milliseconds = unit.and_then(|_| milliseconds(text));
    milliseconds.map_or_else(|| text.to_owned(), |value| value.to_string())
}

fn sessions(session: &Session, rows: &mut Rows) {
    rows.push([
        at("datid", own_database(session)),
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
    rows.push([at("datid", own_database(session)), at("datname", session.catalog.database.as_str())]);
}

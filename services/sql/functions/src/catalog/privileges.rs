//! `has_…_privilege`. The owner of a database may do everything in it; so what is asked is whether the object and the privilege exist.

use bole_sql_types::{Error, Result, SqlState, Value, ValueRef};

use super::{names, object, table};
use crate::call::{Arguments, boolean};
use crate::context::Session;
use crate::scalar::{Scalar, session};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    session(c"pg_has_table_privilege", 2, |of, session| held(of, session, 1, TABLE)).optional(1),
    session(c"pg_has_any_column_privilege", 2, |of, session| held(of, session, 1, COLUMN)).optional(1),
    session(c"pg_has_column_privilege", 3, column).optional(1),
    session(c"pg_has_sequence_privilege", 2, |of, session| held(of, session, 1, SEQUENCE)).optional(1),
    session(c"pg_has_schema_privilege", 2, schema).optional(1),
    session(c"pg_has_database_privilege", 2, |of, _| privilege(of, DATABASE)).optional(1),
    session(c"pg_has_function_privilege", 2, |of, _| privilege(of, &["EXECUTE"])).optional(1),
    session(c"pg_has_language_privilege", 2, |of, _| privilege(of, &["USAGE"])).optional(1),
    session(c"pg_has_foreign_data_wrapper_privilege", 2, |of, _| privilege(of, &["USAGE"])).optional(1),
    session(c"pg_has_server_privilege", 2, |of, _| privilege(of, &["USAGE"])).optional(1),
    session(c"pg_has_type_privilege", 2, |of, _| privilege(of, &["USAGE"])).optional(1),
    session(c"pg_has_tablespace_privilege", 2, |of, _| privilege(of, &["CREATE"])).optional(1),
    session(c"pg_has_role", 2, |of, _| privilege(of, &["USAGE", "MEMBER"])).optional(1),
    session(c"pg_row_security_active", 1, |_, _| boolean(false)),
];

const TABLE: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "RULE"];
const COLUMN: &[&str] = &["SELECT", "INSERT", "UPDATE", "REFERENCES"];
const SEQUENCE: &[&str] = &["USAGE", "SELECT", "UPDATE"];
const DATABASE: &[&str] = &["CREATE", "CONNECT", "TEMPORARY", "TEMP"];

/// Whether the last argument names privileges of a list. Errors: 22023.
fn privilege(of: &Arguments<'_, '_>, known: &[&str]) -> Result<Value> {
    for wanted in of.text(of.len() - 1)?.split(',') {
        let upper = wanted.trim().to_ascii_uppercase();
        let plain = upper.strip_suffix(" WITH GRANT OPTION").or(upper.strip_suffix(" WITH ADMIN OPTION"));
        if !known.contains(&plain.unwrap_or(&upper)) {
            let message = format!("unrecognized privilege type: \"{}\"", wanted.trim());
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
    }
    boolean(true)
}

/// The relation of an argument; none if its OID means nothing.
fn relation(of: &Arguments<'_, '_>, session: &Session, at: usize) -> Result<Option<u32>> {
    match of.value(at)? {
        ValueRef::Integer(oid) => {
            let oid = oid as u32;
            let is_there = oid < bole_sql_types::Type::FIRST_USER || object(session, oid).is_some();
            Ok(is_there.then_some(oid))
        }
        _ => names::relation(session, of.text(at)?).map(Some),
    }
}

/// On a relation: the argument before the privilege, and before the last `after` ones.
fn held(of: &Arguments<'_, '_>, session: &Session, after: usize, known: &[&str]) -> Result<Value> {
    match relation(of, session, of.len() - 1 - after)? {
        None => Ok(Value::Null),
        Some(_) => privilege(of, known),
    }
}

fn column(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let Some(oid) = relation(of, session, of.len() - 3)? else { return Ok(Value::Null) };
    let at = of.len() - 2;
    let is_there = match (table(session, oid), of.value(at)?) {
        (None, _) => true,
        (Some(table), ValueRef::Integer(number)) => {
            table.columns.iter().any(|column| i64::from(column.number) == number && !column.dropped)
        }
        (Some(table), _) => {
            let name = of.text(at)?;
            if !table.columns.iter().any(|column| column.name == name && !column.dropped) {
                let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
                return Err(Error::new(SqlState::UNDEFINED_COLUMN, message));
            }
            true
        }
    };
    if is_there { privilege(of, COLUMN) } else { Ok(Value::Null) }
}

fn schema(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let at = of.len() - 2;
    if let ValueRef::Text(name) = of.value(at)? {
        names::schema(session, name)?;
    }
    privilege(of, &["CREATE", "USAGE"])
}

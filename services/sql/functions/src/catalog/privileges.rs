//! `has_…_privilege`. Rights are given on a database as a whole: who may read it may read each table, and who may do everything may also grant.

use bole_sql_dialect::catalog::system::with_oid;
use bole_sql_dialect::catalog::{INFORMATION_SCHEMA, Object, PG_CATALOG, Table};
use bole_sql_types::{Error, Result, SqlState, Value, ValueRef};

use super::{OWNER, built_in, is_relation, names, table};
use crate::array;
use crate::call::{Arguments, boolean};
use crate::context::Session;
use crate::scalar::{Scalar, session};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    session(c"pg_has_table_privilege", 2, |of, session| on_relation(of, session, TABLE)).optional(1),
    session(c"pg_has_any_column_privilege", 2, |of, session| on_relation(of, session, COLUMN)).optional(1),
    session(c"pg_has_column_privilege", 3, on_column).optional(1),
    session(c"pg_has_sequence_privilege", 2, on_sequence).optional(1),
    session(c"pg_has_schema_privilege", 2, on_schema).optional(1),
    session(c"pg_has_database_privilege", 2, on_database).optional(1),
    session(c"pg_has_function_privilege", 2, |of, session| on_built_in(of, session, "pg_proc")).optional(1),
    session(c"pg_has_language_privilege", 2, |of, session| on_built_in(of, session, "pg_language"))
        .optional(1),
    session(c"pg_has_foreign_data_wrapper_privilege", 2, |of, session| {
        on_none(of, session, "foreign-data wrapper")
    })
    .optional(1),
    session(c"pg_has_server_privilege", 2, |of, session| on_none(of, session, "server")).optional(1),
    session(c"pg_has_type_privilege", 2, on_type).optional(1),
    session(c"pg_has_tablespace_privilege", 2, |of, session| on_built_in(of, session, "pg_tablespace"))
        .optional(1),
    session(c"pg_has_role", 2, on_role).optional(1),
    session(c"pg_row_security_active", 1, |of, session| {
        if let ValueRef::Text(name) = of.value(0)? {
            names::relation(session, name)?;
        }
        boolean(false)
    }),
];

/// What everybody and the owner may do with an object of each kind before anything is granted, as PostgreSQL writes it (`src/backend/utils/adt/acl.c`, `acldefault`).
const DEFAULTS: [(&str, &str, &str); 11] = [
    ("c", "", ""),
    ("r", "", "arwdDxt"),
    ("s", "", "rwU"),
    ("d", "Tc", "CTc"),
    ("f", "X", "X"),
    ("l", "U", "U"),
    ("L", "", "rw"),
    ("n", "", "UC"),
    ("p", "", "sA"),
    ("t", "", "C"),
    ("T", "U", "U"),
];

/// `acldefault(kind, owner)`.
pub(super) fn default_list(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let (kind, owner) = (of.text(0)?, of.integer(1)?);
    let found = match kind {
        // Foreign-data wrappers and servers.
        "F" | "S" => ("", "U"),
        kind => {
            let known = DEFAULTS.iter().find(|(it, ..)| *it == kind);
            let (_, everybody, its_owner) = known.ok_or_else(|| {
                let text = format!("unrecognized objtype abbreviation: {kind}");
                Error::new(SqlState::INTERNAL_ERROR, text)
            })?;
            (*everybody, *its_owner)
        }
    };
    let name = if owner == OWNER { session.user.clone() } else { owner.to_string() };
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let name = if is_plain { name } else { format!("\"{}\"", name.replace('"', "\"\"")) };
    let items =
        [("", found.0), (name.as_str(), found.1)].into_iter().filter(|(_, rights)| !rights.is_empty());
    let items: Vec<String> = items.map(|(who, rights)| format!("{who}={rights}/{name}")).collect();
    Ok(Value::Text(array::of_texts(items.iter().map(|item| Some(item.as_str())))))
}

/// A privilege, and what one must be allowed to do to have it; nothing for those that everybody has.
type Privilege = (&'static str, &'static str);

const TABLE: &[Privilege] = &[
    ("SELECT", "read"),
    ("INSERT", "write"),
    ("UPDATE", "write"),
    ("DELETE", "write"),
    ("TRUNCATE", "write"),
    ("REFERENCES", "schema"),
    ("TRIGGER", "schema"),
    ("RULE", NEVER),
];
const COLUMN: &[Privilege] =
    &[("SELECT", "read"), ("INSERT", "write"), ("UPDATE", "write"), ("REFERENCES", "schema")];
const SEQUENCE: &[Privilege] = &[("USAGE", "write"), ("SELECT", "read"), ("UPDATE", "write")];
const SCHEMA: &[Privilege] = &[("CREATE", "schema"), ("USAGE", "connect")];
const DATABASE: &[Privilege] =
    &[("CREATE", "schema"), ("CONNECT", "connect"), ("TEMPORARY", "read"), ("TEMP", "read")];
const USAGE: &[Privilege] = &[("USAGE", "")];
/// A privilege that PostgreSQL reads and no longer knows.
const NEVER: &str = "never";

/// Whether the session's user has one of the privileges that the last argument names. Errors: 22023.
fn held(of: &Arguments<'_, '_>, session: &Session, known: &[Privilege]) -> Result<Value> {
    let mut any = false;
    for wanted in of.text(of.len() - 1)?.split(',') {
        let upper = wanted.trim().to_ascii_uppercase();
        let plain = upper.strip_suffix(" WITH GRANT OPTION");
        let Some((_, action)) = known.iter().find(|(name, _)| *name == plain.unwrap_or(&upper)) else {
            return Err(unrecognized(wanted));
        };
        let may = action.is_empty() || session.effects.may(&session.user, action);
        any |= may && *action != NEVER && (plain.is_none() || is_superuser(session));
    }
    boolean(any)
}

fn unrecognized(privilege: &str) -> Error {
    let message = format!("unrecognized privilege type: \"{}\"", privilege.trim());
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn is_superuser(session: &Session) -> bool {
    session.settings.get("is_superuser").is_some_and(|is| is == "on")
}

/// Looks at the argument that names a role, if there is one before the last `count`. Errors: 42704; 0A000 for others than the session's user.
fn check_role(of: &Arguments<'_, '_>, session: &Session, count: usize) -> Result<()> {
    if of.len() > count { own_role(of, session, 0) } else { Ok(()) }
}

/// The catalog has one role, which is the session's user.
fn own_role(of: &Arguments<'_, '_>, session: &Session, at: usize) -> Result<()> {
    match of.value(at)? {
        ValueRef::Integer(OWNER) => Ok(()),
        ValueRef::Integer(_) => Err(Error::unsupported("privileges of a role that does not exist")),
        _ => match of.text(at)? {
            name if name == session.user => Ok(()),
            "public" => Err(Error::unsupported("privileges of public")),
            name => Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))),
        },
    }
}

/// The relation of an argument; none if its OID means nothing. Errors: 42P01.
fn relation(of: &Arguments<'_, '_>, session: &Session, at: usize) -> Result<Option<u32>> {
    match of.value(at)? {
        ValueRef::Integer(oid) => Ok(Some(oid as u32).filter(|oid| is_relation(session, *oid))),
        _ => names::relation(session, of.text(at)?).map(Some),
    }
}

/// System relations can be read by all, and changed by nobody, as far as it is known to clients who are no superusers.
fn on_known(of: &Arguments<'_, '_>, session: &Session, oid: u32, known: &[Privilege]) -> Result<Value> {
    if with_oid(oid).is_none() || is_superuser(session) {
        return held(of, session, known);
    }
    let for_all: Vec<Privilege> =
        known.iter().map(|(name, _)| (*name, if *name == "SELECT" { "" } else { NEVER })).collect();
    held(of, session, &for_all)
}

fn on_relation(of: &Arguments<'_, '_>, session: &Session, known: &[Privilege]) -> Result<Value> {
    check_role(of, session, 2)?;
    match relation(of, session, of.len() - 2)? {
        None => Ok(Value::Null),
        Some(oid) => on_known(of, session, oid, known),
    }
}

fn on_sequence(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    check_role(of, session, 2)?;
    let Some(oid) = relation(of, session, of.len() - 2)? else { return Ok(Value::Null) };
    match session.catalog.object(oid) {
        Some(Object::Sequence(_)) => held(of, session, SEQUENCE),
        object => {
            let name = object.map(Object::name).or(with_oid(oid).map(|relation| relation.name));
            let message = format!("\"{}\" is not a sequence", name.unwrap_or_default());
            Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message))
        }
    }
}

fn on_column(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    check_role(of, session, 3)?;
    let Some(oid) = relation(of, session, of.len() - 3)? else { return Ok(Value::Null) };
    let columns: Vec<(i16, &str)> = match (session.catalog.object(oid), with_oid(oid)) {
        (Some(Object::View(view)), _) => {
            view.columns.iter().map(|column| (column.number, column.name.as_str())).collect()
        }
        (None, Some(system)) => (1..).zip(system.columns.iter().map(|(name, _)| &**name)).collect(),
        _ => table(session, oid)
            .into_iter()
            .flat_map(Table::live)
            .map(|column| (column.number, column.name.as_str()))
            .collect(),
    };
    if let ValueRef::Integer(number) = of.value(of.len() - 2)? {
        if !columns.iter().any(|(known, _)| i64::from(*known) == number) {
            return Ok(Value::Null);
        }
    } else {
        let name = of.text(of.len() - 2)?;
        if !columns.iter().any(|(_, known)| *known == name) {
            let object = session.catalog.object(oid).map(Object::name);
            let relation = object.or(with_oid(oid).map(|relation| relation.name)).unwrap_or_default();
            let message = format!("column \"{name}\" of relation \"{relation}\" does not exist");
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, message));
        }
    }
    on_known(of, session, oid, COLUMN)
}

fn on_schema(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    check_role(of, session, 2)?;
    let oid = match of.value(of.len() - 2)? {
        ValueRef::Integer(oid) => oid as u32,
        _ => names::schema(session, of.text(of.len() - 2)?)?,
    };
    match session.catalog.object(oid) {
        Some(Object::Schema(_)) => held(of, session, SCHEMA),
        _ if oid == PG_CATALOG || oid == INFORMATION_SCHEMA => {
            let create = if is_superuser(session) { "" } else { NEVER };
            held(of, session, &[("CREATE", create), ("USAGE", "")])
        }
        _ => Ok(Value::Null),
    }
}

/// The name of the database of an argument; none if its OID means nothing. Errors: 3D000.
pub(super) fn database(of: &Arguments<'_, '_>, session: &Session, at: usize) -> Result<Option<String>> {
    let mut all = session.effects.databases().into_iter();
    if let ValueRef::Integer(oid) = of.value(at)? {
        return Ok(all.find(|(known, _)| i64::from(*known) == oid).map(|(_, name)| name));
    }
    let wanted = of.text(at)?;
    let found = all.map(|(_, name)| name).find(|name| name == wanted);
    let message = format!("database \"{wanted}\" does not exist");
    found.map(Some).ok_or_else(|| Error::new(SqlState::INVALID_CATALOG_NAME, message))
}

fn on_database(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    check_role(of, session, 2)?;
    match database(of, session, of.len() - 2)? {
        None => Ok(Value::Null),
        Some(name) if name == session.catalog.database => held(of, session, DATABASE),
        Some(_) => Err(Error::unsupported("privileges on another database")),
    }
}

fn on_type(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    check_role(of, session, 2)?;
    let ty = match of.value(of.len() - 2)? {
        ValueRef::Integer(oid) => oid as u32,
        _ => names::type_named(session, of.text(of.len() - 2)?)?,
    };
    if names::type_visible(session, ty).is_some() { held(of, session, USAGE) } else { Ok(Value::Null) }
}

/// Functions, languages, tablespaces. Names of functions are not looked up.
fn on_built_in(of: &Arguments<'_, '_>, session: &Session, relation: &str) -> Result<Value> {
    check_role(of, session, 2)?;
    let known: &[Privilege] = match relation {
        "pg_proc" => &[("EXECUTE", "")],
        "pg_tablespace" => &[("CREATE", "schema")],
        _ => USAGE,
    };
    match of.value(of.len() - 2)? {
        ValueRef::Integer(oid) if built_in::is_there(session, relation, oid) => held(of, session, known),
        ValueRef::Integer(_) => Ok(Value::Null),
        _ => Err(Error::unsupported("privileges on a function, language or tablespace by its name")),
    }
}

/// On what there is none of.
fn on_none(of: &Arguments<'_, '_>, session: &Session, kind: &str) -> Result<Value> {
    check_role(of, session, 2)?;
    let ValueRef::Text(name) = of.value(of.len() - 2)? else { return Ok(Value::Null) };
    Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("{kind} \"{name}\" does not exist")))
}

/// `pg_has_role`: the user is its own and only role.
fn on_role(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    check_role(of, session, 2)?;
    own_role(of, session, of.len() - 2)?;
    let wanted = of.text(of.len() - 1)?;
    for wanted in wanted.split(',') {
        let upper = wanted.trim().to_ascii_uppercase();
        let plain = upper.strip_suffix(" WITH GRANT OPTION").or(upper.strip_suffix(" WITH ADMIN OPTION"));
        if !matches!(plain.unwrap_or(&upper), "USAGE" | "MEMBER") {
            return Err(unrecognized(wanted));
        }
        if plain.is_some() && !is_superuser(session) {
            return boolean(false);
        }
    }
    boolean(true)
}

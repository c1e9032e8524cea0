//! Names of relations, types and schemas, read and written as the types `regclass`, `regtype` and `regnamespace` do.

use bole_sql_dialect::catalog::{Object, PG_CATALOG};
use bole_sql_types::{Error, Result, SqlState, Type, Value};

use super::object;
use crate::call::{Arguments, integer};
use crate::context::Session;
use crate::session::schema_name;
use crate::text::quote;

/// The OID of a written name: a number, or a name with a schema or without one.
fn number(text: &str) -> Option<u32> {
    if text == "-" {
        Some(0)
    } else {
        text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// The schemas to look in, and the name.
fn places(session: &Session, text: &str) -> Result<(Vec<u32>, String)> {
    let mut parts = quote::names(text, true)?;
    let name = parts.pop().unwrap_or_default();
    Ok(match parts.pop() {
        None => (session.search_path.clone(), name),
        Some(schema) => (find_schema_named(session, &schema).into_iter().collect(), name),
    })
}

/// The relation that text names, if there is one. Errors: the text is no name.
pub(crate) fn find_relation(session: &Session, text: &str) -> Result<Option<u32>> {
    if let Some(oid) = number(text) {
        return Ok(Some(oid));
    }
    let (schemas, name) = places(session, text)?;
    let in_schema = |schema: &u32| session.catalog.relations.get(&(*schema, name.clone())).copied();
    Ok(schemas.iter().find_map(in_schema))
}

/// The relation that text names. Errors: 42P01.
pub(crate) fn relation(session: &Session, text: &str) -> Result<u32> {
    let missing = || Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{text}\" does not exist"));
    find_relation(session, text)?.ok_or_else(missing)
}

fn find_schema_named(session: &Session, name: &str) -> Option<u32> {
    match name {
        "pg_catalog" => Some(PG_CATALOG),
        _ => session.catalog.schemas.get(name).copied(),
    }
}

/// The schema that text names, if there is one.
pub(crate) fn find_schema(session: &Session, text: &str) -> Option<u32> {
    number(text).or_else(|| {
        let name = quote::names(text, true).ok()?.pop()?;
        find_schema_named(session, &name)
    })
}

/// The schema that text names. Errors: 3F000.
pub(crate) fn schema(session: &Session, text: &str) -> Result<u32> {
    let missing = || Error::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{text}\" does not exist"));
    find_schema(session, text).ok_or_else(missing)
}

/// Names of types in SQL that are not those of `pg_type`.
const TYPE_NAMES: &[(&str, Type)] = &[
    ("decimal", Type::NUMERIC),
    ("dec", Type::NUMERIC),
    ("int", Type::INT4),
    ("float", Type::FLOAT8),
    ("timestamp", Type::TIMESTAMP),
    ("time", Type::TIME),
    ("varchar", Type::VARCHAR),
];

/// The type that text names, if there is one.
pub(crate) fn find_type(session: &Session, text: &str) -> Result<Option<u32>> {
    if let Some(oid) = number(text) {
        return Ok(Some(oid));
    }
    let base = text.trim();
    if let Some(element) = base.strip_suffix("[]") {
        let of = find_type(session, element)?;
        return Ok(of.and_then(|of| array_of(session, of)));
    }
    let without_length = base.split_once('(').map_or(base, |(name, _)| name.trim_end());
    let folded = without_length.to_ascii_lowercase();
    let plain = folded.strip_prefix("pg_catalog.").unwrap_or(&folded);
    if let Some((_, ty)) = TYPE_NAMES.iter().find(|(name, _)| *name == plain) {
        return Ok(Some(ty.0));
    }
    let known = Type::built_in().find(|info| info.name == plain || info.sql_name == plain);
    if let Some(info) = known {
        return Ok(Some(info.of.0));
    }
    let (schemas, name) = places(session, without_length)?;
    Ok(schemas.iter().find_map(|schema| session.catalog.types.get(&(*schema, name.clone())).copied()))
}

fn array_of(session: &Session, element: u32) -> Option<u32> {
    match object(session, element) {
        Some(Object::Enum(of)) => Some(of.array_oid),
        _ => Type(element).array().map(|ty| ty.0),
    }
}

/// The type that text names. Errors: 42704.
pub(crate) fn type_named(session: &Session, text: &str) -> Result<u32> {
    let missing = || Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{text}\" does not exist"));
    find_type(session, text)?.ok_or_else(missing)
}

/// Functions have no numbers here that their names could be looked up by.
pub(crate) fn function_number(text: &str) -> Result<Value> {
    match number(text) {
        Some(oid) => integer(oid),
        None => Err(Error::unsupported("a function's name as regproc")),
    }
}

/// The schema and the name of a relation.
fn placed(session: &Session, oid: u32) -> Option<(u32, &str)> {
    match object(session, oid)? {
        Object::Table(of) => Some((of.schema, &of.name)),
        Object::Index(of) => Some((of.schema, &of.name)),
        Object::View(of) => Some((of.schema, &of.name)),
        Object::Sequence(of) => Some((of.schema, &of.name)),
        Object::Schema(_) | Object::Enum(_) => None,
    }
}

/// The name of a relation.
pub(super) fn relation_name(session: &Session, oid: u32) -> Option<&str> {
    placed(session, oid).map(|(_, name)| name)
}

/// Whether a relation is found by its name alone; none if there is no such relation.
pub(super) fn visible(session: &Session, oid: u32) -> Option<bool> {
    match placed(session, oid) {
        Some((_, name)) => {
            let in_schema =
                |schema: &u32| session.catalog.relations.get(&(*schema, name.to_owned())).copied();
            Some(session.search_path.iter().find_map(in_schema) == Some(oid))
        }
        None if oid < Type::FIRST_USER && oid > 0 => Some(true),
        None => None,
    }
}

/// The same of types.
pub(super) fn type_visible(session: &Session, oid: u32) -> Option<bool> {
    match object(session, oid) {
        Some(Object::Enum(of)) => Some(session.search_path.contains(&of.schema)),
        _ => Type(oid).info().map(|_| true),
    }
}

/// A name, with its schema where it is not found without.
fn qualified(session: &Session, schema: u32, name: &str, alone: bool) -> String {
    let quoted = quote::identifier(name);
    match schema_name(session, schema) {
        Some(schema) if !alone => format!("{}.{quoted}", quote::identifier(schema)),
        _ => quoted,
    }
}

/// What a value of a `reg…` type is written as.
pub(crate) fn written(ty: Type, oid: u32, session: &Session) -> Result<String> {
    if oid == 0 {
        return Ok("-".to_owned());
    }
    Ok(match ty {
        Type::REGCLASS => match placed(session, oid) {
            Some((schema, name)) => qualified(session, schema, name, visible(session, oid) == Some(true)),
            None => oid.to_string(),
        },
        Type::REGTYPE => type_name(session, oid).unwrap_or_else(|| oid.to_string()),
        Type::REGNAMESPACE => schema_name(session, oid).map_or(oid.to_string(), quote::identifier),
        _ => oid.to_string(),
    })
}

/// The name of a type as SQL writes it.
pub(super) fn type_name(session: &Session, oid: u32) -> Option<String> {
    if let Some(info) = Type(oid).info() {
        return Some(info.sql_name.to_owned());
    }
    if let Some(Object::Enum(of)) = object(session, oid) {
        return Some(qualified(session, of.schema, &of.name, session.search_path.contains(&of.schema)));
    }
    let element = session.catalog.objects.values().find_map(|object| match &**object {
        Object::Enum(of) if of.array_oid == oid => Some(of.oid),
        _ => None,
    })?;
    type_name(session, element).map(|name| name + "[]")
}

/// `format_type(type, modifier)`.
pub(super) fn format_type(of: &Arguments<'_, '_>, session: &Session) -> Result<Option<String>> {
    if of.is_null(0) {
        return Ok(None);
    }
    let oid = of.integer(0)? as u32;
    if oid == 0 {
        return Ok(Some("-".to_owned()));
    }
    let modifier = if of.is_null(1) { None } else { Some(of.int4(1)?) };
    let Some(name) = type_name(session, oid) else { return Ok(Some("???".to_owned())) };
    let (base, brackets) = name.strip_suffix("[]").map_or((name.as_str(), ""), |base| (base, "[]"));
    let element = Type(oid).element().unwrap_or(Type(oid));
    Ok(Some(format!("{}{brackets}", modified(base, element, modifier))))
}

/// A type's name with its modifier. `character` without one means one character, so then it is `bpchar`.
fn modified(base: &str, ty: Type, modifier: Option<i32>) -> String {
    let given = modifier.filter(|modifier| *modifier >= 0);
    match (ty, given) {
        (Type::BPCHAR, None) if modifier.is_some() => "bpchar".to_owned(),
        (Type::BPCHAR | Type::VARCHAR, Some(modifier)) if modifier > 4 => format!("{base}({})", modifier - 4),
        (Type::NUMERIC, Some(modifier)) => match bole_sql_types::numeric::precision_and_scale(modifier) {
            Some((precision, scale)) => format!("{base}({precision},{scale})"),
            None => base.to_owned(),
        },
        (Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ, Some(digits)) => match base.split_once(' ') {
            Some((first, rest)) => format!("{first}({digits}) {rest}"),
            None => format!("{base}({digits})"),
        },
        (Type::INTERVAL, Some(modifier)) => interval(base, modifier),
        _ => base.to_owned(),
    }
}

/// Fields of an interval's modifier and how they are written.
const FIELDS: &[(i32, &str)] = &[
    (0x0004, " year"),
    (0x0002, " month"),
    (0x0008, " day"),
    (0x0400, " hour"),
    (0x0800, " minute"),
    (0x1000, " second"),
    (0x0006, " year to month"),
    (0x0408, " day to hour"),
    (0x0c08, " day to minute"),
    (0x1c08, " day to second"),
    (0x0c00, " hour to minute"),
    (0x1c00, " hour to second"),
    (0x1800, " minute to second"),
];

fn interval(base: &str, modifier: i32) -> String {
    let (range, digits) = ((modifier >> 16) & 0x7fff, modifier & 0xffff);
    let fields = FIELDS.iter().find(|(mask, _)| *mask == range).map_or("", |(_, fields)| fields);
    if digits == 0xffff { format!("{base}{fields}") } else { format!("{base}{fields}({digits})") }
}

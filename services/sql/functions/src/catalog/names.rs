//! Names of relations, types and schemas, read and written as the types `regclass`, `regtype` and `regnamespace` do.

use bole_sql_dialect::catalog::names::{Name, Relation};
use bole_sql_dialect::catalog::system::with_oid;
use bole_sql_dialect::catalog::{INFORMATION_SCHEMA, PG_CATALOG, definitions};
use bole_sql_types::{Error, Result, SqlState, Type, Value};

use crate::call::{Arguments, integer};
use crate::context::Session;
use crate::text::quote;

/// The OID of a written name: a number, or a name with a schema or without one.
fn number(text: &str) -> Option<u32> {
    if text == "-" {
        Some(0)
    } else {
        text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// A written name, taken apart.
fn name(text: &str) -> Result<Name> {
    let mut parts = quote::names(text, true)?;
    let name = parts.pop().unwrap_or_default();
    let schema = parts.pop();
    if !parts.is_empty() {
        return Err(Error::unsupported("a name with a database"));
    }
    Ok(Name { schema, name })
}

/// The relation that text names, if there is one. Errors: the text is no name.
pub(crate) fn find_relation(session: &Session, text: &str) -> Result<Option<u32>> {
    if let Some(oid) = number(text) {
        return Ok(Some(oid));
    }
    Ok(session.catalog.find_relation(&name(text)?, &session.search_path).map(|found| match found {
        Relation::User(object) => object.oid(),
        Relation::System(system) => system.oid,
    }))
}

/// The relation that text names. Errors: 42P01.
pub(crate) fn relation(session: &Session, text: &str) -> Result<u32> {
    let missing = || Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{text}\" does not exist"));
    find_relation(session, text)?.ok_or_else(missing)
}

/// The schema that text names, if there is one.
pub(crate) fn find_schema(session: &Session, text: &str) -> Option<u32> {
    number(text).or_else(|| {
        let name = quote::names(text, true).ok()?.pop()?;
        session.catalog.schema_oid(&name).ok()
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
        return Ok(of.and_then(|of| session.catalog.array_of(Type(of))).map(|ty| ty.0));
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
    Ok(session.catalog.find_type(&name(without_length)?, &session.search_path).map(|ty| ty.0))
}

/// The type that text names. Errors: 42704.
pub(crate) fn type_named(session: &Session, text: &str) -> Result<u32> {
    let missing = || Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{text}\" does not exist"));
    find_type(session, text)?.ok_or_else(missing)
}

/// The function that text names: all of ours are in `pg_catalog`. Errors: 42883, or 42725 where it names several.
fn function(session: &Session, text: &str) -> Result<u32> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    let named = name(text)?;
    if let Some(of) = &named.schema {
        session.catalog.schema_oid(of)?;
    }
    let is_ours = named.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
    let found = if is_ours { session.effects.functions_named(&named.name) } else { Vec::new() };
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("function \"{text}\" does not exist"))),
        _ => {
            Err(Error::new(SqlState::AMBIGUOUS_FUNCTION, format!("more than one function named \"{text}\"")))
        }
    }
}

/// The same as a value.
pub(crate) fn function_number(session: &Session, text: &str) -> Result<Value> {
    integer(function(session, text)?)
}

/// A function as `regproc` writes it: with its schema where its name alone would mean several.
fn function_name(session: &Session, oid: u32) -> Option<String> {
    let name = session.effects.function_name(oid)?;
    let quoted = quote::identifier(&name);
    let is_one = session.effects.functions_named(&name).len() == 1;
    Some(if is_one { quoted } else { format!("pg_catalog.{quoted}") })
}

/// Whether a relation is found by its name alone; none if there is no such relation.
pub(super) fn visible(session: &Session, oid: u32) -> Option<bool> {
    let catalog = &session.catalog;
    if with_oid(oid).is_some_and(|relation| relation.schema == PG_CATALOG) {
        return Some(true);
    }
    if with_oid(oid).is_some() {
        return Some(session.search_path.contains(&INFORMATION_SCHEMA));
    }
    let name = catalog.object(oid).filter(|_| catalog.is_relation(oid))?.name();
    let found = catalog.find_relation(&Name::new(None, name), &session.search_path);
    Some(matches!(found, Some(Relation::User(found)) if found.oid() == oid))
}

/// The same of types.
pub(super) fn type_visible(session: &Session, oid: u32) -> Option<bool> {
    match session.catalog.enum_of(Type(oid)).or_else(|| session.catalog.enum_of_array(Type(oid))) {
        Some(of) => Some(session.search_path.contains(&of.schema)),
        None => Type(oid).info().map(|_| true),
    }
}

/// What a name stands for that is written for a value of a `reg…` type; `None` for types that are no such.
pub fn meant(ty: Type, text: &str, session: &Session) -> Option<Result<u32>> {
    match ty {
        Type::REGCLASS => Some(relation(session, text)),
        Type::REGTYPE => Some(type_named(session, text)),
        Type::REGNAMESPACE => Some(schema(session, text)),
        Type::REGPROC => Some(function(session, text)),
        _ => None,
    }
}

/// What a value of a `reg…` type is written as: the name of what it stands for, as far as the search path needs it.
pub fn written(ty: Type, oid: u32, session: &Session) -> Result<String> {
    if oid == 0 {
        return Ok("-".to_owned());
    }
    let catalog = &session.catalog;
    let known = match ty {
        Type::REGCLASS => match with_oid(oid) {
            Some(system) if visible(session, oid) == Some(true) => Some(system.name.to_owned()),
            Some(system) => Some(format!("information_schema.{}", system.name)),
            None => {
                let relation = catalog.object(oid).filter(|_| catalog.is_relation(oid));
                relation.map(|object| catalog.qualified(object, &session.search_path))
            }
        },
        Type::REGTYPE => type_name(session, oid),
        Type::REGNAMESPACE => catalog.schema_name(oid).map(quote::identifier),
        Type::REGPROC => function_name(session, oid),
        _ => None,
    };
    Ok(known.unwrap_or_else(|| oid.to_string()))
}

/// The name of a type as SQL writes it.
fn type_name(session: &Session, oid: u32) -> Option<String> {
    let catalog = &session.catalog;
    if let Some(info) = Type(oid).info() {
        return Some(info.sql_name.to_owned());
    }
    if catalog.enum_of(Type(oid)).is_some() {
        return catalog.object(oid).map(|object| catalog.qualified(object, &session.search_path));
    }
    type_name(session, catalog.enum_of_array(Type(oid))?.oid).map(|name| name + "[]")
}

/// `format_type(type, modifier)`.
pub(super) fn format_type(of: &Arguments<'_, '_>, session: &Session) -> Result<Option<String>> {
    if of.is_null(0) {
        return Ok(None);
    }
    let oid = of.integer(0)? as u32;
    let modifier = if of.is_null(1) { None } else { Some(of.int4(1)?) };
    if let Some(modifier) = modifier.filter(|modifier| *modifier >= 0)
        && Type(oid) == Type::INTERVAL
        && !definitions::is_interval_modifier(modifier)
    {
        let message = format!("invalid INTERVAL typmod: {modifier:#x}");
        return Err(Error::new(SqlState::INTERNAL_ERROR, message));
    }
    Ok(Some(match (oid, modifier) {
        (0, _) => "-".to_owned(),
        (_, None) => type_name(session, oid).unwrap_or_else(|| "???".to_owned()),
        _ if Type(oid).is_user() => type_name(session, oid).unwrap_or_else(|| "???".to_owned()),
        (_, Some(modifier)) => definitions::format_type(session.shown(), Type(oid), modifier),
    }))
}

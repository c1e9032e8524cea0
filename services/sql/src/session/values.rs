//! Values between clients and storage forms: the types of users, which only the catalog knows, included.

use bole_sql_dialect::Catalog;
use bole_sql_functions::Session as Names;
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value, ValueRef, array, binary, text};

use crate::protocol::body::not_utf8;
use crate::protocol::frontend::Format;

/// PostgreSQL's `typlen`.
pub(crate) fn type_length(ty: Type) -> i16 {
    // An enum takes four bytes there; arrays of users' types vary, and are not told apart here without a catalog.
    ty.info().map_or(4, |info| info.length)
}

/// Reads a parameter.
pub(crate) fn input(
    catalog: &Catalog,
    ty: Type,
    bytes: Option<&[u8]>,
    format: Format,
    style: &Style,
) -> Result<Value> {
    let Some(bytes) = bytes else { return Ok(Value::Null) };
    if format == Format::Binary && !ty.is_user() {
        return binary::input(ty, -1, bytes, style);
    }
    if format == Format::Binary
        && let Some(element) = catalog.element_of(ty)
    {
        let place = |label: &[u8]| {
            let label = std::str::from_utf8(label).map_err(|_| not_utf8(label))?;
            place(catalog, element, label).map(|place| place.to_string())
        };
        return binary::receive_array(element, bytes, place).map(Value::Text);
    }
    let given = std::str::from_utf8(bytes).map_err(|_| not_utf8(bytes))?;
    input_text(catalog, ty, -1, given, style)
}

/// The place of an enum's label.
fn place(catalog: &Catalog, ty: Type, label: &str) -> Result<i64> {
    catalog.label_place(ty, label).ok_or_else(|| {
        let message = format!("invalid input value for enum {}: \"{label}\"", catalog.type_name(ty));
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
    })
}

/// Reads a value's text.
pub(crate) fn input_text(
    catalog: &Catalog,
    ty: Type,
    typmod: i32,
    given: &str,
    style: &Style,
) -> Result<Value> {
    if !ty.is_user() {
        return text::input(ty, typmod, given, style);
    }
    match catalog.element_of(ty) {
        None => place(catalog, ty, given).map(Value::Integer),
        Some(element) => {
            let places = |label: &str| place(catalog, element, label).map(|place| place.to_string());
            let labels = text::input(Type::TEXT.array().unwrap_or(Type::TEXT), -1, given, style)?;
            match labels {
                Value::Text(labels) => array::map_elements(&labels, places).map(Value::Text),
                other => Ok(other),
            }
        }
    }
}

/// Whether values of a type are written as names that only a session knows.
pub(crate) fn is_named(ty: Type) -> bool {
    let ty = ty.element().unwrap_or(ty);
    matches!(ty, Type::REGCLASS | Type::REGTYPE | Type::REGPROC | Type::REGNAMESPACE)
}

/// Writes the name that a value stands for, or an array of them.
fn output_name(ty: Type, value: ValueRef<'_>, session: &Names, out: &mut Vec<u8>) -> Result<()> {
    let name = |ty: Type, oid: i64| bole_sql_functions::object_name(ty, oid as u32, session);
    match (ty.element(), value) {
        (None, ValueRef::Integer(oid)) => out.extend_from_slice(name(ty, oid)?.as_bytes()),
        (Some(element), ValueRef::Text(oids)) => {
            let written = array::map_elements(oids, |oid| {
                let oid = oid.parse().map_err(|_| Error::new(SqlState::DATA_CORRUPTED, "an OID"))?;
                name(element, oid)
            })?;
            out.extend_from_slice(written.as_bytes());
        }
        _ => return Err(Error::new(SqlState::DATA_CORRUPTED, "a value is not in the form of its type")),
    }
    Ok(())
}

/// Writes a value that is not NULL. `names` is there if [`is_named`] holds for the type.
pub(crate) fn output(
    catalog: &Catalog,
    ty: Type,
    value: ValueRef<'_>,
    format: Format,
    style: &Style,
    names: Option<&Names>,
    out: &mut Vec<u8>,
) -> Result<()> {
    if format == Format::Text
        && is_named(ty)
        && let Some(names) = names
    {
        return output_name(ty, value, names, out);
    }
    if !ty.is_user() {
        return match format {
            Format::Text => text::output(ty, value, style, out),
            Format::Binary => binary::output(ty, value, out),
        };
    }
    let label = |ty: Type, place: i64| {
        catalog.label_at(ty, place).map(str::to_owned).ok_or_else(|| {
            let message = format!("enum {} has no label at {place}", catalog.type_name(ty));
            Error::new(SqlState::DATA_CORRUPTED, message)
        })
    };
    match (catalog.element_of(ty), value) {
        (None, ValueRef::Integer(place)) => out.extend_from_slice(label(ty, place)?.as_bytes()),
        (Some(element), ValueRef::Text(places)) => {
            let label = |place: &str| {
                let place =
                    place.parse().map_err(|_| Error::new(SqlState::DATA_CORRUPTED, "an enum's place"))?;
                label(element, place)
            };
            match format {
                Format::Text => out.extend_from_slice(array::map_elements(places, label)?.as_bytes()),
                Format::Binary => binary::send_array(element, places, out, |place, out| {
                    out.extend_from_slice(label(place)?.as_bytes());
                    Ok(())
                })?,
            }
        }
        _ => return Err(Error::new(SqlState::DATA_CORRUPTED, "a value is not in the form of its type")),
    }
    Ok(())
}

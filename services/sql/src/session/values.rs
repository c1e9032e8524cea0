//! Values between clients and storage forms: the types of users, which only the catalog knows, included.

use bole_sql_dialect::Catalog;
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
    let given = std::str::from_utf8(bytes).map_err(|_| not_utf8(bytes))?;
    input_text(catalog, ty, -1, given, style)
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
    let place = |ty: Type, label: &str| {
        catalog.label_place(ty, label).ok_or_else(|| {
            let message = format!("invalid input value for enum {}: \"{label}\"", catalog.type_name(ty));
            Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
        })
    };
    match catalog.element_of(ty) {
        None => place(ty, given).map(Value::Integer),
        Some(element) => {
            let places = |label: &str| place(element, label).map(|place| place.to_string());
            let labels = text::input(Type::TEXT.array().unwrap_or(Type::TEXT), -1, given, style)?;
            match labels {
                Value::Text(labels) => array::map_elements(&labels, places).map(Value::Text),
                other => Ok(other),
            }
        }
    }
}

/// Writes a value that is not NULL.
pub(crate) fn output(
    catalog: &Catalog,
    ty: Type,
    value: ValueRef<'_>,
    format: Format,
    style: &Style,
    out: &mut Vec<u8>,
) -> Result<()> {
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
            let labels = array::map_elements(places, |place| {
                let place =
                    place.parse().map_err(|_| Error::new(SqlState::DATA_CORRUPTED, "an enum's place"))?;
                label(element, place)
            })?;
            match format {
                Format::Text => out.extend_from_slice(labels.as_bytes()),
                Format::Binary => return Err(Error::unsupported("the binary format of arrays of enums")),
            }
        }
        _ => return Err(Error::new(SqlState::DATA_CORRUPTED, "a value is not in the form of its type")),
    }
    Ok(())
}

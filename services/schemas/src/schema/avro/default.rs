//! Whether the default of a field is a value of its type (specification, "Complex Types", table of field default values).

use super::{Primitive, Schema, Type, TypeId};
use crate::schema::json::Json;

/// Checks the default of a record's field.
pub(super) fn check(schema: &Schema, record: TypeId, index: usize) -> Result<(), String> {
    let Type::Record(record) = schema.get(record) else { return Ok(()) };
    let field = &record.fields[index];
    let Some(value) = &field.default else { return Ok(()) };
    if fits(schema, field.of, value) {
        return Ok(());
    }
    let shown: String = value.to_string().chars().take(100).collect();
    Err(format!(
        "record \"{}\": the default {shown} of field \"{}\" is not a value of its type, {}",
        record.named.full,
        field.name,
        schema.get(field.of).word()
    ))
}

/// Each level of types takes a level of the value, except unions, which do not nest; so the value's depth is the bound.
fn fits(schema: &Schema, id: TypeId, value: &Json) -> bool {
    match schema.get(id) {
        Type::Primitive(primitive) => fits_primitive(*primitive, value),
        Type::Array(of) => {
            value.as_array().is_some_and(|items| items.iter().all(|item| fits(schema, *of, item)))
        }
        Type::Map(of) => {
            value.as_object().is_some_and(|members| members.iter().all(|(_, item)| fits(schema, *of, item)))
        }
        Type::Union(branches) => branches.iter().any(|branch| fits(schema, *branch, value)),
        Type::Record(record) => {
            value.as_object().is_some()
                && record.fields.iter().all(|field| match value.get(&field.name) {
                    Some(inner) => fits(schema, field.of, inner),
                    None => field.default.is_some(),
                })
        }
        Type::Enum(symbols) => {
            value.as_str().is_some_and(|text| symbols.symbols.iter().any(|symbol| symbol == text))
        }
        Type::Fixed(_) => is_bytes(value),
        Type::Open => false,
    }
}

fn fits_primitive(primitive: Primitive, value: &Json) -> bool {
    match primitive {
        Primitive::Null => *value == Json::Null,
        Primitive::Boolean => matches!(value, Json::Bool(_)),
        Primitive::Int => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        Primitive::Long => value.as_i64().is_some(),
        Primitive::Float | Primitive::Double => {
            value.as_f64().is_some() || matches!(value.as_str(), Some("NaN" | "Infinity" | "-Infinity"))
        }
        Primitive::Bytes => is_bytes(value),
        Primitive::String => value.as_str().is_some(),
    }
}

/// Bytes are text whose characters are U+0000 to U+00FF.
fn is_bytes(value: &Json) -> bool {
    value.as_str().is_some_and(|text| text.chars().all(|letter| u32::from(letter) < 256))
}

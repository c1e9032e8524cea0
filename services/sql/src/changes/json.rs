//! Values as JSON: numbers as numbers with all their digits, booleans as such, everything else as PostgreSQL's text of it in ISO style and UTC. Who casts the text
//! to the column's type has the value.

use bole_shard::changes::put_text;
use bole_sql_dialect::Catalog;
use bole_sql_types::{Style, Type, Value, ValueRef};
use rusqlite::types::ValueRef as Stored;

use crate::protocol::frontend::Format;
use crate::session::values;

/// Appends a value of a column of type `ty`. One that is not in the form of its type stands as what is stored.
pub(super) fn put_value(out: &mut Vec<u8>, catalog: &Catalog, ty: Type, value: Stored<'_>, style: &Style) {
    let value = match value {
        Stored::Null => return out.extend_from_slice(b"null"),
        Stored::Integer(value) => ValueRef::Integer(value),
        Stored::Real(value) => ValueRef::Real(value),
        Stored::Blob(bytes) => ValueRef::Blob(bytes),
        Stored::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => ValueRef::Text(text),
            Err(_) => ValueRef::Blob(bytes),
        },
    };
    if let (Type::BOOL, ValueRef::Integer(value)) = (ty, value) {
        return out.extend_from_slice(if value == 0 { b"false" } else { b"true" });
    }
    let mut text = Vec::new();
    if values::output(catalog, ty, value, Format::Text, style, None, &mut text).is_err() {
        text.clear();
        put_stored(&mut text, value);
    }
    let text = String::from_utf8_lossy(&text);
    if is_number(ty) && text.bytes().any(|byte| byte.is_ascii_digit()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        put_text(out, &text);
    }
}

/// Whether values of a type are numbers: all but NaN and the infinite ones, which JSON has not.
const fn is_number(ty: Type) -> bool {
    matches!(
        ty,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC
    )
}

fn put_stored(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value.to_owned() {
        Value::Null => {}
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Real(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Blob(bytes) => {
            out.extend_from_slice(b"\\x");
            for byte in bytes {
                out.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
        }
    }
}

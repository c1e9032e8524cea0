//! Casts: text to values and back, and type modifiers.

use bole_sql_dialect::catalog::Enum;
use bole_sql_types::datetime::{interval::Interval, round_to};
use bole_sql_types::numeric::Numeric;
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value, ValueRef, array as arrays, text as forms};

use crate::call::{Arguments, integer, real, text};
use crate::context::Context;
use crate::scalar::{Scalar, contextual, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_bool_text", 1, |of| read(of, Type::BOOL)),
    strict(c"pg_int2_text", 1, |of| read(of, Type::INT2)),
    strict(c"pg_int4_text", 1, |of| read(of, Type::INT4)),
    strict(c"pg_int8_text", 1, |of| read(of, Type::INT8)),
    strict(c"pg_oid_text", 1, |of| read(of, Type::OID)),
    strict(c"pg_float4_text", 1, |of| read(of, Type::FLOAT4)),
    strict(c"pg_float8_text", 1, |of| read(of, Type::FLOAT8)),
    strict(c"pg_numeric_text", 1, |of| read(of, Type::NUMERIC)),
    strict(c"pg_name_text", 1, |of| read(of, Type::NAME)),
    strict(c"pg_char_text", 1, |of| read(of, Type::CHAR)),
    strict(c"pg_bytea_text", 1, |of| read(of, Type::BYTEA)),
    strict(c"pg_uuid_text", 1, |of| read(of, Type::UUID)),
    strict(c"pg_json_text", 1, |of| read(of, Type::JSON)),
    strict(c"pg_jsonb_json", 1, |of| read(of, Type::JSONB)),
    strict(c"pg_jsonpath_text", 1, |of| read(of, Type::JSONPATH)),
    strict(c"pg_interval_text", 1, |of| read(of, Type::INTERVAL)),
    contextual(c"pg_date_text", 1, |of, context| read_in(of, Type::DATE, context)),
    contextual(c"pg_time_text", 1, |of, context| read_in(of, Type::TIME, context)),
    contextual(c"pg_timestamp_text", 1, |of, context| read_in(of, Type::TIMESTAMP, context)),
    contextual(c"pg_timestamptz_text", 1, |of, context| read_in(of, Type::TIMESTAMPTZ, context)),
    contextual(c"pg_text_float4", 1, |of, context| write_in(of, Type::FLOAT4, context)),
    contextual(c"pg_text_float8", 1, |of, context| write_in(of, Type::FLOAT8, context)),
    contextual(c"pg_text_bytea", 1, |of, context| write_in(of, Type::BYTEA, context)),
    strict(c"pg_text_uuid", 1, |of| text(forms::to_string(Type::UUID, of.value(0)?, &Style::default())?)),
    contextual(c"pg_text_date", 1, |of, context| write_in(of, Type::DATE, context)),
    strict(c"pg_text_time", 1, |of| text(forms::to_string(Type::TIME, of.value(0)?, &Style::default())?)),
    contextual(c"pg_text_timestamp", 1, |of, context| write_in(of, Type::TIMESTAMP, context)),
    contextual(c"pg_text_timestamptz", 1, |of, context| write_in(of, Type::TIMESTAMPTZ, context)),
    strict(c"pg_text_interval", 1, |of| {
        text(forms::to_string(Type::INTERVAL, of.value(0)?, &Style::default())?)
    }),
    contextual(c"pg_output", 2, |of, context| text(output(of.ty(0)?, of.value(1)?, context)?)),
    contextual(c"pg_input", 2, |of, context| input(of.ty(0)?, of.text(1)?, context)),
    strict(c"pg_element", 2, |of| element(of.ty(0)?, of.value(1)?)),
    strict(c"pg_array_typmod", 4, array_modified),
    strict(c"pg_numeric_typmod", 2, |of| {
        text(Numeric::parse(of.text(0)?)?.with_typmod(of.int4(1)?)?.to_string())
    }),
    strict(c"pg_bpchar_typmod", 3, |of| {
        text(forms::with_length(Type::BPCHAR, of.int4(1)?, of.text(0)?, of.boolean(2)?)?)
    }),
    strict(c"pg_varchar_typmod", 3, |of| {
        text(forms::with_length(Type::VARCHAR, of.int4(1)?, of.text(0)?, of.boolean(2)?)?)
    }),
    strict(c"pg_time_typmod", 2, |of| integer(rounded(of)?)),
    strict(c"pg_timestamp_typmod", 2, |of| integer(rounded(of)?)),
    strict(c"pg_timestamptz_typmod", 2, |of| integer(rounded(of)?)),
    strict(c"pg_interval_typmod", 2, |of| {
        text(Interval::from_storage(of.text(0)?)?.with_typmod(of.int4(1)?).to_storage())
    }),
    strict(c"pg_int2_numeric", 1, |of| integer(Numeric::parse(of.text(0)?)?.to_integer(Type::INT2)?)),
    strict(c"pg_int4_numeric", 1, |of| integer(Numeric::parse(of.text(0)?)?.to_integer(Type::INT4)?)),
    strict(c"pg_int8_numeric", 1, |of| integer(Numeric::parse(of.text(0)?)?.to_integer(Type::INT8)?)),
    strict(c"pg_float4_numeric", 1, |of| real(Numeric::parse(of.text(0)?)?.to_f32()?.into())),
    strict(c"pg_float8_numeric", 1, |of| real(Numeric::parse(of.text(0)?)?.to_f64()?)),
    strict(c"pg_numeric_float4", 1, |of| text(Numeric::from_f32(of.real(0)? as f32).to_string())),
    strict(c"pg_numeric_float8", 1, |of| text(Numeric::from_f64(of.real(0)?).to_string())),
];

fn read(of: &Arguments<'_, '_>, ty: Type) -> Result<Value> {
    forms::input(ty, -1, of.text(0)?, &Style::default())
}

fn read_in(of: &Arguments<'_, '_>, ty: Type, context: &Context) -> Result<Value> {
    forms::input(ty, -1, of.text(0)?, &*context.style()?)
}

fn write_in(of: &Arguments<'_, '_>, ty: Type, context: &Context) -> Result<Value> {
    text(forms::to_string(ty, of.value(0)?, &*context.style()?)?)
}

/// Microseconds rounded to a type modifier's digits; infinities stay.
fn rounded(of: &Arguments<'_, '_>) -> Result<i64> {
    let (value, digits) = (of.integer(0)?, of.int4(1)?);
    Ok(if value == i64::MAX || value == i64::MIN || digits < 0 { value } else { round_to(value, digits) })
}

/// An array with a modifier of its elements' type applied to each.
fn array_modified(of: &Arguments<'_, '_>) -> Result<Value> {
    let (typmod, explicit) = (of.int4(2)?, of.boolean(3)?);
    let ty = of.ty(0)?;
    let element = ty.element().ok_or_else(|| unknown_type(ty))?;
    let modified = arrays::map_elements(of.text(1)?, |whole| {
        if matches!(element, Type::VARCHAR | Type::BPCHAR) {
            return forms::with_length(element, typmod, whole, explicit);
        }
        let value = forms::input(element, typmod, whole, &Style::default())?;
        Ok(arrays::element_text(element, value.as_ref())?.unwrap_or_default())
    });
    text(modified?)
}

fn label(of: &Enum, place: i64) -> Result<String> {
    let found = of.labels.iter().find(|label| label.place == place);
    let missing =
        || Error::new(SqlState::DATA_CORRUPTED, format!("{place} is no label of the enum {}", of.name));
    found.map(|label| label.name.clone()).ok_or_else(missing)
}

fn place(of: &Enum, label: &str) -> Result<i64> {
    let found = of.labels.iter().find(|known| known.name == label);
    let missing = || {
        let message = format!("invalid input value for enum {}: \"{label}\"", of.name);
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
    };
    found.map(|known| known.place).ok_or_else(missing)
}

fn unknown_type(ty: Type) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("type with OID {} does not exist", ty.0))
}

/// A value of any type as its output function writes it for the session.
pub(crate) fn output(ty: Type, value: ValueRef<'_>, context: &Context) -> Result<String> {
    if !ty.is_user() {
        return match (ty, value) {
            (Type::REGCLASS | Type::REGTYPE | Type::REGNAMESPACE | Type::REGPROC, ValueRef::Integer(oid)) => {
                crate::catalog::names::written(ty, oid as u32, &*context.session()?)
            }
            _ => forms::to_string(ty, value, &*context.style()?),
        };
    }
    let session = context.session()?;
    match value {
        ValueRef::Integer(place) => {
            label(session.catalog.enum_of(ty).ok_or_else(|| unknown_type(ty))?, place)
        }
        ValueRef::Text(array) => {
            let of = session.catalog.enum_of_array(ty).ok_or_else(|| unknown_type(ty))?;
            arrays::map_elements(array, |element| {
                let place =
                    element.parse().map_err(|_| Error::unsupported("an array of an enum in this form"))?;
                label(of, place)
            })
        }
        _ => Err(Error::new(SqlState::DATA_CORRUPTED, "a value of a user's type in another form")),
    }
}

/// A value of any type as its input function reads it in the session.
pub(crate) fn input(ty: Type, of: &str, context: &Context) -> Result<Value> {
    if !ty.is_user() {
        return forms::input(ty, -1, of, &*context.style()?);
    }
    let session = context.session()?;
    if let Some(found) = session.catalog.enum_of(ty) {
        return integer(place(found, of)?);
    }
    let found = session.catalog.enum_of_array(ty).ok_or_else(|| unknown_type(ty))?;
    text(arrays::map_elements(of, |element| place(found, element).map(|place| place.to_string()))?)
}

/// The text that an array has for a value.
fn element(ty: Type, value: ValueRef<'_>) -> Result<Value> {
    match value {
        ValueRef::Text(whole) if ty != Type::INTERVAL => text(whole),
        ValueRef::Integer(place) if ty.is_user() => text(place.to_string()),
        _ => Ok(arrays::element_text(ty, value)?.map_or(Value::Null, Value::Text)),
    }
}

//! json and jsonb made of values of any type, which are given after their types. A row is JSON already.

use bole_sql_types::json::build;
use bole_sql_types::json::operators::{self, Kind};
use bole_sql_types::length::check_length;
use bole_sql_types::{Error, Result, SqlState, Type, Value, ValueRef};

use crate::call::{Arguments, text};
use crate::casts;
use crate::context::Context;
use crate::scalar::{Scalar, contextual};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    contextual(c"pg_to_json", 2, |of, context| text(json(of, 0, Kind::Json, context)?)),
    contextual(c"pg_to_jsonb", 2, |of, context| text(json(of, 0, Kind::Jsonb, context)?)),
    contextual(c"pg_array_to_json", 3, |of, context| {
        let whole = json(of, 0, Kind::Json, context)?;
        if !of.boolean(2)? {
            return text(whole);
        }
        let elements = operators::elements(&whole, Kind::Json, false)?;
        text(format!("[{}]", elements.join(",\n ")))
    }),
    contextual(c"pg_json_element", 2, |of, context| {
        let whole = json(of, 0, Kind::Json, context)?;
        text(if is_structured(of.ty(0)?) { format!("{STRUCTURED}{whole}") } else { whole })
    }),
    contextual(c"pg_json_build_array", -1, |of, context| array(of, Kind::Json, context)).called_on_null(),
    contextual(c"pg_jsonb_build_array", -1, |of, context| array(of, Kind::Jsonb, context)).called_on_null(),
    contextual(c"pg_json_build_object", -1, |of, context| object(of, Kind::Json, context)).called_on_null(),
    contextual(c"pg_jsonb_build_object", -1, |of, context| object(of, Kind::Jsonb, context)).called_on_null(),
    contextual(c"pg_row_to_json", -1, row).called_on_null(),
];

/// Stands before the JSON of an array or a row, which `json_agg` puts on a line of its own. No JSON begins with it.
pub(crate) const STRUCTURED: char = '\u{1}';

fn is_structured(ty: Type) -> bool {
    ty == Type::RECORD || ty.element().is_some() || ty.is_user()
}

/// A value that is not NULL after its type, in which labels of enums are text.
fn value(of: &Arguments<'_, '_>, at: usize, context: &Context) -> Result<(Type, Value)> {
    let ty = of.ty(at)?;
    let given = of.value(at + 1)?;
    match (ty, given) {
        (Type::RECORD, _) => Ok((Type::JSON, given.to_owned())),
        (_, ValueRef::Null) => Ok((ty, Value::Null)),
        (_, ValueRef::Text(_)) if ty.is_user() => {
            Ok((Type::TEXT.array().unwrap_or(Type::TEXT), Value::Text(casts::output(ty, given, context)?)))
        }
        _ if ty.is_user() => Ok((Type::TEXT, Value::Text(casts::output(ty, given, context)?))),
        _ => Ok((ty, given.to_owned())),
    }
}

fn json(of: &Arguments<'_, '_>, at: usize, kind: Kind, context: &Context) -> Result<String> {
    let (ty, value) = value(of, at, context)?;
    build::to_json(ty, value.as_ref(), &*context.style()?, kind)
}

fn values(of: &Arguments<'_, '_>, context: &Context) -> Result<Vec<(Type, Value)>> {
    let mut length = 0;
    let mut one = |at: usize| {
        let (ty, value) = value(of, at, context)?;
        if let Value::Text(text) = &value {
            check_length(length, text.len())?;
            length += text.len();
        }
        Ok((ty, value))
    };
    (0..of.len()).step_by(2).map(&mut one).collect()
}

fn borrowed(values: &[(Type, Value)]) -> Vec<(Type, ValueRef<'_>)> {
    values.iter().map(|(ty, value)| (*ty, value.as_ref())).collect()
}

fn array(of: &Arguments<'_, '_>, kind: Kind, context: &Context) -> Result<Value> {
    let values = values(of, context)?;
    text(build::build_array(&borrowed(&values), &*context.style()?, kind)?)
}

fn object(of: &Arguments<'_, '_>, kind: Kind, context: &Context) -> Result<Value> {
    let values = values(of, context)?;
    text(build::build_object(&borrowed(&values), &*context.style()?, kind)?)
}

/// `(name, type, value, …)`.
fn row(of: &Arguments<'_, '_>, context: &Context) -> Result<Value> {
    if !of.len().is_multiple_of(3) {
        return Err(Error::new(SqlState::INTERNAL_ERROR, "a row of names, types and values is cut off"));
    }
    let mut out = String::from("{");
    for at in (0..of.len()).step_by(3) {
        out.push_str(if at > 0 { "," } else { "" });
        bole_sql_types::json::push_string(of.text(at)?, &mut out);
        out.push(':');
        let (ty, value) = value(of, at + 1, context)?;
        check_length(out.len(), if let Value::Text(text) = &value { text.len() } else { 0 })?;
        build::push_value(ty, value.as_ref(), &*context.style()?, &mut out)?;
    }
    out.push('}');
    text(out)
}

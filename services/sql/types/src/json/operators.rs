//! What is asked of json and jsonb: containment, keys, lengths.

use std::borrow::Cow;

use super::raw::{self, Raw};
use super::{Json, compare, parse};
use crate::{Error, Result, SqlState};

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

const fn is_scalar(json: &Json<'_>) -> bool {
    !matches!(json, Json::Array(_) | Json::Object(_))
}

fn equal(a: &Json<'_>, b: &Json<'_>) -> bool {
    compare(a, b).is_eq()
}

/// `a @> b` of jsonb.
pub fn contains(a: &str, b: &str) -> Result<bool> {
    let (a, b) = (parse(a)?, parse(b)?);
    Ok(match (&a, &b) {
        // An array contains what it has as an element.
        (Json::Array(elements), b) if is_scalar(b) => elements.iter().any(|element| equal(element, b)),
        (a, b) => within(a, b),
    })
}

fn within(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Object(_), Json::Object(members)) => {
            members.iter().all(|(key, value)| a.member(key).is_some_and(|own| within(own, value)))
        }
        (Json::Array(a), Json::Array(b)) => b.iter().all(|element| a.iter().any(|own| within(own, element))),
        (a, b) => is_scalar(a) && is_scalar(b) && equal(a, b),
    }
}

/// `json ? key` of jsonb: a member of an object, or a string in an array.
pub fn has_key(text: &str, key: &str) -> Result<bool> {
    let json = parse(text)?;
    let is_key = |json: &Json<'_>| matches!(json, Json::String(text) if text == key);
    Ok(match &json {
        Json::Object(_) => json.member(key).is_some(),
        Json::Array(elements) => elements.iter().any(is_key),
        scalar => is_key(scalar),
    })
}

/// `json ?| keys`; NULLs are skipped.
pub fn has_any_key(text: &str, keys: &[Option<&str>]) -> Result<bool> {
    keys.iter().flatten().try_fold(false, |found, key| Ok(found || has_key(text, key)?))
}

/// `json ?& keys`; NULLs are skipped.
pub fn has_all_keys(text: &str, keys: &[Option<&str>]) -> Result<bool> {
    keys.iter().flatten().try_fold(true, |found, key| Ok(found && has_key(text, key)?))
}

/// `json_typeof`, `jsonb_typeof`.
pub fn type_of(text: &str) -> Result<&'static str> {
    Ok(match text.trim_start().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        _ => parse(text)?.type_name(),
    })
}

/// `json_array_length`, `jsonb_array_length`. Errors: 22023.
pub fn array_length(text: &str) -> Result<i64> {
    match raw::split(text)? {
        Raw::Array(elements) => Ok(elements.len() as i64),
        Raw::Scalar(_) => Err(invalid("cannot get array length of a scalar")),
        Raw::Object(_) => Err(invalid("cannot get array length of a non-array")),
    }
}

/// Which of the two types a function is called for, where its messages differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `json`.
    Json,
    /// `jsonb`.
    Jsonb,
}

/// `json_object_keys`, `jsonb_object_keys`. Errors: 22023.
pub fn keys(text: &str, kind: Kind) -> Result<Vec<Cow<'_, str>>> {
    let name = if kind == Kind::Json { "json_object_keys" } else { "jsonb_object_keys" };
    match raw::split(text)? {
        Raw::Object(members) => Ok(members.into_iter().map(|member| member.0).collect()),
        Raw::Array(_) => Err(invalid(format!("cannot call {name} on an array"))),
        Raw::Scalar(_) => Err(invalid(format!("cannot call {name} on a scalar"))),
    }
}

/// `json_each`, `jsonb_each`: keys and values; [`raw::as_text`] makes the values those of `…_each_text`. Errors: 22023.
pub fn each(text: &str, kind: Kind, as_text: bool) -> Result<Vec<(Cow<'_, str>, &str)>> {
    match (raw::split(text)?, kind) {
        (Raw::Object(members), _) => Ok(members),
        (Raw::Array(_), Kind::Json) => Err(invalid("cannot deconstruct an array as an object")),
        (Raw::Scalar(_), Kind::Json) => Err(invalid("cannot deconstruct a scalar")),
        _ => {
            let name = if as_text { "jsonb_each_text" } else { "jsonb_each" };
            Err(invalid(format!("cannot call {name} on a non-object")))
        }
    }
}

/// `json_array_elements`, `jsonb_array_elements`, as [`each`]. Errors: 22023.
pub fn elements(text: &str, kind: Kind, as_text: bool) -> Result<Vec<&str>> {
    let name = if as_text { "json_array_elements_text" } else { "json_array_elements" };
    match (raw::split(text)?, kind) {
        (Raw::Array(elements), _) => Ok(elements),
        (Raw::Object(_), Kind::Json) => Err(invalid(format!("cannot call {name} on a non-array"))),
        (Raw::Scalar(_), Kind::Json) => Err(invalid(format!("cannot call {name} on a scalar"))),
        (Raw::Object(_), Kind::Jsonb) => Err(invalid("cannot extract elements from an object")),
        (Raw::Scalar(_), Kind::Jsonb) => Err(invalid("cannot extract elements from a scalar")),
    }
}

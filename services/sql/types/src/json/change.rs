//! jsonb that is changed: `||`, `-`, `#-`, `jsonb_set`, `jsonb_insert`, `jsonb_strip_nulls`, `jsonb_pretty`.

use std::borrow::Cow;

use super::operators::invalid;
use super::value::compare_keys;
use super::{Json, parse, push_string, write};
use crate::{Error, Result, SqlState};

/// `a || b`.
pub fn concatenate(a: &str, b: &str) -> Result<String> {
    Ok(match (parse(a)?, parse(b)?) {
        (Json::Object(a), Json::Object(b)) => Json::object(a.into_iter().chain(b).collect()),
        (a, b) => {
            let elements = |json| match json {
                Json::Array(elements) => elements,
                other => vec![other],
            };
            Json::Array(elements(a).into_iter().chain(elements(b)).collect())
        }
    }
    .to_string())
}

/// `json - keys`: members, or strings of an array. Errors: 22023.
pub fn delete_keys(text: &str, keys: &[Option<&str>]) -> Result<String> {
    let goes = |text: &str| keys.iter().flatten().any(|key| *key == text);
    let mut json = parse(text)?;
    match &mut json {
        Json::Object(members) => members.retain(|member| !goes(&member.0)),
        Json::Array(elements) => {
            elements.retain(|element| !matches!(element, Json::String(text) if goes(text)));
        }
        _ => return Err(invalid("cannot delete from scalar")),
    }
    Ok(json.to_string())
}

/// `json - n`: an element. Errors: 22023.
pub fn delete_element(text: &str, at: i64) -> Result<String> {
    let mut json = parse(text)?;
    match &mut json {
        Json::Object(_) => return Err(invalid("cannot delete from object using integer index")),
        Json::Array(elements) => {
            let at = if at < 0 { at + elements.len() as i64 } else { at };
            if (0..elements.len() as i64).contains(&at) {
                elements.remove(at as usize);
            }
        }
        _ => return Err(invalid("cannot delete from scalar")),
    }
    Ok(json.to_string())
}

/// What is done at the end of a path.
enum Change<'a> {
    Delete,
    /// Replaced, or if `create` made.
    Set {
        value: Json<'a>,
        create: bool,
    },
    /// Made beside what is there.
    Insert {
        value: Json<'a>,
        after: bool,
    },
}

/// `json #- path`. Errors: 22023, 22P02, 22004.
pub fn delete_path(text: &str, path: &[Option<&str>]) -> Result<String> {
    change(text, path, Change::Delete, "cannot delete path in scalar")
}

/// `jsonb_set(json, path, value, create_if_missing)`. Errors: 22023, 22P02, 22004.
pub fn set(text: &str, path: &[Option<&str>], value: &str, create: bool) -> Result<String> {
    change(text, path, Change::Set { value: parse(value)?, create }, "cannot set path in scalar")
}

/// `jsonb_insert(json, path, value, insert_after)`. Errors: 22023, 22P02, 22004.
pub fn insert(text: &str, path: &[Option<&str>], value: &str, after: bool) -> Result<String> {
    change(text, path, Change::Insert { value: parse(value)?, after }, "cannot set path in scalar")
}

fn change(text: &str, path: &[Option<&str>], change: Change<'_>, refusal: &str) -> Result<String> {
    let mut json = parse(text)?;
    let empty = match &json {
        Json::Object(members) => members.is_empty(),
        Json::Array(elements) => elements.is_empty(),
        _ => return Err(invalid(refusal)),
    };
    let makes = match change {
        Change::Delete => false,
        Change::Set { create, .. } => create,
        Change::Insert { .. } => true,
    };
    if path.is_empty() || (empty && !makes) {
        return Ok(json.to_string());
    }
    apply(&mut json, path, 0, change)?;
    Ok(json.to_string())
}

fn apply<'a>(json: &mut Json<'a>, path: &[Option<&str>], level: usize, change: Change<'a>) -> Result<()> {
    let last = level + 1 == path.len();
    if !matches!(json, Json::Array(_) | Json::Object(_)) {
        return Ok(());
    }
    let Some(step) = path[level] else {
        let message = format!("path element at position {} is null", level + 1);
        return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
    };
    match json {
        Json::Object(members) => {
            let place = members.binary_search_by(|member| compare_keys(&member.0, step));
            match (place, last) {
                (Ok(at), false) => apply(&mut members[at].1, path, level + 1, change)?,
                (Ok(at), true) => match change {
                    Change::Delete => drop(members.remove(at)),
                    Change::Set { value, .. } => members[at].1 = value,
                    Change::Insert { .. } => {
                        let error = invalid("cannot replace existing key");
                        return Err(error.with_hint("Try using the function jsonb_set to replace key value."));
                    }
                },
                (Err(at), true) => match change {
                    Change::Set { value, create: true } | Change::Insert { value, .. } => {
                        members.insert(at, (Cow::Owned(step.to_owned()), value));
                    }
                    _ => {}
                },
                (Err(_), false) => {}
            }
        }
        Json::Array(elements) => {
            let Ok(number) = step.trim_start().parse::<i32>() else {
                let message = format!("path element at position {} is not an integer: \"{step}\"", level + 1);
                return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message));
            };
            at_element(elements, i64::from(number), last, path, level, change)?;
        }
        _ => {}
    }
    Ok(())
}

fn at_element<'a>(
    elements: &mut Vec<Json<'a>>,
    number: i64,
    last: bool,
    path: &[Option<&str>],
    level: usize,
    change: Change<'a>,
) -> Result<()> {
    let length = elements.len() as i64;
    let at = if number < 0 { number + length } else { number };
    if (0..length).contains(&at) {
        let at = at as usize;
        if !last {
            return apply(&mut elements[at], path, level + 1, change);
        }
        match change {
            Change::Delete => drop(elements.remove(at)),
            Change::Set { value, .. } => elements[at] = value,
            Change::Insert { value, after } => elements.insert(at + usize::from(after), value),
        }
    } else if last {
        // Beyond an end, what is made is put there.
        match change {
            Change::Set { value, create: true } | Change::Insert { value, .. } => {
                elements.insert(if at < 0 { 0 } else { elements.len() }, value);
            }
            _ => {}
        }
    }
    Ok(())
}

fn without_nulls(json: &mut Json<'_>) {
    match json {
        Json::Object(members) => {
            members.retain(|member| member.1 != Json::Null);
            members.iter_mut().for_each(|member| without_nulls(&mut member.1));
        }
        Json::Array(elements) => elements.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// `jsonb_strip_nulls`: without members that are null.
pub fn strip_nulls(text: &str) -> Result<String> {
    let mut json = parse(text)?;
    without_nulls(&mut json);
    Ok(json.to_string())
}

/// `json_strip_nulls`: the same, written without spaces.
pub fn strip_nulls_compact(text: &str) -> Result<String> {
    let mut json = parse(text)?;
    without_nulls(&mut json);
    let mut out = String::new();
    write_compact(&json, &mut out);
    Ok(out)
}

/// Appends a value without spaces.
fn write_compact(json: &Json<'_>, out: &mut String) {
    match json {
        Json::Array(elements) => {
            out.push('[');
            for (n, element) in elements.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_compact(element, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (n, (key, value)) in members.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                push_string(key, out);
                out.push(':');
                write_compact(value, out);
            }
            out.push('}');
        }
        scalar => write(scalar, out),
    }
}

/// `jsonb_pretty`: four spaces for each level.
pub fn pretty(text: &str) -> Result<String> {
    let mut out = String::new();
    write_pretty(&parse(text)?, 0, &mut out);
    Ok(out)
}

fn new_line(level: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', level * 4));
}

fn write_pretty(json: &Json<'_>, level: usize, out: &mut String) {
    match json {
        Json::Array(elements) => {
            out.push('[');
            for (n, element) in elements.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                new_line(level + 1, out);
                write_pretty(element, level + 1, out);
            }
            new_line(level, out);
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (n, (key, value)) in members.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                new_line(level + 1, out);
                push_string(key, out);
                out.push_str(": ");
                write_pretty(value, level + 1, out);
            }
            new_line(level, out);
            out.push('}');
        }
        scalar => write(scalar, out),
    }
}

//! Parts of json and jsonb as they are written, without a tree.
//!
//! Both types are text here, and a part of canonical text is canonical, so these serve both.

use std::borrow::Cow;

use super::Json;
use super::operators::Kind;
use super::parse::Parser;
use crate::Result;

/// The parts of a value at its top.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw<'a> {
    /// A string, number, boolean or null.
    Scalar(&'a str),
    /// Elements.
    Array(Vec<&'a str>),
    /// Members in the order of the text, with all that have the same key.
    Object(Vec<(Cow<'a, str>, &'a str)>),
}

/// Takes a value apart. Errors: 22P02.
pub fn split(text: &str) -> Result<Raw<'_>> {
    Parser::keeping(text).raw()
}

/// `->` with a key: the last member of that name.
pub fn member<'a>(text: &'a str, key: &str) -> Result<Option<&'a str>> {
    Ok(match split(text)? {
        Raw::Object(members) => {
            members.into_iter().rev().find(|member| member.0 == key).map(|member| member.1)
        }
        _ => None,
    })
}

/// `->` with a number; negative ones count from the end. A jsonb that is a scalar is as an array of it here, as in PostgreSQL.
pub fn element(text: &str, at: i64, kind: Kind) -> Result<Option<&str>> {
    let elements = match split(text)? {
        Raw::Array(elements) => elements,
        Raw::Scalar(scalar) if kind == Kind::Jsonb => vec![scalar],
        _ => return Ok(None),
    };
    let at = if at < 0 { at + elements.len() as i64 } else { at };
    Ok(usize::try_from(at).ok().and_then(|at| elements.get(at).copied()))
}

/// `#>`: an element of the path is a key, or the number of an element. `None` in the path gives `None`.
pub fn at_path<'a>(text: &'a str, path: &[Option<&str>]) -> Result<Option<&'a str>> {
    if path.iter().any(Option::is_none) {
        return Ok(None);
    }
    follow(text, path)
}

fn follow<'a>(text: &'a str, path: &[Option<&str>]) -> Result<Option<&'a str>> {
    let [Some(step), rest @ ..] = path else { return Ok(Some(text)) };
    match split(text)? {
        // Of members with the same key, it is the last one where the path goes on.
        Raw::Object(members) => {
            let same = members.into_iter().rev().filter(|member| member.0 == *step);
            for (_, value) in same {
                if let Some(found) = follow(value, rest)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
        Raw::Array(_) => match step.trim_start().parse::<i32>() {
            Ok(at) => match element(text, i64::from(at), Kind::Json)? {
                Some(found) => follow(found, rest),
                None => Ok(None),
            },
            Err(_) => Ok(None),
        },
        Raw::Scalar(_) => Ok(None),
    }
}

/// A value as text, as `->>` gives it: strings without quotes, `None` for null.
pub fn as_text(text: &str) -> Result<Option<String>> {
    Ok(match Parser::keeping(text).scalar()? {
        Some(Json::Null) => None,
        Some(Json::String(text)) => Some(text.into_owned()),
        _ => Some(text.to_owned()),
    })
}

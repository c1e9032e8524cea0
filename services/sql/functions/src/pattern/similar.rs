//! `SIMILAR TO`: SQL's own patterns, made into regular expressions.

use bole_sql_types::{Error, Result, SqlState, Value};

use super::like::checked_escape;
use crate::call::{Arguments, text};
use crate::scalar::{Scalar, lenient, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_similar_to_escape", 1, |of| {
        let escape = if of.len() > 1 { of.text(1)? } else { "\\" };
        text(regular_expression(of.text(0)?, escape)?)
    })
    .optional(1),
    lenient(c"pg_similar_escape", 2, |of: &Arguments<'_, '_>| match of.text_or_null(0)? {
        None => Ok(Value::Null),
        Some(pattern) => text(regular_expression(pattern, of.text_or_null(1)?.unwrap_or("\\"))?),
    }),
];

/// The regular expression that matches what a pattern of `SIMILAR TO` does. The escape before a quotation mark separates the parts of
/// `SUBSTRING(… SIMILAR … ESCAPE …)`: what stands before, the result, and what stands after.
pub(crate) fn regular_expression(pattern: &str, escape: &str) -> Result<String> {
    let escape = checked_escape(escape)?.and_then(|escape| escape.chars().next());
    let mut out = String::from("^(?:");
    let mut rest = pattern.chars().peekable();
    let mut in_brackets = false;
    let mut separators = 0;
    while let Some(c) = rest.next() {
        if Some(c) == escape {
            match rest.next() {
                Some('"') if !in_brackets => {
                    out += separator(separators)?;
                    separators += 1;
                }
                Some(literal) => {
                    out.push('\\');
                    out.push(literal);
                }
                None => {}
            }
        } else if in_brackets {
            if c == '\\' {
                out.push('\\');
            }
            out.push(c);
            in_brackets = c != ']';
        } else {
            match c {
                '[' => {
                    out.push('[');
                    in_brackets = true;
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => {
                    out.push('\\');
                    out.push(c);
                }
                _ => out.push(c),
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}

fn separator(before: i32) -> Result<&'static str> {
    match before {
        0 => Ok("){1,1}?("),
        1 => Ok("){1,1}(?:"),
        _ => Err(Error::new(
            SqlState(*b"2200C"),
            "SQL regular expression may not contain more than two escape-double-quote separators",
        )),
    }
}
